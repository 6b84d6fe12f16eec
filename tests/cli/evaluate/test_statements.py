"""`gencontrol evaluate vsr | whatsup | sugarcrepe | aro` on small files of the same formats."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

Run = Callable[..., Any]
BOXES = {"cat": (4, 20, 16, 20), "dog": (40, 22, 20, 20)}
"""x, y, width and height, in every picture."""
TRUE, FALSE = "The cat is left of the dog.", "The dog is left of the cat."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """All four data sets in one folder: pictures with a cat on the left and a dog on the right, and where they are."""
    root = tmp_path / "sets"
    names = ("images/000000000007.jpg", "images/8.jpg", "val2017/000000000007.jpg")
    controlled = [f"controlled_images/cat_{words}_dog.jpeg" for words in ("left_of", "right_of", "on", "under")]
    for name in (*names, *controlled):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        drawn = Image.effect_noise((64, 48), 60).convert("RGB")
        for (x, y, width, height), colour in zip(BOXES.values(), ("red", "blue"), strict=True):
            ImageDraw.Draw(drawn).rectangle((x, y, x + width, y + height), fill=colour)
        drawn.save(root / name, format="jpeg")
    vsr = [{"image": "000000000007.jpg", "relation": "left of", "annotator_id": 1} for _ in range(3)]
    vsr = [one | {"caption": text, "label": right} for one, (text, right) in zip(vsr, SAID, strict=True)]
    (root / "splits" / "random").mkdir(parents=True)
    (root / "splits" / "random" / "test.jsonl").write_text("\n".join(map(json.dumps, vsr)))
    captions = {"filename": "000000000007.jpg", "caption": TRUE, "negative_caption": FALSE}
    (root / "swap_obj.json").write_text(json.dumps({"0": captions}))
    window = {"image_path": "8.jpg", "bbox_x": 2, "bbox_y": 16, "bbox_w": 60, "bbox_h": 30, "relation_name": "left of"}
    window |= {"true_caption": "the cat is left of the dog", "false_caption": "the dog is left of the cat"}
    (root / "visual_genome_relation.json").write_text(json.dumps([window]))
    sides = ["A cat to the left of a dog", "A cat to the right of a dog"]
    heights = ["A cat on a dog", "A cat under a dog"]
    options = [sides + heights, sides[::-1] + heights, heights + sides, heights[::-1] + sides]
    listed = [{"image_path": f"data/{name}", "caption_options": o} for name, o in zip(controlled, options, strict=True)]
    (root / "controlled_images_dataset.json").write_text(json.dumps(listed))
    save_annotations(root)
    return root


SAID = ((TRUE, 1), (FALSE, 0), (FALSE, 1))


def save_annotations(root: Path) -> None:
    stems = ["000000000007", *(f"cat_{words}_dog" for words in ("left_of", "right_of", "on", "under"))]
    annotations = [
        {"image_id": place, "category_id": number, "bbox": list(box), "segmentation": outline(box), "iscrowd": 0}
        for place in range(len(stems))
        for number, box in enumerate(BOXES.values())
    ]
    images = [{"id": place, "file_name": f"{stem}.jpg"} for place, stem in enumerate(stems)]
    categories = [{"id": number, "name": name} for number, name in enumerate(BOXES)]
    values = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances_val2017.json").write_text(json.dumps(values))
    objects = [dict(zip("xywh", box, strict=True)) | {"names": [name]} for name, box in BOXES.items()]
    (root / "objects.json").write_text(json.dumps([{"image_id": 8, "objects": objects}]))


def outline(box: tuple[int, int, int, int]) -> list[list[int]]:
    x, y, w, h = box
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


@pytest.fixture
def evaluate(run: Run, root: Path, tiny_folder: Path, tmp_path: Path) -> Run:
    def evaluate_root(data: str, *arguments: object, output: str = "r.json") -> Any:
        model = ("--model", tiny_folder, "--focus", "alpha", "-o", tmp_path / output)
        return run("evaluate", data, "--root", root, *model, *arguments)

    return evaluate_root


def rows_of(done: Any) -> dict[tuple[str, str], dict[str, Any]]:
    assert done.code == 0, done.err
    return {(row["part"], row["way"]): row for row in json.loads(done.out)["rows"]}


def test_what_is_true_and_what_is_not(evaluate: Run, tmp_path: Path) -> None:
    rows = rows_of(evaluate("vsr", "--format", "json"))
    # Two of the three labels are so as it is drawn.
    assert rows["random/test", "rules"]["accuracy"] == pytest.approx(2 / 3) and ("random/test", "one text") not in rows
    assert rows["random/test", "module"]["answered"] == 1
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["settings"]["data"] == "vsr" and {"torch", "transformers"} <= set(record["versions"])
    assert record["gencontrol"] and record["regions"].startswith("instances_val2017.json, objects.json")
    table = evaluate("vsr", output="t.json")
    assert "published: people" in table.out and "3 statements, 3 of them taken apart" in table.out


def test_the_true_caption_among_others(evaluate: Run) -> None:
    rows = rows_of(evaluate("sugarcrepe", "--split", "swap_obj", "--format", "json"))
    assert rows["swap_obj", "rules"]["accuracy"] == 1 and rows["swap_obj", "rules"]["answered"] == 1
    rows = rows_of(evaluate("aro", "--split", "relation", "--format", "json", output="a.json"))
    assert rows["relation", "rules"]["accuracy"] == 1
    rows = rows_of(evaluate("whatsup", "--split", "a", "--format", "json", output="w.json"))
    # All four pictures show the cat on the left: one is right, and of the others one text may be.
    assert rows["a", "module"]["sets"] == 0 and set(rows) == {("a", way) for way in ("one text", "rules", "module")}
    # Rules do not answer "on", so that all is judged as one text.
    assert rows["a", "rules"]["answered"] == 0 and rows["a", "rules"]["accuracy"] == rows["a", "one text"]["accuracy"]


def test_what_is_lacking_is_told_before_the_run(evaluate: Run, root: Path) -> None:
    done = evaluate("sugarcrepe")
    assert done.code == 1 and "lacks 6 of 7 files of sugarcrepe: add_obj.json, add_att.json" in done.err
    assert "name one of swap_obj as --split to measure it alone" in done.err
    (root / "images" / "000000000007.jpg").unlink()
    done = evaluate("vsr")
    assert done.code == 1 and "None of 1 pictures in" in done.err
    done = evaluate("vsr", "--compare")
    assert done.code == 2 and "--compare is of imagenet-s" in done.err and "not of vsr" in done.err
    done = evaluate("whatsup", "--grounder", root / "none", "--split", "a", "--offline")
    assert done.code == 1 and "No model at" in done.err
    done = evaluate("aro", "--split", "relation", "--module", root)
    assert done.code == 1 and "No relation module in" in done.err
