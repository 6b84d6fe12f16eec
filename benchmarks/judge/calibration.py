"""Whether the judge's probabilities are what they say: of pictures named at 80 %, four in five rightly."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

_SHARPEST, _BLUNTEST, _TRIED = 0.2, 5.0, 200


def fit_temperature(logits: Float[Tensor, "n c"], truth: Int[Tensor, " n"]) -> float:
    """The divisor of the logits under which the truth is likeliest (Guo et al., arXiv 1706.04599).

    Args:
        logits: Of pictures that training did not see.
        truth: Their names.

    Returns:
        0.2 to 5, in steps of 1.6 %.
    """
    tried = torch.logspace(math.log10(_SHARPEST), math.log10(_BLUNTEST), _TRIED)
    losses = torch.stack([functional.cross_entropy(logits / t, truth) for t in tried])
    return float(tried[losses.argmin()])


def calibration_error(sure: Float[Tensor, " n"], right: Bool[Tensor, " n"], *, bins: int = 15) -> float:
    """Mean distance of how sure a judge is from how often it is right, over equal bins of sureness, by their sizes.

    Args:
        sure: Probability of the best name, [0, 1].
        right: Whether that name is the right one.
        bins: How many.
    """
    which = (sure * bins).long().clamp(max=bins - 1)
    sizes = torch.bincount(which, minlength=bins).double()
    said = torch.bincount(which, weights=sure.double(), minlength=bins)
    came = torch.bincount(which, weights=right.double(), minlength=bins)
    return float((said - came).abs().sum() / sizes.sum())
