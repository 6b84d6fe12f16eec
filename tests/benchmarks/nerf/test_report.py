"""Rows are compared at equal score."""

from typing import Any

import pytest

from benchmarks.nerf.report import equal_score, table

# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


def points(*pairs: tuple[float, float]) -> list[dict[str, Any]]:
    fixed = {"rank": 3, "textureless_rank": 40, "psnr": 50.0, "close_psnr": 30.0, "ssim": 0.9, "minutes": 2.0}
    return [{"log_probability": p, "change": c} | fixed for p, c in pairs]


def test_rows_are_compared_where_both_first_reach_the_score() -> None:
    results = {
        ("a", "x", "plain CLIP"): points((-8.0, 0.0), (-4.0, 0.4), (-5.0, 0.9)),
        ("a", "x", "Alpha-CLIP"): points((-8.0, 0.0), (-6.0, 0.1), (-2.0, 0.3)),
        ("b", "x", "plain CLIP"): points((-8.0, 0.0), (-9.0, 0.4)),  # never better than at its start: left out
        ("b", "x", "Alpha-CLIP"): points((-8.0, 0.0), (-2.0, 0.2)),
    }
    # Both reach -4: plain CLIP at its second point, Alpha-CLIP half-way from its second to its third.
    ((plain, alpha),) = equal_score(results, "plain CLIP", "Alpha-CLIP")
    assert plain == pytest.approx(0.4) and alpha == pytest.approx(0.2)
    printed = table(results, rows=("plain CLIP", "Alpha-CLIP"), names=100)
    assert "ratio 0.50" in printed and printed.splitlines()[1].split()[:4] == ["chance", "50", "5%", "50"]
    assert printed.splitlines()[2].startswith("plain CLIP") and " 100%" in printed.splitlines()[2]
    # The pair with the other optimiser is compared apart.
    results |= {(s, p, f"{row}, steps by size"): run for (s, p, row), run in results.items() if s == "a"}
    first, second = table(results, rows=("plain CLIP",), names=100).splitlines()[-2:]
    assert first.startswith(
        "at equal judge score, 1 cases: plain CLIP has changed 40.00% of the rest, and Alpha-CLIP 20"
    )
    assert second.startswith("at equal judge score, 1 cases: plain CLIP, steps by size has changed 40.00%")


def test_nothing_is_compared_without_pairs() -> None:
    only = {("a", "x", "Alpha-CLIP"): points((-8.0, 0.0), (-2.0, 0.2))}
    assert "no case" in table(only, rows=("Alpha-CLIP",), names=10)
