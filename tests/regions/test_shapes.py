"""Coverage of pixels by boxes, paths and polygons, against counting finely spaced points."""

import math

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.regions.shapes import box_alpha, path_alpha, polygon_alpha

SIZE = (13, 17)
FINE = 40


def counted(inside: torch.Tensor) -> torch.Tensor:
    """The mean over each pixel of a map that has FINE x FINE samples a pixel."""
    return torch.nn.functional.avg_pool2d(inside[None].double(), FINE)[0].float()


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    """The coordinates (x, y) of the samples."""
    y, x = ((torch.arange(n * FINE, dtype=torch.float64) + 0.5) / FINE for n in SIZE)
    return x[None].expand(len(y), -1), y[:, None].expand(-1, len(x))


@pytest.mark.parametrize("box", [(2, 3, 9, 8), (0, 0, 17, 13), (2.25, 3.5, 2.75, 9.1)])
def test_box_covers_by_area(box: tuple[float, float, float, float]) -> None:
    x, y = samples()
    inside = (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])
    torch.testing.assert_close(box_alpha(box, SIZE), counted(inside), atol=1.5 / FINE, rtol=0)
    exact = (box[2] - box[0]) * (box[3] - box[1])
    assert math.isclose(box_alpha(box, SIZE).sum().item(), exact, rel_tol=1e-6)


@pytest.mark.parametrize(
    "points",
    [
        [(2.3, 1.1), (15.2, 4.7), (6.5, 12.4)],
        [(1, 1), (16, 12), (16, 1), (1, 12)],  # crosses itself
        [(2, 2), (14, 2), (14, 11), (2, 11), (2, 2), (5, 5), (11, 5), (11, 8), (5, 8), (5, 5)],  # has a hole
        [(-5, -5), (30, 3), (8, 30)],  # reaches out of the image
    ],
)
def test_polygon_covers_by_area(points: list[tuple[float, float]]) -> None:
    torch.testing.assert_close(polygon_alpha(points, SIZE), counted(even_odd(points)), atol=0.08, rtol=0)
    assert (polygon_alpha(points, SIZE) - counted(even_odd(points))).abs().mean() < 0.01


def even_odd(points: list[tuple[float, float]]) -> torch.Tensor:
    """Samples to whose right an odd number of edges lies."""
    x, y = samples()
    odd = torch.zeros_like(x, dtype=torch.bool)
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if y0 != y1:
            odd ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return odd


def test_a_polygon_on_the_pixel_grid_is_exact() -> None:
    square = polygon_alpha([(3, 2), (9, 2), (9, 7), (3, 7)], SIZE)
    assert torch.equal(square, box_alpha((3, 2, 9, 7), SIZE))


@pytest.mark.parametrize("points", [[(8.5, 6.5)], [(3, 3), (12, 9)], [(-4, 6), (4, 2), (20, 11)], [(2, 10), (2, 2)]])
@pytest.mark.parametrize("radius", [1.5, 4])
def test_path_is_all_within_the_radius(points: list[tuple[float, float]], radius: float) -> None:
    x, y = samples()
    inside = distance(points, x, y) <= radius
    # The soft edge is a ramp of one pixel on the distance: near the true coverage, not equal to it.
    torch.testing.assert_close(path_alpha(points, SIZE, radius=radius), counted(inside), atol=0.2, rtol=0)


def distance(points: list[tuple[float, float]], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """To the nearest of 2,000 points along the path."""
    nearest = torch.full_like(x, math.inf)
    for (x0, y0), (x1, y1) in zip(points, points[1:] or points, strict=False):
        for t in torch.linspace(0, 1, 2 if (x0, y0) == (x1, y1) else 300).tolist():
            nearest = torch.minimum(nearest, torch.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0)))
    return nearest


def test_a_large_disc_has_its_area() -> None:
    disc = path_alpha([(50.2, 49.7)], (100, 100), radius=30)
    assert math.isclose(disc.sum().item(), math.pi * 30**2, rel_tol=2e-3)


def test_outside_is_empty_not_an_error() -> None:
    assert not path_alpha([(-50, -50), (-20, 90)], SIZE, radius=3).any()
    assert not polygon_alpha([(20, 20), (30, 20), (20, 30)], SIZE).any()


def test_bad_numbers() -> None:
    with pytest.raises(InputError, match="radius or width above 0 pixels, got 0"):
        path_alpha([(1, 1)], SIZE, radius=0)
    with pytest.raises(InputError, match="finite coordinates"):
        path_alpha([(1, math.nan)], SIZE, radius=1)
    with pytest.raises(InputError, match="finite coordinates"):
        polygon_alpha([(1, 1), (2, math.inf), (3, 3)], SIZE)


@pytest.mark.parametrize("eighths", range(9))
def test_a_polygon_whose_edge_lies_at_an_eighth_of_a_pixel_is_exact(eighths: int) -> None:
    top = 3 + eighths / 8
    alpha = polygon_alpha([(2, top), (9, top), (9, 7), (2, 7)], SIZE)
    assert torch.equal(alpha, box_alpha((2, top, 9, 7), SIZE))


def test_shares_of_a_polygon_stay_within_0_and_1() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        corners = torch.rand(12, 2, generator=generator, dtype=torch.float64) * 24 - 4
        alpha = polygon_alpha([(x, y) for x, y in corners.tolist()], SIZE)
        assert alpha.min() >= 0
        assert alpha.max() <= 1


@pytest.mark.parametrize("offset", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("radius", [0.5, 1.0, 2.25])
def test_a_discs_edge_is_a_ramp_of_one_pixel_wherever_it_lies(offset: float, radius: float) -> None:
    centre = (6 + offset, 5 + offset)
    y, x = torch.meshgrid(*(torch.arange(n) + 0.5 for n in SIZE), indexing="ij")
    expected = (radius + 0.5 - torch.hypot(x - centre[0], y - centre[1])).clamp(0, 1)
    torch.testing.assert_close(path_alpha([centre], SIZE, radius=radius), expected, atol=1e-5, rtol=0)
