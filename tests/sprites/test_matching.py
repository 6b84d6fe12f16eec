"""One drawing in another's colours."""

from dataclasses import replace

import torch

from gencontrol.sprites.compose import SceneConfig, compose, render
from gencontrol.sprites.layout import take_slot
from gencontrol.sprites.matching import FLOOR, colour_moments, in_colours_of, transport


def positive(seed: int, count: int = 5) -> torch.Tensor:
    """Random covariances."""
    factor = torch.randn(count, 3, 3, generator=torch.Generator().manual_seed(seed))
    return factor @ factor.mT / 10


def test_moments_are_of_what_is_covered_alone() -> None:
    rgb = torch.zeros(1, 3, 1, 4)
    rgb[0, :, 0] = torch.tensor([[0.2, 0.6, 1.0, 0.0], [0.5, 0.5, 1.0, 0.0], [0.3, 0.1, 1.0, 0.0]])
    mean, covariance = colour_moments(rgb, torch.tensor([[[3.0, 1.0, 0.0, 0.0]]]) / 3)
    assert torch.allclose(mean, torch.tensor([[0.3, 0.5, 0.25]]))
    # Shares of 3/4 and 1/4, apart by (.4, 0, -.2): a variance of .75 * .25 times their product.
    assert torch.allclose(
        covariance[0], 0.1875 * torch.tensor([[0.16, 0, -0.08], [0, 0, 0], [-0.08, 0, 0.04]]), atol=1e-6
    )
    nothing = colour_moments(rgb, torch.zeros(1, 1, 4))
    assert all((values == 0).all() for values in nothing)


def test_the_change_gives_the_other_mean_and_covariance() -> None:
    draw = torch.Generator().manual_seed(3)
    mean, to_mean = (torch.rand(5, 3, generator=draw) for _ in range(2))
    covariance, to_covariance = positive(1), positive(2)
    matrix = transport(mean, covariance, to_mean, to_covariance)
    linear, floor = matrix[:, :3, :3], FLOOR**2 * torch.eye(3)
    assert torch.allclose(linear @ (covariance + floor) @ linear.mT, to_covariance + floor, atol=1e-4)
    assert torch.allclose((linear @ mean[..., None])[..., 0] + matrix[:, :3, 3], to_mean, atol=1e-5)
    # Of all changes that do so, the one that moves colours least is symmetric and positive.
    assert torch.allclose(linear, linear.mT, atol=1e-4)
    assert (torch.linalg.eigvalsh(linear) > 0).all()
    assert torch.equal(matrix[:, 3], torch.tensor([0.0, 0, 0, 1]).expand(5, 4))


def test_equal_moments_change_nothing_and_one_colour_is_not_torn_apart() -> None:
    mean, covariance = torch.rand(5, 3), positive(4)
    assert torch.allclose(transport(mean, covariance, mean, covariance), torch.eye(4).expand(5, 4, 4), atol=1e-4)
    # From one colour to a spread of .5: by the floors, sqrt(.25 + .0025) / .05.
    none, wide = torch.zeros(1, 3, 3), 0.25 * torch.eye(3)[None]
    linear = transport(mean[:1], none, mean[:1], wide)[0, :3, :3]
    assert torch.allclose(linear, torch.eye(3) * (0.2525**0.5 / 0.05), rtol=1e-3, atol=1e-4)


def test_a_drawing_takes_the_colours_of_another(sprite_store) -> None:
    """A turned hue on top: green discs in the colours of turned red blocks, say."""
    config = SceneConfig(size=32, counts=(1.0,), jitter=0.0)
    first, second = (
        take_slot(compose(sprite_store, config, batch=24, seed=s).layout, torch.zeros(24).long()) for s in (1, 2)
    )
    first, second = (replace(layout, softness=torch.zeros(24)) for layout in (first, second))
    matched = replace(first, colour=in_colours_of(sprite_store, first, second))
    ground = torch.full((24, 3, 48, 48), 0.5)
    means = []
    for layout in (matched, second):
        scenes = render(sprite_store, layout, ground)
        inside = scenes.alpha[:, 0] > 0.99
        means.append((scenes.rgb * inside[:, None]).sum((-1, -2)) / inside.sum((-1, -2))[:, None])
    assert (means[0] - means[1]).abs().max() < 0.03
    assert matched.concept is first.concept and (first.concept != second.concept).any()
    before = render(sprite_store, first, ground)
    inside = before.alpha[:, 0] > 0.99
    unmatched = (before.rgb * inside[:, None]).sum((-1, -2)) / inside.sum((-1, -2))[:, None]
    assert (unmatched - means[1]).abs().amax(-1).median() > 0.1
