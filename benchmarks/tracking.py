"""Regions that are marked once and followed over a clip, against where they are.

    python -m benchmarks.tracking --sprites data/sprites/sprites.npz      200 clips of 16 frames of the sprite world

Every frame after the first of every thing that is seen in the first: by how much of it is in sight, less where others
stand before it, the overlap (intersection over union) of what is followed with what is seen; how often it is told to be
hidden where less than 5 % is in sight, and where it is not. *Staying* is the mask of the first frame, left where it is.
"""

from dataclasses import dataclass

import torch
import tyro
from torch import Tensor

from benchmarks.settings import OnSprites, OnThreads
from gencontrol.relations.tracking import follow
from gencontrol.sprites.staging.clips import stage_clip
from gencontrol.sprites.staging.roles import roles_of
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.sprites.store import open_store

SIGHT = ((0.95, 1.01), (0.6, 0.95), (0.3, 0.6), (0.05, 0.3))
"""Shares of a thing that are in sight, by which frames are told apart."""
HIDDEN = 0.05
"""Below this share a thing is hidden."""
LEAST = 0.6
"""Share that has to be in sight in the first frame: a thing that is marked is seen."""


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads):
    """What to measure."""

    clips: int = 200
    """How many."""
    frames: int = 16
    """Of each."""
    size: int = 64
    """Side of a frame in pixels."""
    seed: int = 100
    """Of the clips."""


def main(settings: Settings) -> None:
    """Measure, and print the table."""
    settings.use_threads()
    store = open_store(settings.sprites)
    config = StagingConfig(counts=(0.0, 0.3, 0.3, 0.4), split="test", size=settings.size)
    roles, rows = roles_of(store), []
    for index in range(settings.clips):
        clip = stage_clip(store, config, frames=settings.frames, seed=settings.seed, index=index, roles=roles)
        rows.append(measured(clip.rgb, clip.alphas))
    print(table(torch.cat(rows)))


def measured(rgb: Tensor, alphas: Tensor) -> Tensor:
    """Of every thing and frame: its share in sight, overlap, whether hidden was said, overlap of staying; (n, 4)."""
    area = alphas.flatten(2).sum(-1)
    whole = area.amax(dim=0)
    kept = area[0] >= LEAST * whole
    found = follow(rgb, alphas[0][kept])[1:]
    true, stays = alphas[1:, kept], alphas[:1, kept].expand_as(found)
    share = area[1:, kept] / whole[kept]
    said = (found.flatten(2).amax(-1) == 0).float()
    return torch.stack([share, overlap(found, true), said, overlap(stays, true)], dim=-1).flatten(0, 1)


def overlap(found: Tensor, true: Tensor) -> Tensor:
    """Intersection over union of maps; 1 of nothing and nothing."""
    one, other = (found > 0.5).flatten(2), (true > 0.5).flatten(2)
    either = (one | other).sum(-1)
    return torch.where(either > 0, (one & other).sum(-1) / either.clamp(min=1), torch.ones(()))


def table(rows: Tensor) -> str:
    """A line for every share in sight."""
    lines = [f"{'in sight':>14} {'frames':>7} {'followed':>15} {'staying':>9} {'said to be hidden':>18}"]
    for low, high in SIGHT:
        some = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        lines.append(_line(f"{low:.0%} to {min(high, 1):.0%}", some))
    lines.append(_line("hidden", rows[rows[:, 0] < HIDDEN]))
    return "\n".join(lines)


def _line(name: str, rows: Tensor) -> str:
    if not len(rows):
        return f"{name:>14} {0:7}"
    mean, error = rows[:, 1].mean(), rows[:, 1].std() / len(rows) ** 0.5 if len(rows) > 1 else torch.nan
    told = f"{100 * mean:.1f} ±{100 * float(error):.1f}"
    return f"{name:>14} {len(rows):7} {told:>15} {100 * rows[:, 3].mean():9.1f} {100 * rows[:, 2].mean():18.1f}"


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
