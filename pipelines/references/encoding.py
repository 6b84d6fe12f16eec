"""From a reference picture to what a host takes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.towers import widen
from gencontrol.conditioning.embed import embed_regions
from gencontrol.conditioning.token_towers import TokenTower, token_tower
from gencontrol.conditioning.tokens import TokenFocus, check_token_focus, embed_tokens, levels, zero_pixels
from gencontrol.errors import InputError, PairingError
from gencontrol.focus.registry import focus_strategy
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.writing import to_pil
from gencontrol.numbers import check_number
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.references.reference import TEXT_SHARE, Encoded, RegionReference
from gencontrol.pipelines.region_pipeline.arguments import read_scenes
from gencontrol.regions.masks import from_mask
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """What embeds references for a host: one of three, by what the host takes."""

    pooled: AlphaCLIP | None = None
    """For hosts that take one embedding."""
    tower: TokenTower | None = None
    """For hosts that take tokens."""
    embedder: Any = None
    """Redux's own part, from SigLIP's tokens to the prompt's width."""


def encoder_for(host: ReferenceHost, given: Any) -> Encoder:
    """What a caller gave, as the host's kind of encoder, checked against it.

    Args:
        host: The record.
        given: An AlphaCLIP, a stock vision tower, a stock `FluxPriorReduxPipeline` for Redux, or None for hosts that
            take pictures.

    Raises:
        PairingError: Another kind of encoder than the host's, or another width.
    """
    if host.takes == "picture":
        if given is not None:
            raise PairingError(f"{host.name} encodes references by its own autoencoder: expected encoder=None.")
        return Encoder()
    embedder = getattr(given, "image_embedder", None)
    if host.takes == "redux" and embedder is None:
        raise PairingError(
            f"{host.name}: expected a FluxPriorReduxPipeline as encoder, which holds the SigLIP and the embedder; got "
            f"a {type(given).__name__}."
        )
    tower = token_tower(given.image_encoder if host.takes == "redux" else given)
    if tower.has_class_token == host.siglip:
        kinds = ("a CLIP", "a SigLIP") if host.siglip else ("a SigLIP", "a CLIP")
        raise PairingError(f"{host.name} takes references from {kinds[1]}, {host.encoder}; got {kinds[0]}.")
    pooled = None if host.takes != "embedding" else _pooled(given, tower)
    width = tower.width if pooled is None else pooled.embed_dim
    if host.width != width:
        what = "tokens" if pooled is None else "an embedding"
        raise PairingError(f"{host.name} takes {what} of width {host.width}, of {host.encoder}; got width {width}.")
    return Encoder(pooled=pooled, tower=tower if pooled is None else None, embedder=embedder)


def _pooled(given: Any, tower: TokenTower) -> AlphaCLIP:
    if isinstance(given, AlphaCLIP):
        return given
    assert isinstance(tower.vision, CLIPVisionModelWithProjection)
    return AlphaCLIP(widen(tower.vision), processor=tower.processor)


@torch.no_grad()
def encode(
    host: ReferenceHost, encoder: Encoder, reference: RegionReference, *, token_focus: TokenFocus = "repeat"
) -> Encoded:
    """Embed one reference.

    Args:
        host: Says what is taken, and what guidance departs from.
        encoder: See `encoder_for`.
        reference: The picture and its masks.
        token_focus: See `embed_tokens`; hosts that read a bias keep all tokens.

    Raises:
        InputError: See `embed_regions` and `embed_tokens`.
        PairingError: See `embed_regions`.
    """
    scene = scene_of(reference)
    focus = _focus_of(reference)
    if host.takes == "picture":
        made = _as_picture(host, scene, strength=reference.strength)
    elif encoder.pooled is not None:
        made = _as_embedding(host, encoder.pooled, scene, focus, strength=reference.strength)
    else:
        how: TokenFocus = "keep" if host.takes == "redux" else token_focus
        made = _as_tokens(host, encoder, scene, focus, how, strength=reference.strength)
    return replace(made, weight=reference.weight, canvas=canvas_of(reference), course=reference.course)


def _focus_of(reference: RegionReference) -> FocusStrategy | None:
    return focus_strategy(reference.focus) if isinstance(reference.focus, str) else reference.focus


