"""From a picture and its regions to embeddings: for any encoder and geometry, with no host in sight."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP, DefaultLook
from gencontrol.conditioning.calibrated import curve_of
from gencontrol.conditioning.strength import between, check_strength
from gencontrol.errors import InputError, PairingError
from gencontrol.finite import check_finite, mend_of
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.attention import AttentionFocus
from gencontrol.focus.crop import CropFocus
from gencontrol.focus.looks import looks_of
from gencontrol.focus.one_pass import embed_each
from gencontrol.focus.pixels import pixels
from gencontrol.focus.registry import configured_focus
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.focus.zoom import ZoomFocus
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.kinds import checked
from gencontrol.regions.curves import LevelsCurve, curved, curved_maps
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.levels import check_levels, has_levels, level_map, level_shares
from gencontrol.regions.notices import check_seen, warn_of_grey, warn_small
from gencontrol.regions.region import Region, RegionWarning, stack_alphas
from gencontrol.regions.scene import Scene


@dataclass(frozen=True, kw_only=True)
class RegionEmbeds:
    """What a host is conditioned on; un-normalised projected embeddings, one row for each image."""

    image_embeds: Float[Tensor, "b d"]
    """Of the regions."""
    negative_image_embeds: Float[Tensor, "b d"] | None = None
    """Of the negative regions; None where guidance departs from the host's own unconditional embedding."""
    whole_image_embeds: Float[Tensor, "b d"] | None = None
    """Of the whole image, if it was asked for."""


@checked
def embed_regions(
    encoder: AlphaCLIP,
    geometry: Geometry,
    image: ImageSource | Scene,
    regions: Sequence[Region] = (),
    *,
    focus: FocusStrategy | None = None,
    negative_regions: Sequence[Region] = (),
    strength: float = 1.0,
    keep_whole: bool = False,
    device: torch.device | None = None,
) -> RegionEmbeds:
    """Embed the regions of a picture.

    Several regions of equal weight and level are one region, their union, unless their `mixed_by` says what they are
    mixed by all the same. Of different weights, each is embedded and the embeddings are averaged (see `weighted_mean`).
    Of different levels, an encoder that was trained for it looks once, at one map of levels; for others the embeddings
    are averaged in the levels' shares.

    Args:
        encoder: The embeddings are of its width.
        geometry: How the picture is brought to the encoder's square; its size is the encoder's, whatever it says.
        image: The picture, whose own alpha channel plays no part (see `regions.from_image_alpha`); or a `Scene`, which
            brings its regions.
        regions: Of the picture's size; none is the whole image.
        focus: How the encoder is made to look; None is what its configuration says (`AlphaCLIP.default_focus`), else
            its alpha channel if that has been trained, else attention.
        negative_regions: What to keep away from.
        strength: In [0, 2]: e_whole + strength (e_region - e_whole). Acts on `regions` only.
        keep_whole: Also return the whole image's embedding, which a strength that changes over the steps needs.
        device: Where to compute; None is where the encoder is.

    Returns:
        Embeddings of one row each.

    Raises:
        InputError: An image, region or strength that cannot be used, or a region that the encoder's centre crop leaves
            out (little of it left, or a tiny one, is a `RegionWarning`).
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero: it would ignore the regions.
    """
    check_strength(strength)
    scene = _on(_scene(image, regions, negative_regions), device or encoder.device)
    view = seen_through(encoder, geometry)
    if scene.regions or scene.negative_regions:
        focus = choose_focus(focus, has_alpha=_has_alpha(encoder), default=encoder.default_focus)
    chosen = _embed(view, scene.picture, scene.regions, focus)
    whole = None
    if keep_whole or (scene.regions and strength != 1.0):
        whole = _embed(view, scene.picture, (), focus) if scene.regions else chosen
    negatives = scene.negative_regions
    return RegionEmbeds(
        image_embeds=chosen if whole is None else between(whole, chosen, strength),
        negative_image_embeds=_embed(view, scene.picture, negatives, focus) if negatives else None,
        whole_image_embeds=whole if keep_whole else None,
    )


