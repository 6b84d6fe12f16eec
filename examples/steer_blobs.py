"""Steer one's own renderer, soft blobs: `python examples/steer_blobs.py cactus [steps] [encoder folder]`."""

import sys

import torch
from torchvision.utils import save_image

from gencontrol import AlphaCLIP
from gencontrol.guidance import Augmentation, Guide, alpha_similarity_loss, augment, text_targets, transmittance_loss
from gencontrol.models.registry import resolve


def render(blobs: torch.Tensor, azimuth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Blobs (x, y, z, size, opacity, red, green, blue) seen from the side: premultiplied colour and opacity."""
    cos, sin = azimuth.cos(), azimuth.sin()
    across, depth = cos * blobs[:, 0] + sin * blobs[:, 1], cos * blobs[:, 1] - sin * blobs[:, 0]
    blobs, across = blobs[depth.argsort()], across[depth.argsort()]
    y, x = torch.meshgrid(torch.linspace(1, -1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    squared = (x - across[:, None, None]) ** 2 + (y - blobs[:, 2, None, None]) ** 2
    cover = blobs[:, 4, None, None].sigmoid() * (-squared / (2 * (blobs[:, 3, None, None] - 2).exp() ** 2)).exp()
    weight = cover * torch.cat([torch.ones_like(cover[:1]), (1 - cover).cumprod(0)[:-1]])
    return torch.einsum("nhw,nc->chw", weight, blobs[:, 5:].sigmoid())[None], weight.sum(0)[None, None]


prompt, steps, name = (*sys.argv[1:], *("cactus", "300", "tiny")[len(sys.argv) - 1 :])
encoder = AlphaCLIP.from_pretrained(resolve(name), subfolder="alpha_clip").requires_grad_(False)
target, settings = text_targets(encoder, prompt), Augmentation(copies=8)
generator = torch.Generator().manual_seed(0)
blobs = (torch.randn(150, 8, generator=generator) * 0.4).requires_grad_()
optimizer = torch.optim.Adam([blobs], lr=0.02)
for step in range(int(steps)):
    colour, opacity = render(blobs, torch.rand((), generator=generator) * 2 * torch.pi)
    rgb, alpha = augment(colour, opacity, opacity, settings, generator=generator)
    loss = alpha_similarity_loss([Guide(encoder=encoder)], [target], rgb, alpha, step=step).mean()
    optimizer.zero_grad()
    (loss + 0.5 * transmittance_loss(opacity, ceiling=0.7).mean()).backward()
    optimizer.step()
views = [render(blobs.detach(), torch.tensor(a * torch.pi / 2)) for a in range(4)]
save_image(torch.cat([colour + 1 - opacity for colour, opacity in views]), "steered.png", nrow=4)
