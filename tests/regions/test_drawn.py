"""Boxes, points, strokes and polygons give the alpha map they should, and each mistake its own message."""

import math

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.regions import (
    RegionWarning,
    from_box,
    from_points,
    from_polygon,
    from_stroke,
    whole,
)
from gencontrol.regions.drawn import in_pixels
from gencontrol.regions.shapes import box_alpha, path_alpha, polygon_alpha

SIZE = (6, 8)


def test_box() -> None:
    assert torch.equal(from_box((1, 2, 5, 4), size=SIZE).alpha, box_alpha((1, 2, 5, 4), SIZE))
    assert from_box((1, 2, 5, 4), size=SIZE).alpha.nonzero().amax(dim=0).tolist() == [3, 4]


@pytest.mark.parametrize("box", [(8, 0, 12, 6), (-4, 0, 0, 6), (0, 6, 8, 9), (0, -3, 8, -1)])
def test_box_outside(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match=r"is outside the image, which is 8 x 6 \(width x height\)"):
        from_box(box, size=SIZE)


@pytest.mark.parametrize("box", [(5, 2, 1, 4), (1, 4, 5, 4)])
def test_box_without_area(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="x0 < x1 and y0 < y1, got"):
        from_box(box, size=SIZE)


def test_box_over_the_edge_is_cut_with_a_notice() -> None:
    with pytest.warns(RegionWarning, match=r"box -2,1,10,4\.5 reaches over the image of 8 x 6; cut to 0,1,8,4\.5"):
        region = from_box((-2, 1, 10, 4.5), size=SIZE)
    assert torch.equal(region.alpha, box_alpha((0, 1, 8, 4.5), SIZE))


@pytest.mark.parametrize("box", [(0.1, 0.2, 0.6, 0.8), (0, 0, 1, 0.5), (0.0, 0.0, 0.999, 1.0)])
def test_shares_are_not_pixels(box: tuple[float, float, float, float]) -> None:
    percent = ",".join(f"{100 * n:g}%" for n in box)
    told = rf"within the first pixel: shares of the image.*or write {percent} \(in Python, `relative=True`\)\."
    with pytest.raises(InputError, match=told):
        from_box(box, size=SIZE)
    height, width = SIZE
    pixels = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    assert torch.equal(from_box(box, size=SIZE, relative=True).alpha, box_alpha(pixels, SIZE))
    # Of an image of one pixel a side, it may well be a part of that.
    assert from_box(box, size=(1, 20)).size == (1, 20)


def test_the_first_pixel_may_be_marked() -> None:
    assert from_box((0, 0, 1, 1), size=SIZE).alpha.nonzero().tolist() == [[0, 0]]
    assert from_box((0, 0, 1.5, 1), size=SIZE).alpha[0, 1] == 0.5


@pytest.mark.parametrize(
    ("box", "meant"),
    [((5, 1, 2, 4), "5,1,7,5"), ((2, 4, 3, 2), "2,4,5,6"), ((6, 0, 2, 6), "6,0,8,6")],
)
def test_the_form_of_coco_is_recognised(box: tuple[int, int, int, int], meant: str) -> None:
    with pytest.raises(InputError, match=f"; if that is COCO's x,y,width,height, give {meant}\\."):
        from_box(box, size=SIZE)


@pytest.mark.parametrize("box", [(5, 1, 4, 4), (2, 4, 3, 3), (7, 0, 0, 6), (-1, 5, -2, 1), (5, -1, 2, 3)])
def test_other_boxes_without_area_are_not_taken_for_cocos(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match=r"y0 < y1, got [-\d,]+\.$"):
        from_box(box, size=SIZE)


def test_relative_points_and_boxes() -> None:
    assert torch.equal(
        from_points([(0.5, 0.25)], size=(100, 200), relative=True).alpha,
        from_points([(100, 25)], size=(100, 200)).alpha,
    )
    assert in_pixels([(0.5, 0.25), (1, 0)], (100, 200)) == [(100, 25), (200, 0)]
    assert in_pixels([(0.5, 0.25)], (100, 200), relative=False) == [(0.5, 0.25)]
    with pytest.raises(InputError, match="point 220,10 is outside"):
        from_points([(1.1, 0.1)], size=(100, 200), relative=True)


def test_shares_as_points_strokes_and_polygons() -> None:
    with pytest.raises(InputError, match=r"The point 0\.5,0\.25 lies within .* which is 8 x 6.*or write 50%,25% "):
        from_points([(0.5, 0.25)], size=SIZE)
    with pytest.raises(InputError, match=r"The stroke .* lies within .*: multiply by the width and the height\.$"):
        from_stroke([(0.1, 0.1), (0.9, 1)], size=SIZE, width=2)
    with pytest.raises(InputError, match=r"The polygon .* lies within"):
        from_polygon([(0.1, 0.1), (0.9, 1), (0, 1)], size=SIZE)
    from_points([(0, 0), (1, 1)], size=SIZE)
    from_stroke([(0.1, 0.1), (5, 3)], size=SIZE, width=2)


