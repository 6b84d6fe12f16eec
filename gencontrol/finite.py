"""Tensors that come in or have been made, checked once in one way: no NaN, nothing infinite."""

from collections.abc import Mapping

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from gencontrol.errors import CheckpointError, GencontrolError, InputError

# As many names as a terminal shows without drowning the sentence around them.
_LISTED = 4


def is_finite(values: Shaped[Tensor, "..."]) -> bool:
    """Whether no value is NaN or infinite; what has no values of its own (on the meta device) counts as finite."""
    return values.is_meta or not values.numel() or bool(values.detach().isfinite().all())


def check_finite(
    values: Shaped[Tensor, "..."], *, name: str, mend: str = "", error: type[GencontrolError] = InputError
) -> None:
    """Refuse NaN and infinite values; waits for the device to finish what it computes.

    Args:
        values: Any tensor.
        name: How the message calls it.
        mend: A sentence on what to do.
        error: What is raised.

    Raises:
        GencontrolError: Of the class `error`.
    """
    if not is_finite(values):
        bad = int((~values.detach().isfinite()).sum())
        raise error(f"{name} holds NaN or infinite values ({bad} of {values.numel()}). {mend}".rstrip())


def mend_of(dtype: torch.dtype | None) -> str:
    """What to do where a network made numbers that are not finite: no wider format where it has one.

    Args:
        dtype: In which it computed; None is not known.
    """
    if dtype in (torch.float32, torch.float64):
        return "Its weights or settings are damaged, since its numbers grew beyond what float32 holds: get it anew."
    return "Numbers grew beyond what their format holds, or its weights are damaged: try dtype float32."


def check_finite_weights(state: Mapping[str, Tensor] | nn.Module, *, source: str) -> None:
    """Refuse weights with NaN or infinite values among them.

    Args:
        state: Name -> weight, or a module with all that it saves.
        source: How the message calls where they come from.

    Raises:
        CheckpointError: Names the weights.
    """
    weights = state.state_dict() if isinstance(state, nn.Module) else state
    bad = [name for name, weight in weights.items() if not is_finite(weight)]
    if not bad:
        return
    more = f" and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    held = {weights[name].dtype for name in bad}
    # The largest float16 is 65504: what is more becomes infinite when it is cast.
    half = " float16 holds numbers up to 65504: a wider dtype may do." if held == {torch.float16} else ""
    raise CheckpointError(
        f"{source} holds NaN or infinite weights ({', '.join(bad[:_LISTED])}{more}): it is damaged, or its training "
        f"went astray. Get it anew, or take an earlier one.{half}"
    )


def check_filled_weights(state: Mapping[str, Tensor] | nn.Module, *, source: str, may_be_zero: str = "alpha") -> None:
    """Refuse matrices and convolutions of zeros alone: no training leaves them, a download that stopped half-way does.

    Args:
        state: Name -> weight, or a module; of a module, what is called `weight` alone, since its buffers may be zero.
        source: How the message calls where they come from.
        may_be_zero: What is in the name of those that may be; a part that has been added begins so.

    Raises:
        CheckpointError: Names the weights.
    """
    is_module = isinstance(state, nn.Module)
    weights = state.state_dict() if isinstance(state, nn.Module) else state
    looked_at = [
        name
        for name, weight in weights.items()
        if weight.ndim > 1
        and not weight.is_meta
        and may_be_zero not in name
        and (name.endswith("weight") or not is_module)
    ]
    empty = [name for name in looked_at if _is_zero(weights[name])]
    if not empty:
        return
    more = f" and {len(empty) - _LISTED} more" if len(empty) > _LISTED else ""
    which = f"{len(empty)} of {len(looked_at)} matrices are zero all over"
    raise CheckpointError(
        f"{source} holds weights that were never filled ({which}: {', '.join(empty[:_LISTED])}{more}): it is damaged, "
        "or its download stopped half-way. Get it anew."
    )


def _is_zero(weight: Shaped[Tensor, "..."]) -> bool:
    # As a rule the first row says it.
    return bool(weight.numel()) and not bool(weight[:1].any()) and not bool(weight.any())
