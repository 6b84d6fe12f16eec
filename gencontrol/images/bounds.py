"""Values held within bounds without losing the gradient of those that lie at them."""

import torch
from jaxtyping import Float
from torch import Tensor

# Resampling a plane of ones gives 1 give or take some steps of the number format; no more than this is rounding.
_ROUNDING_STEPS, _ROUNDING_MOST = 64, 1e-5


def bounded(values: Float[Tensor, "*s"], low: int | float = 0.0, high: int | float = 1.0) -> Float[Tensor, "*s"]:
    """`values.clamp(low, high)`, with gradient 1 at the bounds too.

    torch's own clamp has gradient 0 at its bounds (of 2.14, not of earlier ones), and so tells nothing to a hard mask,
    a white background or an empty alpha map, all of whose values lie there.

    Args:
        values: Any; NaN stays NaN.
        low: The least value; -inf for none. Of the order of 1, as the rounding is that is allowed for.
        high: The largest value; inf for none.

    Returns:
        The values within the bounds. The gradient is 1 where a value lies within or at them, give or take rounding,
        and 0 beyond.
    """
    clamped = values.clamp(low, high)
    if not torch.is_grad_enabled():
        return clamped
    slack = min(_ROUNDING_STEPS * torch.finfo(values.dtype).eps, _ROUNDING_MOST)
    over = (clamped - values).detach()
    return torch.where(over.abs() <= slack, values + over, clamped.detach())
