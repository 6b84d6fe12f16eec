"""What a grounder is: it finds the phrases that it is given in a picture, as boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional
from torchvision.ops import batched_nms

from gencontrol.errors import InputError
from gencontrol.images.reading import ImageSource
from gencontrol.kinds import check_fields, checked
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
    masks: Bool[Tensor, "k h w"] | None = None
    """Of what is in each box, where the grounder gives masks (SAM 3); True on the thing, of the picture's own size."""

    def __post_init__(self) -> None:
        check_fields(self)
        counts = (*self.boxes.shape[:1], *self.scores.shape, len(self.phrases))
        if self.boxes.shape != (counts[-1], 4) or counts != (counts[-1],) * 3:
            raise InputError(
                f"Grounding: expected boxes (k, 4), and a score and a phrase for each, got {tuple(self.boxes.shape)}, "
                f"{tuple(self.scores.shape)} and {len(self.phrases)} phrases."
            )


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
    planes: Float[Tensor, "k m n"] | None = None,
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
        planes: Of each box the probability of every place to be on the thing, at any size; those of boxes that stay
            become masks.
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
        masks=None if planes is None else _masks(planes[kept.cpu()], size),
    )


def _masks(planes: Float[Tensor, "k m n"], size: tuple[int, int]) -> Bool[Tensor, "k h w"]:
    """Probabilities scaled up to the picture, and cut in the middle; one by one, since of many they take gigabytes."""
    large = [functional.interpolate(plane[None, None], size=size, mode="bilinear")[0, 0] > 0.5 for plane in planes]
    return torch.stack(large) if large else torch.zeros(0, *size, dtype=torch.bool)


def chosen(grounding: Grounding, places: Sequence[int]) -> Grounding:
    """Some of what was found.

    Args:
        grounding: All of it.
        places: Which, in the order in which they are to be.
    """
    picked = list(places)
    return Grounding(
        boxes=grounding.boxes[picked],
        scores=grounding.scores[picked],
        phrases=tuple(grounding.phrases[place] for place in picked),
        size=grounding.size,
        masks=None if grounding.masks is None else grounding.masks[picked],
    )


@checked
def best_of_each(grounding: Grounding) -> Grounding:
    """The best box of every phrase that was found."""
    return chosen(grounding, [grounding.phrases.index(phrase) for phrase in dict.fromkeys(grounding.phrases)])


@checked
def box_regions(grounding: Grounding) -> tuple[Region, ...]:
    """The boxes as regions, each labelled with its phrase."""
    found = zip(grounding.boxes.tolist(), grounding.phrases, strict=True)
    return tuple(from_box((x0, y0, x1, y1), size=grounding.size, label=phrase) for (x0, y0, x1, y1), phrase in found)
