"""Colour changes on premultiplied colours."""

import pytest
import torch

from gencontrol.sprites.recolouring import RECOLOURINGS, jitter_matrices, recolour

PLAIN = torch.eye(4).expand(200, 2, 4, 4)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def changed(kind: str) -> torch.Tensor:
    """All changes of a kind among some hundred draws."""
    colour, kinds = recolour(PLAIN, 1.0, seeded())
    return colour[kinds == RECOLOURINGS.index(kind)]


def applied(matrices: torch.Tensor, rgb: tuple[float, float, float], alpha: float = 1.0) -> torch.Tensor:
    return (matrices @ torch.tensor([*(alpha * c for c in rgb), alpha]))[..., :3]


def luma(rgb: torch.Tensor) -> torch.Tensor:
    return rgb @ torch.tensor([0.299, 0.587, 0.114])


def test_without_strength_nothing_changes() -> None:
    assert torch.allclose(jitter_matrices((3, 2), 0.0, seeded()), torch.eye(4).expand(3, 2, 4, 4), atol=1e-6)


def test_jitter_stays_within_its_strength() -> None:
    grey = applied(jitter_matrices((500, 2), 0.2, seeded()), (0.5, 0.5, 0.5))
    # Brightness by up to a fifth and tint by up to a tenth.
    assert grey.min() >= 0.5 * 0.8 - 0.1 - 1e-5 and grey.max() <= 0.5 * 1.2 + 0.1 + 1e-5
    assert grey.max() > 0.6 and grey.min() < 0.4


def test_jitter_keeps_opacity_and_turns_saturation_by_twice_its_strength() -> None:
    matrices = jitter_matrices((500, 2), 0.2, seeded())
    assert torch.equal(matrices[..., 3, :], torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(500, 2, 4))
    # What a colour keeps of its distance from grey, times its brightness.
    kept = matrices[..., 0, 0] - matrices[..., 1, 0]
    assert 0.8 * 0.6 - 1e-5 <= kept.min() < 0.6 and 1.5 < kept.max() <= 1.2 * 1.4 + 1e-5
    assert matrices[..., :3, 3].std((0, 1)).min() > 0.05  # one tint a channel, not one for all
    assert not torch.allclose(matrices[..., 0, 3], matrices[..., 1, 3], atol=0.05)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_that_is_changed(share: float) -> None:
    colour, kinds = recolour(PLAIN, share, seeded(1))
    same = (colour == PLAIN).all(-1).all(-1)
    assert torch.equal(same, kinds < 0)
    assert abs(float((kinds >= 0).double().mean()) - share) < 0.07
    if share == 1:
        drawn = kinds.flatten().bincount(minlength=len(RECOLOURINGS)) / kinds.numel()
        assert drawn.tolist() == pytest.approx([0.4, 0.25, 0.15, 0.1, 0.1], abs=0.06)


def test_a_turned_hue_keeps_greys_and_brightness_and_moves_red() -> None:
    hue = changed("hue")
    assert torch.allclose(applied(hue, (0.4, 0.4, 0.4)), torch.full((len(hue), 3), 0.4), atol=1e-5)
    red = applied(hue, (1.0, 0.0, 0.0))
    assert torch.allclose(red.sum(-1), torch.ones(len(hue)), atol=1e-5)
    # From a sixth to five sixths of the circle, found again from the matrix.
    cosine = (hue[:, :3, :3].diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2
    sine = (hue[:, 1, 0] - hue[:, 0, 1]) * 3**0.5 / 2
    angle = torch.atan2(sine, cosine).rad2deg() % 360
    assert 59.9 < angle.min() < 70 and 290 < angle.max() < 300.1


def test_grey_and_inverted() -> None:
    grey = applied(changed("grey"), (0.2, 0.6, 0.4))
    assert torch.allclose(grey, luma(torch.tensor([0.2, 0.6, 0.4])).expand_as(grey), atol=1e-5)
    inverted = applied(changed("inverted"), (0.2, 0.6, 0.4), alpha=0.5)
    assert torch.allclose(inverted, 0.5 * torch.tensor([0.8, 0.4, 0.6]).expand_as(inverted), atol=1e-5)


def test_a_silhouette_has_one_dark_colour() -> None:
    matrices = changed("silhouette")
    one, other = applied(matrices, (0.9, 0.1, 0.3)), applied(matrices, (0.2, 0.8, 0.6))
    assert torch.allclose(one, other, atol=1e-6) and one.min() >= 0 and 0.3 < one.max() <= 0.6


def test_two_colours_run_from_dark_to_light() -> None:
    matrices = changed("two colours")
    black, white = applied(matrices, (0.0, 0.0, 0.0)), applied(matrices, (1.0, 1.0, 1.0))
    assert 0.4 < black.max() <= 0.5 and black.min() < 0.1 and 0.5 <= white.min() < 0.6 and white.max() > 0.9
    middle = applied(matrices, (0.5, 0.5, 0.5))
    assert torch.allclose(middle, (black + white) / 2, atol=1e-5)
