"""How good answers are: F1 of every relation, over the pairs for which it is asked."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.vocabulary import FUNCTIONAL, LIKENESS, MOVING, RULED

GROUPS: Mapping[str, tuple[str, ...]] = {
    "static": (*RULED, *LIKENESS),
    "functional": FUNCTIONAL,
    "clip": MOVING,
}
"""Relations that are reported together."""


def counts(probabilities: Float[Tensor, "b k k r"], truth: Int8[Tensor, "b k k r"]) -> Tensor:
    """True positives, false positives and false negatives of every scene and relation, (b, r, 3), at one half."""
    said, true, asked = probabilities > 0.5, truth == 1, truth >= 0
    parts = (said & true, said & ~true & asked, ~said & true)
    return torch.stack([part.sum((1, 2)) for part in parts], dim=-1)


def f1(counted: Tensor) -> Tensor:
    """2 tp / (2 tp + fp + fn) from sums of `counts` over scenes, (r, 3) to (r,); NaN where nothing was true."""
    hit, wrong, missed = counted.double().unbind(-1)
    return torch.where(hit + missed > 0, 2 * hit / (2 * hit + wrong + missed), torch.nan)


def group_means(scores: Float[Tensor, " r"]) -> dict[str, float]:
    """The mean of each group's relations; a group of which none was true is left out."""
    found = {}
    for name, members in GROUPS.items():
        mine = scores[[RELATIONS.index(relation) for relation in members]]
        if not mine.isnan().all():
            found[name] = float(mine.nanmean())
    return found


def bootstrap(counted: Tensor, *, rounds: int = 200, seed: int = 0) -> tuple[Tensor, dict[str, float]]:
    """Standard errors of the relations' scores, and of the groups' means, by drawing scenes again.

    Args:
        counted: Of `counts`, (b, r, 3).
        rounds: Of drawing.
        seed: Of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = [counted[torch.randint(len(counted), (len(counted),), generator=generator)].sum(0) for _ in range(rounds)]
    scores = torch.stack([f1(one) for one in drawn])
    means = [group_means(one) for one in scores]
    groups = {name: _spread(torch.tensor([one[name] for one in means if name in one])) for name in means[0]}
    return torch.stack([_spread(column[~column.isnan()]) for column in scores.T]), {
        k: float(v) for k, v in groups.items()
    }


def _spread(values: Tensor) -> Tensor:
    return values.double().std() if len(values) > 1 else torch.tensor(torch.nan, dtype=torch.double)
