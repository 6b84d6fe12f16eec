"""The dial's benchmark: correlations by hand, each way of heeding levels, and that a perfect and a bad dial differ."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from benchmarks.dial import (
    Row,
    Settings,
    biased,
    by_strength,
    drawn_shares,
    drawn_table,
    main,
    measure,
    name_table,
    one_pass,
    passes,
    rank_correlation,
    table,
)
from benchmarks.focus.rows import whole
from benchmarks.judge.model import Verdict
from gencontrol.focus import focus_strategy
from gencontrol.training.data.levels import wanted_shares
from gencontrol.training.stages.graded import LEVELS, GradedSet, graded_set

NAMES = torch.eye(6)


@pytest.fixture
def pair(sprite_store) -> GradedSet:
    return graded_set(sprite_store, sprites=2, size=32, count=12, seed=3)


def test_rank_correlation_by_hand() -> None:
    levels = torch.tensor([[0.0, 0.5, 1.0]])
    for values, expected in (((1.0, 2.0, 9.0), 1.0), ((9.0, 2.0, 1.0), -1.0), ((2.0, 1.0, 3.0), 0.5)):
        assert rank_correlation(torch.tensor([values]), levels).item() == pytest.approx(expected)
    both = rank_correlation(torch.tensor([[1.0, 2.0], [2.0, 1.0]]), torch.tensor([[0.25, 0.75], [0.25, 0.75]]))
    assert both.tolist() == [1.0, -1.0]


def test_each_way_heeds_levels_as_it_says(encoders, pair) -> None:
    encoder, alpha, attention = encoders.alpha, focus_strategy("alpha"), focus_strategy("attention")
    levels = torch.tensor([[0.25, 0.75]]).expand(len(pair.rgb), 2)
    mixed = (pair.alpha * levels[..., None, None]).sum(1)
    given = (pair.rgb, pair.alpha, levels)
    assert torch.equal(one_pass(encoder)(*given), alpha.embed(encoder, pair.rgb, mixed))
    assert torch.equal(biased(encoder)(*given), attention.embed(encoder, pair.rgb, mixed))
    looks = [functional.normalize(alpha.embed(encoder, pair.rgb, part), dim=-1) for part in pair.alpha.unbind(1)]
    torch.testing.assert_close(passes(encoder)(*given), 0.25 * looks[0] + 0.75 * looks[1], atol=1e-6, rtol=0)
    full = functional.normalize(whole(encoder, pair.rgb), dim=-1)
    torch.testing.assert_close(by_strength(encoder)(*given), 0.25 * full + 0.75 * looks[1], atol=1e-6, rtol=0)


def perfect(concepts: torch.Tensor, scale: float):
    """An embedding whose shares are those that were asked for, among six names."""

    def embed(rgb: torch.Tensor, parts: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        logits = wanted_shares(levels).clamp(min=1e-4).log() / scale
        embeds = torch.zeros(len(rgb), 6).scatter(1, concepts, logits - logits.amin(-1, keepdim=True) + 0.2)
        # Cosines are of unit length: what is missing goes into an entry that no name has.
        return torch.cat([embeds, (1 - embeds.square().sum(-1, keepdim=True)).clamp(min=0).sqrt()], dim=-1)

    return embed


def test_a_perfect_dial_has_no_error_and_a_switch_has(pair, encoders, monkeypatch) -> None:
    pair = dataclasses.replace(pair, concepts=torch.tensor([[0, 4]]).expand(len(pair.rgb), 2))
    names = torch.cat([NAMES, torch.zeros(6, 1)], dim=-1)
    monkeypatch.setattr("benchmarks.dial.whole", lambda encoder, rgb: torch.full((len(rgb), 7), 0.1))

    def row(embed) -> Row:
        return measure("x", embed, pair, names=names, encoder=encoders.alpha, scale=20.0)

    right = row(perfect(pair.concepts, 20.0))
    assert right.error < 0.01 and right.never_falls == 1 and right.order == 1 and right.mask == right.faint == 1
    flat = row(lambda rgb, parts, levels: perfect(pair.concepts, 20.0)(rgb, parts, torch.ones_like(levels)))
    assert flat.error == pytest.approx((wanted_shares(pair.levels) - 0.5).abs().mean().item(), abs=1e-4)
    wrong = row(lambda rgb, parts, levels: perfect(pair.concepts, 20.0)(rgb, parts, 1.01 - levels))
    assert wrong.order == -1 and wrong.never_falls == 0 and wrong.error > 0.3 and wrong.mask == 0
    assert right.sprites == 2 and right.name == "x"


def test_the_first_is_swept_and_the_others_stay_at_a_half(pair, encoders) -> None:
    asked = []

    def embed(rgb: torch.Tensor, parts: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        asked.append(levels[0].tolist())
        return torch.ones(len(rgb), encoders.alpha.embed_dim)

    names = torch.eye(60, encoders.alpha.embed_dim)
    measure("x", embed, pair, names=names, encoder=encoders.alpha, scale=1.0)
    # After the scenes' own levels: the sweep, the first one's mask, and a quarter of it.
    assert asked == [pair.levels[0].tolist(), *([level, 0.5] for level in LEVELS), [1.0, 0.0], [0.25, 0.0]]


def test_variations_are_called_by_the_likelier_of_the_two(pair) -> None:
    """A judge that sees the first sprite where it was asked for more than the second, whatever else it sees."""
    seeds = []

    def embed(rgb: torch.Tensor, parts: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        return levels

    def draw(embeds: torch.Tensor, given: Sequence[int]) -> torch.Tensor:
        seeds.append(list(given))
        return embeds[:, :, None, None].expand(-1, -1, 3, 3)

    def judge(pictures: torch.Tensor) -> Verdict:
        scores = torch.zeros(len(pictures), 60).scatter(1, pair.concepts, pictures[:, :, 0, 0])
        scores[:, 59] = 9
        return Verdict(log_probabilities=scores, features=scores)

    found = drawn_shares(embed, pair, draw=draw, judge=judge, seed=2)
    assert found == [(0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.75, 1.0), (1.0, 1.0)]
    assert all(given == list(range(2_000_000, 2_000_012)) for given in seeds)
    assert drawn_table([("a", found)]).splitlines()[0] == "|  | 0 : 1 | 0.25 : 0.75 | 0.5 : 0.5 | 0.75 : 0.25 | 1 : 0 |"
    assert drawn_table([("a", found)]).splitlines()[-1] == "| a | 0.0% | 0.0% | 0.0% | 100.0% | 100.0% |"


def test_names_are_embedded_at_unit_length(encoders, sprite_store) -> None:
    names = name_table(encoders.alpha, sprite_store)
    assert len(names) == len(sprite_store.concepts)
    torch.testing.assert_close(names.norm(dim=-1), torch.ones(len(names)))


def test_the_command_prints_and_writes_a_row_for_each_way_and_number(
    sprite_file: Path, model: Path, judge_folder: Path, tmp_path: Path, capsys
) -> None:
    output = tmp_path / "rows.json"
    rows = main(
        Settings(
            model=str(model), binary=str(model), sprites=sprite_file, judge=judge_folder, scenes=3, drawn=2, steps=2,
            output=output,
        )
    )  # fmt: skip
    assert [row.sprites for row in rows] == [2] * 5 + [3] * 5 + [4] * 5
    # The same tower twice.
    assert rows[4] == dataclasses.replace(rows[0], name=rows[4].name)
    assert json.loads(output.read_text()) == [dataclasses.asdict(row) for row in rows]
    printed = capsys.readouterr().out
    assert table(rows) in printed and "at levels a : 1 - a, 2 scenes" in printed
