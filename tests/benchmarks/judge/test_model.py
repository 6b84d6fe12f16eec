"""The judge's arithmetic, and that it is saved as it is."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.judge.model import (
    WEIGHTS,
    Judge,
    JudgeNet,
    JudgeShape,
    fit_square,
    margins,
    open_judge,
    save_judge,
    top_hits,
)
from gencontrol.errors import CheckpointError, InputError


def small_judge(logits: list[float]):
    """Says the same of every picture."""
    torch.manual_seed(0)
    net = JudgeNet(JudgeShape(size=16, widths=(4, 8)), len(logits)).eval()
    net.head.weight.data.zero_()
    net.head.bias.data.copy_(torch.tensor(logits))
    return Judge(net=net.requires_grad_(False), slugs=tuple(f"thing-{i}" for i in range(len(logits))))


def test_a_margin_is_positive_where_the_marked_one_is_ahead() -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0, 5.0]]).expand(4, 4)
    concept = torch.tensor([2, 3, 0, 1])
    others = torch.tensor([[3, -1], [2, 0], [-1, 1], [-1, -1]])
    found = margins(scores, concept, others)
    assert found[:3].tolist() == [-3.0, 3.0, -1.0]
    assert found[3].isnan()
    assert margins(scores, concept, others[:, :0]).isnan().all()


def test_hits_count_the_best_names() -> None:
    scores = torch.tensor([[0.1, 0.4, 0.3, 0.2]]).expand(4, 4)
    concept = torch.arange(4)
    assert top_hits(scores, concept, 1).tolist() == [False, True, False, False]
    assert top_hits(scores, concept, 2).tolist() == [False, True, True, False]
    assert top_hits(scores, concept, 4).all()


def test_a_verdict_of_known_logits() -> None:
    logits = [0.5, 2.0, -1.0]
    verdict = small_judge(logits)(torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0)))
    odds = torch.tensor(logits).exp()
    torch.testing.assert_close(verdict.log_probabilities.exp(), (odds / odds.sum()).expand(2, 3))
    assert verdict.ranking.tolist() == [[1, 0, 2]] * 2
    assert verdict.features.shape == (2, 16) and verdict.features.min() >= 0


def test_a_temperature_makes_a_judge_less_sure_and_changes_no_name() -> None:
    logits, pictures = [0.5, 2.0, -1.0], torch.rand(1, 3, 16, 16)
    blunt = dataclasses.replace(small_judge(logits), temperature=2.0)(pictures)
    torch.testing.assert_close(blunt.log_probabilities[0], (torch.tensor(logits) / 2).log_softmax(-1))
    assert blunt.ranking.tolist() == small_judge(logits)(pictures).ranking.tolist()


def test_none_of_these_is_one_more_output() -> None:
    net = JudgeNet(JudgeShape(size=16, widths=(4, 8), nothing=True), 3)
    assert net.head.out_features == 4 and JudgeNet(JudgeShape(size=16, widths=(4, 8)), 3).head.out_features == 3


def test_the_batch_does_not_matter() -> None:
    pictures = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    judge = small_judge([0.0, 1.0])
    torch.testing.assert_close(judge(pictures, batch=2).features, judge(pictures).features)


def test_pictures_are_low_passed_before_they_shrink() -> None:
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::4] = 1
    shrunk = fit_square(stripes, 16)
    # Points between the stripes would be black.
    torch.testing.assert_close(shrunk[..., 2:-2], torch.full((1, 3, 16, 12), 0.25), atol=0.02, rtol=0)
    assert fit_square(shrunk, 16) is shrunk


def test_what_is_no_batch_of_pictures_is_refused() -> None:
    with pytest.raises(InputError, match=r"pictures \(b, 3, h, w\), got \(3, 16, 16\)"):
        small_judge([0.0])(torch.zeros(3, 16, 16))


def test_a_saved_judge_says_the_same(tmp_path: Path) -> None:
    judge = dataclasses.replace(small_judge([0.5, 2.0, -1.0]), facts={"seed": 7})
    save_judge(judge, tmp_path / "judge")
    opened = open_judge(tmp_path / "judge")
    assert (opened.slugs, opened.facts, opened.net.shape) == (judge.slugs, judge.facts, judge.net.shape)
    pictures = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(opened(pictures).features, judge(pictures).features, atol=1e-2, rtol=1e-2)
    with pytest.raises(CheckpointError, match=r"python -m benchmarks\.judge train"):
        open_judge(tmp_path)
    (tmp_path / "judge" / WEIGHTS).write_bytes(b"cut off")
    with pytest.raises(CheckpointError, match="No judge that can be opened"):
        open_judge(tmp_path / "judge")


def test_a_store_of_other_concepts_is_refused(sprite_store) -> None:
    judge = small_judge([0.0] * len(sprite_store.concepts))
    with pytest.raises(InputError, match="knows 60 concepts"):
        judge.check_concepts(sprite_store)
    dataclasses.replace(judge, slugs=tuple(c.slug for c in sprite_store.concepts)).check_concepts(sprite_store)


def test_it_is_cheap_and_small() -> None:
    net = JudgeNet(JudgeShape(), 409).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, 3, 64, 64, device="meta"))
    assert counter.get_total_flops() / 2 < 50e6
    assert sum(p.numel() for p in net.parameters()) * 2 < 3e6


def test_features_hold_mean_and_maximum() -> None:
    torch.manual_seed(0)
    net = JudgeNet(JudgeShape(size=32, widths=(4, 6)), 3).eval()
    mean, largest = net.features(torch.rand(2, 3, 32, 32)).chunk(2, dim=-1)
    assert mean.shape == (2, 6) and (largest > mean).all()
