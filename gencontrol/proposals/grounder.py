"""What a grounder is: it finds the phrases that it is given in a picture, as boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.ops import batched_nms

from gencontrol.images.reading import ImageSource
from gencontrol.proposals.defaults import MOST
from gencontrol.regions.drawn import from_box
from gencontrol.regions.region import Region

OVERLAP = 0.6
"""Intersection over union above which two boxes of one phrase are one."""


@dataclass(frozen=True, kw_only=True)
class Grounding:
    """Where the phrases were found in one picture, the best first."""

    boxes: Float[Tensor, "k 4"]
    """x0, y0, x1, y1 in the picture's own pixels, cut at its edges; x1 and y1 are outside."""
    scores: Float[Tensor, " k"]
    """How sure the grounder is; [0, 1], to be compared within one grounder only."""
    phrases: tuple[str, ...]
    """What was found in each box, as it was given."""
    size: tuple[int, int]
    """(height, width) of the picture."""


@runtime_checkable
class Grounder(Protocol):
    """Finds phrases in pictures."""

    def ground(
        self, image: ImageSource, phrases: Sequence[str], *, threshold: float | None = None, most: int = MOST
    ) -> Grounding:
        """Find phrases.

        Args:
            image: The picture: whatever `gencontrol.images.read_image` takes.
            phrases: What to look for, such as "a red cup"; any number of them, each once.
            threshold: Least score of a box, in [0, 1]; None is the grounder's own.
            most: Boxes kept over all phrases.

        Raises:
            InputError: No phrase, one without a word, one that is given twice or is too long, or a picture that cannot
                be read.
            ConfigError: A threshold or a number of boxes out of range.
        """
        ...


def select(
    boxes: Float[Tensor, "k 4"],
    scores: Float[Tensor, " k"],
    names: Sequence[str],
    *,
    size: tuple[int, int],
    threshold: float,
    most: int = MOST,
    overlap: float = OVERLAP,
) -> Grounding:
    """The best boxes: those above the threshold, without doubles of one phrase, the best first.

    Args:
        boxes: x0, y0, x1, y1 in pixels; may reach over the picture.
        scores: One for each box; [0, 1].
        names: The phrase of each box.
        size: (height, width) of the picture.
        threshold: Least score.
        most: How many stay.
        overlap: Intersection over union above which the lesser of two boxes of one phrase goes.
    """
    height, width = size
    boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))
    sides = boxes[:, 2:] - boxes[:, :2]
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    groups = torch.tensor([known[name] for name in names], dtype=torch.int64, device=boxes.device)
    there = ((scores >= threshold) & (sides > 0).all(dim=1)).nonzero()[:, 0]
    kept = there[batched_nms(boxes[there].float(), scores[there].float(), groups[there], overlap)[:most]]
    places: list[int] = kept.tolist()
    return Grounding(
        boxes=boxes[kept].float().cpu(),
        scores=scores[kept].float().cpu(),
        phrases=tuple(names[place] for place in places),
        size=size,
    )


def best_of_each(grounding: Grounding) -> Grounding:
    """The best box of every phrase that was found."""
    places = [grounding.phrases.index(phrase) for phrase in dict.fromkeys(grounding.phrases)]
    return Grounding(
        boxes=grounding.boxes[places],
        scores=grounding.scores[places],
        phrases=tuple(grounding.phrases[place] for place in places),
        size=grounding.size,
    )


def box_regions(grounding: Grounding) -> tuple[Region, ...]:
    """The boxes as regions, each labelled with its phrase."""
    found = zip(grounding.boxes.tolist(), grounding.phrases, strict=True)
    return tuple(from_box((x0, y0, x1, y1), size=grounding.size, label=phrase) for (x0, y0, x1, y1), phrase in found)
