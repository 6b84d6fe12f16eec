import pytest
import torch

from gencontrol.training.data.alpha_maps import (
    KINDS,
    _box,
    _faint,
    _faintest,
    _grown,
    _partial,
    _shaky,
    _shifted,
    _soft,
    vary_alpha,
)


def disc(size=48, radius=12.0):
    y, x = torch.meshgrid(torch.arange(size) - 20.0, torch.arange(size) - 26.0, indexing="ij")
    return ((x.square() + y.square()).sqrt() < radius).float().expand(5, -1, -1)


def varied(kind, seed=0):
    weights = tuple(float(k == kind) for k in KINDS)
    return vary_alpha(disc(), weights, torch.Generator().manual_seed(seed))


def test_exact_is_unchanged():
    assert torch.equal(varied("exact"), disc())


def test_soft_blurs_the_edge_and_keeps_the_amount():
    soft = varied("soft")
    assert soft[0, 20, 26] == 1 and ((soft > 0.05) & (soft < 0.95)).sum() > 50
    assert torch.allclose(soft.sum((1, 2)), disc().sum((1, 2)), rtol=0.02)


def test_partial_keeps_about_half_in_random_directions():
    parts = varied("partial")
    share = parts.sum((1, 2)) / disc().sum((1, 2))
    assert ((share > 0.4) & (share < 0.6)).all() and (parts <= disc()).all()
    assert not torch.equal(parts[0], parts[1])


def test_box_is_the_filled_bounding_box():
    rows, columns = disc()[0].nonzero(as_tuple=True)
    expected = torch.zeros(48, 48)
    expected[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = 1
    assert torch.equal(varied("box")[2], expected)


def test_grown_reaches_one_pixel_further():
    grown = varied("grown")
    assert (grown >= disc()).all() and grown[0].any(0).sum() == disc()[0].any(0).sum() + 2


def test_faint_scales_to_no_less_than_six_tenths():
    peaks = varied("faint").amax((1, 2))
    assert (peaks >= 0.6).all() and (peaks < 1).any()


def test_nothing_becomes_empty():
    tiny = torch.zeros(64, 16, 16)
    tiny[:, 0, 0] = 1.0
    for kind in KINDS:
        weights = tuple(float(k == kind) for k in KINDS)
        assert vary_alpha(tiny, weights, torch.Generator().manual_seed(0)).sum((1, 2)).min() > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_the_draw_is_the_generators(seed):
    assert torch.equal(varied("partial", seed), varied("partial", seed))


def amounts(*values: float) -> torch.Tensor:
    return torch.tensor([[*values, *(0.0,) * (4 - len(values))]])


def spot(size: int, *places: tuple[int, int]) -> torch.Tensor:
    """One map with single pixels at (row, column)."""
    alpha = torch.zeros(1, size, size)
    for row, column in places:
        alpha[0, row, column] = 1
    return alpha


@pytest.mark.parametrize(("size", "radius"), [(16, 1), (47, 1), (48, 2), (72, 3)])
def test_soft_edges_are_two_box_blurs_of_a_24th(size, radius):
    middle = size // 2
    row = _soft(spot(size, (middle, middle)), amounts())[0, middle]
    width = 2 * radius + 1
    peak = torch.cat([torch.arange(1, width + 1), torch.arange(width - 1, 0, -1)]) / width**2
    assert torch.allclose(row[middle - 2 * radius : middle + 2 * radius + 1], peak / width, atol=1e-6)
    assert torch.allclose(_soft(torch.ones(1, size, size), amounts()), torch.ones(1, size, size))


@pytest.mark.parametrize(("size", "radius"), [(16, 1), (63, 1), (64, 2), (96, 3)])
def test_grown_by_a_32nd(size, radius):
    grown = _grown(spot(size, (8, 7)), amounts())[0]
    assert grown[8 - radius : 9 + radius, 7 - radius : 8 + radius].all() and grown.sum() == (2 * radius + 1) ** 2


@pytest.mark.parametrize(
    ("turn", "kept"), [(0.0, (slice(None), slice(4, None))), (0.25, (slice(3, None), slice(None))),
                       (0.5, (slice(None), slice(0, 4))), (0.75, (slice(0, 3), slice(None)))],
)  # fmt: skip
def test_a_part_lies_on_one_side_of_its_boxs_middle(turn, kept):
    alpha = torch.zeros(1, 8, 10)
    alpha[0, 1:5, 2:6] = 1
    expected = torch.zeros(8, 10)
    expected[kept] = alpha[0][kept]
    assert torch.equal(_partial(alpha, amounts(turn + 1e-4))[0], expected)
    assert torch.equal(_box(alpha, amounts()), alpha)


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_faint_maps_are_scaled(amount):
    ones = torch.ones(1, 4, 4)
    assert torch.allclose(_faint(ones, amounts(0.0, amount)), ones * (0.6 + 0.4 * amount))
    assert torch.allclose(_faintest(ones, amounts(0.0, amount)), ones * (0.1 + 0.9 * amount))


@pytest.mark.parametrize(
    ("across", "down", "rows", "columns"),
    [(0, 0, (2, 6), (1, 4)), (2, 1, (3, 7), (3, 6)), (-1, -2, (0, 4), (0, 3)), (-3, 3, (5, 8), (0, 1))],
)
def test_a_shift_moves_to_the_right_and_down(across, down, rows, columns):
    plane, expected = torch.zeros(8, 6), torch.zeros(8, 6)
    plane[2:6, 1:4] = 1
    expected[slice(*rows), slice(*columns)] = 1
    assert torch.equal(_shifted(plane, across, down), expected)


def test_a_shaky_hand_strays_by_a_tenth_of_the_longer_side():
    alpha = torch.zeros(3, 64, 64)
    alpha[:, 20:30, 10:40] = 1  # 30 wide, so that a tenth is 3 pixels
    draws = torch.tensor([[0.0, 0.5, 0.5, 0.0], [1.0, 0.5, 0.5, 0.0], [0.0, 1.0, 0.0, 0.0]])
    plain, grown, moved = _shaky(alpha, draws)
    assert torch.equal(plain, alpha[0])
    assert grown[17:33, 7:43].all() and grown.sum() == 16 * 36
    assert moved[17:27, 13:43].all() and moved.sum() == 300
    tall = _shaky(alpha.transpose(1, 2)[:1], draws[1:2])[0]
    assert tall[7:43, 17:33].all() and tall.sum() == 16 * 36


@pytest.mark.parametrize(("right", "sums"), [(4, {1, 4}), (5, {5, 6})])
def test_less_than_a_fifth_is_too_little(right, sums):
    # One pixel on the left of the middle, the others on the right: one of six is refused, one of five is not.
    alpha = spot(12, (3, 0), *((3, 9 - i) for i in range(right))).expand(40, -1, -1)
    weights = tuple(float(kind == "partial") for kind in KINDS)
    found = vary_alpha(alpha, weights, torch.Generator().manual_seed(0)).sum((1, 2))
    assert set(found.tolist()) == sums


def test_kinds_without_a_weight_are_not_drawn():
    mixed = vary_alpha(disc(), (0.0, 0.0, 0.0, 1.0), torch.Generator().manual_seed(0))
    assert torch.equal(mixed, varied("box"))
    assert KINDS == ("exact", "soft", "partial", "box", "grown", "faint", "shaky", "faintest")
