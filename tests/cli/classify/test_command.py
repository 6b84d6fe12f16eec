"""`gencontrol classify`: the best labels of regions, in words, as JSON, as a table, side by side."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus.crop import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.masks import from_mask
from gencontrol.regions.scene import Scene
from gencontrol.tasks.zero_shot import classify_labels, top_k

Run = Callable[..., Any]
LABELS = ("cat", "apple", "red ball", "moon")


@pytest.fixture
def classify(run: Run, scene: Path, tiny_folder: Path) -> Run:
    (scene / "names.txt").write_text("\n".join(LABELS), encoding="utf-8")

    def classify_scene(*arguments: object, image: str = "photo.png") -> Any:
        given = [str(a) for a in arguments]
        labels = () if "--labels" in given else ("--labels", scene / "names.txt")
        return run("classify", scene / image, "--model", tiny_folder, *labels, *arguments)

    return classify_scene


def test_the_best_of_each_region(classify: Run, scene: Path, tiny_folder: Path) -> None:
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    done = classify(*masks, "--top", 2, "--focus", "crop", "--format", "json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    regions = tuple(from_mask(scene / f"{name}.png", size=(64, 80)) for name in ("red", "blue"))
    wanted = classify_labels(
        encoder, Scene(picture=read_image(scene / "photo.png"), regions=regions), LABELS, focus=CropFocus()
    )
    assert [row["region"] for row in rows] == ["red", "blue"] and {row["focus"] for row in rows} == {"crop"}
    for row, guesses in zip(rows, top_k(wanted, LABELS, 2), strict=True):
        assert [guess["label"] for guess in row["guesses"]] == [guess.label for guess in guesses]
        assert row["guesses"][1]["share"] == pytest.approx(guesses[1].share, abs=1e-5)
    printed = classify(*masks, "--top", 2, "--focus", "crop").out.splitlines()
    assert printed[0].split() == ["image", "region", "focus", "1.", "2."]
    first = rows[0]["guesses"][0]
    assert f"red     crop   {first['label']} {first['share']:.1%}" in printed[1]


def test_templates_of_a_file(classify: Run, scene: Path) -> None:
    (scene / "mine.txt").write_text("the {}\n\na photo of the {}\n", encoding="utf-8")
    mask = ("--mask", scene / "red.png", "--format", "json")
    found = [classify(*mask, *more).out for more in ((), ("--templates", "bare"), ("--templates", scene / "mine.txt"))]
    assert found[0] == found[1] != found[2]
    refused = classify(*mask, "--templates", "clip-7")
    assert refused.code == 1 and "does not know every word of 'itap of a cat.'" in refused.err


def test_ways_to_look_side_by_side(classify: Run, scene: Path) -> None:
    done = classify("--mask", scene / "red.png", "--compare", "--format", "json")
    rows = {row["focus"]: row["guesses"] for row in json.loads(done.out)}
    assert next(iter(rows)) == "alpha" and {"zoom", "crop", "blank", "circle", "attention"} <= set(rows)
    assert "mask-inversion" not in rows
    alone = json.loads(classify("--mask", scene / "red.png", "--focus", "crop", "--format", "json").out)
    assert rows["crop"] == alone[0]["guesses"]
    refused = classify("--compare")
    assert refused.code == 2 and "--compare: show a region to compare" in refused.err


def test_files_of_results(classify: Run, scene: Path) -> None:
    mask = ("--mask", scene / "red.png", "--top", 3)
    rows = json.loads(classify(*mask, "--format", "json", "-o", scene / "out.json").out)
    assert json.loads((scene / "out.json").read_text(encoding="utf-8")) == rows
    assert f"wrote {scene / 'out.csv'}" in classify(*mask, "-o", scene / "out.csv").out
    with (scene / "out.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [line["label"] for line in table] == [guess["label"] for guess in rows[0]["guesses"]]
    assert [line["rank"] for line in table] == ["1", "2", "3"] and table[0]["region"] == "red"
    assert float(table[2]["share"]) == pytest.approx(rows[0]["guesses"][2]["share"], abs=1e-6)
    kept = classify(*mask, "-o", scene / "out.csv")
    assert kept.code == 1 and "exists already: give --overwrite, or another -o" in kept.err


def test_the_cache_is_used_and_made_anew(classify: Run, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("--mask", scene / "red.png", "--format", "json", "--cache", scene / "labels.safetensors")
    first = classify(*asked)
    with safe_open(scene / "labels.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["labels"]) == list(LABELS)
    with monkeypatch.context() as patched:
        patched.setattr(AlphaCLIP, "encode_text", lambda *_, **__: pytest.fail("the cache is not used"))
        assert classify(*asked).out == first.out
    (scene / "names.txt").write_text("cat\nboat\n", encoding="utf-8")
    labels = {guess["label"] for guess in json.loads(classify(*asked).out)[0]["guesses"]}
    assert labels == {"cat", "boat"}
    (scene / "mine.safetensors").write_bytes(b"mine")
    refused = classify("--cache", scene / "mine.safetensors")
    assert refused.code == 1 and "is no file of labels' embeddings, and it is kept" in refused.err
    assert (scene / "mine.safetensors").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--templates", "clip-9"), "--templates: expected a file, or auto, single, bare, clip-7, clip-80, got"),
        (("--top", 0), "--top: expected 1 or more, got 0"),
        (("-o", "out.txt"), "-o out.txt: expected a name that ends in .csv or .json"),
    ],
)
def test_settings_that_cannot_be(flags: tuple[object, ...], message: str, classify: Run) -> None:
    done = classify(*flags)
    assert done.code == 2 and message in done.err and not done.out


def test_labels_that_cannot_be(run: Run, classify: Run, scene: Path, tiny_folder: Path) -> None:
    done = run("classify", scene / "photo.png", "--model", tiny_folder)
    assert done.code == 2 and "--labels is not given: name a file with a label on each line, or imagenet" in done.err
    (scene / "names.txt").write_text("cat\nbanjo\n", encoding="utf-8")
    done = classify()
    assert done.code == 1 and "every word of 'a banjo'" in done.err
    (scene / "names.txt").write_text("cat\ncat\n", encoding="utf-8")
    assert "'cat' stands in line 1 and again in line 2" in classify().err


def test_the_labels_are_not_written_over(classify: Run, scene: Path) -> None:
    (scene / "names.csv").write_text("cat\nmoon\n", encoding="utf-8")
    done = classify("--labels", scene / "names.csv", "-o", scene / "names.csv", "--overwrite")
    assert done.code == 1 and (scene / "names.csv").read_text(encoding="utf-8") == "cat\nmoon\n"


def test_folders(classify: Run, scene: Path) -> None:
    (scene / "two").mkdir()
    for name in ("a.png", "b.png"):
        (scene / "two" / name).write_bytes((scene / "photo.png").read_bytes())
    rows = json.loads(classify("--box", "10%,10%,50%,50%", "--format", "json", image="two").out)
    assert [Path(row["image"]).name for row in rows] == ["a.png", "b.png"]
    assert rows[0]["guesses"] == rows[1]["guesses"]
