"""The front function: what is pointed at in one picture, painted into a hole of another."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.sampling import DEFAULT_STEPS, check_guidance
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError, PairingError
from gencontrol.focus.boxes import Box
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Picture, byte_planes
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.pipelines.editing.composing import composing, latents_of, touched
from gencontrol.pipelines.editing.filling import filled
from gencontrol.pipelines.editing.window import MARGIN, SEAM, cut, put_back, soft_hole, window_around
from gencontrol.regions.geometry import Fit
from gencontrol.regions.masks import from_mask
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.streams import seeded

# Of a removal: what is shown around the hole, and the most pixels along a side that are solved for.
_AROUND, _FILLED = 0.1, 256
_LEAST_AROUND = 2


@checked
@torch.no_grad()
def edit(
    pipeline: Any,
    photo: ImageSource,
    hole: Any,
    like: Scene | Float[Tensor, "1 d"],
    *,
    focus: str | FocusStrategy | None = None,
    fit: Fit | None = None,
    strength: float | StrengthSchedule = 1.0,
    seeds: Sequence[int] = (0,),
    num_inference_steps: int = DEFAULT_STEPS,
    guidance_scale: float = 3.0,
    margin: float = MARGIN,
    seam: float = SEAM,
) -> list[Picture]:
    """Paint into a hole of a photograph; every pixel outside of the hole is the photograph's own, to the bit.

    A window around the hole is painted at the model's size and put back at the photograph's.

    Args:
        pipeline: An image-variation host, such as `open_pipeline("tiny")`.
        photo: The photograph. Its alpha channel is kept as it is.
        hole: Where to paint: a `Region` of the photograph's size, or what `regions.from_mask` reads.
        like: The picture with the regions that show what to paint; or an embedding, as `region_embeds` gives it, which
            leaves `focus`, `fit` and `strength` without a meaning. One of zeros is nothing at all.
        focus: How the encoder is made to look; None is its alpha channel if it has been trained, else attention.
        fit: How the reference becomes square; None is what the encoder's processor says.
        strength: See `RegionPipeline`; how much the regions of `like` count beside its whole picture.
        seeds: One result each.
        num_inference_steps: Steps of the scheduler.
        guidance_scale: Weight of classifier-free guidance; off at 1 and below.
        margin: What is shown around the hole on each side, as a share of its long side.
        seam: Width of the soft border inside the hole, as a share of its long side.

    Returns:
        One picture for each seed, at the photograph's size, in bytes.

    Raises:
        InputError: A photograph, hole or number that cannot be used.
        PairingError: A pipeline that is no image-variation host.
    """
    if not hasattr(pipeline, "encode_regions") or not hasattr(pipeline, "vae"):
        raise PairingError(f"edit: expected an image-variation host, such as `tiny`, got {type(pipeline).__name__}.")
    check_guidance(guidance_scale)
    if not seeds:
        raise InputError("seeds: expected at least one, got none.")
    picture = read_image(photo)
    alpha, size = as_hole(hole, picture).alpha, _working_size(pipeline)
    box, soft = window_around(alpha, aspect=size[1] / size[0], margin=margin), soft_border(alpha, seam)
    settings: dict[str, Any] = {"num_inference_steps": num_inference_steps, "guidance_scale": guidance_scale}
    shown: dict[str, Any] = {"image_embeds": like}
    if isinstance(like, Scene):
        shown = {
            "image": like.picture,
            "mask_image": list(like.regions) or None,
            "negative_mask_image": list(like.negative_regions) or None,
        } | {"focus": focus, "fit": fit, "strength": strength}
    painted = _paint(
        pipeline,
        cut(picture.stored_rgb, box, size),
        cut(alpha[None], box, size)[0],
        seeds=seeds,
        settings=settings | shown,
    )
    return [put_into(picture, one, soft, box) for one in painted]


@checked
def remove(photo: ImageSource, hole: Any) -> Picture:
    """Fill a hole of a photograph from what is around it, without a model; every pixel outside of it stays as it is.

    Plain and slowly changing grounds go on through the hole, textures become smooth. The filling meets its border, and
    so needs no seam, in which something of what was there would be left; a mask's grey is in the hole as its white is.

    Args:
        photo: See `edit`.
        hole: See `edit`.

    Returns:
        A picture of the photograph's size, in bytes.

    Raises:
        InputError: A photograph or hole that cannot be used, or a hole that is everything.
    """
    picture = read_image(photo)
    shown = as_hole(hole, picture)
    check_ground(shown)
    alpha = (shown.alpha > 0).float()
    # Of a hole of some pixels the share alone would round to nothing, or to one side.
    box = window_around(alpha, margin=max(_AROUND, _LEAST_AROUND / _long_side(alpha)))
    side = min(box[3] - box[1], _FILLED)
    window, inside = cut(picture.stored_rgb, box, (side, side)), cut(alpha[None], box, (side, side))[0] > 0
    # What is left around a large hole may be too little to be seen at the size at which it is filled.
    check_ground(Region(alpha=inside.float()))
    return put_into(picture, filled(window, inside), alpha, box)


def check_ground(hole: Region) -> None:
    """Refuse a hole that is everything.

    Raises:
        InputError: There is nothing to fill it from.
    """
    if bool((hole.alpha > 0).all()):
        raise InputError("The hole is the whole photograph, and leaves nothing to fill it from.")


def as_hole(hole: Any, picture: Picture) -> Region:
    """The hole as a region of the photograph.

    Raises:
        InputError: Nothing that `from_mask` reads, or of another size.
    """
    region = hole if isinstance(hole, Region) else from_mask(hole, size=picture.size, label="hole")
    if region.size != picture.size:
        (height, width), (h, w) = picture.size, region.size
        raise InputError(f"The hole is {w} x {h}, and the photograph {width} x {height} (width x height).")
    return region


def soft_border(alpha: Float[Tensor, "h w"], seam: float) -> Float[Tensor, "h w"]:
    """The hole with a soft border inside; see `soft_hole`.

    Args:
        alpha: The hole.
        seam: As a share of its long side.

    Raises:
        InputError: A seam outside [0, 1].
    """
    check_number(seam, name="seam", at_least=0, at_most=1, error=InputError)
    return soft_hole(alpha, seam * _long_side(alpha))


def _long_side(alpha: Float[Tensor, "h w"]) -> int:
    """Rows or columns that a hole has any of, in pixels; at least 1."""
    return max(1, *(int((alpha > 0).any(dim=axis).sum()) for axis in (0, 1)))


def put_into(picture: Picture, painted: Float[Tensor, "3 h2 w2"], soft: Float[Tensor, "h w"], box: Box) -> Picture:
    """The photograph with what was painted in its hole, in bytes; its alpha channel stays. See `put_back`."""
    alpha = picture.stored_alpha
    rgb = put_back(byte_planes(picture.stored_rgb), painted, soft, box)
    return Picture(rgb=rgb, alpha=None if alpha is None else byte_planes(alpha))


def _working_size(pipeline: Any) -> tuple[int, int]:
    side = pipeline.unet.config.sample_size * 2 ** (len(pipeline.vae.config.block_out_channels) - 1)
    return side, side


def _paint(
    pipeline: Any,
    rgb: Float[Tensor, "3 h w"],
    hole: Float[Tensor, "h w"],
    *,
    seeds: Sequence[int],
    settings: dict[str, Any],
) -> Float[Tensor, "n 3 h w"]:
    # What was in the hole must not shine through at its border.
    known = latents_of(pipeline, filled(rgb, hole > 0) if not bool((hole > 0).all()) else rgb)
    shape = known.shape[1:]
    # Of the CPU, so that a seed means the same picture on every device.
    noise = torch.stack([torch.randn(shape, generator=seeded(seed)) for seed in seeds])
    result = pipeline(
        num_images_per_prompt=len(seeds),
        generator=[seeded(seed) for seed in seeds],
        latents=noise,
        output_type="pt",
        callback_on_step_end=composing(known, touched(hole, (known.shape[2], known.shape[3])), noise),
        **settings,
    )
    return result.images.float().cpu()
