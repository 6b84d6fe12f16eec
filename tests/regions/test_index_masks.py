"""Classes of index masks: by number or colour, and a list of what there is when one is missing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions import RegionWarning, from_index_mask, from_level_mask, level_map
from gencontrol.regions.index_masks import class_numbers, label_mask

SIZE = (6, 8)
CLASSES = np.array([[0, 0, 3], [0, 2, 3]], dtype=np.uint8)
PALETTE = [0, 0, 0, 9, 9, 9, 255, 0, 0, 0, 0, 128]


def palette_file(folder: Path) -> Path:
    image = Image.fromarray(CLASSES).convert("P")
    image.putdata(CLASSES.flatten().tolist())
    image.putpalette(PALETTE)
    image.save(folder / "classes.png")
    return folder / "classes.png"


@pytest.mark.parametrize("label", [2, 3, 0])
def test_numbers_of_palette_grey_array_and_tensor(label: int, tmp_path: Path) -> None:
    expected = torch.from_numpy(CLASSES == label)
    sources = [palette_file(tmp_path), Image.fromarray(CLASSES), CLASSES.astype(np.int64), torch.from_numpy(CLASSES)]
    for source in sources:
        assert torch.equal(label_mask(source, label), expected)
        assert torch.equal(label_mask(source, np.int64(label)), expected)


def test_numbers_beyond_eight_bits(tmp_path: Path) -> None:
    Image.fromarray(CLASSES.astype(np.uint16) * 1000).save(tmp_path / "wide.png")
    assert torch.equal(label_mask(tmp_path / "wide.png", 3000), torch.from_numpy(CLASSES == 3))


@pytest.mark.parametrize("label", ["#ff0000", "red", (255, 0, 0)])
def test_colours(label: str | tuple[int, int, int], tmp_path: Path) -> None:
    path = palette_file(tmp_path)
    for source in (path, Image.open(path).convert("RGB")):
        assert torch.equal(label_mask(source, label), torch.from_numpy(CLASSES == 2))


def test_a_missing_class_lists_those_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pixel of class 1; it holds 0, 3, 2"):
        label_mask(CLASSES, 1)
    with pytest.raises(InputError, match="no pixel of class #00ff00; it holds #000000, #000080, #ff0000"):
        label_mask(palette_file(tmp_path), "lime")
    with pytest.raises(InputError, match="and 92 more"):
        label_mask(np.arange(100).reshape(10, 10), 100)


def test_labels_and_masks_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="'#12' is not a colour"):
        label_mask(CLASSES, "#12")
    with pytest.raises(InputError, match=r"\(0, 0, 256\) is not a colour"):
        label_mask(CLASSES, (0, 0, 256))
    with pytest.raises(InputError, match="this one is RGB: give a colour"):
        label_mask(Image.fromarray(CLASSES).convert("RGB"), 1)
    with pytest.raises(InputError, match=r"as integers \(h, w\), got float64"):
        label_mask(CLASSES / 2, 1)
    with pytest.raises(InputError, match=r"as integers \(h, w\), got uint8 of shape \(2, 3, 3\)"):
        label_mask(np.repeat(CLASSES[..., None], 3, axis=2), 1)
    with pytest.raises(InputError, match="scaled to"):
        label_mask(Picture(rgb=torch.rand(3, 2, 2)), 1)


def test_index_mask() -> None:
    classes = torch.zeros(SIZE, dtype=torch.int64)
    classes[2:4, 1:3] = 7
    region = from_index_mask(classes, 7, size=SIZE, label="seven")
    assert torch.equal(region.alpha, (classes == 7).float()) and region.label == "seven"


def test_index_mask_of_another_size() -> None:
    with pytest.raises(InputError, match="mask is 3 x 2 but the image is 8 x 6"):
        from_index_mask(torch.ones(2, 3, dtype=torch.int64), 1, size=SIZE)


def test_classes_at_levels() -> None:
    classes = np.zeros((4, 6), dtype=np.uint8)
    classes[:2, :3], classes[2:, 3:], classes[0, 5] = 3, 7, 9
    regions = from_level_mask(classes, {3: 1.0, 7: 0.25}, size=(4, 6))
    assert [(region.label, region.level) for region in regions] == [("class 3", 1.0), ("class 7", 0.25)]
    expected = torch.zeros(4, 6)
    expected[:2, :3], expected[2:, 3:] = 1.0, 0.25
    assert torch.equal(level_map(regions), expected)
    with pytest.raises(InputError, match="no pixel of class 5; it holds 0, 3, 7, 9"):
        from_level_mask(classes, {3: 1.0, 5: 0.25}, size=(4, 6))
    with pytest.raises(InputError, match=r"'class 3': level: expected 0 or more and at most 1, got 2\.0"):
        from_level_mask(classes, {3: 2.0}, size=(4, 6))
    with pytest.raises(InputError, match="levels: expected at least one class"):
        from_level_mask(classes, {}, size=(4, 6))
    with pytest.warns(RegionWarning, match="stretched"):
        assert from_level_mask(classes, {3: 1.0}, size=(8, 12), resize=True)[0].size == (8, 12)


@pytest.mark.parametrize("label", ["3", "-3", "3.0", "+7", ".5", "1e3", " 3 "])
def test_a_number_in_text_is_no_colour(label: str) -> None:
    with pytest.raises(InputError, match=r"is no class: expected a whole number, '#rrggbb' or a colour's name"):
        label_mask(np.array([[3, 7]]), label)


def test_floats_are_no_classes() -> None:
    with pytest.raises(InputError, match="this one is F: save it in whole numbers"):
        class_numbers(Image.new("F", (2, 2)))
    with pytest.raises(InputError, match="this one is RGB: take another"):
        class_numbers(Image.new("RGB", (2, 2)), colours="take another")
