"""Paint the pixels of a picture with text: `python examples/steer_pixels.py cactus` writes steered.png."""

import sys

import torch
from torchvision.utils import save_image

from gencontrol import AlphaCLIP
from gencontrol.guidance import Augmentation, Guide, alpha_similarity_loss, text_targets
from gencontrol.guidance.augment import augment
from gencontrol.models.registry import resolve

prompt, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
encoder = AlphaCLIP.from_pretrained(resolve("tiny"), subfolder="alpha_clip").requires_grad_(False)
target = text_targets(encoder, prompt)
coarse = torch.zeros(1, 3, 24, 24, requires_grad=True)
optimizer, generator = torch.optim.Adam([coarse], lr=0.05), torch.Generator().manual_seed(0)
disc = (torch.cartesian_prod(*[torch.linspace(-1, 1, 64)] * 2).norm(dim=1) < 0.8).float().view(1, 1, 64, 64)
for step in range(steps):
    colour = disc * torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").sigmoid()
    rgb, alpha = augment(colour, disc, disc, Augmentation(copies=8), generator=generator)
    loss = alpha_similarity_loss([Guide(encoder=encoder)], [target], rgb, alpha, step=step).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
save_image(colour + (1 - disc), "steered.png")
