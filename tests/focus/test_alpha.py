"""The alpha channel: heard by trained weights, ignored by a plain CLIP, and differentiable for 3D."""

import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus import AlphaFocus


def test_alpha_is_the_encoders_own_answer(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    embeds = AlphaFocus().embed(trained, rgb, alpha)
    torch.testing.assert_close(embeds, trained.encode_image(rgb, alpha))
    assert not torch.allclose(embeds, trained.encode_image(rgb), atol=1e-2)


def test_a_plain_clip_ignores_it(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    assert torch.equal(AlphaFocus().embed(plain, rgb, alpha), plain.encode_image(rgb))


def test_gradient_is_the_true_one(trained: AlphaCLIP) -> None:
    """Against finite differences, through geometry, normalisation and tower, for a rendered view's colour and alpha."""
    encoder = AlphaCLIP.from_clip(trained.vision, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    rgb = (0.3 + 0.4 * torch.rand(1, 3, 48, 40, generator=generator, dtype=torch.float64)).requires_grad_()
    alpha = (0.3 + 0.4 * torch.rand(1, 48, 40, generator=generator, dtype=torch.float64)).requires_grad_()

    def score(colours: Tensor, part: Tensor) -> Tensor:
        return AlphaFocus().embed(encoder, colours, part).sum()

    gradients = torch.autograd.grad(score(rgb, alpha), (rgb, alpha))
    for index, gradient in enumerate(gradients):
        step = torch.randn(gradient.shape, generator=generator, dtype=torch.float64) * 1e-5
        ahead = [rgb.detach(), alpha.detach()]
        behind = [rgb.detach(), alpha.detach()]
        ahead[index] = ahead[index] + step
        behind[index] = behind[index] - step
        numerical = (score(*ahead) - score(*behind)) / 2
        torch.testing.assert_close((gradient * step).sum(), numerical, rtol=1e-4, atol=1e-12)
