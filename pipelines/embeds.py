"""From an image and its regions to the embeddings that a host takes: the seam between the core and diffusers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.strength import between, check_strength
from gencontrol.errors import InputError, PairingError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.attention import AttentionFocus
from gencontrol.focus.crop import CropFocus
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import ImageSource, Picture, read_image
from gencontrol.pipelines.hosts.registry import Host
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.notices import check_seen
from gencontrol.regions.region import Region, stack_alphas, union_of


@dataclass(frozen=True, kw_only=True)
class RegionEmbeds:
    """What a host is conditioned on; un-normalised projected embeddings, one row for each image."""

    image_embeds: Float[Tensor, "b d"]
    """Of the regions."""
    negative_image_embeds: Float[Tensor, "b d"] | None = None
    """Of the negative regions; None where guidance departs from the host's own unconditional embedding."""
    whole_image_embeds: Float[Tensor, "b d"] | None = None
    """Of the whole image, if it was asked for."""


def region_embeds(
    host: Host,
    encoder: AlphaCLIP,
    image: ImageSource,
    regions: Sequence[Region] = (),
    *,
    focus: FocusStrategy | None = None,
    negative_regions: Sequence[Region] = (),
    strength: float = 1.0,
    geometry: Geometry | None = None,
    keep_whole: bool = False,
    device: torch.device | None = None,
) -> RegionEmbeds:
    """Embed the regions of an image for a host.

    Several regions of equal weight are one region, their union. Of different weights, each is embedded and the
    embeddings are averaged (see `weighted_mean`).

    Args:
        host: The pipeline that will take the embeddings.
        encoder: Of the host's width.
        image: The picture; its own alpha channel plays no part (see `regions.from_image_alpha`).
        regions: Of the picture's size; none is the whole image.
        focus: How the encoder is made to look; None is its alpha channel if it has been trained, else attention.
        negative_regions: What to keep away from.
        strength: In [0, 2]: e_whole + strength (e_region - e_whole). Acts on `regions` only.
        geometry: How the picture is brought to the encoder's square; None is the host's. Its size is the encoder's.
        keep_whole: Also return the whole image's embedding, which a strength that changes over the steps needs.
        device: Where to compute; None is where the encoder is.

    Raises:
        InputError: An image, region or strength that cannot be used, or a region that the encoder's centre crop leaves
            out (little of it left, or a tiny one, is a `RegionWarning`).
        PairingError: An encoder of another width than the host's, or the focus `alpha` with an encoder whose alpha
            weights are zero: it would ignore the regions.
    """
    check_strength(strength)
    check_width(host, encoder.embed_dim)
    picture = _on(read_image(image), device or encoder.device)
    view = view_of(host, encoder, geometry)
    if regions or negative_regions:
        focus = choose_focus(focus, has_alpha=_has_alpha(encoder))
    chosen = _embed(view, picture, regions, focus)
    whole = None
    if keep_whole or (regions and strength != 1.0):
        whole = _embed(view, picture, (), focus) if regions else chosen
    return RegionEmbeds(
        image_embeds=chosen if whole is None else between(whole, chosen, strength),
        negative_image_embeds=_embed(view, picture, negative_regions, focus) if negative_regions else None,
        whole_image_embeds=whole if keep_whole else None,
    )


def choose_focus(focus: FocusStrategy | None, *, has_alpha: bool) -> FocusStrategy:
    """The strategy to use, after a check that it can act.

    Args:
        focus: What was asked for.
        has_alpha: Whether the encoder's alpha weights have been trained.

    Raises:
        PairingError: `alpha` with an encoder whose alpha weights are zero.
    """
    if focus is None:
        return AlphaFocus() if has_alpha else AttentionFocus()
    if isinstance(focus, AlphaFocus) and not has_alpha:
        raise PairingError(
            "This encoder is a plain CLIP: its alpha weights are zero, so the focus `alpha` would ignore the regions. "
            "Give it an Alpha-CLIP (alpha_clip=...), or choose another focus, such as `attention` or `crop`."
        )
    return focus


def weighted_mean(embeds: Float[Tensor, "k d"], weights: Float[Tensor, " k"]) -> Float[Tensor, " d"]:
    """The weighted mean of embeddings, rescaled to the weighted mean of their lengths.

    A mean of vectors is shorter than they are, and hosts that take un-normalised embeddings read length as well.

    Args:
        embeds: One for each region.
        weights: Above 0; only their ratios count.
    """
    shares = (weights / weights.sum()).to(embeds.device, torch.float32)
    exact = embeds.float()
    mean = shares @ exact
    length = shares @ exact.norm(dim=-1)
    return (mean * (length / mean.norm().clamp_min(torch.finfo(torch.float32).tiny))).to(embeds.dtype)


def check_width(host: Host, width: int) -> None:
    """Compare an embedding's width with what a host takes.

    Raises:
        PairingError: Says both widths.
    """
    if host.embed_dim not in (None, width):
        raise PairingError(
            f"The host {host.name} takes embeddings of a {host.encoder}, of width {host.embed_dim}; got width {width}."
        )


def view_of(host: Host, encoder: AlphaCLIP, geometry: Geometry | None = None) -> AlphaCLIP:
    """The encoder behind the host's geometry, or another, at the encoder's own size."""
    return encoder.with_geometry(replace(geometry or host.geometry, size=encoder.image_size))


def _has_alpha(encoder: AlphaCLIP) -> bool:
    # Weights that are offloaded layer by layer cannot be looked at; a pipeline looks before and passes its choice.
    return encoder.device.type == "meta" or encoder.has_alpha


def _on(picture: Picture, device: torch.device) -> Picture:
    # An offloaded encoder has no device of its own; the caller says where it will run.
    target = torch.device("cpu") if device.type == "meta" else device
    return Picture(rgb=picture.rgb.to(target), alpha=picture.alpha)


def _embed(
    encoder: AlphaCLIP, picture: Picture, regions: Sequence[Region], focus: FocusStrategy | None
) -> Float[Tensor, "1 d"]:
    for region in regions:
        if region.size != picture.size:
            raise InputError(
                f"A region of {region.size[1]} x {region.size[0]} on a picture of {picture.size[1]} x "
                f"{picture.size[0]} (width x height): regions have their picture's own size."
            )
    if not regions:
        # The whole image needs no strategy: every encoder sees it by itself.
        return AlphaFocus().embed(encoder, picture.rgb[None], picture.rgb.new_ones(1, *picture.size))
    strategy = AlphaFocus() if focus is None else focus
    alphas, weights = alpha_maps(regions)
    check_visible(alphas, strategy, encoder.processor.geometry)
    rgb = picture.rgb.expand(len(alphas), -1, -1, -1)
    embeds = strategy.embed(encoder, rgb, alphas.to(picture.rgb))
    return embeds if len(embeds) == 1 else weighted_mean(embeds, weights)[None]


def alpha_maps(regions: Sequence[Region]) -> tuple[Float[Tensor, "k h w"], Float[Tensor, " k"]]:
    """The maps that the encoder is run with for the regions of one image, and their weights; equal ones are united."""
    weights = torch.tensor([region.weight for region in regions])
    if bool((weights == weights[0]).all()):
        return union_of(regions)[None], torch.ones(1)
    return stack_alphas(regions), weights


def check_visible(alphas: Float[Tensor, "k h w"], focus: FocusStrategy | None, geometry: Geometry) -> None:
    """Make sure that the encoder will see what each map marks; `crop` brings anything into view.

    Raises:
        InputError: See `check_seen`, which also warns.
    """
    if not isinstance(focus, CropFocus):
        for alpha in alphas:
            check_seen(alpha, geometry)
