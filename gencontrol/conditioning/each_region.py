"""Embeddings of a picture's regions one by one, where `embed_regions` makes one of all."""

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.calibrated import curve_of
from gencontrol.conditioning.embed import check_embeds, check_visible, choose_focus
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.one_pass import embed_each
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.regions.curves import curved_maps
from gencontrol.regions.region import stack_alphas
from gencontrol.regions.scene import Scene

WHOLE = "whole picture"
"""Label of the row that stands for no region."""


def region_labels(scene: Scene) -> tuple[str, ...]:
    """What the rows of `embed_each_region` are called: a region without a label by its number."""
    return tuple(region.label or f"region {i}" for i, region in enumerate(scene.regions)) or (WHOLE,)


@torch.no_grad()
def embed_each_region(encoder: AlphaCLIP, scene: Scene, *, focus: FocusStrategy | None = None) -> Float[Tensor, "k d"]:
    """Embed each region of a picture by itself, un-normalised; the whole picture if it has none.

    Args:
        encoder: Behind the geometry in which it is to see the picture.
        scene: Its weights play no part.
        focus: See `embed_regions`.

    Raises:
        InputError: A region that the encoder's centre crop leaves out (little of it left is a `RegionWarning`).
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    strategy = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    if not scene.regions:
        return encoder.encode_image(scene.picture)
    rgb = colours_for(strategy, scene.picture).to(encoder.device)
    alphas = stack_alphas(scene.regions).to(encoder.device, torch.float32)
    curve = curve_of(encoder.vision)
    if curve is not None and curve.way == "one-pass" and isinstance(strategy, AlphaFocus):
        alphas = curved_maps(alphas, curve)
    check_visible(alphas, strategy, encoder.processor.geometry)
    return check_embeds(embed_each(strategy, encoder, rgb, alphas))
