"""What may become a pair, and why it does not: each part of a picture on its way through the engine."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Bool
from torch import Tensor

BROKEN_ROW = "broken row"
UNREADABLE = "unreadable picture"
OTHER_SIZE = "picture of another size"
SMALL_PICTURE = "small picture"
NARROW_PICTURE = "narrow picture"
NO_CAPTION = "no caption"
NOTHING_GIVEN = "no part given"
NO_PHRASE = "no phrase in the caption"
REFUSED = "phrase not read by the grounder"
NOT_FOUND = "phrase not found"
UNSURE = "low score"
SMALL_BOX = "small box"
LARGE_BOX = "large box"
OVERLAP = "overlaps a better box"
MORE_OF_PHRASE = "more boxes of its phrase"
MORE_OF_PICTURE = "more boxes of its picture"
EMPTY_MASK = "empty mask"
SMALL_MASK = "small mask"
LARGE_MASK = "large mask"
SAME_MASK = "nearly a better mask"
UNKNOWN_WORDS = "phrase not read by the encoder"
DISAGREES = "low agreement"
OTHER_PHRASE = "another phrase agrees better"
OTHER_PART = "another part agrees better"
NOT_BEST = "not among the best of its class"
NO_WORDS = "nothing said of it"

REASONS = (
    BROKEN_ROW,
    UNREADABLE,
    OTHER_SIZE,
    SMALL_PICTURE,
    NARROW_PICTURE,
    NO_CAPTION,
    NOTHING_GIVEN,
    NO_PHRASE,
    REFUSED,
    NOT_FOUND,
    UNSURE,
    SMALL_BOX,
    LARGE_BOX,
    OVERLAP,
    MORE_OF_PHRASE,
    MORE_OF_PICTURE,
    EMPTY_MASK,
    SMALL_MASK,
    LARGE_MASK,
    SAME_MASK,
    UNKNOWN_WORDS,
    DISAGREES,
    OTHER_PHRASE,
    OTHER_PART,
    NOT_BEST,
    NO_WORDS,
)
"""All that `rejected_because` may say, in the order in which it is looked at."""
_EXACT = 4
"""Decimal places of what is told: pixels, scores, cosines, shares."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A part of a picture that may become a pair."""

    phrase: str = ""
    """What it is said to be."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in the picture's pixels, cut at its edges."""
    score: float | None = None
    """How sure the grounder is."""
    mask: Bool[Tensor, "h w"] | None = None
    """True on it, of the picture's size."""
    mask_score: float | None = None
    """How good the segmenter takes its mask to be."""
    area: float | None = None
    """The mask's share of the picture."""
    agreement: float | None = None
    """Cosine of the part and what it is said to be."""
    caption: str = ""
    """The text of the pair."""
    rejected_because: str = ""
    """One of `REASONS`; empty while it may become a pair."""
    detail: str = ""
    """More of why, in words."""

    def rejected(self, reason: str, detail: str = "") -> "Candidate":
        """The same, dropped; its mask goes."""
        return replace(self, rejected_because=reason, detail=detail, mask=None)

    def told(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {
            "phrase": self.phrase,
            "box": None if self.box is None else [round(side, _EXACT) for side in self.box],
            "score": _rounded(self.score),
            "mask_score": _rounded(self.mask_score),
            "area": _rounded(self.area),
            "agreement": _rounded(self.agreement),
            "caption": self.caption,
            "rejected_because": self.rejected_because,
            "detail": self.detail,
        }


def left(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that may become pairs."""
    return [one for one in candidates if not one.rejected_because]


def gone(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that were dropped."""
    return [one for one in candidates if one.rejected_because]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _EXACT)
