"""The same with a stock inpainting pipeline: it is made for holes, and takes whatever its siblings take beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.pipelines.editing.painting import as_hole, put_into, soft_border
from gencontrol.pipelines.editing.window import SEAM, cut, window_around
from gencontrol.pipelines.region_pipeline.results import check_made
from gencontrol.pipelines.stock.batches import for_one_call
from gencontrol.streams import seeded

CONTEXT = 0.5
"""Shown around the hole on each side, as a share of its long side: these models fit what they paint to it."""


@checked
@torch.no_grad()
def edit_with(
    pipe: Any,
    photo: ImageSource,
    hole: Any,
    *,
    size: tuple[int, int],
    arguments: Mapping[str, Any],
    seeds: Sequence[int] = (0,),
    margin: float = CONTEXT,
    seam: float = SEAM,
) -> list[Picture]:
    """Paint into a hole of a photograph with a stock inpainting call, once for each seed; all else stays to the bit.

        part = region_arguments("sd15-ip-plus", encoder, cup, mask_image=mask)
        edit_with(pipe, photo, hole, size=(512, 512), arguments={"prompt": "a cup"} | part)

    Args:
        pipe: Any pipeline whose call takes `image`, `mask_image`, `height`, `width` and `generator`, such as
            `StableDiffusionInpaintPipeline`, `StableDiffusionXLInpaintPipeline`, `FluxFillPipeline`,
            `FluxInpaintPipeline`, `FluxKontextInpaintPipeline`.
        photo: The photograph. Its alpha channel is kept as it is.
        hole: Where to paint: a `Region` of the photograph's size, or what `regions.from_mask` reads.
        size: (height, width) at which the pipeline is to work.
        arguments: What else the call is given: a prompt, steps, and what `region_arguments` makes of references at this
            size (`height`, `width`). Classes whose `strength` is below 1 start from what is in the hole: give 1.0 to
            paint it anew (`inpainting_arguments` has this for the hosts that are known here).
        seeds: One result each.
        margin: What is shown around the hole on each side, as a share of its long side.
        seam: Width of the soft border inside the hole, as a share of its long side.

    Returns:
        One picture for each seed, at the photograph's size, in bytes.

    Raises:
        InputError: A photograph, hole or number that cannot be used, or arguments that are made here.
    """
    made = paintings(pipe, photo, hole, size=size, arguments=arguments, seeds=seeds, margin=margin, seam=seam)
    return [picture for picture, _ in made]


@torch.no_grad()
def paintings(
    pipe: Any,
    photo: ImageSource,
    hole: Any,
    *,
    size: tuple[int, int],
    arguments: Mapping[str, Any],
    seeds: Sequence[int],
    margin: float,
    seam: float,
) -> list[tuple[Picture, bool]]:
    """The same as `edit_with`, and of each whether the pipeline's safety checker blackened it.

    Raises:
        InputError: See `edit_with`.
    """
    taken = sorted({"image", "mask_image", "generator", "output_type", "num_images_per_prompt"} & arguments.keys())
    if taken:
        raise InputError(
            f"arguments: {', '.join(taken)} are made here of the photograph and the seeds; leave them out."
        )
    if not seeds:
        raise InputError("seeds: expected at least one, got none.")
    for length in size:
        check_number(length, name="size", at_least=8, unit="pixels", error=InputError)
    picture = read_image(photo)
    alpha = as_hole(hole, picture).alpha
    box, soft = window_around(alpha, aspect=size[1] / size[0], margin=margin), soft_border(alpha, seam)
    shown, inside = cut(picture.stored_rgb, box, size), cut(alpha[None], box, size)[0] > 0
    call = {"height": size[0], "width": size[1]} | dict(arguments) | {"image": to_pil(shown), "output_type": "pt"}
    call["mask_image"] = to_pil(inside.float().expand(3, -1, -1)).convert("L")
    made = []
    for seed in seeds:
        with for_one_call(call) as settings:
            result = pipe(**settings, generator=seeded(seed))
        check_made(result.images, getattr(pipe, "dtype", None), getattr(pipe, "components", {}))
        flagged = bool((getattr(result, "nsfw_content_detected", None) or [False])[0])
        made.append((put_into(picture, result.images[0].float().cpu().clamp(0, 1), soft, box), flagged))
    return made
