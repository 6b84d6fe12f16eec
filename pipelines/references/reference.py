"""A reference picture as a caller gives it, and as a host takes it."""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor

from gencontrol.conditioning.strength import ENDS, StrengthSchedule, parse_schedule
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.reading import ImageSource
from gencontrol.kinds import check_fields, check_kind
from gencontrol.numbers import is_finite, number_text
from gencontrol.regions.scene import Scene

_IMAGE: Any = ImageSource | Scene | list[Any]
TEXT_SHARE = 0.3
"""Of a text beside a picture: what diffusers' own examples of Kandinsky's `interpolate` give it."""
MAX_WEIGHT = 2.0
"""Beyond twice its scale an adapter drowns the prompt and the canvas; the strength's own bound."""


@dataclass(frozen=True, kw_only=True)
class RegionReference:
    """One reference picture: which part of it to take, how strongly, where on the canvas, and when.

    Two kinds of mask, kept apart by their names: `mask_image` is on the reference, `canvas_mask` on the output.
    """

    image: Any
    """The picture, or a `Scene` with regions of its own; a list is refused where it is encoded, with the way out."""
    mask_image: Any = None
    """Which part of it to take: a mask or a list of masks, white (or opaque) = this; None is its own alpha channel, or
    the whole picture."""
    negative_mask_image: Any = None
    """What of it to keep away from; needs guidance."""
    focus: str | FocusStrategy | None = None
    """How an encoder is made to look: a strategy or its name; None is its trained alpha channel, else attention."""
    strength: float = 1.0
    """0 is the whole picture, 1 the part; up to 2 where the host takes one embedding."""
    weight: float = 1.0
    """How much the reference counts beside prompt and other references; [0, 2], 1 is the host's own."""
    canvas_mask: Any = None
    """Where on the output it acts; None is everywhere."""
    schedule: str | StrengthSchedule | None = None
    """Its weight over the steps, times `weight`: text such as "0:1 0.5:0.2" (fractions of the run), or a schedule."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_kind(self.image, _IMAGE, name="RegionReference: image")
        if not (is_finite(self.weight) and 0 <= self.weight <= MAX_WEIGHT):
            raise InputError(f"weight: expected a number from 0 to {MAX_WEIGHT:g}, got {number_text(self.weight)}.")
        if isinstance(self.schedule, str):
            # So that text that is no schedule is refused here.
            _read_course(self.schedule)

    @property
    def course(self) -> StrengthSchedule:
        """The weight over the steps, without `weight`.

        Raises:
            InputError: Text that is no schedule.
        """
        if self.schedule is None:
            return StrengthSchedule()
        return _read_course(self.schedule) if isinstance(self.schedule, str) else self.schedule


def _read_course(text: str) -> StrengthSchedule:
    try:
        return parse_schedule(text)
    except InputError as error:
        raise InputError(f"schedule: {str(error).replace(ENDS, '')}") from error


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A reference as a host takes it: an embedding (1, d), tokens (1, t, d), or a picture and weights of its tokens."""

    positive: Float[Tensor, "1 ..."] | None = None
    """The part; None where the host takes the picture itself."""
    negative: Float[Tensor, "1 ..."] | None = None
    """What guidance departs from, of the same shape; None where the host has its own."""
    token_weights: Float[Tensor, " t"] | None = None
    """How much each token is of the part, [0, 1], for hosts that take a bias."""
    picture: Image | None = None
    """What a host that takes pictures is given, at the size that its tokens are counted for."""
    weight: float = 1.0
    """See `RegionReference`."""
    canvas: Float[Tensor, "h w"] | None = None
    """Where on the output it acts, [0, 1], at the canvas mask's own size; None is everywhere."""
    course: StrengthSchedule = field(default_factory=StrengthSchedule)
    """The weight over the steps."""

    def gain(self, fraction: float) -> float:
        """The weight at a point of the run: 0 is the first step, 1 the last."""
        return self.weight * self.course.at(fraction)

    @property
    def condition(self) -> Float[Tensor, "1 ..."]:
        """The part, for a host that takes what an encoder makes."""
        assert self.positive is not None
        return self.positive

    @property
    def nothing(self) -> Float[Tensor, "1 ..."]:
        """What guidance departs from, for a host that is given it."""
        assert self.negative is not None
        return self.negative

    @property
    def is_plain(self) -> bool:
        """Whether it acts everywhere, always, with the host's own weight."""
        return self.canvas is None and self.course.is_constant and self.gain(0.0) == 1.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """What the stock call will be."""

    size: tuple[int, int] | None = None
    """(height, width) of the output in pixels; None where it was not said."""
    guided: bool = True
    """Whether classifier-free guidance is on."""
    rows: bool = False
    """Whether each reference is for an output of its own."""
    text_tokens: int = 512
    """Length of the prompt's embedding, where references stand behind it."""
    prompt_embeds: Float[Tensor, "b t d"] | None = None
    """The prompt's embedding, where references are appended to it."""
    pooled_prompt_embeds: Float[Tensor, "b d2"] | None = None
    """The prompt's pooled embedding, where the host's own is empty."""
    text_embeds: Float[Tensor, "t d"] | None = None
    """What a prior makes of a text, one for all references or one for each, where the host's condition is mixed."""
    text_share: float = TEXT_SHARE
    """How much of the mixture it is, [0, 1]."""
    dtype: torch.dtype = torch.float32
    """Of the tensors that are made."""
    device: torch.device | None = None
    """Where they are; None is the CPU."""
