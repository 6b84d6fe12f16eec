"""What the learned module answers: its heads, and how they become a probability for every relation."""

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.relations.vocabulary import CONVERSE, FUNCTIONAL, LIKENESS, MOVING, RULED, SYMMETRIC

RELATIONS = (*RULED, *LIKENESS, *FUNCTIONAL, *MOVING)
"""All relations of two regions, in the order of the answers; `MOVING` only of clips."""
HEADS = tuple(name for name in RELATIONS if name not in ("right of", "below", "behind", "around", "smaller than"))
"""Those that are learned; the others are the converse of one of these."""


def as_asked(logits: Float[Tensor, "*b k k h"]) -> Float[Tensor, "*b k k r"]:
    """Logits of every relation from those of the heads: converses turned round, symmetric ones averaged."""
    columns = dict(zip(HEADS, logits.unbind(dim=-1), strict=True))
    for name in SYMMETRIC:
        columns[name] = (columns[name] + columns[name].transpose(-1, -2)) / 2
    for name in RELATIONS:
        if name not in HEADS:
            columns[name] = columns[CONVERSE[name]].transpose(-1, -2)
    return torch.stack([columns[name] for name in RELATIONS], dim=-1)
