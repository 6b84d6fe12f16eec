"""Every way to point gives the alpha map it should, and each mistake its own message."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture, save_image, to_pil
from gencontrol.regions import (
    RegionWarning,
    from_box,
    from_image_alpha,
    from_index_mask,
    from_mask,
    from_points,
    from_polygon,
    from_stroke,
    whole,
)
from gencontrol.regions.shapes import box_alpha, path_alpha, polygon_alpha

SIZE = (6, 8)
HALF = np.repeat(np.array([[255] * 4 + [0] * 4], dtype=np.uint8), 6, axis=0)


def half() -> torch.Tensor:
    return torch.from_numpy(HALF / 255).float()


def test_mask_file_white_is_look_here(tmp_path: Path) -> None:
    Image.fromarray(HALF).save(tmp_path / "mask.png")
    region = from_mask(tmp_path / "mask.png", size=SIZE, weight=2.0, label="left")
    assert torch.equal(region.alpha, half())
    assert (region.weight, region.label) == (2.0, "left")


def test_mask_grey_is_kept_and_threshold_makes_it_hard() -> None:
    grey = np.linspace(0, 1, 48, dtype=np.float32).reshape(SIZE)
    assert torch.equal(from_mask(grey, size=SIZE).alpha, torch.from_numpy(grey))
    hard = from_mask(grey, size=SIZE, threshold=0.5).alpha
    assert torch.equal(hard, torch.from_numpy(grey >= 0.5).float())


def test_mask_opaque_is_look_here_whatever_its_colour() -> None:
    black_paint = Picture(rgb=torch.zeros(3, *SIZE), alpha=half())
    assert torch.equal(from_mask(to_pil(black_paint), size=SIZE).alpha, half())


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_mask_with_constant_alpha_is_read_by_brightness(opacity: float) -> None:
    mask = Picture(rgb=half().expand(3, -1, -1), alpha=torch.full(SIZE, opacity))
    assert torch.equal(from_mask(mask, size=SIZE).alpha, half())


def test_mask_of_bools_and_tensors() -> None:
    assert torch.equal(from_mask(HALF > 0, size=SIZE).alpha, half())
    assert torch.equal(from_mask(half()[None], size=SIZE).alpha, half())


def test_mask_as_jpeg_with_traces_of_colour_is_grey(tmp_path: Path) -> None:
    Image.fromarray(HALF.repeat(8, 0).repeat(8, 1)).convert("RGB").save(tmp_path / "mask.jpg", quality=90)
    alpha = from_mask(tmp_path / "mask.jpg", size=(48, 64), threshold=0.5).alpha
    assert torch.equal(alpha, half().repeat_interleave(8, 0).repeat_interleave(8, 1))


def test_mask_empty() -> None:
    with pytest.raises(InputError, match="Region 'cat' is empty: no pixel is marked"):
        from_mask(np.zeros(SIZE, dtype=np.uint8), size=SIZE, label="cat")
    with pytest.raises(InputError, match=r"largest value 0\.4 is below the threshold 0\.5"):
        from_mask(np.full(SIZE, 0.4), size=SIZE, threshold=0.5)
    with pytest.raises(InputError, match="Expected a threshold above 0 and at most 1, got 2"):
        from_mask(np.full(SIZE, 0.4), size=SIZE, threshold=2)


def test_mask_of_another_size() -> None:
    with pytest.raises(InputError, match=r"The mask is 4 x 3 but the image is 8 x 6 \(width x height\); was one"):
        from_mask(np.ones((3, 4)), size=SIZE)
    with pytest.raises(InputError, match="are width and height swapped, or a photo's rotation lost"):
        from_mask(np.ones((8, 6)), size=SIZE)
    with pytest.warns(RegionWarning, match="mask is 4 x 3 but the image is 8 x 6 .* it was stretched"):
        region = from_mask(np.array([[1.0, 1, 0, 0]] * 3), size=SIZE, resize=True)
    assert region.size == SIZE and (region.alpha[:, :3] == 1).all() and (region.alpha[:, 5:] == 0).all()


def test_mask_with_nan() -> None:
    with pytest.raises(InputError, match="NaN"):
        from_mask(np.full(SIZE, np.nan), size=SIZE)


def test_mask_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No image file at"):
        from_mask(tmp_path / "none.png", size=SIZE)


def test_mask_in_colour() -> None:
    red = np.zeros((*SIZE, 3), dtype=np.uint8)
    red[:, :4, 0] = 255
    with pytest.raises(InputError, match=r"mask has colours; expected grey.*use from_index_mask"):
        from_mask(red, size=SIZE)


def test_mask_of_zeros_and_ones_of_255_is_told_from_an_empty_one() -> None:
    with pytest.raises(InputError, match=r"largest value is 1 of 255.*save it as 0 and 255"):
        from_mask(HALF // 255, size=SIZE)
    with pytest.warns(RegionWarning, match=r"mask is faint: its largest value is 0\.0196"):
        from_mask(HALF // 255 * 5, size=SIZE)


def test_image_alpha(tmp_path: Path) -> None:
    picture = Picture(rgb=torch.rand(3, *SIZE), alpha=half())
    save_image(to_pil(picture), tmp_path / "cut.png")
    assert torch.equal(from_image_alpha(tmp_path / "cut.png").alpha, half())


def test_image_alpha_is_missing() -> None:
    with pytest.raises(InputError, match="no alpha channel to look through; give a mask"):
        from_image_alpha(np.ones((*SIZE, 3)))


def test_image_alpha_fully_transparent() -> None:
    with pytest.raises(InputError, match="is empty"):
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE), alpha=torch.zeros(SIZE)))


def test_image_alpha_of_a_cut_out_without_colour_left() -> None:
    with pytest.warns(RegionWarning, match="transparent part of the picture is plain black.*no context to keep"):
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE) * half(), alpha=half()))


def test_box() -> None:
    assert torch.equal(from_box((1, 2, 5, 4), size=SIZE).alpha, box_alpha((1, 2, 5, 4), SIZE))
    assert from_box((1, 2, 5, 4), size=SIZE).alpha.nonzero().amax(dim=0).tolist() == [3, 4]


@pytest.mark.parametrize("box", [(8, 0, 12, 6), (-4, 0, 0, 6), (0, 6, 8, 9), (0, -3, 8, -1)])
def test_box_outside(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match=r"is outside the image, which is 8 x 6 \(width x height\)"):
        from_box(box, size=SIZE)


@pytest.mark.parametrize("box", [(5, 2, 1, 4), (1, 4, 5, 4), (float("nan"), 0, 1, 1)])
def test_box_without_area(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="x0 < x1 and y0 < y1, got"):
        from_box(box, size=SIZE)


def test_box_over_the_edge_is_cut_with_a_notice() -> None:
    with pytest.warns(RegionWarning, match=r"box -2,1,10,4\.5 reaches over the image of 8 x 6; cut to 0,1,8,4\.5"):
        region = from_box((-2, 1, 10, 4.5), size=SIZE)
    assert torch.equal(region.alpha, box_alpha((0, 1, 8, 4.5), SIZE))


def test_points() -> None:
    size = (100, 200)
    two = from_points([(30, 40), (150, 60)], size=size)
    separate = [path_alpha([point], size, radius=5) for point in ((30, 40), (150, 60))]
    assert torch.equal(two.alpha, torch.maximum(*separate))  # 5 % of the short side; no line between them
    assert torch.equal(from_points([(30, 40)], size=size, radius=9).alpha, path_alpha([(30, 40)], size, radius=9))


def test_points_outside_or_none() -> None:
    with pytest.raises(InputError, match="point 9,3 is outside the image, which is 8 x 6"):
        from_points([(1, 1), (9, 3)], size=SIZE)
    with pytest.raises(InputError, match="point nan,3 is outside"):
        from_points([(float("nan"), 3)], size=SIZE)
    with pytest.raises(InputError, match="at least one point"):
        from_points([], size=SIZE)
    with pytest.raises(InputError, match="radius or width above 0"):
        from_points([(1, 1)], size=SIZE, radius=-1)


def test_stroke() -> None:
    points = [(1, 1), (5, 4), (12, 4)]
    assert torch.equal(from_stroke(points, size=SIZE, width=3).alpha, path_alpha(points, SIZE, radius=1.5))


def test_stroke_that_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="stroke marks no pixel of the image, which is 8 x 6"):
        from_stroke([(-9, -9), (-9, 20)], size=SIZE, width=2)
    with pytest.raises(InputError, match="at least one point of the stroke"):
        from_stroke([], size=SIZE, width=2)
    with pytest.raises(InputError, match="above 0 pixels, got 0"):
        from_stroke([(1, 1)], size=SIZE, width=0)


def test_polygon() -> None:
    points = [(1, 1), (7, 2), (3, 5)]
    assert torch.equal(from_polygon(points, size=SIZE).alpha, polygon_alpha(points, SIZE))


def test_polygon_that_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="at least three points of a polygon, got 2"):
        from_polygon([(1, 1), (2, 2)], size=SIZE)
    with pytest.raises(InputError, match="polygon marks no pixel"):
        from_polygon([(1, 1), (2, 2), (3, 3)], size=SIZE)


def test_index_mask() -> None:
    classes = torch.zeros(SIZE, dtype=torch.int64)
    classes[2:4, 1:3] = 7
    region = from_index_mask(classes, 7, size=SIZE, label="seven")
    assert torch.equal(region.alpha, (classes == 7).float()) and region.label == "seven"


def test_index_mask_of_another_size() -> None:
    with pytest.raises(InputError, match="mask is 3 x 2 but the image is 8 x 6"):
        from_index_mask(torch.ones(2, 3, dtype=torch.int64), 1, size=SIZE)


def test_whole() -> None:
    assert torch.equal(whole(SIZE).alpha, torch.ones(SIZE))


def test_every_source_passes_weight_and_label_on() -> None:
    regions = [
        from_mask(HALF, size=SIZE, weight=3.0, label="x"),
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE), alpha=half()), weight=3.0, label="x"),
        from_box((0, 0, 1, 1), size=SIZE, weight=3.0, label="x"),
        from_points([(1, 1)], size=SIZE, weight=3.0, label="x"),
        from_stroke([(1, 1)], size=SIZE, width=2, weight=3.0, label="x"),
        from_polygon([(1, 1), (7, 2), (3, 5)], size=SIZE, weight=3.0, label="x"),
        from_index_mask(HALF, 255, size=SIZE, weight=3.0, label="x"),
        whole(SIZE, weight=3.0, label="x"),
    ]
    assert {(region.weight, region.label, region.size) for region in regions} == {(3.0, "x", SIZE)}
