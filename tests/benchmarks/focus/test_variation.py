"""What becomes of generated pictures, on made-up generators and figures."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from benchmarks.focus.variation import Plan, chance_row, diversity, judge_chunk, noise_seed, open_draw, summary
from benchmarks.judge.model import Verdict
from benchmarks.settings import Drawing


class TestVariation:
    NAMES = 60

    @pytest.fixture
    def plan(self) -> Any:
        return Plan(pictures=12, diverse=5, seeds=3, seed=1)

    def draw(self, embeds: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        """Paint the embedding's largest entry into red and the seed into green."""
        pictures = torch.zeros(len(embeds), 3, 4, 4)
        pictures[:, 0] = (embeds.argmax(-1) / 100)[:, None, None]
        pictures[:, 1] = (torch.tensor(seeds) % 100 / 100)[:, None, None]
        return pictures

    def judge(self) -> Any:
        """Read red, and show the seed in the features."""

        def verdict(pictures: torch.Tensor) -> Any:
            concept = (pictures[:, 0, 0, 0] * 100).round().long()
            seed = (pictures[:, 1, 0, 0] * 100).round().long()
            scores = (6.0 * functional.one_hot(concept, self.NAMES)).log_softmax(-1)
            return Verdict(log_probabilities=scores, features=functional.one_hot(seed, 4).float())

        return verdict

    def outcome(self, marked, plan: Any, concept_of: Any) -> Any:
        scenes = marked()
        embeds = functional.one_hot(concept_of(scenes), self.NAMES).float()
        record = judge_chunk(embeds, scenes, plan, draw=self.draw, judge=self.judge(), first=0)
        return summary([record, record])

    def test_a_perfect_generator_and_one_that_draws_the_neighbour(self, marked, plan) -> None:
        right = self.outcome(marked, plan, lambda s: s.concept)
        assert (right["masked"], right["masked5"], right["other"], right["ahead"]) == (1.0, 1.0, 0.0, 1.0)
        assert right["margin"] == pytest.approx(6.0) and right["scenes"] == 24
        wrong = self.outcome(marked, plan, lambda s: s.others.amax(-1))
        assert (wrong["masked"], wrong["other"], wrong["ahead"]) == (0.0, 1.0, 0.0)
        assert wrong["margin"] == pytest.approx(-6.0)

    def test_diversity_is_of_the_first_scenes_over_all_pairs_of_seeds(self, marked, plan) -> None:
        found = self.outcome(marked, plan, lambda s: s.concept)
        assert found["diverse_scenes"] == 10 and found["diversity"] == pytest.approx(1.0)
        features = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [3.0, 3.0], [1.0, 1.0]]])
        torch.testing.assert_close(diversity(features), torch.tensor([2 / 3, 0.0]))
        once = dataclasses.replace(plan, seeds=1)
        assert self.outcome(marked, once, lambda s: s.concept)["diversity"] is None

    def test_diverse_scenes_end_within_a_chunk(self, marked, plan) -> None:
        scenes = marked()
        embeds = functional.one_hot(scenes.concept, self.NAMES).float()
        for first, count in ((0, 5), (3, 2), (5, 0), (50, 0)):
            record = judge_chunk(embeds, scenes, plan, draw=self.draw, judge=self.judge(), first=first)
            assert len(record["diversity"]) == count and len(record["masked"]) == 12

    def test_noise_is_each_scenes_own(self, plan) -> None:
        seeds = [noise_seed(plan, scene, repeat) for scene in range(50) for repeat in range(4)]
        assert len(set(seeds)) == 200
        other = dataclasses.replace(plan, seed=2)
        assert noise_seed(other, 0, 0) not in seeds

    def test_chance(self) -> None:
        others = torch.tensor([[3, -1, 4], [5, 6, -1]])
        found = chance_row(409, others)
        assert found == {"masked": 1 / 409, "masked5": 5 / 409, "other": 2 / 409}

    def test_the_pipeline_draws_the_same_in_any_batch(self, model: Path) -> None:
        embeds = torch.randn(3, 24, generator=torch.Generator().manual_seed(0))
        drawn = [open_draw(model, Drawing(steps=2, batch=b))(embeds, [5, 6, 7]) for b in (3, 2)]
        assert drawn[0].shape == (3, 3, 128, 128) and drawn[0].min() >= 0 and drawn[0].max() <= 1
        torch.testing.assert_close(drawn[0], drawn[1], atol=1e-3, rtol=0)