@checked
def choose_focus(focus: FocusStrategy | None, *, has_alpha: bool, default: DefaultLook | None = None) -> FocusStrategy:
    """The strategy to use, after a check that it can act.

    Args:
        focus: What was asked for.
        has_alpha: Whether the encoder's alpha weights have been trained.
        default: What the encoder's configuration says (`AlphaCLIP.default_focus`).

    Raises:
        PairingError: `alpha` with an encoder whose alpha weights are zero.
        CheckpointError: A default that is no focus.
    """
    if focus is None and default is not None:
        focus = configured_focus(default)
    if focus is None:
        return AlphaFocus() if has_alpha else AttentionFocus()
    if not has_alpha and any(isinstance(look, AlphaFocus) for look in looks_of(focus)):
        raise PairingError(
            "This encoder is a plain CLIP: its alpha weights are zero, so the focus `alpha` would ignore the regions. "
            "Give it an Alpha-CLIP (`alpha_clip`), or choose another focus, such as `attention` or `crop`."
        )
    return focus


@checked
def weighted_mean(embeds: Float[Tensor, "k d"], weights: Float[Tensor, " k"]) -> Float[Tensor, " d"]:
    """The weighted mean of embeddings, rescaled to the weighted mean of their lengths.

    A mean of vectors is shorter than they are, and hosts that take un-normalised embeddings read length as well.

    Args:
        embeds: One for each region.
        weights: At least 0, not all of them 0; only their ratios count.

    Raises:
        InputError: Not one weight for each embedding, or a weight that is below 0, or none above it.
    """
    if not len(embeds) == len(weights) > 0:
        raise InputError(f"Expected one weight for each embedding, got {len(weights)} for {len(embeds)}.")
    if not bool(((weights >= 0) & weights.isfinite()).all()) or not bool((weights > 0).any()):
        told = ", ".join(f"{weight:g}" for weight in weights.tolist())
        raise InputError(f"Expected finite weights of at least 0, and one above it, got {told}.")
    # Only their ratios count, and those of any numbers can be told, of ones beyond float32 too.
    ratios = weights.double() / weights.double().max()
    shares = (ratios / ratios.sum()).to(embeds.device, torch.float32)
    exact = embeds.float()
    mean = shares @ exact
    length = shares @ exact.norm(dim=-1)
    return (mean * (length / mean.norm().clamp_min(torch.finfo(torch.float32).tiny))).to(embeds.dtype)


def check_embeds(embeds: Float[Tensor, "k d"]) -> Float[Tensor, "k d"]:
    """The embeddings, after a look at whether an encoder made numbers of the pictures.

    Raises:
        InputError: NaN or infinite values.
    """
    check_finite(embeds, name="What the encoder made of the picture", mend=mend_of(embeds.dtype))
    return embeds


def seen_through(encoder: AlphaCLIP, geometry: Geometry) -> AlphaCLIP:
    """The encoder behind another geometry, at its own size."""
    return encoder.with_geometry(replace(geometry, size=encoder.image_size))


def alpha_maps(
    regions: Sequence[Region], *, one_pass: bool = False, curve: LevelsCurve | None = None
) -> tuple[Float[Tensor, "k h w"], Float[Tensor, " k"]]:
    """The maps that the encoder is run with for the regions of one image, and their weights; equal ones are united.

    Args:
        regions: At least one.
        one_pass: Whether different levels make one map of levels (`level_map`) instead of a map for each region.
        curve: What is given for a level, where it was fitted for that way.

    Raises:
        InputError: See `check_levels`.
    """
    alike, mixed = len({region.weight for region in regions}) == 1, {region.mixed_by for region in regions}
    if not one_pass and (has_levels(regions) or (alike and "level" in mixed)):
        check_levels(regions)
        seen = [region for region in regions if region.level > 0]
        return stack_alphas(seen), _mixture(level_shares(seen), curve)
    weights = torch.tensor([region.weight for region in regions], dtype=torch.float64)
    if alike and "weight" not in mixed:
        maps, weights = level_map(regions)[None], torch.ones(1, dtype=torch.float64)
    else:
        check_levels(regions)
        maps = stack_alphas(regions)
    if one_pass and curve is not None and curve.way == "one-pass":
        maps = curved_maps(maps, curve)
    return maps, weights


