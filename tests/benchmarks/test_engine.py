"""The engine's benchmark: its scenes, its arithmetic, its table."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from benchmarks.engine import command, speed
from benchmarks.engine.command import EXACT, PLAIN, Row, Settings, check_settings, gain_of, pairs_settings, table
from benchmarks.engine.quality import Quality, named_in, quality_of
from benchmarks.engine.scenes import CAPTIONS, PICTURES, Thing, lines_of, read_mask, read_truth, write_scenes
from benchmarks.engine.trained import Recognised
from gencontrol.engine.candidates import DISAGREES, NOT_FOUND
from gencontrol.engine.finishing import KEPT, REJECTED
from gencontrol.errors import ConfigError
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.folder_pairs import read_listing

MODELS: dict[str, Any] = {"grounder": "g", "segmenter": "s"}


def test_scenes_are_plain_pictures_and_the_truth_lies_beside_them(sprite_store: SpriteStore, tmp_path: Path) -> None:
    count = write_scenes(sprite_store, tmp_path, things=9, seed=0)
    truth = read_truth(tmp_path)
    assert len(truth) == count and sum(map(len, truth.values())) >= 9
    captions = {line["file"]: line["caption"] for line in lines_of(tmp_path / CAPTIONS)}
    assert captions.keys() == truth.keys() == {path.name for path in (tmp_path / PICTURES).iterdir()}
    for name, things in truth.items():
        for thing in things:
            assert thing.phrase in captions[name]
            mask = read_mask(tmp_path / thing.mask)
            rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
            edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            assert tuple(map(float, edges)) == thing.box
    pairs = read_listing(tmp_path)
    assert len(pairs) == sum(map(len, truth.values())) and pairs[0].whole_caption in captions.values()
    before = (tmp_path / CAPTIONS).read_bytes()
    assert write_scenes(sprite_store, tmp_path, things=900, seed=5) == count
    assert (tmp_path / CAPTIONS).read_bytes() == before


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_quality_counts_what_is_found_called_right_and_cut_out(tmp_path: Path) -> None:
    def mask(name: str, *box: int) -> str:
        plane = torch.zeros(16, 16, dtype=torch.uint8)
        plane[box[1] : box[3], box[0] : box[2]] = 255
        Image.fromarray(plane.numpy()).save(tmp_path / name)
        return name

    truth = {
        "a.png": [
            Thing(phrase="a dog", box=(0, 0, 8, 8), mask=mask("dog.png", 0, 0, 8, 8)),
            Thing(phrase="an apple", box=(8, 8, 16, 16), mask=mask("apple.png", 8, 8, 16, 16)),
        ],
        "b.png": [Thing(phrase="a cat", box=(0, 0, 4, 4), mask=mask("cat.png", 0, 0, 4, 4))],
    }
    right = {"picture": "a.png", "phrase": "the dog", "box": [0, 0, 8, 7], "mask": mask("1.png", 0, 0, 8, 4)}
    elsewhere = {"picture": "a.png", "phrase": "an apple", "box": [0, 0, 8, 8], "mask": mask("2.png", 0, 0, 8, 8)}
    dropped = {"picture": "a.png", "phrase": "an apple", "box": [8, 8, 16, 16], "rejected_because": DISAGREES}
    misnamed = {"picture": "b.png", "phrase": "a dog", "box": [0, 0, 4, 4], "rejected_because": DISAGREES}
    missing = {"picture": "b.png", "phrase": "a cat", "box": None, "rejected_because": NOT_FOUND}
    lines(tmp_path / KEPT, [right, elsewhere])
    lines(tmp_path / REJECTED, [dropped, misnamed, missing])
    assert named_in(right, truth) == truth["a.png"][0] and named_in(misnamed, truth) is None
    assert quality_of(tmp_path, tmp_path, truth) == Quality(
        pairs=2, recall=2 / 3, precision_before=0.5, precision=0.5, mask_iou=0.5
    )
    lines(tmp_path / KEPT, [])
    lines(tmp_path / REJECTED, [missing])
    none = quality_of(tmp_path, tmp_path, truth)
    assert (none.recall, none.precision, none.precision_before, none.mask_iou) == (0, None, None, None)


def test_gains_are_shares_of_that_of_exact_masks() -> None:
    top1 = {PLAIN: 0.2, EXACT: 0.6, "engine": 0.56}
    assert gain_of(top1, "engine") == pytest.approx(0.9) and gain_of(top1, PLAIN) == 0 and gain_of(top1, EXACT) == 1
    assert gain_of({PLAIN: 0.2, "engine": 0.5}, "engine") is None and gain_of({PLAIN: 0.5, EXACT: 0.5}, EXACT) is None
    quality = Quality(pairs=7, recall=0.5, precision_before=0.25, precision=0.75, mask_iou=0.8125)
    rows = [Row(name=name, top1=value, quality=None, pairs=0) for name, value in list(top1.items())[:2]]
    shown = table([*rows, Row(name="engine", top1=0.56, quality=quality, pairs=7)]).splitlines()
    assert shown[-1] == "| engine | 7 | 56.0 | 90 | 50.0 | 75.0 | 25.0 | 0.812 |"
    assert shown[2] == "| plain CLIP |  | 20.0 | 0 |  |  |  |  |"


def test_a_row_that_is_done_is_not_done_again(
    sprite_store: SpriteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(command, "trained_on", lambda pairs, run, **rest: asked.append((pairs, rest)) or run)
    monkeypatch.setattr(command, "recognised", lambda store, clip, export, count: Recognised(top1=0.5))
    settings = Settings(**MODELS, output=tmp_path, pairs=4, steps=2)
    first = command.row_of(settings, sprite_store, tmp_path / "scenes", EXACT)
    assert asked == [(tmp_path / "scenes", {"clip": "tiny", "steps": 2, "seed": 0})]
    assert command.row_of(settings, sprite_store, tmp_path / "scenes", EXACT) == first and len(asked) == 1
    assert (first.top1, first.pairs, first.quality) == (0.5, 4, None)
    more = Settings(**MODELS, output=tmp_path, pairs=4, steps=3)
    command.row_of(more, sprite_store, tmp_path / "scenes", EXACT)
    assert len(asked) == 2


def test_rows_differ_in_what_they_say(tmp_path: Path) -> None:
    settings = Settings(**MODELS, output=tmp_path)
    usual = pairs_settings(settings, tmp_path, "engine")
    assert (usual.segmenter, usual.filter, usual.contrast) == ("s", True, True)
    assert Path(usual.model, "config.json").is_file()
    assert pairs_settings(settings, tmp_path, "boxes only").segmenter == "box"
    assert not pairs_settings(settings, tmp_path, "without the filter").filter
    assert pairs_settings(settings, tmp_path, "without SAM: grabcut").segmenter == "grabcut"
    outputs = {pairs_settings(settings, tmp_path, name).output for name in command.ENGINES}
    assert len(outputs) == 4


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--rows: no row 'x'; there are plain CLIP, exact masks, engine,"):
        check_settings(Settings(**MODELS, rows=("x",)))
    with pytest.raises(ConfigError, match="--grounder, --segmenter: name the folders"):
        check_settings(Settings(grounder="g"))


def test_time_is_told_by_parts() -> None:
    seconds = {"grounder": 0.0}
    inner = SimpleNamespace(ground=lambda value, *, by: value * by, other=3)
    clocked = speed.Clocked(inner, "ground", seconds, "grounder")
    assert clocked.ground(4, by=5) == 20 and clocked.other == 3 and seconds["grounder"] > 0
    told = speed.speed_table({"grounder": 1.0, "segmenter": 0.5, "filter": 0.25}, whole=2.0, scenes=100)
    assert told.splitlines()[-1] == "| 180,000 | 10.0 | 5.0 | 2.5 | 2.5 |"
