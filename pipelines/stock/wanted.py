"""What is to be drawn with a host of references, beside the references; and refusing what it would leave out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gencontrol.conditioning.sampling import DEFAULT_STEPS, check_guidance, check_sampling
from gencontrol.conditioning.strength import MAX_STRENGTH
from gencontrol.errors import InputError
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.references.canvas import canvas_map, output_size
from gencontrol.pipelines.references.encoding import canvas_of, check_references, picture_size
from gencontrol.pipelines.references.reference import Call, RegionReference
from gencontrol.pipelines.stock.fitting import FittedHost
from gencontrol.pipelines.stock.priors import is_mixed
from gencontrol.pipelines.stock.scales import by_scale
from gencontrol.regions.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is to be drawn, beside references and seeds."""

    prompt: str | None = None
    """A text beside the references, where the host takes one."""
    negative_prompt: str | None = None
    """A text to keep away from; needs guidance."""
    text_share: float | None = None
    """How much the prompt is of the condition that Kandinsky mixes of it and the references, [0, 1], by its prior (see
    `open_reference_host`); None is 0.3 for 2.2, whose call reads no text, and no mixture for 2.1."""
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
    """Further keyword arguments of the stock call, such as `prompt_embeds`; they win over what is said here, and are
    refused where they would take references out."""

    def __post_init__(self) -> None:
        check_fields(self)


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
    _check_pictures(host, references)
    _check_canvases(host, references, size)
    return size


def check_call(
    host: ReferenceHost, drawing: Drawing, *, default: tuple[int, int] | None = None
) -> tuple[int, int] | None:
    """The same of all but the references.

    Raises:
        InputError: A text or number that the host cannot use, or lacks one.
    """
    _check_stock(host, drawing)
    _check_texts(host, drawing)
    _check_share(host, drawing)
    _check_scales(host, drawing)
    if not host.call.sized and (drawing.height or drawing.width):
        raise InputError(f"height and width: those of {host.name} are its own.")
    height, width = drawing.height or (default or (None, None))[0], drawing.width or (default or (None, None))[1]
    check_sampling(steps=drawing.steps, pictures=drawing.batch, size=(height, width))
    if height is None or width is None:
        return None
    _check_size(host, (height, width))
    return height, width


def check_text_towers(fitted: FittedHost, drawing: Drawing) -> None:
    """Refuse to read a text where nothing reads it: an empty one is read too, but for Redux's.

    Raises:
        InputError: Says what can be given instead.
    """
    if mixes(fitted.host, drawing) and fitted.sources.prior is None:
        raise InputError(
            f"prompt: the prior that makes an embedding of it for {fitted.host.name} is not opened: open the host "
            "`with_prior`."
        )
    reads = bool(drawing.prompt) if fitted.host.takes == "redux" else fitted.host.call.prompt != "none"
    if reads and "prompt_embeds" not in drawing.stock and not fitted.reads_text:
        raise InputError(
            f"prompt: {fitted.saved.location.name} was saved without text towers; in Python, give prompt_embeds."
        )


def mixes(host: ReferenceHost, drawing: Drawing) -> bool:
    """Whether the prompt is mixed with the references, by the host's prior."""
    return is_mixed(host, prompt=drawing.prompt, text_share=drawing.text_share)


def is_guided(host: ReferenceHost, drawing: Drawing) -> bool:
    """Whether the call is under classifier-free guidance, and so has a negative half."""
    if host.call.distilled:
        return (drawing.true_guidance or 1.0) > 1
    return scale_of(host, drawing) > 1


def scale_of(host: ReferenceHost, drawing: Drawing) -> float:
    """The scale of guidance."""
    return host.call.guidance_scale if drawing.guidance is None else drawing.guidance


def _check_stock(host: ReferenceHost, drawing: Drawing) -> None:
    """Refuse arguments of the stock call that the references would not be made for."""
    taken = sorted({"generator", "num_images_per_prompt", "output_type"} & drawing.stock.keys())
    if taken:
        raise InputError(f"stock: {', '.join(taken)} are made here of the seeds and for the pictures; leave them out.")
    own = {host.call.guidance: "guidance", "true_cfg_scale": "true_guidance", "height": "height", "width": "width"}
    for name in sorted(own.keys() & drawing.stock.keys()):
        raise InputError(f"stock: {name}: references are made for it: give it as `{own[name]}` of the drawing.")


def _check_texts(host: ReferenceHost, drawing: Drawing) -> None:
    call, said = host.call, "prompt_embeds" in drawing.stock
    if call.prompt == "needed" and not said and not (drawing.prompt or "").strip():
        raise InputError(f"prompt: {host.name} needs a text that says what to draw.")
    if call.prompt == "none" and drawing.prompt is not None and not (host.mixes_text and drawing.prompt.strip()):
        if host.mixes_text:
            raise InputError(f"prompt: it is empty, and {host.name} would mix it with its references: leave it out.")
        raise InputError(f"prompt: the stock call of {host.name} takes no text beside its references.")
    if drawing.negative_prompt is None:
        return
    if not call.negative_prompt:
        raise InputError(f"negative_prompt: the stock call of {host.name} takes none.")
    if not is_guided(host, drawing):
        name = "true_guidance" if call.distilled else "guidance"
        raise InputError(f"negative_prompt: it acts through classifier-free guidance: give `{name}` above 1.")


def _check_share(host: ReferenceHost, drawing: Drawing) -> None:
    if drawing.text_share is None:
        return
    if not host.mixes_text:
        raise InputError(f"text_share: the condition of {host.name} is mixed with no text.")
    check_number(drawing.text_share, name="text_share", at_least=0, at_most=1, error=InputError)
    if not (drawing.prompt or "").strip():
        raise InputError("text_share: expected `prompt` beside it, whose share it is.")


def _check_size(host: ReferenceHost, size: tuple[int, int]) -> None:
    output_size(Call(size=size), multiple=host.call.multiple, why="the stock call draws at that size")
    most = host.call.most_side
    if most is not None and max(size) > most:
        raise InputError(
            f"height and width: expected at most {most} pixels, for which {host.name} has positions, got height "
            f"{size[0]} and width {size[1]}."
        )


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


def _check_pictures(host: ReferenceHost, references: Sequence[RegionReference]) -> None:
    """Of those that are read by now: a path is read once, where it is encoded."""
    for reference in references:
        if host.takes == "picture" and isinstance(reference.image, Scene):
            picture_size(host, reference.image.picture.size)


def _check_canvases(host: ReferenceHost, references: Sequence[RegionReference], size: tuple[int, int] | None) -> None:
    for reference in references:
        canvas = canvas_of(reference)
        if canvas is not None:
            output_size(Call(size=size), multiple=host.grid, why="canvas masks are maps of it")
            assert size is not None
            canvas_map(canvas, size, cell=host.grid)
