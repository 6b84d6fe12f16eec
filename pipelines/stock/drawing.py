"""Drawing with an opened host of references: one picture for each seed, through the stock call alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from gencontrol.conditioning.sampling import DEFAULT_STEPS, check_guidance, check_sampling
from gencontrol.conditioning.strength import MAX_STRENGTH
from gencontrol.errors import InputError
from gencontrol.kinds import check_fields, checked
from gencontrol.numbers import check_number
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.references.canvas import canvas_map, output_size
from gencontrol.pipelines.references.encoding import canvas_of, check_references
from gencontrol.pipelines.references.reference import Call, RegionReference
from gencontrol.pipelines.stock.batches import lists_copied, outputs_at_once
from gencontrol.pipelines.stock.fitting import FittedHost
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.pipelines.stock.scales import by_scale, scaled
from gencontrol.pipelines.stock_arguments import region_arguments
from gencontrol.streams import seeded

_PROMPT = ("prompt_embeds", "pooled_prompt_embeds")
"""A prompt as stock calls take it embedded."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is to be drawn, beside references and seeds."""

    prompt: str | None = None
    """A text beside the references, where the host takes one."""
    negative_prompt: str | None = None
    """A text to keep away from; needs guidance."""
    steps: int = DEFAULT_STEPS
    """Denoising steps."""
    guidance: float | None = None
    """Scale of guidance; None is the host's own."""
    true_guidance: float | None = None
    """Scale of classifier-free guidance of hosts whose guidance is distilled; None is off."""
    height: int | None = None
    """Of the output in pixels; None is the host's own."""
    width: int | None = None
    """Of the output in pixels; None is the host's own."""
    batch: int = 4
    """Pictures that are drawn at once."""
    stock: Mapping[str, Any] = field(default_factory=dict)
    """Further keyword arguments of the stock call, such as `prompt_embeds`; they win."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture that was drawn."""

    image: Image.Image
    """It."""
    seed: int
    """Its own."""
    flagged: bool = False
    """Whether the pipeline's safety checker blackened it."""


@checked
def draw_references(
    opened: OpenedHost, references: Sequence[RegionReference], seeds: Sequence[int], drawing: Drawing | None = None
) -> Iterator[Drawn]:
    """One picture for each seed, all with the same references; the pipeline is as before afterwards.

    What is wrong is said at once, and references are encoded at once; pictures come batch by batch as they are asked
    for. A seed gives the same picture in any batch, but for rounding.

    Args:
        opened: See `open_reference_host`.
        references: The first may be the only one; see `RegionReference`.
        seeds: One picture each.
        drawing: What else; None is all defaults.

    Raises:
        InputError: See `check_drawing`; or pictures and masks that cannot be used.
    """
    drawing = drawing or Drawing()
    check_text_towers(opened.fitted, drawing)
    size = check_drawing(opened.host, references, drawing, default=opened.fitted.size)
    references, scale = by_scale(opened.host, references)
    settings = call_settings(opened, references, drawing, size)
    return _drawn(opened, seeds, settings, batch=drawing.batch, scale=scale)


def check_drawing(
    host: ReferenceHost,
    references: Sequence[RegionReference],
    drawing: Drawing,
    *,
    default: tuple[int, int] | None = None,
) -> tuple[int, int] | None:
    """Refuse what a host would ignore, mix or fail at: before any weight is loaded.

    Args:
        host: The record.
        references: What is to be taken.
        drawing: What else.
        default: (height, width) of the output unless said; see `FittedHost`.

    Returns:
        (height, width) of the output; None where the host leaves no choice.

    Raises:
        InputError: A text, number, mask or schedule that the host cannot use, or lacks one.
    """
    size = check_call(host, drawing, default=default)
    check_references(host, by_scale(host, references)[0], guided=is_guided(host, drawing), rows=False)
    _check_strengths(host, references)
    _check_canvases(host, references, size)
    return size


def check_call(
    host: ReferenceHost, drawing: Drawing, *, default: tuple[int, int] | None = None
) -> tuple[int, int] | None:
    """The same of all but the references.

    Raises:
        InputError: A text or number that the host cannot use, or lacks one.
    """
    _check_texts(host, drawing)
    _check_scales(host, drawing)
    if not host.call.sized and (drawing.height or drawing.width):
        raise InputError(f"height and width: those of {host.name} are its own.")
    height, width = drawing.height or (default or (None, None))[0], drawing.width or (default or (None, None))[1]
    check_sampling(steps=drawing.steps, pictures=drawing.batch, size=(height, width))
    return None if height is None or width is None else (height, width)


def check_text_towers(fitted: FittedHost, drawing: Drawing) -> None:
    """Refuse to read a text where nothing reads it: an empty one is read too, but for Redux's.

    Raises:
        InputError: Says what can be given instead.
    """
    reads = bool(drawing.prompt) if fitted.host.takes == "redux" else fitted.host.call.prompt != "none"
    if reads and "prompt_embeds" not in drawing.stock and not fitted.reads_text:
        raise InputError(
            f"prompt: {fitted.saved.location.name} was saved without text towers; in Python, give prompt_embeds."
        )


def is_guided(host: ReferenceHost, drawing: Drawing) -> bool:
    """Whether the call is under classifier-free guidance, and so has a negative half."""
    if host.call.distilled:
        return (drawing.true_guidance or 1.0) > 1
    return scale_of(host, drawing) > 1


def scale_of(host: ReferenceHost, drawing: Drawing) -> float:
    """The scale of guidance."""
    return host.call.guidance_scale if drawing.guidance is None else drawing.guidance


