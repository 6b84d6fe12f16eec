"""What is told of a candidate."""

import torch

from gencontrol.engine import candidates
from gencontrol.engine.candidates import NOT_FOUND, REASONS, Candidate, gone, left


def test_a_line_of_a_candidate() -> None:
    one = Candidate(phrase="cat", box=(0.123456, 1.0, 2.0, 3.0), score=0.98765, agreement=-0.00004)
    told = one.told()
    assert told["box"] == [0.1235, 1.0, 2.0, 3.0] and told["score"] == 0.9877 and told["agreement"] == -0.0
    assert told["area"] is None and told["rejected_because"] == "" and "mask" not in told
    assert Candidate().told()["box"] is None


def test_what_is_dropped_has_no_mask() -> None:
    one = Candidate(phrase="cat", mask=torch.ones(2, 2, dtype=torch.bool))
    lost = one.rejected(NOT_FOUND, "nowhere")
    assert lost.mask is None and (lost.rejected_because, lost.detail) == (NOT_FOUND, "nowhere")
    assert left([one, lost]) == [one] and gone([one, lost]) == [lost]


def test_reasons_are_all_that_there_are() -> None:
    words = {v for k, v in vars(candidates).items() if k.isupper() and isinstance(v, str)}
    assert set(REASONS) == words and len(REASONS) == len(words)
