"""The bias on logits of references' tokens, against the softmax that it is to make."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gencontrol.conditioning.strength import parse_schedule
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.pipelines.references.token_bias import GONE, Layout, attention_bias, bias_arguments, log_bias

LAYOUT = Layout(length=9, canvas=slice(2, 6), references=(slice(6, 8), slice(8, 9)))
"""Two words, a canvas of two by two, references of two tokens and of one."""


def references(**changes: Any) -> list[Encoded]:
    first = Encoded(token_weights=torch.tensor([1.0, 0.0]), **changes)
    return [first, Encoded(token_weights=torch.tensor([0.5]), weight=0.5)]


def attended(bias: Tensor, row: int) -> Tensor:
    """Shares of one reader's attention where all logits are alike."""
    return torch.softmax(torch.zeros(LAYOUT.length) + bias.expand(1, 1, LAYOUT.length, -1)[0, 0, row], dim=0)


def test_a_token_counts_as_often_as_its_weight_says() -> None:
    made = log_bias(torch.tensor([2.0, 1.0, 0.5, 0.0]))
    torch.testing.assert_close(made[:3], torch.tensor([math.log(2), 0.0, -math.log(2)]))
    assert made[3] == GONE and torch.softmax(torch.stack([made[3], made[1]]), 0)[0] == 0
    assert torch.tensor(GONE).half().isfinite()


def test_shares_of_attention_are_the_weights() -> None:
    bias = attention_bias(LAYOUT, references(), [None, None], fraction=0.0)
    assert bias.shape == (1, 1, 1, 9)
    # Six of the prompt and canvas, one of the first reference, a quarter of the second.
    counts = torch.tensor([1.0, 1, 1, 1, 1, 1, 1, 0, 0.25])
    torch.testing.assert_close(attended(bias, 0), counts / counts.sum())


def test_the_canvas_reads_by_its_mask_and_the_rest_as_without() -> None:
    canvas = torch.tensor([1.0, 1.0, 0.5, 0.0])
    bias = attention_bias(LAYOUT, references(), [canvas, None], fraction=0.0)
    assert bias.shape == (1, 1, 9, 9)
    for row in range(9):
        reads = canvas[row - 2] if 2 <= row < 6 else 1.0
        counts = torch.tensor([1.0, 1, 1, 1, 1, 1, float(reads), 0, 0.25])
        torch.testing.assert_close(attended(bias, row), counts / counts.sum())


def test_weights_over_the_steps() -> None:
    course = parse_schedule("0:1 1:0")
    for fraction, first in ((0.0, 1.0), (0.5, 0.5), (1.0, 0.0)):
        bias = attention_bias(LAYOUT, references(course=course), [None, None], fraction=fraction)
        counts = torch.tensor([1.0, 1, 1, 1, 1, 1, first, 0, 0.25])
        torch.testing.assert_close(attended(bias, 0), counts / counts.sum())


def test_arguments_of_a_call() -> None:
    whole = [Encoded(token_weights=torch.ones(2)), Encoded(token_weights=torch.ones(1))]
    call = Call(size=(4, 4), dtype=torch.bfloat16)
    assert bias_arguments("attention_kwargs", LAYOUT, whole, call, cell=2) == {}
    made = bias_arguments("attention_kwargs", LAYOUT, references(), call, cell=2)
    assert list(made) == ["attention_kwargs"] and list(made["attention_kwargs"]) == ["attention_mask"]
    assert made["attention_kwargs"]["attention_mask"].dtype == torch.bfloat16
    moving = bias_arguments("x", LAYOUT, references(course=parse_schedule("0:1 1:0")), call, cell=2)
    before = moving["x"]["attention_mask"]

    class Pipe:
        num_timesteps = 2

    assert moving["callback_on_step_end"](Pipe(), 0, None, {}) == {}
    assert moving["x"]["attention_mask"][0, 0, 0, 6] == GONE and before[0, 0, 0, 6] == 0
    moving["callback_on_step_end"](Pipe(), 1, None, {})
    # The next call starts as the first did.
    assert torch.equal(moving["x"]["attention_mask"], before)


def test_rows_have_a_bias_each() -> None:
    one = Layout(length=8, canvas=slice(2, 6), references=(slice(6, 8),))
    pair = [Encoded(token_weights=torch.tensor([1.0, 0.0])), Encoded(token_weights=torch.tensor([0.0, 1.0]))]
    made = bias_arguments("x", one, pair, Call(size=(4, 4), rows=True), cell=2)["x"]["attention_mask"]
    assert made.shape == (2, 1, 1, 8)
    assert made[:, 0, 0, 6:].tolist() == [[0.0, GONE], [GONE, 0.0]]
    placed = [pair[0], Encoded(token_weights=torch.tensor([0.0, 1.0]), canvas=torch.tensor([[1.0, 0.0], [1.0, 0.0]]))]
    with_canvas = bias_arguments("x", one, placed, Call(size=(4, 4), rows=True), cell=2)["x"]["attention_mask"]
    assert with_canvas.shape == (2, 1, 8, 8)
    assert with_canvas[1, 0, 2:6, 7].tolist() == pytest.approx([0.0, GONE, 0.0, GONE])
    assert not with_canvas[0, 0, :, 6].any()
