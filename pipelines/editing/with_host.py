"""Painting into a hole with an opened host: a part of a reference beside a prompt, a prompt alone, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource
from gencontrol.kinds import checked
from gencontrol.pipelines.editing.painting import remove
from gencontrol.pipelines.editing.stock_inpainting import CONTEXT, paintings
from gencontrol.pipelines.editing.window import SEAM
from gencontrol.pipelines.hosts.inpainting import inpainting_arguments
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.references.canvas import output_size
from gencontrol.pipelines.references.reference import Call, RegionReference
from gencontrol.pipelines.stock.drawing import call_settings
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.pipelines.stock.scales import by_scale, scaled
from gencontrol.pipelines.stock.wanted import Drawing, check_call, check_drawing, check_text_towers


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A photograph with what was painted in its hole."""

    picture: Picture
    """It, in bytes; all outside of the hole is the photograph's own."""
    seed: int
    """Its own."""
    flagged: bool = False
    """Whether the pipeline's safety checker blackened what was painted."""


@checked
def paint_with_host(
    opened: OpenedHost,
    photo: ImageSource,
    hole: Any,
    like: RegionReference | None = None,
    *,
    drawing: Drawing | None = None,
    seeds: Sequence[int] = (0,),
    margin: float = CONTEXT,
    seam: float = SEAM,
) -> list[Painted]:
    """Paint into a hole of a photograph with a stock inpainting or fill class.

        opened = open_reference_host(INPAINTING_HOSTS["sd15-ip-plus"])
        cup = RegionReference(image="cup.png", mask_image="cup-mask.png")
        paint_with_host(opened, "photo.png", "hole.png", cup, drawing=Drawing(prompt="a cup on a table"))

    Args:
        opened: Of a record of `INPAINTING_HOSTS`; without `like`, of what `without_reference` makes of it.
        photo: See `edit_with`.
        hole: See `edit_with`.
        like: What is to be painted.
        drawing: Prompts, steps and guidance; `height` and `width` are those at which the model works.
        seeds: One result each.
        margin: See `edit_with`.
        seam: See `edit_with`.

    Raises:
        InputError: See `check_painting` and `edit_with`.
    """
    drawing = drawing or Drawing()
    check_text_towers(opened.fitted, drawing)
    size = check_painting(opened.host, like, drawing, default=opened.fitted.size)
    references, scale = by_scale(opened.host, [] if like is None else [like])
    arguments = inpainting_arguments(opened.host, size) | call_settings(opened, references, drawing, size)
    with scaled(opened.denoiser, scale):
        made = paintings(
            opened.pipeline, photo, hole, size=size, arguments=arguments, seeds=seeds, margin=margin, seam=seam
        )
        return [
            Painted(picture=picture, seed=seed, flagged=flagged)
            for (picture, flagged), seed in zip(made, seeds, strict=True)
        ]


@checked
def remove_with_host(
    opened: OpenedHost, photo: ImageSource, hole: Any, *, drawing: Drawing, **how: Any
) -> list[Painted]:
    """Fill a hole from what is around it by a model that is told nothing: an empty prompt.

    What was in the hole is filled smoothly first (see `remove`), so that neither the model nor the soft border sees it.

    Args:
        opened: Of what `without_reference` makes of a record of `INPAINTING_HOSTS`.
        photo: See `edit_with`.
        hole: See `edit_with`.
        drawing: See `for_removal`.
        how: `seeds`, `margin` and `seam` of `paint_with_host`.

    Raises:
        InputError: See `paint_with_host` and `remove`.
    """
    return paint_with_host(opened, remove(photo, hole), hole, drawing=for_removal(opened.host, drawing), **how)


def for_removal(host: ReferenceHost, drawing: Drawing) -> Drawing:
    """A call that says nothing of what is to be painted.

    Classifier-free guidance between two empty prompts changes nothing and doubles the time: it is off unless there is a
    negative prompt to move away from, or a scale is given.

    Raises:
        InputError: A prompt, or a host that paints by an instruction.
    """
    if drawing.prompt:
        raise InputError("prompt: a removal says nothing of what is to be painted: leave it out, or paint by a prompt.")
    if host.call.prompt == "needed":
        raise InputError(f"{host.name} paints by an instruction: give it a prompt that says what to remove.")
    if host.call.distilled or drawing.guidance is not None or drawing.negative_prompt is not None:
        return drawing
    return replace(drawing, guidance=1.0)


def check_painting(
    host: ReferenceHost, like: RegionReference | None, drawing: Drawing, *, default: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Refuse what a host would ignore or fail at, before any weight is loaded.

    Args:
        host: The record.
        like: What is to be painted.
        drawing: What else.
        default: (height, width) at which it works unless said.

    Returns:
        (height, width) at which it works.

    Raises:
        InputError: See `check_drawing`; or a size that is not of whole cells.
    """
    if like is None:
        size = check_call(host, drawing, default=default)
    else:
        size = check_drawing(host, [like], drawing, default=default)
    return output_size(Call(size=size), multiple=host.grid, why="the model works at that size")
