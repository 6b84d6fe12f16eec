"""Each loss against an independent statement of it, and its gradient against finite differences."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from gencontrol.errors import ConfigError, InputError
from gencontrol.guidance.losses import (
    contrastive_loss,
    directional_loss,
    opacity_entropy,
    similarity_loss,
    total_variation,
    transmittance_loss,
)


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / math.sqrt((vector**2).sum())


def test_similarity_is_one_minus_the_cosine_of_each_pair() -> None:
    image, target = rand(4, 5), rand(4, 5, seed=1)
    expected = [1 - float(unit(i) @ unit(t)) for i, t in zip(image.numpy(), target.numpy(), strict=True)]
    assert similarity_loss(image, target).tolist() == pytest.approx(expected)


def test_similarity_ignores_norms_and_broadcasts() -> None:
    image, target = rand(4, 5), rand(1, 5, seed=1)
    assert similarity_loss(3 * image, 7 * target).shape == (4,)
    for norms in ((3, 7), (1e-3, 1e-3)):
        assert torch.allclose(similarity_loss(norms[0] * image, norms[1] * target), similarity_loss(image, target))


def test_similarity_has_its_extremes_at_equal_and_opposite() -> None:
    image = rand(2, 5)
    assert torch.allclose(similarity_loss(image, image), torch.zeros(2).double(), atol=1e-12)
    assert torch.allclose(similarity_loss(image, -image), torch.full((2,), 2.0).double())


def test_directional_compares_changes_of_unit_embeddings() -> None:
    image, before, text, text_before = (rand(3, 6, seed=s) for s in range(4))
    got = directional_loss(image, before, text, text_before)
    for k in range(3):
        change = unit(image[k].numpy()) - unit(before[k].numpy())
        wanted = unit(text[k].numpy()) - unit(text_before[k].numpy())
        assert got[k].item() == pytest.approx(1 - unit(change) @ unit(wanted))


def test_directional_is_one_and_finite_while_nothing_has_changed() -> None:
    image = rand(2, 6).requires_grad_()
    loss = directional_loss(image, image.detach(), rand(2, 6, seed=1), rand(2, 6, seed=2))
    assert loss.tolist() == pytest.approx([1, 1])
    loss.sum().backward()
    assert image.grad is not None and image.grad.isfinite().all()


def test_contrastive_is_cross_entropy_with_the_target_as_first_class() -> None:
    image, target, others = rand(3, 6), rand(1, 6, seed=1), rand(4, 6, seed=2)
    got = contrastive_loss(image, target, others, scale=10.0)
    for k in range(3):
        texts = [target[0].numpy(), *others.numpy()]
        logits = [10.0 * float(unit(image[k].numpy()) @ unit(t)) for t in texts]
        assert got[k].item() == pytest.approx(-math.log(math.exp(logits[0]) / sum(map(math.exp, logits))))


@pytest.mark.parametrize(("mean_opacity", "expected"), [(0.9, -0.1), (0.5, -0.5), (0.2, -0.6), (0.0, -0.6)])
def test_transmittance_is_rewarded_up_to_the_ceiling(mean_opacity: float, expected: float) -> None:
    opacity = torch.full((2, 1, 4, 4), mean_opacity)
    assert transmittance_loss(opacity, ceiling=0.6).tolist() == pytest.approx([expected] * 2)


def test_transmittance_counts_the_rays_that_it_is_told_to() -> None:
    opacity = torch.tensor([[0.9, 0.7, 0.0], [0.1, 0.1, 0.1], [0.4, 0.4, 0.4]])
    among = torch.tensor([[True, True, False], [True, False, False], [False, False, False]])
    assert transmittance_loss(opacity, ceiling=0.6, among=among).tolist() == pytest.approx([-0.2, -0.6, 0.0])


def test_transmittance_is_per_view_and_has_no_gradient_above_the_ceiling() -> None:
    opacity = torch.stack([torch.full((8,), 0.9), torch.full((8,), 0.1)]).requires_grad_()
    transmittance_loss(opacity, ceiling=0.5).sum().backward()
    assert opacity.grad is not None
    assert opacity.grad[0].tolist() == pytest.approx([1 / 8] * 8)
    assert opacity.grad[1].tolist() == [0.0] * 8


def test_an_empty_view_has_a_gradient_under_a_ceiling_of_one() -> None:
    opacity = torch.zeros(1, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(transmittance_loss(opacity, ceiling=1.0).sum(), opacity)
    assert gradient.tolist() == [[0.25] * 4]


def test_entropy_is_log_two_at_one_half_and_zero_at_the_ends() -> None:
    got = opacity_entropy(torch.tensor([0.0, 0.5, 1.0, 0.25]))
    expected = [0, math.log(2), 0, -0.25 * math.log(0.25) - 0.75 * math.log(0.75)]
    assert got.tolist() == pytest.approx(expected, abs=2e-5)


def test_entropy_gradient_is_finite_at_the_ends() -> None:
    opacity = torch.tensor([0.0, 1.0], requires_grad=True)
    opacity_entropy(opacity).sum().backward()
    assert opacity.grad is not None and opacity.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 4, 3, 5, 4)])
def test_total_variation_sums_mean_squared_neighbour_differences(shape: tuple[int, ...]) -> None:
    grid = rand(*shape)
    expected = np.zeros(shape[:2])
    for b in range(shape[0]):
        for c in range(shape[1]):
            for axis in range(len(shape) - 2):
                expected[b, c] += (np.diff(grid[b, c].numpy(), axis=axis) ** 2).mean()
    assert np.allclose(total_variation(grid).numpy(), expected)


def test_total_variation_of_a_constant_is_zero_and_of_a_ramp_is_its_slope_squared() -> None:
    assert total_variation(torch.full((1, 1, 4, 4, 4), 3.0)).item() == 0
    ramp = torch.arange(4.0)[None, None, :, None, None].expand(1, 1, 4, 4, 4) * 2
    assert total_variation(ramp).item() == pytest.approx(4)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: similarity_loss(x, rand(3, 4, seed=9)),
        lambda x: directional_loss(x, rand(3, 4, seed=7), rand(3, 4, seed=8), rand(3, 4, seed=9)),
        lambda x: contrastive_loss(x, rand(3, 4, seed=8), rand(5, 4, seed=9), scale=5.0),
        lambda x: transmittance_loss(x, ceiling=0.9),
        opacity_entropy,
        lambda x: total_variation(x.reshape(1, 1, 3, 4)),
    ],
    ids=["similarity", "directional", "contrastive", "transmittance", "entropy", "variation"],
)
def test_gradients_agree_with_finite_differences(loss) -> None:
    assert gradcheck(loss, (rand(3, 4).mul(0.8).add(0.1).requires_grad_(),))


def test_the_default_temperature_of_the_contrast() -> None:
    image, target, others = rand(3, 4), rand(3, 4, seed=8), rand(5, 4, seed=9)
    assert torch.equal(contrastive_loss(image, target, others), contrastive_loss(image, target, others, scale=50.0))


def test_what_has_no_value_is_refused() -> None:
    with pytest.raises(InputError, match="spatial axes of at least 2 values each, got shape \\(2, 3\\)"):
        total_variation(torch.ones(2, 3))
    with pytest.raises(InputError, match="at least 2 values each, got shape \\(2, 3, 4, 1\\)"):
        total_variation(torch.ones(2, 3, 4, 1))
    for ceiling in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="ceiling: expected"):
            transmittance_loss(torch.ones(2, 3), ceiling=ceiling)
    with pytest.raises(ConfigError, match="scale: expected a finite number, got inf"):
        contrastive_loss(torch.ones(2, 4), torch.ones(4), torch.ones(3, 4), scale=float("inf"))


def test_a_view_of_one_ray_needs_no_axis_for_it() -> None:
    assert transmittance_loss(torch.tensor([0.0, 1.0]), ceiling=0.5).tolist() == [-0.5, 0.0]
