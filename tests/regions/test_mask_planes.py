"""A mask means what a person sees: every form of it, and which of its channels speaks."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions import RegionWarning, from_index_mask, from_mask
from gencontrol.regions.mask_planes import mask_plane, split_stack
from gencontrol.text_files import LARGEST

SIZE = (96, 96)


def ellipse() -> np.ndarray:
    y, x = np.mgrid[:96, :96] - 47.5
    return ((x / 30) ** 2 + (y / 26) ** 2 < 1).astype(np.uint8) * 255


def rgba(grey: int | np.ndarray, alpha: int | np.ndarray) -> np.ndarray:
    planes = [np.broadcast_to(np.asarray(plane, dtype=np.uint8), SIZE) for plane in (grey, grey, grey, alpha)]
    return np.stack(planes, axis=-1)


@pytest.mark.parametrize("grey", [0, 255, ellipse()])
def test_what_is_wholly_transparent_marks_nothing(grey: int | np.ndarray) -> None:
    with pytest.raises(InputError, match="The region is empty: no pixel is marked"):
        from_mask(rgba(grey, 0), size=SIZE)


@pytest.mark.parametrize(("pixels", "level"), [(1, 254), (1, 0), (92, 0)])
def test_an_alpha_channel_that_is_nearly_constant_gives_way_to_a_drawing(pixels: int, level: int) -> None:
    alpha = np.full(SIZE, 255, dtype=np.uint8)
    alpha.reshape(-1)[:pixels] = level
    with pytest.warns(RegionWarning, match=r"a drawing in black and white: the drawing was taken"):
        region = from_mask(rgba(ellipse(), alpha), size=SIZE)
    assert torch.equal(region.alpha, torch.from_numpy(ellipse() / 255).float())


def test_what_is_transparent_is_no_part_of_the_drawing() -> None:
    alpha = np.full(SIZE, 255, dtype=np.uint8)
    alpha[40, 40:50] = 0
    with pytest.warns(RegionWarning, match="the drawing was taken"):
        marked = from_mask(rgba(ellipse(), alpha), size=SIZE).alpha
    assert not marked[40, 40:50].any() and marked[41, 40:50].all()


def test_an_alpha_channel_that_varies_is_the_mask_whatever_is_beneath() -> None:
    alpha = np.full(SIZE, 255, dtype=np.uint8)
    alpha.reshape(-1)[:922] = 0  # just over one in ten
    with pytest.warns(RegionWarning, match="What is visible of the mask is a drawing in black and white, but"):
        plane, origin = mask_plane(rgba(ellipse(), alpha))
    assert torch.equal(plane, torch.from_numpy(alpha / 255).float()) and origin == "alpha channel"


@pytest.mark.parametrize("pixels", [93, 369, 921])
def test_a_few_percent_of_stray_transparency_leave_a_pure_drawing_the_mask(pixels: int) -> None:
    alpha = np.full(SIZE, 255, dtype=np.uint8)
    alpha.reshape(-1)[:pixels] = 0
    share = 100 - round(100 * pixels / 9216)
    with pytest.warns(RegionWarning, match=f"the same in {share}% of it, .* the drawing was taken"):
        plane, origin = mask_plane(rgba(ellipse(), alpha))
    assert torch.equal(plane, torch.from_numpy(ellipse() / 255).float()) and origin == "brightness"


def test_beneath_a_few_percent_a_photograph_in_grey_is_no_drawing() -> None:
    alpha = np.full(SIZE, 255, dtype=np.uint8)
    alpha[40:60, 40:60] = 0
    shades = np.broadcast_to(np.linspace(0, 255, 96), SIZE).astype(np.uint8)
    plane, origin = mask_plane(rgba(shades, alpha))
    assert torch.equal(plane, torch.from_numpy(alpha / 255).float()) and origin == "alpha channel"


def test_a_usual_opacity_below_full_is_told_by_most_pixels() -> None:
    alpha = np.full(SIZE, 140, dtype=np.uint8)
    alpha.reshape(-1)[:800] = 255
    with pytest.warns(RegionWarning, match="the drawing was taken"):
        assert mask_plane(rgba(ellipse(), alpha))[1] == "brightness"


def test_a_small_stroke_on_a_transparent_ground_is_the_mask() -> None:
    # The colours beneath are those of a drawing, white with a black stroke: what is opaque is marked all the same.
    stroke = np.zeros(SIZE, dtype=np.uint8)
    stroke[50, 20:40] = 255
    plane, origin = mask_plane(rgba(255 - stroke, stroke))
    assert torch.equal(plane, torch.from_numpy(stroke / 255).float()) and origin == "alpha channel"


@pytest.mark.parametrize("beneath", ["plain", "faint", "coloured"])
def test_no_drawing_beneath_leaves_the_alpha_channel(beneath: str) -> None:
    alpha = np.full(SIZE, 255, dtype=np.uint8)
    alpha[0, 0] = 0
    levels = rgba({"plain": 0, "faint": 100 + ellipse() // 2, "coloured": ellipse()}[beneath], alpha)
    if beneath == "coloured":
        levels[:20, :, 0] = 255
    plane, origin = mask_plane(levels)
    assert torch.equal(plane, torch.from_numpy(alpha / 255).float()) and origin == "alpha channel"


@pytest.mark.parametrize(
    ("mask", "levels"),
    [
        (np.full(SIZE, 255, dtype=np.uint8), "1 of 1"),
        (np.where(ellipse() > 0, 255, 128).astype(np.uint8), "0.502 to 1 of 1"),
        (np.full(SIZE, 0.11), "0.11 of 1"),
    ],
)
def test_a_mask_that_marks_everything_is_noticed(mask: np.ndarray, levels: str) -> None:
    with pytest.warns(RegionWarning, match=rf"marks the whole picture: its brightness is {levels}.*`threshold`"):
        from_mask(mask, size=SIZE)
    with pytest.warns(RegionWarning, match="its alpha channel is 0 to 1 of 1"):
        from_mask(rgba(0, np.where(np.arange(9216).reshape(SIZE) < 9, 0, 255)), size=SIZE)


def test_two_greys_with_a_threshold_between_them_are_no_notice() -> None:
    greys = np.where(ellipse() > 0, 255, 128).astype(np.uint8)
    assert torch.equal(from_mask(greys, size=SIZE, threshold=0.7).alpha, torch.from_numpy(ellipse() / 255).float())
    with pytest.warns(RegionWarning, match="marks the whole picture"):
        from_mask(greys, size=SIZE, threshold=0.5)
    # One row that is left out is enough.
    greys[0] = 0
    from_mask(greys, size=SIZE)


def test_classes_are_noticed_and_seen_alike() -> None:
    with pytest.warns(RegionWarning, match="marks the whole picture: it is of class 3 all over"):
        from_index_mask(np.full(SIZE, 3, dtype=np.uint8), 3, size=SIZE)
    # White, but for what nobody sees.
    hidden = rgba(255, np.where(ellipse() > 0, 255, 0))
    assert torch.equal(from_index_mask(hidden, "white", size=SIZE).alpha, torch.from_numpy(ellipse() / 255).float())
    with pytest.raises(InputError, match="no pixel of class #ffffff"):
        from_index_mask(rgba(255, 0), "white", size=SIZE)


def test_a_mask_has_its_own_size_where_none_is_given() -> None:
    assert from_mask(ellipse()[:40], size=None).size == (40, 96)


def drawn(value: int = 255) -> Image.Image:
    return Image.fromarray(rgba(30, np.minimum(ellipse(), value)))


def rle() -> dict[str, Any]:
    edges = np.flatnonzero(np.diff(ellipse().T.reshape(-1) > 0, prepend=False))
    runs = np.diff(edges, prepend=0, append=ellipse().size)
    return {"size": [96, 96], "counts": runs.tolist()}


@pytest.mark.parametrize(
    "source",
    [
        rle(),
        {"segmentation": rle(), "bbox": [0, 0, 5, 5]},
        {"segmentation": ellipse() > 0, "area": 5},
        {"background": None, "layers": [drawn()], "composite": None},
        {"background": None, "layers": [np.asarray(drawn()), Image.fromarray(rgba(0, 0))], "composite": None},
    ],
    ids=["run lengths", "annotation", "of SAM", "editor", "editor with two layers"],
)
def test_masks_of_other_tools(source: dict[str, Any]) -> None:
    assert torch.equal(from_mask(source, size=SIZE).alpha, torch.from_numpy(ellipse() / 255).float())


def test_masks_of_other_tools_in_files(tmp_path: Path) -> None:
    (tmp_path / "mask.json").write_text(json.dumps(rle()))
    np.save(tmp_path / "mask.npy", ellipse() > 0)
    drawn().save(tmp_path / "layer.png")
    for source in (tmp_path / "mask.json", str(tmp_path / "mask.npy"), {"layers": [str(tmp_path / "layer.png")]}):
        assert torch.equal(from_mask(source, size=SIZE).alpha, torch.from_numpy(ellipse() / 255).float())
    np.save(tmp_path / "classes.npy", ellipse().astype(np.int64) // 51)
    for name in ("classes.npy", str(tmp_path / "classes.npy")):
        found = from_index_mask(tmp_path / name, 5, size=SIZE)
        assert torch.equal(found.alpha, torch.from_numpy(ellipse() / 255).float())


def test_an_editors_layers_are_united() -> None:
    left, right = rgba(0, 0), rgba(0, 0)
    left[:, :10, 3], right[:, 5:20, 3] = 255, 100
    marked = from_mask({"layers": [left, right]}, size=SIZE).alpha
    assert (marked[:, :10] == 1).all() and (marked[:, 10:20] == 100 / 255).all() and not marked[:, 20:].any()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"layers": []}, "Nothing is drawn on the editor's layers"),
        ({"layers": None}, "Nothing is drawn on the editor's layers"),
        ({"layers": "layer.png"}, "Nothing is drawn on the editor's layers"),
        ({"layers": [Image.fromarray(rgba(255, 0))]}, "is empty: no pixel is marked"),
        ({"layers": [Image.fromarray(ellipse())]}, "A layer of the editor has no alpha channel"),
        ({"layers": [drawn(), drawn().crop((0, 0, 9, 9))]}, "The editor's layers differ in size"),
        ({"mask": 3, "image": 4}, r"'layers' and 'composite'\), got the keys mask, image"),
        ({}, r"'layers' and 'composite'\), got an empty mapping"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6]]}, "'segmentation' as polygons, which `from_polygon` takes"),
        ({"size": [2, 3], "counts": [6]}, "mask is 3 x 2 but the image is 96 x 96"),
    ],
)
def test_masks_of_other_tools_that_cannot_be_read(source: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_mask(source, size=SIZE)


@pytest.mark.parametrize(("text", "message"), [("[1]", "an object with 'size'"), ("{", "cannot be read as JSON")])
def test_json_that_is_no_mask(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mask.json").write_text(text)
    with pytest.raises(InputError, match=message):
        from_mask(tmp_path / "mask.json", size=SIZE)
    with pytest.raises(InputError, match="No image file at"):
        from_mask(tmp_path / "none.json", size=SIZE)


def test_values_of_every_kind_give_one_map(tmp_path: Path) -> None:
    """The inputs of the report on two readers: greys of 16 bits, a turned photo, a 32-bit TIFF, 0 and 1."""
    soft = np.where(ellipse() > 0, 65535, 32896).astype(np.uint16)
    soft[:10] = 0
    Image.fromarray(soft).save(tmp_path / "soft.png")
    assert torch.equal(from_mask(tmp_path / "soft.png", size=SIZE).alpha, torch.from_numpy(soft / 65535).float())
    Image.fromarray(ellipse().astype(np.int32)).save(tmp_path / "wide.tif")
    assert torch.equal(from_mask(tmp_path / "wide.tif", size=SIZE).alpha, torch.from_numpy(ellipse() / 255).float())
    for dtype in (np.uint8, np.uint16, np.int32):
        Image.fromarray((ellipse() // 255).astype(dtype)).save(tmp_path / "ones.tif")
        said = r"of 255, which is all but black. If it holds 0 and 1, save it as 0 and 255"
        with pytest.raises(InputError, match="1 of 65535.* 8 bits stored as 16" if dtype is np.uint16 else said):
            from_mask(tmp_path / "ones.tif", size=SIZE)
    turned = Image.fromarray(np.rot90(ellipse()).copy())
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    assert torch.equal(from_mask(tmp_path / "turned.png", size=SIZE).alpha, torch.from_numpy(ellipse() / 255).float())


def test_stacks_of_masks_are_told_from_pictures_of_one() -> None:
    maps = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))
    for stack in (maps, maps.numpy(), maps[:2], maps > 0.5, maps.repeat(2, 1, 1), maps[:1]):
        found = split_stack(stack, (6, 8))
        assert found is not None and len(found) == len(stack)
        assert all(bool((a == b).all()) for a, b in zip(found, stack, strict=True))
    grey = maps[:1].expand(3, -1, -1)
    assert split_stack(grey, (6, 8)) is None
    assert split_stack(torch.cat([grey, maps[1:2]]), (6, 8)) is None
    assert split_stack(torch.rand(6, 8), (6, 8)) is None
    assert split_stack(np.random.default_rng(0).random((6, 8, 3)), (6, 8)) is None
    assert split_stack(Picture(rgb=maps), (6, 8)) is None
    # Channels last where the image is of that size as well: an array is a stack by its last two sides.
    assert split_stack(np.zeros((5, 6, 8)), (6, 7)) is None


def test_a_file_of_runs_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    os.truncate(tmp_path / "a.json", LARGEST + 1)
    with pytest.raises(InputError, match=r"a\.json is larger than 64 MB; expected a mask in JSON\.$"):
        mask_plane(tmp_path / "a.json")
