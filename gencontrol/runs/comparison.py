"""What a run is compared with: its seeds without its regions, and what one would do otherwise; and what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.conditioning.embed import RegionEmbeds, embed_regions
from gencontrol.focus import CropFocus, FocusStrategy, SumFocus
from gencontrol.images.picture import Picture
from gencontrol.images.sheets import contact_sheet
from gencontrol.regions.drawn import whole
from gencontrol.regions.geometry import Fit, Geometry
from gencontrol.regions.preview import preview
from gencontrol.regions.region import Region, union_of
from gencontrol.regions.scene import Scene
from gencontrol.runs.drawing import Sampling, draw_embeds

WHOLE_FRAME = frozenset({"alpha", "attention", "masked-pooling", "mask-inversion", "one-pass"})
"""Strategies that leave the picture as it is."""
_GAPS = 64
"""How many gaps between two looks would be as wide as a look is high."""


@torch.no_grad()
def draw_comparison(
    pipeline: Any, scene: Scene, plain: AlphaCLIP, sampling: Sampling, *, fit: Fit | None
) -> dict[str, list[Image.Image]]:
    """The rows that a run is compared with, by what they are called: one picture for each seed.

    Args:
        pipeline: The host.
        scene: The picture and its regions.
        plain: The host's own encoder: a plain CLIP, unless the host was saved with an Alpha-CLIP.
        sampling: The run's own.
        fit: How pictures become square; None is the pipeline's way.
    """
    own = pipeline.encoder.processor.geometry
    geometry = replace(own, fit=fit or own.fit)

    def look(regions: Sequence[Region] = ()) -> RegionEmbeds:
        settings: Any = {"focus": CropFocus(), "device": pipeline._execution_device}
        return embed_regions(plain, geometry, scene.picture, regions, **settings)

    rows = {"whole picture, no regions": pipeline.encode_regions(scene.picture, fit=fit)[0]}
    if plain.has_alpha:
        # A host that was saved with an Alpha-CLIP as its encoder has no plain CLIP any more.
        rows["masked crop"] = look(scene.regions)
    else:
        rows |= {"plain CLIP, whole picture": look(), "plain CLIP, masked crop": look(scene.regions)}
    return {label: draw_embeds(pipeline, embeds, sampling) for label, embeds in rows.items()}


def comparison_sheet(
    rows: Mapping[str, Sequence[Image.Image]], seen: Sequence[Image.Image], column_labels: Sequence[str]
) -> Image.Image:
    """One row for each way, and what the encoder saw, look by look, at the end of the first.

    Args:
        rows: Label -> pictures; the run's own row first.
        seen: What `encoder_views` gives.
        column_labels: One for each picture of a row.
    """
    (first, *others), labels = rows.values(), list(rows)
    looked = [f"where it looked{f', {number}' if len(seen) > 1 else ''}" for number in range(1, len(seen) + 1)]
    return contact_sheet(
        [[*first, *(view.resize(first[0].size) for view in seen)], *others],
        row_labels=labels,
        column_labels=[*column_labels, *looked],
    )


def encoder_view(scene: Scene, focus: FocusStrategy | None, geometry: Geometry) -> Image.Image:
    """What `encoder_views` gives, one beside the other."""
    return beside(encoder_views(scene, focus, geometry))


def encoder_views(scene: Scene, focus: FocusStrategy | None, geometry: Geometry) -> list[Image.Image]:
    """What the encoder gets: the picture with its regions, or what a focus that paints or cuts has made of it.

    Of a sum, each look by itself; and of regions with different weights too, where each is looked at in a picture
    of its own.
    """
    regions = scene.regions or [whole(scene.picture.size)]
    if not scene.regions or focus is None or focus.name in WHOLE_FRAME:
        return [preview(scene.picture, union_of(regions), geometry)]
    if isinstance(focus, SumFocus):
        return [view for look in focus.looks for view in encoder_views(scene, look, geometry)]
    alike = len({region.weight for region in regions}) == 1
    looks = [union_of(regions)] if alike else [region.alpha for region in regions]
    return [_made_view(scene.picture, alpha, focus, geometry) for alpha in looks]


def _made_view(picture: Picture, alpha: Float[Tensor, "h w"], focus: FocusStrategy, geometry: Geometry) -> Image.Image:
    processor = AlphaCLIPProcessor(geometry=geometry)
    made = processor.denormalize(focus.view(processor, picture.rgb[None], alpha[None]))[0].clamp(0, 1)
    return preview(made[:3], made[3], geometry)


def beside(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one height in a row, white between them."""
    height = pictures[0].height
    gap = -(-height // _GAPS)
    row = Image.new("RGB", (sum(picture.width for picture in pictures) + gap * (len(pictures) - 1), height), "white")
    at = 0
    for picture in pictures:
        row.paste(picture, (at, 0))
        at += picture.width + gap
    return row
