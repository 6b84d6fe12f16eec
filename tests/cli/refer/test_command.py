"""`gencontrol refer`: a phrase and candidates in, which of them is meant, and its mask."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.cli.flags import flag_names
from gencontrol.cli.refer.command import ReferFlags
from gencontrol.runs.referring.settings import ReferringSettings

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
GIVEN = ("--mask", f"a={EXAMPLES / 'scene-mask.png'}", "--box", "b=148,44,232,116", "--point", "c=175,200,40")


@pytest.fixture
def refer(run: Callable[..., Any]) -> Callable[..., Any]:
    """Ask about the example with the embedded encoder."""

    def ask(text: str, *flags: object, given: tuple[object, ...] = GIVEN) -> Any:
        return run("refer", EXAMPLES / "scene.png", text, *given, *flags)

    return ask


def test_a_table_and_the_mask_of_what_is_meant(refer: Callable[..., Any], tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    done = refer("the crown", "-o", mask)
    assert done.code == 0 and done.err == ""
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["region", "box", "probability"] and lines[1][:2] == ["b", "148,44,232,116"]
    assert lines[4][:3] == ["none", "of", "these"] and done.out.endswith(f"wrote {mask}\n")
    with Image.open(mask) as written:
        assert written.mode == "L"
        levels = np.asarray(written)
    assert levels.shape == (256, 256) and (levels[44:116, 148:232] == 255).all() and (levels > 0).sum() == 84 * 72


def test_values_for_programs(refer: Callable[..., Any]) -> None:
    told = json.loads(refer("the thing left of the crown", "--format", "json").out)
    assert told["meant"] == "a" and told["text"] == "the thing left of the crown" and told["output"] is None
    total = told["none"] + sum(one["probability"] for one in told["candidates"])
    assert total == pytest.approx(1, abs=1e-4)


def test_a_mask_of_nothing_is_not_written(refer: Callable[..., Any], tmp_path: Path) -> None:
    done = refer("the crown below the pumpkin", "-o", tmp_path / "mask.png")
    assert done.code == 1 and "means none of the candidates" in done.err and not list(tmp_path.iterdir())


def test_what_is_there_stays(refer: Callable[..., Any], tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    mask.write_bytes(b"mine")
    done = refer("the crown", "-o", mask)
    assert done.code == 1 and "exists already: give --overwrite, or another -o" in done.err
    assert mask.read_bytes() == b"mine"
    assert refer("the crown", "-o", mask, "--overwrite").code == 0 and mask.read_bytes() != b"mine"


def test_inputs_are_no_outputs(refer: Callable[..., Any], tmp_path: Path) -> None:
    mask = tmp_path / "m.png"
    mask.write_bytes((EXAMPLES / "scene-mask.png").read_bytes())
    before = mask.read_bytes()
    done = refer("the crown", "-o", mask, "--overwrite", given=("--mask", mask, "--box", "1,1,9,9"))
    assert done.code != 0 and "m.png" in done.err and mask.read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("-o", "mask.jpg"), "-o mask.jpg: expected a name that ends in .png"),
        (("-o", "-"), "-o -: expected a file"),
        (("--most", "3"), "--most is of proposals, and no --grounder makes any"),
        (("--grounder", "x"), "--mask gives candidates, and --grounder proposes them"),
    ],
)
def test_wrong_use(refer: Callable[..., Any], flags: tuple[str, ...], message: str) -> None:
    done = refer("the crown", *flags)
    assert done.code == 2 and message in done.err


def test_phrases_that_are_not_understood(refer: Callable[..., Any]) -> None:
    done = refer("the zyzzyva")
    assert done.code == 1 and "zyzzyva" in done.err


def test_candidates_that_a_grounder_proposes(run: Callable[..., Any], scene: Path, owl: Path, tmp_path: Path) -> None:
    """With random weights any box may be found; that boxes become masks, and masks an answer, is what is seen."""
    how = ("--grounder", owl, "--segmenter", "box", "--score", 0, "--most", 3, "--format", "json")
    done = run("refer", scene / "photo.png", "a cup", *how)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert 1 <= len(told["candidates"]) <= 3 and all(one["region"].startswith("cup") for one in told["candidates"])
    unknown = run("refer", scene / "photo.png", "a pumpkin", *how)
    assert unknown.code == 1 and "does not know every word of 'pumpkin'" in unknown.err
    nobody = run("refer", scene / "photo.png", "a pumpkin", "--grounder", tmp_path / "nowhere")
    assert nobody.code == 1 and "nowhere" in nobody.err


def test_every_setting_has_a_flag() -> None:
    assert {field.name for field in dataclasses.fields(ReferringSettings)} <= set(flag_names(ReferFlags))
