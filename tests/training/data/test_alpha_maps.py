import pytest
import torch

from gencontrol.training.data.alpha_maps import KINDS, vary_alpha


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
