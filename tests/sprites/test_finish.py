"""Pictures' finish."""

import math

import pytest
import torch

from gencontrol.images.blur import gaussian_blur
from gencontrol.sprites import finish
from gencontrol.sprites.finish import finished


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_share_is_changed_and_stays_in_range(share: float) -> None:
    rgb = torch.rand(300, 3, 8, 8, generator=seeded())
    out = finished(rgb, share, seeded(1))
    changed = (out != rgb).flatten(1).any(1).double().mean()
    assert abs(float(changed) - share) < 0.08
    assert out.min() >= 0 and out.max() <= 1


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(5, 3, 16, 16, generator=seeded(3)) * 0.6 + 0.2


def done(way: str, picture: torch.Tensor, amount: float, noise: float = 0.0) -> torch.Tensor:
    amounts = torch.full((5, 3), amount)
    return getattr(finish, way)(picture, amounts, torch.full_like(picture, noise))


def test_grey_is_luma_at_full_amount(picture: torch.Tensor) -> None:
    luma = (picture * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    assert torch.allclose(done("_grey", picture, 1.0), luma.expand_as(picture), atol=1e-6)
    assert torch.allclose(done("_grey", picture, 0.0), (picture + luma) / 2, atol=1e-6)


def test_few_levels_are_few(picture: torch.Tensor) -> None:
    assert len(done("_few_levels", picture, 0.0).unique()) <= 3
    assert len(done("_few_levels", picture, 0.999).unique()) <= 7


def test_contrast_in_the_middle_of_its_range_changes_nothing(picture: torch.Tensor) -> None:
    assert torch.allclose(done("_contrast", picture, 0.5), picture, atol=1e-5)
    assert done("_contrast", picture, 1.0).mean() < picture.mean()  # a gamma above one darkens


def test_shade_falls_off_to_one_side(picture: torch.Tensor) -> None:
    grey = torch.full_like(picture, 0.5)
    shaded = finish._shaded(grey, torch.tensor([[0.0, 1.0, 0.5]]).expand(5, 3), grey)
    row = shaded[0, 0, 0]
    assert (row.diff() > 0).all() and row[-1].isclose(torch.tensor(0.5 * 1.45)) and row[0].isclose(torch.tensor(0.275))
    warm = finish._shaded(grey, torch.tensor([[0.0, 0.0, 1.0]]).expand(5, 3), grey)[0, :, 0, 0]
    assert torch.allclose(warm, torch.tensor([0.575, 0.5, 0.425]))


def test_sharpening_and_softening_are_opposite(picture: torch.Tensor) -> None:
    def rough(rgb: torch.Tensor) -> float:
        return float(rgb.diff(dim=-1).abs().mean())

    assert rough(done("_sharpened", picture, 1.0)) > rough(picture) > rough(done("_soft", picture, 1.0))
    assert torch.equal(done("_sharpened", picture, 0.0), picture)


def test_grain_has_its_size(picture: torch.Tensor) -> None:
    assert torch.allclose(done("_grainy", picture, 1.0, noise=1.0) - picture, torch.full_like(picture, 0.12), atol=1e-6)


@pytest.mark.parametrize(("amount", "levels"), [(0.0, 3), (0.39, 4), (0.41, 5), (0.999, 7)])
def test_levels_are_even_steps_from_black_to_white(amount: float, levels: int) -> None:
    ramp = torch.linspace(0, 1, 256).expand(5, 3, 1, -1)
    assert torch.allclose(done("_few_levels", ramp, amount).unique(), torch.linspace(0, 1, levels), atol=1e-6)


def test_contrast_is_a_gamma_and_a_factor_about_the_middle() -> None:
    grey = torch.full((1, 3, 1, 1), 0.25)
    gamma, factor = math.exp(1.4 * 0.25), math.exp(1.2 * -0.3)
    found = finish._contrast(grey, torch.tensor([[0.75, 0.2, 0.0]]), grey)
    assert found.flatten().tolist() == pytest.approx([(0.25**gamma - 0.5) * factor + 0.5] * 3)
    # Black stays a number under any gamma.
    black = finish._contrast(torch.zeros_like(grey), torch.tensor([[0.0, 0.5, 0.0]]), grey)
    assert black.max().item() == pytest.approx(1e-4 ** math.exp(-0.7), rel=1e-3)


def test_shade_turns_with_its_angle() -> None:
    grey = torch.full((1, 3, 9, 9), 0.5)
    down = finish._shaded(grey, torch.tensor([[0.25, 0.5, 0.5]]), grey)[0, 0]
    assert torch.allclose(down[:, 0], 0.5 * (1 + 0.225 * torch.linspace(-1, 1, 9)), atol=1e-6)
    assert torch.allclose(down[:, :1].expand(-1, 9), down, atol=1e-6)


def test_sharpening_softening_and_grain_have_their_amounts(picture: torch.Tensor) -> None:
    half = done("_sharpened", picture, 0.5) - picture
    assert torch.allclose(half, 0.75 * (picture - gaussian_blur(picture, 1.0)), atol=1e-6)
    assert torch.allclose(done("_soft", picture, 1.0), gaussian_blur(picture, 1.2), atol=1e-6)
    assert torch.allclose(done("_soft", picture, 0.5), (picture + gaussian_blur(picture, 1.2)) / 2, atol=1e-6)
    assert torch.allclose(done("_grainy", picture, 0.0, noise=1.0) - picture, torch.full_like(picture, 0.02), atol=1e-6)


def test_every_way_is_drawn_as_often() -> None:
    grey = torch.full((700, 3, 4, 4), 0.5)
    out = finished(grey, 1.0, seeded(2))
    # Of a plain picture, grey, sharpened and soft make the same, few levels, contrast, shade and grain another.
    same = (out - grey).abs().flatten(1).amax(1) < 1e-5
    assert abs(same.double().mean().item() - 3.5 / 7) < 0.1