def scene_of(reference: RegionReference) -> Scene:
    """The picture of a reference with its regions."""
    if isinstance(reference.image, list):
        raise InputError(
            f"image: expected one picture for a reference, got a list of {len(reference.image)}: give several as "
            "`references`."
        )
    if not isinstance(reference.image, Scene):
        (scene,) = read_scenes(reference.image, reference.mask_image, reference.negative_mask_image)
        return scene
    if reference.mask_image is not None or reference.negative_mask_image is not None:
        raise InputError("A Scene has regions of its own: give either it, or a picture with masks beside it.")
    return reference.image


def canvas_of(reference: RegionReference) -> Float[Tensor, "h w"] | None:
    """The canvas mask of a reference, [0, 1], at its own size."""
    mask = reference.canvas_mask
    if isinstance(mask, Region) and (mask.weight, mask.level) != (1.0, 1.0):
        raise InputError("canvas_mask: its weight and its level count for nothing: give the reference a `weight`.")
    if mask is None or isinstance(mask, Region):
        return None if mask is None else mask.alpha
    return from_mask(mask, size=None).alpha


def _as_embedding(
    host: ReferenceHost, encoder: AlphaCLIP, scene: Scene, focus: FocusStrategy | None, *, strength: float
) -> Encoded:
    made = embed_regions(encoder, host.geometry, scene, focus=focus, strength=strength)
    negative = made.negative_image_embeds
    if negative is None:
        negative = _nothing(host, encoder, made.image_embeds)
    return Encoded(positive=made.image_embeds, negative=negative)


def _nothing(host: ReferenceHost, encoder: AlphaCLIP, like: Tensor) -> Tensor:
    if host.negative == "zero_pixels":
        return encoder.encode_pixels(zero_pixels(token_tower(encoder)).to(encoder.dtype))
    if host.negative == "black":
        return encoder.encode_image(torch.zeros(3, encoder.image_size, encoder.image_size, device=encoder.device))
    return torch.zeros_like(like)


def _as_tokens(
    host: ReferenceHost,
    encoder: Encoder,
    scene: Scene,
    focus: FocusStrategy | None,
    token_focus: TokenFocus,
    *,
    strength: float,
) -> Encoded:
    assert encoder.tower is not None
    layer = "penultimate" if host.takes == "penultimate" else "last"
    made = embed_tokens(
        encoder.tower, host.geometry, scene, focus=focus, token_focus=token_focus, strength=strength, layer=layer
    )
    if encoder.embedder is not None:
        return Encoded(positive=encoder.embedder(made.tokens).image_embeds, token_weights=made.weights.cpu())
    negative = (
        torch.zeros_like(made.tokens) if host.negative == "zeros" and not scene.negative_regions else made.negative
    )
    return Encoded(positive=made.tokens, negative=negative)


def _as_picture(host: ReferenceHost, scene: Scene, *, strength: float) -> Encoded:
    """The picture at the size that the stock call will keep, and its regions' mean in each of its tokens."""
    if not 0 <= strength <= 1:
        raise InputError(f"strength: expected 0 (the whole picture) to 1 (the part), got {strength}: see `weight`.")
    size = picture_size(host, scene.picture.size)
    shown = to_pil(scene.picture.rgb.cpu()).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    rows, columns = size[0] // host.grid, size[1] // host.grid
    weights = torch.ones(rows, columns)
    if scene.regions:
        alpha = levels(scene.regions)[None].float().cpu()
        weights = 1 - strength * (1 - functional.adaptive_avg_pool2d(alpha, (rows, columns))[0])
    return Encoded(picture=shown, token_weights=weights.flatten())


