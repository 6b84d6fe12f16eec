"""Recognition's arithmetic on made-up encoders; nothing is timed here."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from benchmarks.focus.recognition import chance_record, name_embeddings, score, thirds
from benchmarks.focus.rows import row_of
from gencontrol.training.stages.recognition import RecognitionSet, recognise


def unit(rows: int, width: int = 16) -> torch.Tensor:
    return functional.normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(2)), dim=-1)


class TestRecognition:
    def score(self, scenes: Any, embeds: torch.Tensor, names: torch.Tensor, reference=None) -> Any:
        return score(embeds, names, [scenes], embeds if reference is None else reference)

    def test_a_perfect_encoder_and_one_that_looks_beside(self, marked) -> None:
        scenes, names = marked(), unit(60)
        right = self.score(scenes, 3 * names[scenes.concept], names)
        assert (right["top1"], right["top5"], right["ahead"]) == (1.0, 1.0, 1.0) and right["margin"] > 0
        assert right["top1_by_size"] == [1.0] * 3
        beside = scenes.others.amax(-1)
        wrong = self.score(scenes, names[beside], names)
        assert (wrong["top1"], wrong["ahead"]) == (0.0, 0.0) and wrong["margin"] < 0
        cosines = (names[scenes.concept] * names[beside]).sum(-1) - 1
        assert wrong["margin"] == pytest.approx(cosines.mean().item(), abs=1e-5)

    def test_there_is_no_margin_without_others(self, marked) -> None:
        names = unit(60)
        scenes = marked(sprites=1)
        found = self.score(scenes, names[scenes.concept], names)
        assert found["margin"] is None and found["ahead"] is None and found["top1"] == 1.0

    def test_chance(self) -> None:
        record = chance_record(409, 1000)
        assert record["top1"] == 1 / 409 and record["top5"] == 5 / 409

    def test_the_ceiling_is_recognition_of_the_sprite_alone(self, encoders, sprite_store, marked) -> None:
        scenes = marked(count=48, size=64)
        with torch.inference_mode():
            names = name_embeddings(encoders, sprite_store)
            embeds = row_of("alone").embed(encoders, scenes)
            found = self.score(scenes, embeds, names)
            alone = RecognitionSet(
                name="1", sprites=1, rgb=scenes.alone, alpha=torch.ones_like(scenes.alpha), concept=scenes.concept
            )
            same = recognise(encoders.plain.encode_image, names, alone)
        assert (found["top1"], found["top5"]) == (same.top1, same.top5)
        assert found["cosine"] == pytest.approx(1) and found["length"] == pytest.approx(1)

    def test_drift_is_direction_and_length(self, marked) -> None:
        scenes, names = marked(count=2), unit(60, 2)
        reference = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        embeds = torch.tensor([[0.0, 3.0], [0.0, 2.0]])
        found = self.score(scenes, embeds, names, reference)
        assert found["cosine"] == pytest.approx(0.5) and found["length"] == pytest.approx(2.0)

    def test_sizes_are_thirds_of_the_visible_area(self, marked) -> None:
        found = thirds(torch.tensor([0.5, 0.1, 0.3, 0.2, 0.6, 0.4]))
        assert [t.tolist() for t in found] == [[1, 3], [2, 5], [0, 4]]
        scenes, names = marked(), unit(60)
        small = scenes.alpha.mean((1, 2)).argsort()[:4]
        wanted = scenes.others.amax(-1)
        wanted[small] = scenes.concept[small]
        found = self.score(scenes, names[wanted], names)
        assert found["top1_by_size"] == [1.0, 0.0, 0.0]
        assert found["area"][0] < found["area"][1] < found["area"][2]