def _mixture(shares: Float[Tensor, " k"], curve: LevelsCurve | None) -> Float[Tensor, " k"]:
    """What the looks are weighted with so that the shares come; they themselves where nothing is known of that."""
    if curve is None or curve.way != "passes":
        return shares
    given = curved(shares / shares.max(), curve)
    return given / given.sum()


def check_visible(alphas: Float[Tensor, "k h w"], focus: FocusStrategy | None, geometry: Geometry) -> None:
    """Make sure that the encoder will see what each map marks; `crop` and `zoom` bring anything into view.

    Raises:
        InputError: See `check_seen`, which also warns.
    """
    looks = () if focus is None else looks_of(focus)
    zooms = any(isinstance(look, ZoomFocus) for look in looks)
    stays = not looks or any(not isinstance(look, ZoomFocus | CropFocus) for look in looks)
    for alpha in alphas:
        if zooms:
            warn_small(alpha)
        if stays:
            check_seen(alpha, geometry)


def _scene(image: ImageSource | Scene, regions: Sequence[Region], negative_regions: Sequence[Region]) -> Scene:
    if not isinstance(image, Scene):
        return Scene(picture=read_image(image), regions=tuple(regions), negative_regions=tuple(negative_regions))
    if regions or negative_regions:
        raise InputError("A Scene has regions of its own: give either it, or a picture with regions beside it.")
    return image


def _on(scene: Scene, device: torch.device) -> Scene:
    # An offloaded encoder has no device of its own; the caller says where it will run.
    target = torch.device("cpu") if device.type == "meta" else device
    return replace(scene, picture=Picture(rgb=scene.picture.stored_rgb.to(target), alpha=scene.picture.stored_alpha))


def _has_alpha(encoder: AlphaCLIP) -> bool:
    # Weights that are offloaded layer by layer cannot be looked at; a pipeline looks before and passes its choice.
    return encoder.device.type == "meta" or encoder.has_alpha


def _embed(
    encoder: AlphaCLIP, picture: Picture, regions: Sequence[Region], focus: FocusStrategy | None
) -> Float[Tensor, "1 d"]:
    if not regions:
        # The whole image needs no strategy: every encoder sees it by itself.
        return check_embeds(encoder.encode_pixels(pixels(encoder, picture.stored_rgb[None])))
    strategy = AlphaFocus() if focus is None else focus
    curve = curve_of(encoder.vision)
    one_pass = isinstance(strategy, AlphaFocus) and (encoder.graded or (curve is not None and curve.way == "one-pass"))
    _warn_of_idle_curve(curve, regions, one_pass=one_pass)
    alphas, weights = alpha_maps(regions, one_pass=one_pass, curve=curve)
    if not (encoder.graded or one_pass) and any(isinstance(look, AlphaFocus) for look in looks_of(strategy)):
        warn_of_grey(alphas)
    check_visible(alphas, strategy, encoder.processor.geometry)
    rgb = colours_for(strategy, picture)
    embeds = check_embeds(embed_each(strategy, encoder, rgb, alphas.to(rgb.device, torch.float32)))
    return embeds if len(embeds) == 1 else weighted_mean(embeds, weights)[None]


def _warn_of_idle_curve(curve: LevelsCurve | None, regions: Sequence[Region], *, one_pass: bool) -> None:
    """Say so where levels count and a curve was fitted for the other way to look at them."""
    said = has_levels(regions) or any(region.mixed_by == "level" for region in regions)
    if curve is None or not said or len(regions) < 2 or one_pass == (curve.way == "one-pass"):
        return
    fitted = "a look at each region, and this encoder looks once, at all" if one_pass else "one look at all regions"
    mend = "leave it out" if one_pass else "give the focus alpha, or make one with the way 'passes'"
    warnings.warn(f"The curve of levels does nothing: it was fitted for {fitted}; {mend}.", RegionWarning, stacklevel=3)
