"""Augmentations move colour, opacity and alpha together."""

import dataclasses
import math

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.guidance.augmentation import STILL, Augmentation, augment, jitter

MOVING = dataclasses.replace(STILL, copies=3, backgrounds=("black",), perspective=0.4, crop=0.7, translation=0.1)


def disc() -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 24), torch.linspace(-1, 1, 24), indexing="ij")
    return (((x - 0.2) ** 2 + y**2) < 0.3).float()[None, None]


def run(settings: Augmentation, *, colour=None, opacity=None, alpha=None, seed: int = 0):
    mask = disc()
    return augment(
        mask.expand(1, 3, -1, -1) if colour is None else colour,
        mask if opacity is None else opacity,
        mask if alpha is None else alpha,
        settings,
        generator=torch.Generator().manual_seed(seed),
    )


def test_colour_and_alpha_stay_together() -> None:
    rgb, alpha = run(MOVING)
    # A white disc over black, highlighted as a whole: wherever it goes, colour and alpha are the same picture.
    assert torch.allclose(rgb, alpha.expand_as(rgb), atol=1e-6)
    assert not torch.allclose(alpha[0], disc()[0], atol=0.1)
    assert not torch.allclose(alpha[0], alpha[1], atol=0.1)


def test_opacity_moves_too() -> None:
    white = dataclasses.replace(MOVING, backgrounds=("white",))
    rgb, alpha = run(white, colour=torch.zeros(1, 3, 24, 24))
    # A black disc over white: what is white is exactly what the moved opacity leaves.
    assert torch.allclose(rgb, (1 - alpha).expand_as(rgb), atol=1e-5)


def test_still_changes_nothing_but_the_background() -> None:
    colour = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(2))
    rgb, alpha = run(STILL, colour=colour, opacity=torch.ones(2, 1, 24, 24), alpha=disc().repeat(2, 1, 1, 1))
    assert torch.allclose(rgb, colour, atol=1e-5)
    assert torch.allclose(alpha, disc().expand(2, 1, 24, 24), atol=1e-5)


def test_copies_of_one_view_lie_side_by_side() -> None:
    colour = torch.stack([torch.zeros(3, 24, 24), torch.ones(3, 24, 24)])
    ones = torch.ones(2, 1, 24, 24)
    rgb, _ = run(dataclasses.replace(STILL, copies=2), colour=colour, opacity=ones, alpha=ones)
    assert rgb.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0, 0, 1, 1], abs=1e-5)


