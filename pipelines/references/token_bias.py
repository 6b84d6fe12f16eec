"""A soft mask for hosts that read a reference as tokens: a bias on attention logits, by a public argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.pipelines.references.canvas import canvas_map
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.pipelines.references.steps import changing

# As good as removed, and finite in half precision.
GONE = -1e4


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where tokens stand in the sequence that a transformer attends over."""

    length: int
    """Of the whole sequence."""
    canvas: slice
    """Tokens of the output."""
    references: tuple[slice, ...]
    """Tokens of each reference."""


def log_bias(weights: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """What to add to the logits of a token that is to count `weights` times: the logarithm, and `GONE` for 0."""
    return torch.where(weights > 0, torch.log(weights.clamp_min(1e-4)), torch.full_like(weights, GONE))


def attention_bias(
    layout: Layout, encoded: Sequence[Encoded], canvases: Sequence[Float[Tensor, " c"] | None], *, fraction: float
) -> Float[Tensor, "1 1 q k"]:
    """The bias of one call.

    A reference's token counts as much as it is of the part, times the reference's weight; for the canvas's tokens, also
    times the canvas mask there.

    Args:
        layout: Where the tokens stand.
        encoded: The references, with `token_weights`.
        canvases: Each reference's map over the canvas's tokens, [0, 1]; None is everywhere.
        fraction: Of the run: 0 is the first step, 1 the last.

    Returns:
        One row for all readers, or, if any reference is kept to a part of the canvas, a row for each.
    """
    rows = layout.length if any(canvas is not None for canvas in canvases) else 1
    bias = torch.zeros(rows, layout.length)
    for reference, columns, canvas in zip(encoded, layout.references, canvases, strict=True):
        assert reference.token_weights is not None
        counts = reference.gain(fraction) * reference.token_weights
        bias[:, columns] = log_bias(counts)
        if canvas is not None:
            bias[layout.canvas, columns] = log_bias(canvas[:, None] * counts)
    return bias[None, None]


def bias_arguments(name: str, layout: Layout, encoded: Sequence[Encoded], call: Call, *, cell: int) -> dict[str, Any]:
    """The keyword argument that carries the bias, and the callback where it changes over the steps.

    Args:
        name: What the stock call takes it in: `joint_attention_kwargs` or `attention_kwargs`.
        layout: Where the tokens stand; of one row where each reference is for an output of its own.
        encoded: The references.
        call: With the output's size.
        cell: Pixels of the output along a side for each of its tokens.

    Returns:
        Nothing where all of every reference counts, so that the call is the stock one, to the bit.
    """
    size = call.size
    assert size is not None
    canvases = [None if e.canvas is None else canvas_map(e.canvas, size, cell=cell).flatten() for e in encoded]
    if all(e.is_plain and e.token_weights is not None and bool((e.token_weights == 1).all()) for e in encoded):
        return {}

    def at(fraction: float) -> Tensor:
        if not call.rows:
            return attention_bias(layout, encoded, canvases, fraction=fraction).to(call.device, call.dtype)
        rows = [attention_bias(layout, [e], [c], fraction=fraction) for e, c in zip(encoded, canvases, strict=True)]
        most = max(row.shape[2] for row in rows)
        return torch.cat([row.expand(1, 1, most, -1) for row in rows]).to(call.device, call.dtype)

    options = {"attention_mask": at(0.0)}
    made: dict[str, Any] = {name: options}
    if not all(reference.course.is_constant for reference in encoded):
        made["callback_on_step_end"] = changing(options, "attention_mask", at)
    return made
