"""Paint a disc with text: `python examples/steer_pixels.py cactus [steps] [encoder folder]` writes steered.png."""

import sys

import torch
from torchvision.utils import save_image

from gencontrol import AlphaCLIP
from gencontrol.guidance import Augmentation, Guide, alpha_similarity_loss, augment, text_targets
from gencontrol.models.registry import resolve

prompt, steps, name = (*sys.argv[1:], *("cactus", "300", "tiny")[len(sys.argv) - 1 :])
encoder = AlphaCLIP.from_pretrained(resolve(name), subfolder="alpha_clip").requires_grad_(False)
target, settings = text_targets(encoder, prompt), Augmentation(copies=8)
coarse = torch.zeros(1, 3, 24, 24, requires_grad=True)
optimizer, generator = torch.optim.Adam([coarse], lr=0.05), torch.Generator().manual_seed(0)
disc = (torch.cartesian_prod(*[torch.linspace(-1, 1, 64)] * 2).norm(dim=1) < 0.8).float().view(1, 1, 64, 64)
colour = disc
for step in range(int(steps)):
    colour = disc * torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").sigmoid()
    rgb, alpha = augment(colour, disc, disc, settings, generator=generator)
    loss = alpha_similarity_loss([Guide(encoder=encoder)], [target], rgb, alpha, step=step).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
save_image((colour + 1 - disc).detach(), "steered.png")