def test_the_seed_decides() -> None:
    settings = Augmentation(copies=2)
    first, again, other = run(settings), run(settings), run(settings, seed=1)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_jitter_is_affine_in_each_picture() -> None:
    settings = dataclasses.replace(STILL, brightness=0.3, contrast=0.5, saturation=0.5)
    one, two = torch.rand(2, 1, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def change(rgb: torch.Tensor) -> torch.Tensor:
        return jitter(rgb, settings, generator=torch.Generator().manual_seed(7))

    assert torch.allclose(change((one + two) / 2), (change(one) + change(two)) / 2)
    assert not torch.allclose(change(one), one, atol=0.01)


def test_softening_blurs_colour_and_alpha_alike_and_keeps_what_there_is() -> None:
    rgb, alpha = run(dataclasses.replace(STILL, copies=4, backgrounds=("black",), soften=0.1))
    assert torch.allclose(rgb, alpha.expand_as(rgb), atol=1e-5)
    assert torch.allclose(alpha.sum(dim=(1, 2, 3)), disc().sum().expand(4), rtol=1e-4)
    partial = ((alpha > 0.05) & (alpha < 0.95)).flatten(1).sum(dim=1)
    assert partial.min() > 0 and len(partial.unique()) > 1  # each by its own width


def test_noise_has_the_named_spread_and_leaves_alpha() -> None:
    clean, noisy = (run(dataclasses.replace(STILL, backgrounds=("black",), noise=n)) for n in (0.0, 0.2))
    assert (noisy[0] - clean[0]).std().item() == pytest.approx(0.2, rel=0.1)
    assert torch.equal(noisy[1], clean[1])


def test_gradients_reach_colour_opacity_and_alpha() -> None:
    inputs = [
        torch.rand(1, c, 5, 5, generator=torch.Generator().manual_seed(c), dtype=torch.float64) for c in (3, 1, 1)
    ]

    def call(*planes: torch.Tensor):
        colour, opacity, alpha = planes
        return augment(colour, opacity, alpha, Augmentation(copies=2), generator=torch.Generator().manual_seed(3))

    assert torch.autograd.gradcheck(call, [plane.requires_grad_() for plane in inputs])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"copies": 0}, "at least one copy"),
        ({"backgrounds": ()}, "kind of background; choose from solid"),
        ({"perspective": 1.0}, r"perspective must lie in \[0, 1\)"),
        ({"widest": 0.5}, r"widest must be finite and at least crop \(0.85\); got 0.5"),
        ({"widest": math.inf}, "widest must be finite"),
        ({"soften": -0.1}, r"soften must lie in \[0, 1\]; got -0.1"),
        ({"blur": 2.0}, r"blur must lie in \[0, 1\]; got 2"),
        ({"translation": -0.1}, "translation must lie in"),
        ({"brightness": 1.5}, "brightness must lie in"),
        ({"contrast": math.nan}, "contrast must lie in .*; got nan"),
        ({"saturation": -1.0}, "saturation must lie in"),
        ({"noise": math.inf}, "noise must lie in .*; got inf"),
        ({"crop": 0.0}, r"crop must lie in \(0, 1\]"),
        ({"crop": 1.1, "widest": 1.2}, r"crop must lie in \(0, 1\]; got 1.1"),
        ({"perspective": -0.1}, r"perspective must lie in \[0, 1\); got -0.1"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Augmentation(**settings)


def test_a_generator_elsewhere_is_refused() -> None:
    planes = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    with pytest.raises(InputError, match=r"must be on the CPU.*got meta"):
        augment(*planes, STILL, generator=FakeGenerator())


class FakeGenerator(torch.Generator):
    """Says that it lives elsewhere; no second device is needed."""

    device = torch.device("meta")  # pyright: ignore[reportAssignmentType, reportIncompatibleVariableOverride]


def test_defaults() -> None:
    assert Augmentation() == Augmentation(
        copies=4,
        backgrounds=("solid", "checker", "noise", "texture"),
        blur=0.05,
        perspective=0.3,
        crop=0.85,
        widest=1.0,
        translation=0.05,
        brightness=0.1,
        contrast=0.2,
        saturation=0.2,
        soften=0.0,
        noise=0.0,
    )


def drawn_evenly_up_to(amounts: torch.Tensor, limit: float) -> bool:
    """Whether hundreds of amounts fill [-limit, limit] evenly."""
    reach = amounts.abs().max().item()
    return 0.97 * limit < reach <= limit * (1 + 1e-4) and abs(amounts.abs().mean().item() - limit / 2) < 0.1 * limit


def jittered(**limits: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Four hundred copies of one picture, as they were and changed."""
    rgb = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double().repeat(400, 1, 1, 1)
    settings = dataclasses.replace(STILL, **limits)
    return rgb, jitter(rgb, settings, generator=torch.Generator().manual_seed(1))


def test_brightness_adds_one_amount_to_every_channel() -> None:
    rgb, changed = jittered(brightness=0.3)
    added = changed - rgb
    assert torch.allclose(added, added[:, :1, :1, :1].expand_as(added))
    assert drawn_evenly_up_to(added[:, 0, 0, 0], 0.3)


def test_saturation_scales_the_distance_from_each_pixels_grey() -> None:
    rgb, changed = jittered(saturation=0.4)
    grey = rgb.mean(dim=1, keepdim=True)
    scale = (changed - grey) / (rgb - grey)
    assert torch.allclose(scale, scale[:, :1, :1, :1].expand_as(scale))
    assert drawn_evenly_up_to(scale[:, 0, 0, 0] - 1, 0.4)


def test_contrast_scales_the_distance_from_the_pictures_mean() -> None:
    rgb, changed = jittered(contrast=0.2)
    mean = rgb.mean(dim=(1, 2, 3), keepdim=True)
    scale = (changed - mean) / (rgb - mean)
    assert torch.allclose(scale, scale[:, :1, :1, :1].expand_as(scale))
    assert drawn_evenly_up_to(scale[:, 0, 0, 0] - 1, 0.2)


def test_softening_is_a_share_of_the_shorter_side() -> None:
    spot = torch.zeros(1, 1, 16, 128)
    spot[..., 8, 64] = 1
    settings = dataclasses.replace(STILL, copies=200, backgrounds=("black",), soften=0.1)
    alpha = run(settings, colour=spot.expand(1, 3, -1, -1), opacity=spot, alpha=spot)[1][:, 0]
    across = alpha.sum(dim=1)
    place = torch.arange(128.0) - 64
    # A copy that is not blurred has a variance of 0, to rounding.
    sigma = ((across * place**2).sum(dim=1) / across.sum(dim=1)).clamp(min=0).sqrt()
    assert sigma.max().item() == pytest.approx(0.1 * 16, rel=0.05)


def test_a_wide_window_shows_less_than_the_picture() -> None:
    ones = torch.ones(1, 1, 24, 24)
    settings = dataclasses.replace(STILL, copies=200, crop=1.0, widest=2.0)
    shares = run(settings, colour=ones.expand(1, 3, -1, -1), opacity=ones, alpha=ones)[1].mean(dim=(1, 2, 3))
    assert shares.min().item() == pytest.approx(0.25, abs=0.05)
    assert shares.max().item() > 0.95


def test_the_ends_of_what_is_allowed() -> None:
    shares = ("blur", "translation", "brightness", "contrast", "saturation", "soften", "noise")
    least = Augmentation(copies=1, perspective=0.0, crop=1.0, widest=1.0)
    dataclasses.replace(least, **dict.fromkeys(shares, 1.0))
    dataclasses.replace(least, perspective=0.99, crop=0.01, widest=0.01, **dict.fromkeys(shares, 0.0))


def test_backgrounds_of_still_views_are_plain_and_differ() -> None:
    empty = torch.zeros(6, 1, 8, 8)
    rgb, alpha = run(STILL, colour=empty.expand(6, 3, -1, -1), opacity=empty, alpha=empty + 0.5)
    assert (rgb == rgb[:, :, :1, :1]).all() and len(rgb[:, :, 0, 0].unique(dim=0)) == 6
    assert torch.allclose(alpha, torch.full_like(alpha, 0.5), atol=1e-5)
