"""Files of VSR, What'sUp, SugarCrepe and ARO, as they are published, by hand; and what they lack."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.tasks.protocols.statements import ALONE, PARTS, published, read_statements

LINES = [
    {
        "image": "000000050403.jpg",
        "image_link": "http://images.cocodataset.org/train2017/000000050403.jpg",
        "caption": "The teddy bear is in front of the person.",
        "label": label,
        "relation": "in front of",
        "annotator_id": 31,
        "vote_true_validator_id": [2, 6],
        "vote_false_validator_id": [],
    }
    for label in (1, 0)
]
CONTROLLED = [
    {
        "image_path": f"data/controlled_images/mug_{words}_table.jpeg",
        "caption_options": ["A mug on a table", "A mug under a table"],
    }
    for words in ("on", "under", "left_of", "right_of")
]
SUGAR = {"0": {"filename": "000000397133.jpg", "caption": "A cat left of a dog.", "negative_caption": "A cat."}}
RELATION = {
    "image_id": "7",
    "image_path": "7.jpg",
    "bbox_x": 10,
    "bbox_y": 20,
    "bbox_w": 30,
    "bbox_h": 15,
    "relation_name": "wearing",
    "true_caption": "the man is wearing the hat",
    "false_caption": "the hat is wearing the man",
}
Save = Callable[..., None]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, values: Any, *pictures: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(map(json.dumps, values)) if name.endswith("l") else json.dumps(values)
        path.write_text(text)
        for picture in pictures:
            (tmp_path / picture).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 48)).save(tmp_path / picture, format="jpeg")

    return write


def test_captions_that_are_true_or_false(save: Save, tmp_path: Path) -> None:
    save("data/splits/random/test.jsonl", LINES, "images/000000050403.jpg")
    true, false = read_statements(tmp_path, name="vsr")
    assert true.picture == tmp_path / "images" / "000000050403.jpg" and true.picture.is_file()
    assert (true.captions, true.right, true.kind) == ((LINES[0]["caption"],), 0, "in front of")
    assert (false.right, false.part, false.group, false.window) == (ALONE, "random/test", None, None)
    save("zeroshot/dev.jsonl", LINES[:1])
    assert len(read_statements(tmp_path, name="vsr", part="zeroshot/dev")) == 1
    save("data/splits/random/test.jsonl", [{**LINES[0], "label": 2}])
    with pytest.raises(InputError, match=r"test\.jsonl does not hold what such a file holds: a label is 0 or 1, got 2"):
        read_statements(tmp_path, name="vsr")
    (tmp_path / "data/splits/random/test.jsonl").write_text('{"image": \n')
    with pytest.raises(InputError, match=r"test\.jsonl, line 1: expected an object of JSON"):
        read_statements(tmp_path, name="vsr")


def test_pictures_in_pairs_and_sets(save: Save, tmp_path: Path) -> None:
    names = [f"controlled_images/{Path(one['image_path']).name}" for one in CONTROLLED]
    save("controlled_images_dataset.json", CONTROLLED, *names)
    found = read_statements(tmp_path, name="whatsup", part="a")
    assert [one.kind for one in found] == ["on", "under", "left", "right"]
    assert [one.group for one in found] == [("mug table", pair) for pair in ("height", "height", "beside", "beside")]
    assert found[0].captions == ("A mug on a table", "A mug under a table") and found[0].right == 0
    said = "A photo of a cat to the {} of a dog"
    save("coco_qa_two_obj.json", [[285, said.format("left"), said.format("right")]], "val2017/000000000285.jpg")
    (two,) = read_statements(tmp_path, name="whatsup", part="coco-two")
    assert two.picture.is_file() and two.kind == "left" and two.group is None
    save("vg_qa_two_obj.json", [[23, "A photo of a cat in front of a dog", "A photo of a cat behind a dog"]])
    with pytest.raises(InputError, match=r"None of 1 pictures in .*: expected them in vg_images, images, data"):
        read_statements(tmp_path, name="whatsup", part="gqa-two")
    save("data/x", {}, "vg_images/23.jpg")
    assert read_statements(tmp_path, name="whatsup", part="gqa-two")[0].kind == "in front"
    with pytest.raises(InputError, match=r"lacks 3 of 6 files of whatsup: controlled_clevr_dataset\.json, coco_qa_one"):
        read_statements(tmp_path, name="whatsup")
    save("controlled_images_dataset.json", [{**CONTROLLED[0], "image_path": "a/mug_beside_table.jpeg"}])
    with pytest.raises(InputError, match=r"controlled_images_dataset\.json does not hold .*: there is no 'beside'"):
        read_statements(tmp_path, name="whatsup", part="a")


def test_captions_and_their_negatives(save: Save, tmp_path: Path) -> None:
    for part in PARTS["sugarcrepe"]:
        save(f"data/{part}.json", SUGAR, "val2017/000000397133.jpg")
    found = read_statements(tmp_path, name="sugarcrepe")
    assert [one.kind for one in found] == list(PARTS["sugarcrepe"]) and {one.right for one in found} == {0}
    assert found[0].captions == ("A cat left of a dog.", "A cat.")
    (tmp_path / "data/swap_obj.json").unlink()
    (tmp_path / "data/swap_att.json").unlink()
    wanted = r"lacks 2 of 7 files of sugarcrepe: swap_obj\.json, swap_att\.json; name one of add_obj, .* as `split`"
    with pytest.raises(InputError, match=wanted):
        read_statements(tmp_path, name="sugarcrepe")
    assert len(read_statements(tmp_path, name="sugarcrepe", part="add_att")) == 1
    save("data/add_att.json", SUGAR | {"1": SUGAR["0"] | {"filename": "gone.jpg"}})
    with pytest.raises(InputError, match=r"val2017 lacks 1 of 2 pictures: gone\.jpg"):
        read_statements(tmp_path, name="sugarcrepe", part="add_att")


def test_a_window_of_both_things(save: Save, tmp_path: Path) -> None:
    save("visual_genome_relation.json", [RELATION], "images/7.jpg")
    (found,) = read_statements(tmp_path, name="aro", part="relation")
    assert found.window == (10, 20, 40, 35) and found.kind == "wearing" and found.right == 0
    save("visual_genome_attribution.json", [{**RELATION, "attributes": ["old", "new"]}])
    assert [one.kind for one in read_statements(tmp_path, name="aro")] == ["wearing", "attribution"]
    save("visual_genome_relation.json", [{**RELATION, "bbox_w": 0}])
    with pytest.raises(InputError, match=r"a box of 0 x 15 pixels in 7\.jpg"):
        read_statements(tmp_path, name="aro", part="relation")
    save("visual_genome_relation.json", [{"image_path": "7.jpg"}])
    with pytest.raises(InputError, match="there is no 'true_caption'"):
        read_statements(tmp_path, name="aro", part="relation")
    save("visual_genome_relation.json", [])
    with pytest.raises(InputError, match="holds nothing that is said of a picture"):
        read_statements(tmp_path, name="aro", part="relation")


def test_what_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no 'vrs'.*vsr"):
        read_statements(tmp_path, name="vrs")
    with pytest.raises(ConfigError, match=r"sugarcrepe has no split 'swap_objs'.*swap_obj"):
        read_statements(tmp_path, name="sugarcrepe", part="swap_objs")
    with pytest.raises(InputError, match=r"lacks 1 of 1 files of vsr: random/test\.$"):
        read_statements(tmp_path, name="vsr")
    assert published("vsr", ("random/test",))["people"] == 95.4 and not published("aro", ("relation",))
    assert not published("vsr", ("random/test", "zeroshot/test"))
