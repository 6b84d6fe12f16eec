"""Which candidates stay: thresholds of boxes and masks. It imports no torch: the command line reads it first."""

from dataclasses import dataclass

from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a part has to be to become a pair."""

    score: float | int | None = None
    """Least score of a box; None is the grounder's own."""
    most: int = 20
    """Boxes of a picture, the best."""
    each: int = 1
    """Boxes of a phrase, or parts of a picture of a class, the best."""
    overlap: float | int = 0.7
    """Intersection over union above which the lesser of two boxes goes, whatever they are said to be."""
    least_area: float | int = 0.002
    """Least share of the picture of a box and of a mask."""
    most_area: float | int = 0.9
    """Largest share of the picture of a box and of a mask."""
    least_side: int = 16
    """Pixels of a picture's shorter side."""
    agreement: float | int | None = 0.2
    """Least cosine of a part and its text; None keeps all."""
    contrast: bool = False
    """Whether a part goes that agrees better with another phrase of its caption."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.score is not None:
            check_number(self.score, name="`score`", at_least=0, at_most=1)
        check_number(self.most, name="`most`", at_least=1)
        check_number(self.each, name="`each`", at_least=1)
        check_number(self.overlap, name="`overlap`", at_least=0, at_most=1)
        check_number(self.least_area, name="`least_area`", at_least=0, at_most=1)
        check_number(self.most_area, name="`most_area`", above=self.least_area, at_most=1)
        check_number(self.least_side, name="`least_side`", at_least=1, unit="pixels")
        if self.agreement is not None:
            check_number(self.agreement, name="`agreement`", at_least=-1, at_most=1)