def picture_size(host: ReferenceHost, size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) at which a host keeps a picture: as its stock call would choose, in whole tokens.

    Raises:
        InputError: A picture of less than one token, or of another size or shape than the host takes.
    """
    height, width = size
    if host.resolutions:
        height, width = min(host.resolutions, key=lambda side: abs(size[1] / size[0] - side[1] / side[0]))
    elif host.most_pixels is not None and height * width > host.most_pixels:
        scale = (host.most_pixels / (height * width)) ** 0.5
        height, width = int(height * scale), int(width * scale)
    height, width = height // host.grid * host.grid, width // host.grid * host.grid
    if _is_long(host, size) or (height and width and _is_long(host, (height, width))):
        raise InputError(
            f"A reference of {size[1]} x {size[0]} pixels is too long: {host.name} takes sides of up to "
            f"{host.most_aspect:g} to 1, in whole tokens of {host.grid}; crop it."
        )
    if min(height, width) < max(host.least_side, 1):
        raise InputError(
            f"A reference of {size[1]} x {size[0]} pixels is too small: {host.name} takes sides of "
            f"{max(host.least_side, host.grid)} pixels and more; give a larger picture."
        )
    return height, width


def _is_long(host: ReferenceHost, size: tuple[int, int]) -> bool:
    return host.most_aspect is not None and max(size) > host.most_aspect * min(size)


def check_references(host: ReferenceHost, references: Sequence[RegionReference], *, guided: bool, rows: bool) -> None:
    """Refuse what a host would ignore or mix without a word.

    Raises:
        InputError: Says what, and what can be done instead.
    """
    if not references:
        raise InputError("Expected at least one reference, got none.")
    if rows and host.rows == "loop":
        raise InputError(f"{host.name} mixes references given as rows of a batch: make one call for each output.")
    if len(references) > 1 and not rows and not host.several:
        raise InputError(f"{host.name} takes one reference for an output, got {len(references)}.")
    for reference in references:
        if reference.canvas_mask is not None and not host.canvas_masks:
            raise InputError(f"canvas_mask: {host.name} has no way to keep a reference to a part of the canvas.")
        if reference.weight != 1.0 and not host.weights:
            scale = "" if host.adapter is None else "its adapter's scale, or "
            raise InputError(f"weight: {host.name} takes none with a call; {scale}`strength` is what there is.")
        if not reference.course.is_constant and not host.schedules:
            raise InputError(f"schedule: {host.name} reads its condition once, so it cannot change over the steps.")
        if reference.course.start != 1.0 and not host.weights:
            # One that stays is a weight by another name.
            raise InputError(
                f"schedule: {host.name} takes no weight with a call, and this is one of {reference.course.start:g} "
                "throughout: leave it out."
            )
        if reference.focus is not None and host.takes == "picture":
            raise InputError(f"focus: {host.name} has no encoder that could be made to look: leave it out.")
        if host.takes in ("penultimate", "last", "redux") and _has_regions(reference):
            check_token_focus(_focus_of(reference))
        if _has_negative(reference) and (not guided or host.negative == "own"):
            why = "without guidance" if host.negative != "own" else f"of {host.name}, whose negative is its own"
            raise InputError(f"negative_mask_image: it would act on nothing {why}.")


def _has_regions(reference: RegionReference) -> bool:
    """As far as is known before its picture is read."""
    scene = reference.image
    shown = reference.mask_image is not None or (isinstance(scene, Scene) and bool(scene.regions))
    return shown or _has_negative(reference)


def _has_negative(reference: RegionReference) -> bool:
    scene = reference.image
    return reference.negative_mask_image is not None or (isinstance(scene, Scene) and bool(scene.negative_regions))


def check_prompt(
    host: ReferenceHost,
    prompt_embeds: Tensor | None,
    pooled_prompt_embeds: Tensor | None,
    *,
    token_focus: TokenFocus,
    text_embeds: Tensor | None = None,
    text_share: float = TEXT_SHARE,
) -> None:
    """Refuse what a host has no use for here, and would leave out without a word.

    Raises:
        InputError: A prompt that belongs to the stock call itself, or a way with tokens that it takes none of.
    """
    if prompt_embeds is not None and host.takes not in ("redux", "picture"):
        raise InputError(f"prompt_embeds: {host.name} needs none for a reference; give them to the pipeline's call.")
    if pooled_prompt_embeds is not None and host.takes != "redux":
        raise InputError(f"pooled_prompt_embeds: {host.name} needs none here; give them to the pipeline's call.")
    if token_focus != "repeat" and host.takes not in ("penultimate", "last"):
        raise InputError(f"token_focus: {host.name} takes no tokens that could be left out or kept.")
    if text_embeds is not None and not host.mixes_text:
        raise InputError(f"text_embeds: the condition of {host.name} is mixed with no text: give its call a prompt.")
    check_number(text_share, name="text_share", at_least=0, at_most=1, error=InputError)
    if text_embeds is None and text_share != TEXT_SHARE:
        raise InputError("text_share: expected `text_embeds` beside it, which it is the share of.")
