"""How texts share a look at several regions at levels: what a dial of attention does, in figures."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import region_labels
from gencontrol.conditioning.embed import embed_regions
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import checked
from gencontrol.regions.scene import Scene
from gencontrol.tasks.classify import Classification, classified, text_embeds

SWEEP = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Levels that show the dial's course."""


@torch.no_grad()
@checked
def classify_levels(
    encoder: AlphaCLIP,
    scene: Scene,
    texts: Sequence[str] | Float[Tensor, "t d"],
    *,
    levels: Sequence[Sequence[float]] | None = None,
    focus: FocusStrategy | None = None,
) -> Classification:
    """Score texts against one look at all regions of a picture, at each of some settings of their levels.

    Args:
        encoder: With a text tower, behind the geometry in which it is to see the picture.
        scene: The picture and its regions, at least one.
        texts: See `classify`.
        levels: For each row, a level for each region in [0, 1]; None is one row at the regions' own.
        focus: How the encoder is made to look; None is its alpha channel if it has been trained, else attention.

    Returns:
        A row for each setting, its label saying the levels.

    Raises:
        InputError: No region, levels that are not one for each, or what `classify` refuses.
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    if not scene.regions:
        raise InputError("Levels are shares of regions, and the scene has none.")
    if levels is not None and not levels:
        raise InputError("levels: expected at least one row of levels, got none; leave it out for the regions' own.")
    rows = [[region.level for region in scene.regions]] if levels is None else [list(row) for row in levels]
    embeds, looks, names = text_embeds(encoder, texts), [], region_labels(scene)
    for row in rows:
        if len(row) != len(names):
            raise InputError(f"levels: expected {len(names)} in each row, one for each region, got {len(row)}.")
        pairs = zip(scene.regions, row, strict=True)
        regions = tuple(replace(region, level=level, mixed_by="level") for region, level in pairs)
        seen = replace(scene, regions=regions, negative_regions=())
        looks.append(embed_regions(encoder, encoder.processor.geometry, seen, focus=focus).image_embeds)
    labels = tuple(", ".join(f"{name} {a:g}" for name, a in zip(names, row, strict=True)) for row in rows)
    return classified(encoder, torch.cat(looks), embeds, labels=labels)


@checked
def swept(levels: Sequence[float], *, region: int = 0) -> list[list[float]]:
    """Settings in which one region's level goes from 0 to 1 while the others keep theirs.

    Args:
        levels: Of all regions; that of the swept one plays no part.
        region: Which is swept.

    Raises:
        InputError: Nothing to share with: one region alone, or no other of a level above 0.
    """
    if levels and not 0 <= region < len(levels):
        raise InputError(f"region: expected the number of one of {len(levels)} regions, from 0, got {region}.")
    if not any(level > 0 for i, level in enumerate(levels) if i != region):
        raise InputError("A sweep needs another region with a level above 0: a level is a share beside others.")
    return [[value if i == region else level for i, level in enumerate(levels)] for value in SWEEP]
