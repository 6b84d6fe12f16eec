"""Pictures with several regions, and what a pass for each region makes of them: drawn once, kept in files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.files import atomic_file
from gencontrol.training.data.several import Several, SeveralSource
from gencontrol.training.data.shards import is_whole, load_shard
from gencontrol.training.loop.precision import Precision, forward_precision

_AT_ONCE = 64
"""Passes of the teacher in one batch."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """An encoder that looks at each region by itself."""

    encoder: AlphaCLIP
    """Not changed."""
    precision: Precision = "auto"
    """Of its passes."""

    @torch.no_grad()
    def embed(self, several: Several) -> Float[Tensor, "b k d"]:
        """An embedding of length one for each region; zeros where there is none."""
        rows, slots = several.used.nonzero(as_tuple=True)
        found = torch.zeros(*several.used.shape, self.encoder.embed_dim)
        for some in torch.arange(len(rows)).split(_AT_ONCE):
            row, slot = rows[some], slots[some]
            planes = torch.cat([several.rgb[row], several.alphas[row, slot][:, None]], dim=1)
            pixels = self.encoder.processor.normalize(planes).to(self.encoder.device, self.encoder.dtype)
            with forward_precision(self.encoder.device.type, self.precision):
                embeds = self.encoder.encode_pixels(pixels).float().cpu()
            found[row, slot] = torch.nn.functional.normalize(embeds, dim=-1)
        return found


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Chunks of a source with the teacher's answers."""

    source: SeveralSource
    """Of pictures."""
    teacher: Teacher
    """Whose answers."""
    count: int
    """Pictures in a chunk."""
    folder: Path
    """Where chunks are kept."""
    made_with: Mapping[str, Any]
    """Plain values that tell what the chunks are; others have a folder of their own."""
    chunks: int
    """So many different ones there are, and then they come again; 0 draws and keeps none twice."""

    def draw(self, index: int) -> dict[str, Tensor]:
        """Pictures, maps, which rows are used, what they show, and the teacher's embeddings."""
        if not self.chunks:
            return opened(compact(self.source.draw(index, self.count), self.teacher))
        number = index % self.chunks
        path = self.folder / _digest({**self.made_with, "count": self.count}) / f"{number:06d}.safetensors"
        if not is_whole(path):
            made = compact(self.source.draw(number, self.count), self.teacher)
            with atomic_file(path) as temporary:
                save_file(made, temporary)
        return opened(load_shard(path))


def compact(several: Several, teacher: Teacher) -> dict[str, Tensor]:
    """A chunk as it is kept, with what its teacher makes of it as it is kept."""
    kept = {
        "rgb": (several.rgb * 255).round().byte(),
        "alphas": (several.alphas * 255).round().byte(),
        "used": several.used.clone(),
        "concepts": several.concepts.clone(),
    }
    seen = Several(
        rgb=kept["rgb"].float() / 255, alphas=kept["alphas"].float() / 255, used=several.used, concepts=several.concepts
    )
    return kept | {"taught": teacher.embed(seen).half()}


def opened(kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A chunk for use."""
    return {
        **kept,
        "rgb": kept["rgb"].float() / 255,
        "alphas": kept["alphas"].float() / 255,
        "taught": kept["taught"].float(),
    }


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
