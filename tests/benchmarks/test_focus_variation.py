"""What becomes of generated pictures: judging, keeping and reporting, on made-up generators and figures."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from gencontrol.errors import InputError


class TestVariation:
    NAMES = 60

    @pytest.fixture
    def plan(self, bench: Any) -> Any:
        return bench.variation.Plan(pictures=12, diverse=5, seeds=3, seed=1)

    def draw(self, embeds: torch.Tensor, seeds: list[int]) -> torch.Tensor:
        """Paint the embedding's largest entry into red and the seed into green."""
        pictures = torch.zeros(len(embeds), 3, 4, 4)
        pictures[:, 0] = (embeds.argmax(-1) / 100)[:, None, None]
        pictures[:, 1] = (torch.tensor(seeds) % 100 / 100)[:, None, None]
        return pictures

    def judge(self, bench: Any) -> Any:
        """Read red, and show the seed in the features."""

        def verdict(pictures: torch.Tensor) -> Any:
            concept = (pictures[:, 0, 0, 0] * 100).round().long()
            seed = (pictures[:, 1, 0, 0] * 100).round().long()
            scores = (6.0 * functional.one_hot(concept, self.NAMES)).log_softmax(-1)
            return bench.judge_model.Verdict(log_probabilities=scores, features=functional.one_hot(seed, 4).float())

        return verdict

    def outcome(self, bench: Any, marked, plan: Any, concept_of: Any) -> Any:
        scenes = marked()
        embeds = functional.one_hot(concept_of(scenes), self.NAMES).float()
        record = bench.variation.judge_chunk(embeds, scenes, plan, draw=self.draw, judge=self.judge(bench), first=0)
        return bench.variation.summary([record, record])

    def test_a_perfect_generator_and_one_that_draws_the_neighbour(self, bench: Any, marked, plan) -> None:
        right = self.outcome(bench, marked, plan, lambda s: s.concept)
        assert (right["masked"], right["masked5"], right["other"], right["ahead"]) == (1.0, 1.0, 0.0, 1.0)
        assert right["margin"] == pytest.approx(6.0) and right["scenes"] == 24
        wrong = self.outcome(bench, marked, plan, lambda s: s.others.amax(-1))
        assert (wrong["masked"], wrong["other"], wrong["ahead"]) == (0.0, 1.0, 0.0)
        assert wrong["margin"] == pytest.approx(-6.0)

    def test_diversity_is_of_the_first_scenes_over_all_pairs_of_seeds(self, bench: Any, marked, plan) -> None:
        found = self.outcome(bench, marked, plan, lambda s: s.concept)
        assert found["diverse_scenes"] == 10 and found["diversity"] == pytest.approx(1.0)
        features = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [3.0, 3.0], [1.0, 1.0]]])
        torch.testing.assert_close(bench.variation.diversity(features), torch.tensor([2 / 3, 0.0]))
        once = dataclasses.replace(plan, seeds=1)
        assert self.outcome(bench, marked, once, lambda s: s.concept)["diversity"] is None

    def test_diverse_scenes_end_within_a_chunk(self, bench: Any, marked, plan) -> None:
        scenes = marked()
        embeds = functional.one_hot(scenes.concept, self.NAMES).float()
        for first, count in ((0, 5), (3, 2), (5, 0), (50, 0)):
            record = bench.variation.judge_chunk(
                embeds, scenes, plan, draw=self.draw, judge=self.judge(bench), first=first
            )
            assert len(record["diversity"]) == count and len(record["masked"]) == 12

    def test_noise_is_each_scenes_own(self, bench: Any, plan) -> None:
        seeds = [bench.variation.noise_seed(plan, scene, repeat) for scene in range(50) for repeat in range(4)]
        assert len(set(seeds)) == 200
        other = dataclasses.replace(plan, seed=2)
        assert bench.variation.noise_seed(other, 0, 0) not in seeds

    def test_chance(self, bench: Any) -> None:
        others = torch.tensor([[3, -1, 4], [5, 6, -1]])
        found = bench.variation.chance_row(409, others)
        assert found == {"masked": 1 / 409, "masked5": 5 / 409, "other": 2 / 409}

    def test_the_pipeline_draws_the_same_in_any_batch(self, bench: Any, model: Path) -> None:
        embeds = torch.randn(3, 24, generator=torch.Generator().manual_seed(0))
        drawn = [bench.variation.open_draw(model, steps=2, guidance=3.0, batch=b)(embeds, [5, 6, 7]) for b in (3, 2)]
        assert drawn[0].shape == (3, 3, 128, 128) and drawn[0].min() >= 0 and drawn[0].max() <= 1
        torch.testing.assert_close(drawn[0], drawn[1], atol=1e-3, rtol=0)


