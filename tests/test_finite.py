"""NaN and infinity are found wherever they are, and the message says where."""

import math

import pytest
import torch
from torch import nn

from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.finite import check_filled_weights, check_finite, check_finite_weights, is_finite, mend_of


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_bad_value_is_found(bad: float) -> None:
    values = torch.zeros(3, 4)
    check_finite(values, name="embeddings")
    values[2, 3] = bad
    assert not is_finite(values)
    with pytest.raises(InputError, match=r"embeddings holds NaN or infinite values \(1 of 12\)\. Mend it\.$"):
        check_finite(values, name="embeddings", mend="Mend it.")
    with pytest.raises(ConfigError):
        check_finite(values, name="x", error=ConfigError)


def test_float32_is_advised_where_it_is_wider() -> None:
    for narrow in (torch.float16, torch.bfloat16, None):
        assert mend_of(narrow).endswith("try dtype float32.")
    for wide in (torch.float32, torch.float64):
        assert "try dtype" not in mend_of(wide) and mend_of(wide).endswith("get it anew.")


def test_what_has_no_values_is_finite() -> None:
    assert is_finite(torch.zeros(2, 0)) and is_finite(torch.ones(2, device="meta"))
    assert is_finite(torch.full((2,), torch.finfo(torch.float32).max))
    assert is_finite(torch.ones(2, dtype=torch.long))


def test_weights_are_named() -> None:
    module = nn.Linear(2, 2)
    check_finite_weights(module, source="x.pth")
    with torch.no_grad():
        module.weight[0, 0] = math.nan
    with pytest.raises(CheckpointError, match=r"x\.pth holds NaN or infinite weights \(weight\): it is damaged") as one:
        check_finite_weights(module, source="x.pth")
    assert "float16" not in str(one.value)
    many = {f"w{i}": torch.tensor([math.inf], dtype=torch.float16) for i in range(6)}
    with pytest.raises(CheckpointError, match=r"\(w0, w1, w2, w3 and 2 more\).*float16 holds numbers up to 65504"):
        check_finite_weights(many, source="x.pth")
    four = {name: many[name] for name in ("w0", "w1", "w2", "w3")}
    with pytest.raises(CheckpointError, match=r"\(w0, w1, w2, w3\)"):
        check_finite_weights(four, source="x.pth")


def test_matrices_of_zeros_alone_were_never_filled() -> None:
    first, last = nn.Linear(2, 3), nn.Conv2d(1, 2, 2)
    module = nn.Sequential(first, nn.LayerNorm(3), last)
    module.register_buffer("mean", torch.zeros(1, 3))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        first.weight[2, 1] = 1e-6
    with pytest.raises(
        CheckpointError, match=r"x holds weights that were never filled \(1 of 2 matrices are .*: 2\.weight\)"
    ):
        check_filled_weights(module, source="x")
    with torch.no_grad():
        last.weight[1, 0, 1, 1] = -1
    check_filled_weights(module, source="x")


def test_what_may_be_zero() -> None:
    state = {"conv1_alpha.weight": torch.zeros(2, 1, 4, 4), "bias": torch.zeros(4), "none": torch.zeros(0, 4)}
    check_filled_weights(state | {"far": torch.ones(2, 2, device="meta")}, source="x")
    with pytest.raises(CheckpointError, match=r"\(5 of 5 matrices are zero all over: w0, w1, w2, w3 and 1 more\)"):
        check_filled_weights({f"w{i}": torch.zeros(2, 2) for i in range(5)}, source="x")
    with pytest.raises(CheckpointError, match="conv1_alpha"):
        check_filled_weights(state, source="x", may_be_zero="proj")