def call_settings(
    opened: OpenedHost, references: Sequence[RegionReference], drawing: Drawing, size: tuple[int, int] | None
) -> dict[str, Any]:
    """All of the stock call's arguments but the seeds.

    Args:
        opened: The host.
        references: What is to be taken; without weights where `by_scale` says so. With none, a prompt alone.
        drawing: What else.
        size: (height, width) of the output in pixels.
    """
    made = condition(opened, references, drawing, size) if references else {}
    # Redux's prompt stands before the references' tokens by now.
    stock = {name: v for name, v in drawing.stock.items() if opened.host.takes != "redux" or name not in _PROMPT}
    return made | stock_settings(opened.host, drawing, size) | stock


def condition(
    opened: OpenedHost, references: Sequence[RegionReference], drawing: Drawing, size: tuple[int, int] | None
) -> dict[str, Any]:
    """The stock call's arguments that hold the references; encoded where the pipeline runs.

    Args:
        opened: The host.
        references: What is to be taken.
        drawing: What else.
        size: (height, width) of the output in pixels.
    """
    device = opened.device
    how: dict[str, Any] = {"dtype": opened.dtype, "device": device, "guided": is_guided(opened.host, drawing)}
    if size is not None:
        how |= {"height": size[0], "width": size[1]}
    if opened.host.takes in ("redux", "picture"):
        how |= _prompt_of(opened, drawing)
    with _at(opened.encoder, device):
        return region_arguments(opened.host, opened.encoder, references=references, **how)


def stock_settings(host: ReferenceHost, drawing: Drawing, size: tuple[int, int] | None) -> dict[str, Any]:
    """The stock call's arguments that hold all but the references, in the call's own words."""
    call = host.call
    made: dict[str, Any] = {call.steps: drawing.steps, call.guidance: scale_of(host, drawing)}
    if size is not None and call.sized:
        made |= {"height": size[0], "width": size[1]}
    if call.prompt != "none" and host.takes != "redux" and "prompt_embeds" not in drawing.stock:
        made["prompt"] = drawing.prompt or ""
    if drawing.negative_prompt is not None:
        made["negative_prompt"] = drawing.negative_prompt
    if drawing.true_guidance is not None:
        made["true_cfg_scale"] = drawing.true_guidance
    return made


def _drawn(
    opened: OpenedHost, seeds: Sequence[int], settings: dict[str, Any], *, batch: int, scale: float
) -> Iterator[Drawn]:
    batch = outputs_at_once(opened.host, settings, batch)
    for start in range(0, len(seeds), batch):
        some = seeds[start : start + batch]
        # Generators of the CPU, so that a seed means the same picture on every device.
        generators = [seeded(seed) for seed in some]
        with scaled(opened.denoiser, scale):
            result = opened.pipeline(**lists_copied(settings), num_images_per_prompt=len(some), generator=generators)
        flagged = getattr(result, "nsfw_content_detected", None) or [False] * len(some)
        for image, seed, blackened in zip(result.images, some, flagged, strict=True):
            yield Drawn(image=image, seed=seed, flagged=bool(blackened))


def _prompt_of(opened: OpenedHost, drawing: Drawing) -> dict[str, Any]:
    """The prompt's embedding, where references stand beside it."""
    given = {name: drawing.stock[name] for name in _PROMPT if name in drawing.stock}
    if opened.host.takes == "picture":
        return {"prompt_embeds": given["prompt_embeds"]} if "prompt_embeds" in given else {}
    if given or not drawing.prompt:
        return given
    embeds, pooled, _ = opened.pipeline.encode_prompt(prompt=drawing.prompt, prompt_2=None)
    return {"prompt_embeds": embeds, "pooled_prompt_embeds": pooled}


@contextmanager
def _at(encoder: Any, device: torch.device) -> Iterator[None]:
    """The encoder where it is needed, and back where it was: with offloading, that is main memory."""
    if encoder is None or encoder.device == device:
        yield
        return
    before = encoder.device
    encoder.to(device)
    try:
        yield
    finally:
        encoder.to(before)


def _check_texts(host: ReferenceHost, drawing: Drawing) -> None:
    call, said = host.call, "prompt_embeds" in drawing.stock
    if call.prompt == "needed" and not said and not (drawing.prompt or "").strip():
        raise InputError(f"prompt: {host.name} needs a text that says what to draw.")
    if call.prompt == "none" and drawing.prompt is not None:
        raise InputError(f"prompt: the stock call of {host.name} takes no text beside its references.")
    if drawing.negative_prompt is None:
        return
    if not call.negative_prompt:
        raise InputError(f"negative_prompt: the stock call of {host.name} takes none.")
    if not is_guided(host, drawing):
        name = "true_guidance" if call.distilled else "guidance"
        raise InputError(f"negative_prompt: it acts through classifier-free guidance: give `{name}` above 1.")


def _check_scales(host: ReferenceHost, drawing: Drawing) -> None:
    check_guidance(scale_of(host, drawing), name="guidance")
    if drawing.true_guidance is None:
        return
    if not host.call.true_guidance:
        raise InputError(f"true_guidance: {host.name} has one scale of guidance: give `guidance`.")
    check_guidance(drawing.true_guidance, name="true_guidance")


def _check_strengths(host: ReferenceHost, references: Sequence[RegionReference]) -> None:
    """Tokens can be left out, and not turned away from."""
    most = MAX_STRENGTH if host.takes == "embedding" else 1.0
    for reference in references:
        check_number(reference.strength, name="strength", at_least=0, at_most=most, error=InputError)


def _check_canvases(host: ReferenceHost, references: Sequence[RegionReference], size: tuple[int, int] | None) -> None:
    for reference in references:
        canvas = canvas_of(reference)
        if canvas is not None:
            output_size(Call(size=size), multiple=host.grid, why="canvas masks are maps of it")
            assert size is not None
            canvas_map(canvas, size, cell=host.grid)