class TestResults:
    def test_what_is_finished_stays(self, bench: Any, tmp_path: Path) -> None:
        path = tmp_path / "focus.json"
        results = bench.results.Results(path, "recognition", {"scenes": 10, "rows": ("a", "b")})
        results.put("plain/1", {"top1": 0.5})
        bench.results.Results(path, "variation", {"steps": 4}).put("alpha/0", {"masked": [1]})
        again = bench.results.Results(path, "recognition", {"scenes": 10, "rows": ("a", "b")})
        assert again.records == {"plain/1": {"top1": 0.5}}
        assert bench.results.Results(path, "variation").settings == {"steps": 4}
        assert bench.results.Results(tmp_path / "none.json", "variation").records == {}

    def test_rows_measured_otherwise_are_not_mixed(self, bench: Any, tmp_path: Path) -> None:
        path = tmp_path / "focus.json"
        bench.results.Results(path, "recognition", {"scenes": 10, "seed": 0}).put("plain/1", {"top1": 0.5})
        with pytest.raises(InputError, match="measured with another scenes: name another --output"):
            bench.results.Results(path, "recognition", {"scenes": 11, "seed": 0})
        path.write_text("[]")
        with pytest.raises(InputError, match="not a file that this benchmark wrote"):
            bench.results.Results(path, "recognition", {})

    def test_digests_tell_weights_apart(self, bench: Any, tmp_path: Path) -> None:
        (tmp_path / "clip").mkdir()
        (tmp_path / "clip" / "model.safetensors").write_bytes(b"1")
        before = bench.results.digests(tmp_path, ("clip", "unet"))
        (tmp_path / "clip" / "model.safetensors").write_bytes(b"2")
        after = bench.results.digests(tmp_path, ("clip", "unet"))
        assert list(before) == ["clip/model.safetensors"] and before != after


class TestReport:
    def records(self) -> dict[str, Any]:
        top1 = {
            **dict.fromkeys(("attention/3", "crop/3", "blank/3", "blur/3", "circle/3"), 0.4),
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

    def test_targets_that_are_met(self, bench: Any) -> None:
        found = bench.report.targets(self.records(), self.variation(0.6, 0.1, 0.8))
        assert [t.met for t in found] == [True] * 5
        assert "72.0 % against 80.0 %: 90% of it" in found[0].reached
        assert "60.0 % against 80.0 %: 75% as often" in found[3].reached
        assert str(found[4]).startswith("- met: variations are another")

    def test_targets_that_are_not(self, bench: Any) -> None:
        records = self.records()
        for key, value in (("alpha/3", 0.63), ("crop/3", 0.64), ("alpha-ones/1", 0.78)):
            records[key] = {"top1": value}
        found = bench.report.targets(records, self.variation(0.59, 0.11, 0.8))
        assert [t.met for t in found] == [False] * 5
        assert "the best is crop with 64.0 %" in found[1].reached
        assert str(found[0]).startswith("- NOT MET")

    def test_the_better_ceiling_counts(self, bench: Any) -> None:
        records = self.records()
        records["alpha-alone/3"] = {"top1": 0.95}
        assert bench.report.targets(records, {})[0].met is False

    def test_nothing_is_shown_where_the_ceiling_is_zero(self, bench: Any) -> None:
        assert bench.report.targets({}, self.variation(0.0, 0.0, 0.0))[3].met is False

    def test_what_is_not_measured_is_said(self, bench: Any) -> None:
        found = bench.report.targets({}, {})
        assert [t.met for t in found] == [None] * 5
        assert str(found[0]).startswith("- not measured: recognition")

    def test_tables_hold_the_figures(self, bench: Any) -> None:
        record = bench.recognition.chance_record(409, 10)
        full = {"top1": 0.5, "top5": 0.75, "margin": 0.123, "ahead": 0.6, "top1_by_size": [0.1, 0.2, 0.3]}
        full |= {"cosine": 0.91, "length": 1.05}
        text = bench.report.recognition_tables({"chance/3": record, "alpha/3": full, "alpha/3-unseen-style": full})
        assert "|  | 3 | 3, unseen style |" in text and "| chance | 0.2 / 1.2 |  |" in text
        assert "| Alpha-CLIP, mask | 50.0 / 75.0 | 50.0 / 75.0 |" in text
        assert "+12.3 (60.0)" in text and "10.0 / 20.0 / 30.0" in text and "0.910, 1.05" in text
        drawn = bench.report.variation_table(self.variation(0.6, 0.1, 0.8))
        assert "| Alpha-CLIP, mask | 60.0 | 60.0 | 10.0 | 1.00 | 100.0 |  | 100 |" in drawn