def test_points() -> None:
    size = (100, 200)
    two = from_points([(30, 40), (150, 60)], size=size)
    separate = [path_alpha([point], size, radius=5) for point in ((30, 40), (150, 60))]
    assert torch.equal(two.alpha, torch.maximum(*separate))  # 5 % of the short side; no line between them
    assert torch.equal(from_points([(30, 40)], size=size, radius=9).alpha, path_alpha([(30, 40)], size, radius=9))


def test_points_outside_or_none() -> None:
    with pytest.raises(InputError, match="point 9,3 is outside the image, which is 8 x 6"):
        from_points([(1, 1), (9, 3)], size=SIZE)
    with pytest.raises(InputError, match="Expected finite coordinates, got nan"):
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


def test_whole() -> None:
    assert torch.equal(whole(SIZE).alpha, torch.ones(SIZE))


def test_points_on_small_images_are_still_a_pixel_in_radius() -> None:
    assert torch.equal(from_points([(3, 3)], size=SIZE).alpha, path_alpha([(3, 3)], SIZE, radius=1))


def test_points_and_boxes_may_touch_the_border() -> None:
    for point in ((0, 0), (8, 6), (8, 0)):
        assert torch.equal(from_points([point], size=SIZE).alpha, path_alpha([point], SIZE, radius=1))
    for point in ((8.01, 3), (3, 6.01), (-0.01, 3)):
        with pytest.raises(InputError, match="is outside the image"):
            from_points([point], size=SIZE)


@pytest.mark.parametrize("far", [math.nan, math.inf, 10**400, 1.1e9, -1.1e9])
def test_coordinates_that_cannot_be_meant(far: float) -> None:
    """Each shape says so, instead of an overflow or a map full of NaN."""
    size, points = (30, 40), [(1, 1), (10, far), (20, 5)]
    shapes = [
        lambda: from_box((0, 0, 10, far), size=size),
        lambda: from_points(points, size=size),
        lambda: from_stroke(points, size=size, width=3),
        lambda: from_polygon(points, size=size),
        lambda: from_box((0, 0, 1, far), size=size, relative=True),
    ]
    for draw in shapes:
        with pytest.raises(InputError, match=r"Expected (finite coordinates|coordinates in pixels within 1e\+09)"):
            draw()


def test_coordinates_far_outside_are_cut() -> None:
    with pytest.warns(RegionWarning):
        region = from_box((0, 0, 10, 1e9), size=(30, 40))
    assert region.alpha.sum() == 300


def test_shares_are_said_in_percent() -> None:
    with pytest.raises(InputError, match=r"The box 110%,0%,120%,10% is outside the image"):
        from_box((1.1, 0, 1.2, 0.1), size=SIZE, relative=True)
    with pytest.raises(InputError, match=r"x0 < x1 and y0 < y1, got 50%,0%,20%,10%"):
        from_box((0.5, 0, 0.2, 0.1), size=SIZE, relative=True)
    with pytest.warns(RegionWarning, match=r"The box -10%,0%,50%,50% reaches over"):
        from_box((-0.1, 0, 0.5, 0.5), size=SIZE, relative=True)
    with pytest.raises(InputError, match=r"got 20,20,10,10"):
        from_box((20, 20, 10, 10), size=SIZE)


def test_a_size_in_pils_order_is_recognised() -> None:
    hint = r"; PIL's size is \(width, height\), and \(height, width\) is expected as `size`\.$"
    with pytest.warns(RegionWarning, match=f"reaches over the image of 10 x 20; cut to 0,0,10,5{hint}"):
        from_box((0, 0, 20, 5), size=(20, 10))
    with pytest.raises(InputError, match=f"box 12,0,20,5 is outside the image.*{hint}"):
        from_box((12, 0, 20, 5), size=(20, 10))
    with pytest.raises(InputError, match=f"point 20,10 is outside the image, which is 10 x 20{hint}"):
        from_points([(20, 10)], size=(20, 10))
    with pytest.raises(InputError, match=f"stroke marks no pixel.*{hint}"):
        from_stroke([(14, 4), (18, 4)], size=(20, 10), width=2)
    with pytest.raises(InputError, match=f"polygon marks no pixel.*{hint}"):
        from_polygon([(14, 4), (18, 4), (18, 8)], size=(20, 10))
    # Of what would lie outside either way nothing is guessed.
    with pytest.warns(RegionWarning, match=r"cut to 0,0,10,5\.$"):
        from_box((0, 0, 21, 5), size=(20, 10))
    with pytest.raises(InputError, match=r"which is 10 x 20\.$"):
        from_points([(20, 11)], size=(20, 10))


def test_what_marks_the_whole_picture_is_told() -> None:
    with pytest.warns(RegionWarning, match=r"The point marks the whole picture: the radius is 30 pixels.* is 8 x 6\."):
        from_points([(4, 3)], size=SIZE, radius=30)
    with pytest.warns(RegionWarning, match=r"The stroke marks the whole picture: the width is 60 pixels.* is 8 x 6\."):
        from_stroke([(4, 3), (5, 3)], size=SIZE, width=60)
    from_points([(4, 3)], size=SIZE, radius=3)
