"""`gencontrol evaluate refcoco`: what is right by hand, boxes of a detector, masks, and going on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.images.reading import read_image
from gencontrol.regions.shapes import box_alpha

Run = Callable[..., Any]
WORDS = {0: ("red cat", "cat left of the dog"), 1: ("green ball",), 2: ("blue boat", "the boat")}


@pytest.fixture
def evaluate(run: Run, refcoco_root: Path, tiny_folder: Path, tmp_path: Path) -> Run:
    def evaluate_root(*arguments: object, data: str = "refcoco", output: str = "r.json") -> Any:
        model = ("--model", tiny_folder, "--focus", "alpha", "-o", tmp_path / output)
        return run("evaluate", data, "--root", refcoco_root, *model, *arguments)

    return evaluate_root


def by_hand(root: Path, folder: Path) -> float:
    """Share of the sentences whose box is nearest to them, by an embedding for each box."""
    encoder = AlphaCLIP.from_pretrained(folder / "alpha_clip")
    instances = json.loads((root / "refcoco" / "instances.json").read_text())
    refs = json.loads((root / "refcoco" / "refs(unc).json").read_text())
    hits = []
    for ref in refs:
        there = [one for one in instances["annotations"] if one["image_id"] == ref["image_id"]]
        boxes = [(x, y, x + w, y + h) for x, y, w, h in (one["bbox"] for one in there)]
        picture = read_image(root / "images" / f"{ref['image_id']}.png")
        embeds = torch.cat([encoder.encode_image(picture, box_alpha(box, (64, 64))) for box in boxes])
        for sentence in ref["sentences"]:
            text = encoder.encode_text(sentence["sent"])
            best = int(functional.cosine_similarity(embeds, text).argmax())
            hits.append(there[best]["id"] == ref["ann_id"])
    assert len(hits) == 5
    return sum(hits) / len(hits)


def test_accuracy_is_that_of_the_encoder_reckoned_by_hand(
    evaluate: Run, refcoco_root: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    done = evaluate("--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    rows = {(row["focus"], row["way"]): row["accuracy"] for row in found["rows"]}
    assert set(rows) == {("alpha", "one text"), ("alpha", "taken apart")}
    assert rows["alpha", "one text"] == pytest.approx(by_hand(refcoco_root, tiny_folder))
    assert (found["references"], found["sentences"], found["reachable"]) == (3, 5, 1)
    assert 1 <= found["understood"] <= 5 and found["published"]["Alpha-CLIP"] == 55.7
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["settings"]["data"] == "refcoco" and record["rows"] == found["rows"]
    # The boxes are the things' outlines.
    masked = evaluate("--segmenter", "annotated", output="m.json")
    assert masked.code == 0 and "published: https://github.com/SunzeY/AlphaCLIP" in masked.out
    assert json.loads((tmp_path / "m.json").read_text())["rows"] == record["rows"]
    assert "published: Red Circle" in masked.out and "5 sentences about 3 things" in masked.out


def test_boxes_of_a_detector(evaluate: Run, tmp_path: Path) -> None:
    # Of the first picture one box, the first thing's; of the second none.
    (tmp_path / "found.json").write_text(json.dumps({"0": [[5, 4, 20, 20]], "1": []}))
    done = evaluate("--detections", tmp_path / "found.json", "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [row["accuracy"] for row in found["rows"]] == [2 / 5, 2 / 5] and found["reachable"] == 2 / 5
    done = evaluate("--detections", tmp_path / "found.json", "--segmenter", "annotated", output="d.json")
    assert done.code == 2 and "--segmenter annotated is of the annotations' boxes: a detector's have" in done.err


def test_broken_off_and_gone_on_with_is_the_same_to_the_byte(evaluate: Run, refcoco_root: Path, tmp_path: Path) -> None:
    assert evaluate().code == 0
    whole = (tmp_path / "r.json").read_bytes()
    assert not list(tmp_path.glob("*.part"))
    picture = refcoco_root / "images" / "1.png"
    content = picture.read_bytes()
    picture.write_bytes(b"no picture")
    (tmp_path / "r.json").unlink()
    broken = evaluate()
    assert broken.code == 1 and "1.png" in broken.err
    assert not (tmp_path / "r.json").exists()
    lines = [json.loads(line) for line in (tmp_path / "r.json.0.part").read_text().splitlines()]
    assert [line["item"] for line in lines[1:]] == [0, 1]
    other = evaluate("--fit", "crop")
    assert other.code == 1 and "holds a part of a measurement with other settings" in other.err
    assert "--overwrite to begin anew" in other.err
    picture.write_bytes(content)
    again = evaluate()
    assert again.code == 0 and "2 of 3 were measured before: going on with the rest" in again.err
    assert (tmp_path / "r.json").read_bytes() == whole and not list(tmp_path.glob("*.part"))


def test_data_sets_that_cannot_be_used(evaluate: Run, refcoco_root: Path, run: Run) -> None:
    path = refcoco_root / "refcoco" / "instances.json"
    values = json.loads(path.read_text())
    values["annotations"][0]["segmentation"] = {"size": [64, 32], "counts": [2048]}
    path.write_text(json.dumps(values))
    done = evaluate("--segmenter", "annotated")
    assert done.code == 1 and "0.png: An annotation's mask is 32 x 64, and its picture 64 x 64" in done.err
    (refcoco_root / "images" / "1.png").unlink()
    done = evaluate(output="n.json")
    assert done.code == 1 and "lacks 1 of 2 pictures: 1.png" in done.err
    done = evaluate("--names", path)
    assert done.code == 2 and "--names is of imagenet-s, whole, and not of refcoco: leave it out" in done.err
    done = evaluate("--split", "testC")
    assert done.code == 2 and "has no split 'testC'" in done.err
    done = evaluate("--limit", 0)
    assert done.code == 2 and "--limit: expected 1 or more, got 0" in done.err
    done = run("evaluate", "refcocog", "--root", refcoco_root)
    assert done.code == 1 and "refs(umd).p" in done.err
