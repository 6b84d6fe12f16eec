"""One step's loss and gradients of a small image tower (and a text tower, trained or frozen), for `test_contrast`."""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from gencontrol.training.stages.contrastive import gather, gather_plain, pair_losses, true_of

world, rank = int(os.environ["WORLD_SIZE"]), int(os.environ.get("RANK", "0"))
if world > 1:
    dist.init_process_group("gloo", rank=rank, world_size=world)
generator = torch.Generator().manual_seed(0)
pixels, words = torch.randn(8, 6, generator=generator), torch.randn(8, 5, generator=generator)
extra = functional.normalize(torch.randn(3, 4, generator=generator), dim=-1)
ids = torch.tensor([[0], [1], [2], [0], [3], [1], [4], [5]])
share = slice(rank * 8 // world, (rank + 1) * 8 // world)
out = {}
for frozen in (True, False):
    torch.manual_seed(1)
    towers = nn.ModuleList([nn.Linear(6, 4), nn.Linear(5, 4).requires_grad_(not frozen)])

    class Both(nn.Module):
        def __init__(self, parts):
            super().__init__()
            self.parts = parts

        def forward(self, x, y):
            return functional.normalize(self.parts[0](x), dim=-1), functional.normalize(self.parts[1](y), dim=-1)

    module = DistributedDataParallel(Both(towers)) if world > 1 else Both(towers)
    image, text = module(pixels[share], words[share])
    named = torch.cat([gather_plain(ids[share]), torch.tensor([[0], [6], [7]])])
    truth = true_of(gather_plain(ids[share]), named)
    texts = torch.cat([gather(text), extra])
    to_text, to_image = pair_losses(gather(image), texts, truth, scale=torch.tensor(7.0))
    for name, loss in (("text", to_text.mean()), ("image", to_image.mean())):
        towers.zero_grad()
        # Each direction by itself: a sum could hide that one of them has no gradient.
        loss.backward(retain_graph=True) if world == 1 else None
        out[f"{frozen}/{name}"] = loss.detach()
        if world == 1:
            out |= {f"{frozen}/{name}/{k}": p.grad.clone() for k, p in towers.named_parameters() if p.grad is not None}
    if world > 1:
        for name, pick in (("text", 0), ("image", 1)):
            towers.zero_grad()
            image, text = module(pixels[share], words[share])
            losses = pair_losses(gather(image), torch.cat([gather(text), extra]), truth, scale=torch.tensor(7.0))
            losses[pick].mean().backward()
            out |= {f"{frozen}/{name}/{k}": p.grad.clone() for k, p in towers.named_parameters() if p.grad is not None}
torch.save(out, Path(sys.argv[1]) / f"{world}-{rank}.pt")
