"""Pictures' finish."""

import pytest
import torch

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
