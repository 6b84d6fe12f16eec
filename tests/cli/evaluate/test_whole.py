"""`gencontrol evaluate whole`: classes and captions of whole pictures, an Alpha-CLIP beside plain CLIP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.alpha_clip.model import AlphaCLIP

Run = Callable[..., Any]
CLASSES = {"cat": 3, "red_dog": 2, "moon": 1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, count in CLASSES.items():
        (tmp_path / "classes" / name).mkdir(parents=True)
        for number in range(count):
            noise = np.random.default_rng(number).integers(0, 256, (64, 48, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "classes" / name / f"{number}.png")
    return tmp_path / "classes"


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    colours = ("red", "green", "blue", "black")
    for colour in colours:
        Image.new("RGB", (64, 40), colour).save(tmp_path / f"{colour}.png")
    lines = [f"{colour}.png\ta {colour} {thing}" for colour in colours for thing in ("cat", "house")]
    (tmp_path / "captions.tsv").write_text("\n".join(lines))
    return tmp_path / "captions.tsv"


@pytest.fixture
def evaluate(run: Run, tiny_folder: Path, tmp_path: Path) -> Run:
    def evaluate_whole(*arguments: object) -> Any:
        model = ("--model", tiny_folder, "--clip", tiny_folder / "clip", "-o", tmp_path / "w.json")
        return run("evaluate", "whole", *model, *arguments)

    return evaluate_whole


def test_classes_and_captions_reckoned_by_hand(
    evaluate: Run, root: Path, captions: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    done = evaluate("--root", root, "--captions", captions, "--templates", "bare")
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "w.json").read_text())
    assert [row["encoder"] for row in record["rows"]] == ["alpha 1 everywhere", "plain CLIP"]
    assert [record[key] for key in ("classes", "classified", "captioned", "captions")] == [3, 6, 4, 8]
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    plain = AlphaCLIP.from_clip(str(tiny_folder / "clip")).with_geometry(encoder.processor.geometry)
    for row, tower in zip(record["rows"], (encoder, plain), strict=True):
        names = sorted(CLASSES)
        texts = tower.encode_text([f"a {name.replace('_', ' ')}" for name in names], normalize=True)
        shares = []
        for number, name in enumerate(names):
            embeds = torch.cat([tower.encode_image(path, normalize=True) for path in sorted((root / name).iterdir())])
            shares.append(float(((embeds @ texts.T).argmax(dim=1) == number).double().mean()))
        assert row["top1"] == pytest.approx(sum(shares) / 3) and row["top5"] == 1
        lines = [line.split("\t") for line in captions.read_text().splitlines()]
        pictures = [captions.parent / name for name in dict.fromkeys(name for name, _ in lines)]
        images = torch.cat([tower.encode_image(path, normalize=True) for path in pictures])
        cosines = images @ tower.encode_text([text for _, text in lines], normalize=True).T
        right = (cosines.argmax(dim=1) // 2 == torch.arange(4)).double().mean()
        assert row["to_text"][0] == pytest.approx(float(right)) and row["to_text"][2] == 1
        back = (cosines.argmax(dim=0) == torch.arange(8) // 2).double().mean()
        assert row["to_image"][0] == pytest.approx(float(back)) and row["to_image"][1] == 1
    assert record["rows"][0]["to_text"] is not None and done.out.splitlines()[-1].startswith("6 pictures of 3 classes;")
    assert done.out.splitlines()[0].split()[:5] == ["encoder", "top", "1", "top", "5"]


def test_either_alone(evaluate: Run, root: Path, captions: Path, tmp_path: Path) -> None:
    done = evaluate("--captions", captions, "--format", "json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)["rows"]
    assert rows[0]["top1"] is None and rows[0]["to_text"][2] == 1
    (tmp_path / "names.txt").write_text("cat cat, spare\nred_dog dog\nmoon moon\n")
    done = evaluate("--root", root, "--names", tmp_path / "names.txt", "--limit", 3, "--overwrite")
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "w.json").read_text())
    assert record["classified"] == 3 and record["rows"][0]["to_text"] is None
    assert done.out.splitlines()[1].split()[-1] == "-"


def test_what_cannot_be_measured(evaluate: Run, run: Run, root: Path, captions: Path, tiny_folder: Path) -> None:
    done = evaluate()
    assert done.code == 2 and "--root: name the data set's folder, or a file of --captions" in done.err
    done = run("evaluate", "whole", "--root", root, "--model", tiny_folder)
    assert done.code == 2 and "--clip: which plain CLIP an encoder of" in done.err
    done = evaluate("--root", root, "--compare")
    assert done.code == 2 and "--compare is of imagenet-s" in done.err
    (captions.parent / "blue.png").unlink()
    done = evaluate("--captions", captions)
    assert done.code == 1 and "lacks 1 of 4 pictures: blue.png" in done.err
    done = evaluate("--root", root / "cat")
    assert done.code == 1 and "has 0 folders with pictures in them" in done.err
