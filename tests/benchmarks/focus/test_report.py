"""The tables hold the figures, and the targets are met or not."""

from typing import Any

from benchmarks.focus.recognition import chance_record
from benchmarks.focus.report import recognition_tables, targets, variation_table
from benchmarks.focus.rows import GENERATED, STRATEGIES, row_of


class TestReport:
    def records(self) -> dict[str, Any]:
        top1 = {
            **dict.fromkeys((f"{name}/3" for name in STRATEGIES), 0.4),
            **{"alpha/3": 0.72, "alone/3": 0.8, "alpha-alone/3": 0.75, "alpha-ones/1": 0.8, "plain/1": 0.81},
        }
        return {key: {"top1": value} for key, value in top1.items()}

    def variation(self, masked: float, other: float, alone: float) -> dict[str, Any]:
        def chunk(masked: float, other: float) -> dict[str, Any]:
            flags = {
                "masked": [1] * round(100 * masked) + [0] * round(100 - 100 * masked),
                "other": [1] * round(100 * other) + [0] * round(100 - 100 * other),
            }
            return flags | {"masked5": flags["masked"], "margin": [1.0] * 100, "diversity": []}

        return {"alpha/0": chunk(masked, other), "alone/0": chunk(alone, 0.0)}

    def test_targets_that_are_met(self) -> None:
        found = targets(self.records(), self.variation(0.6, 0.1, 0.8))
        assert [t.met for t in found] == [True] * 5
        assert "72.0 % against 80.0 %: 90% of it" in found[0].reached
        assert "60.0 % against 80.0 %: 75% as often" in found[3].reached
        assert str(found[4]).startswith("- met: variations are another")

    def test_targets_that_are_not(self) -> None:
        records = self.records()
        for key, value in (("alpha/3", 0.63), ("crop/3", 0.64), ("alpha-ones/1", 0.78)):
            records[key] = {"top1": value}
        found = targets(records, self.variation(0.59, 0.11, 0.8))
        assert [t.met for t in found] == [False] * 5
        assert "the best is crop with 64.0 %" in found[1].reached
        assert str(found[0]).startswith("- NOT MET")

    def test_the_better_ceiling_counts(self) -> None:
        records = self.records()
        records["alpha-alone/3"] = {"top1": 0.95}
        assert targets(records, {})[0].met is False

    def test_nothing_is_shown_where_the_ceiling_is_zero(self) -> None:
        assert targets({}, self.variation(0.0, 0.0, 0.0))[3].met is False

    def test_what_is_not_measured_is_said(self) -> None:
        found = targets({}, {})
        assert [t.met for t in found] == [None] * 5
        assert str(found[0]).startswith("- not measured: recognition")

    def test_tables_hold_the_figures(self) -> None:
        record = chance_record(409, 10)
        full = {"top1": 0.5, "top5": 0.75, "margin": 0.123, "ahead": 0.6, "top1_by_size": [0.1, 0.2, 0.3]}
        full |= {"cosine": 0.91, "length": 1.05}
        text = recognition_tables({"chance/3": record, "alpha/3": full, "alpha/3-unseen-style": full})
        assert "|  | 3 | 3, unseen style |" in text and "| chance | 0.2 / 1.2 |  |" in text
        assert "| Alpha-CLIP, mask | 50.0 / 75.0 | 50.0 / 75.0 |" in text
        assert "+12.3 (60.0)" in text and "10.0 / 20.0 / 30.0" in text and "0.910, 1.05" in text
        drawn = variation_table(self.variation(0.6, 0.1, 0.8))
        assert "| Alpha-CLIP, mask | 60.0 | 60.0 | 10.0 | 1.00 | 100.0 |  | 100 |" in drawn

    def test_every_row_that_is_drawn_from_has_a_line(self) -> None:
        chunk = next(iter(self.variation(0.6, 0.1, 0.8).values()))
        lines = variation_table({f"{key}/0": chunk for key in GENERATED}).splitlines()
        assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == [row_of(k).label for k in GENERATED]
