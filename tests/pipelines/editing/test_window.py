"""Windows lie around holes, within the photograph where it has room; what is put back leaves all else to the bit."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.pipelines.editing.window import cut, put_back, soft_hole, window_around

PHOTO = (torch.arange(3 * 40 * 60).reshape(3, 40, 60) * 37 % 256).to(torch.uint8)


def hole(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (40, 60)) -> Tensor:
    alpha = torch.zeros(size)
    alpha[y0:y1, x0:x1] = 1.0
    return alpha


@pytest.mark.parametrize(
    ("box", "margin", "aspect", "expected"),
    [
        ((20, 10, 30, 20), 0.0, 1.0, (20, 10, 30, 20)),
        ((20, 10, 30, 20), 0.5, 1.0, (15, 5, 35, 25)),
        ((20, 10, 36, 20), 0.0, 1.0, (20, 7, 36, 23)),
        ((20, 10, 30, 20), 0.0, 2.0, (15, 10, 35, 20)),
        ((20, 10, 40, 20), 0.0, 0.5, (20, -5, 40, 35)),
        ((0, 0, 10, 10), 0.5, 1.0, (0, 0, 20, 20)),
        ((50, 30, 60, 40), 0.5, 1.0, (40, 20, 60, 40)),
        ((0, 0, 60, 40), 0.0, 1.0, (0, -10, 60, 50)),
    ],
)
def test_where_windows_lie(
    box: tuple[int, int, int, int], margin: float, aspect: float, expected: tuple[int, int, int, int]
) -> None:
    found = window_around(hole(*box), margin=margin, aspect=aspect)
    if aspect == 0.5:
        # Taller than the photograph: in the middle of it, and beyond it at both ends.
        assert found[0] == 20 and found[2] - found[0] == 20 and found[3] - found[1] == 40
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("alpha", "margin", "message"),
    [
        (torch.zeros(8, 8), 0.1, "The hole is empty"),
        (torch.ones(8, 8), -0.1, "margin: expected 0 or more and at most 100, got -0.1"),
    ],
)
def test_windows_that_cannot_be(alpha: Tensor, margin: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        window_around(alpha, margin=margin)


def test_beyond_the_border_the_photograph_goes_on() -> None:
    window = cut(PHOTO, (-5, -10, 55, 30), (40, 60))
    assert_close(window[:, 10:, 5:], PHOTO[:, :30, :55] / 255)
    assert_close(window[:, 0, 5:], PHOTO[:, 0, :55] / 255)
    assert_close(window[:, 10:, 0], PHOTO[:, :30, 0] / 255)
    assert cut(PHOTO, (0, 0, 60, 40), (8, 16)).shape == (3, 8, 16)


def test_a_border_rises_inside_the_hole_alone() -> None:
    alpha = hole(10, 10, 30, 30)
    soft = soft_hole(alpha, 3.0)
    assert soft[20, 8:16].tolist() == [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert torch.equal(soft > 0, alpha > 0)
    assert torch.equal(soft_hole(alpha, 0.0), alpha)
    thin = soft_hole(hole(10, 10, 30, 13), 9.0)
    assert thin[10:13, 20].tolist() == [0.5, 1.0, 0.5]
    assert torch.equal(soft_hole(torch.ones(5, 5), 2.0), torch.ones(5, 5))
    # At the photograph's own edge there is nothing to fit to.
    assert soft_hole(hole(0, 10, 20, 30), 3.0)[20, :3].tolist() == [1.0, 1.0, 1.0]
    assert_close(soft_hole(0.5 * alpha, 3.0), 0.5 * soft)


@pytest.mark.parametrize("box", [(10, 5, 30, 25), (-5, -10, 65, 60), (40, 30, 70, 60)])
def test_what_is_put_back_changes_the_hole_alone(box: tuple[int, int, int, int]) -> None:
    soft = hole(45, 32, 55, 38)
    soft[34, 50] = 0.5
    result = put_back(PHOTO, torch.ones(3, 9, 9), soft, box)
    assert result.dtype == torch.uint8 and torch.equal(result[:, soft == 0], PHOTO[:, soft == 0])
    seen = torch.zeros(40, 60, dtype=torch.bool)
    seen[max(box[1], 0) : max(box[3], 0), max(box[0], 0) : max(box[2], 0)] = True
    assert bool((result[:, (soft == 1) & seen] == 255).all())
    assert torch.equal(result[:, (soft == 1) & ~seen], PHOTO[:, (soft == 1) & ~seen])
    if seen[34, 50]:
        assert_close(result[:, 34, 50].float(), (PHOTO[:, 34, 50].float() + 255) / 2, atol=0.51, rtol=0)


def test_a_window_goes_back_to_where_it_came_from() -> None:
    box = (-5, 10, 35, 50)
    window = cut(PHOTO, box, (40, 40))
    assert torch.equal(put_back(PHOTO, window, torch.ones(40, 60), box), PHOTO)
