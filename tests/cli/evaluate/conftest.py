"""A small RefCOCO whose words the random encoder knows."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

BOXES = {0: ((4, 4, 20, 20), (40, 8, 16, 24), (10, 40, 30, 12)), 1: ((2, 2, 30, 30), (36, 30, 20, 20))}
"""Picture -> its things' x, y, width and height."""
SAID = ((0, 0, ("red cat", "cat left of the dog")), (0, 2, ("green ball",)), (1, 1, ("blue boat", "the boat")))
"""Picture, thing, and what is said of it."""


@pytest.fixture
def refcoco_root(tmp_path: Path) -> Path:
    """Two pictures of 64 pixels, five things, three of them spoken of."""
    root = tmp_path / "coco"
    (root / "images").mkdir(parents=True)
    (root / "refcoco").mkdir()
    images, annotations, refs = [], [], []
    first = {0: 0, 1: 3}
    for picture, boxes in BOXES.items():
        drawn = Image.effect_noise((64, 64), 60).convert("RGB")
        for number, (x, y, width, height) in enumerate(boxes):
            ImageDraw.Draw(drawn).rectangle((x, y, x + width, y + height), fill=("red", "green", "blue")[number])
            outline = [[x, y, x + width, y, x + width, y + height, x, y + height]]
            annotations.append(
                {
                    "id": first[picture] + number,
                    "image_id": picture,
                    "bbox": [x, y, width, height],
                    "segmentation": outline,
                }
            )
        drawn.save(root / "images" / f"{picture}.png")
        images.append({"id": picture, "file_name": f"{picture}.png"})
    for picture, thing, texts in SAID:
        ann = first[picture] + thing
        refs.append(
            {"ann_id": ann, "image_id": picture, "split": "val", "sentences": [{"sent": text} for text in texts]}
        )
    (root / "refcoco" / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (root / "refcoco" / "refs(unc).json").write_text(json.dumps(refs))
    return root
