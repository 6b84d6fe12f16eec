"""The closeness benchmark: places, what a linear map reads, and that a generator that keeps the place is seen to."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.closeness import Measures, Settings, any_of, correlation, main, measure, places_of, read_out, table
from benchmarks.focus.recognition import name_embeddings
from benchmarks.focus.rows import Encoders, whole
from benchmarks.focus.scenes import Marked
from benchmarks.judge.model import Verdict


def test_places_are_centres_and_long_sides_as_shares_of_the_frame() -> None:
    cover = torch.zeros(2, 10, 20)
    cover[0, 2:6, 4:14] = 1
    x, y, side = places_of(cover)[0].tolist()
    assert (x, y) == pytest.approx((9 / 20, 4 / 10)) and torch.tensor(side).exp().item() == pytest.approx(0.5)
    # Nothing is in the middle and as large as the frame, rather than endlessly small.
    assert places_of(cover)[1].tolist() == [0.5, 0.5, 0.0]


def test_what_is_read_out_is_measured_on_rows_that_were_not_fitted() -> None:
    generator = torch.Generator().manual_seed(0)
    embeds = torch.randn(8000, 6, generator=generator) + 3
    told = embeds @ torch.randn(6, 1, generator=generator) - 7
    noise = torch.randn(8000, 1, generator=generator)
    found = read_out(embeds, torch.cat([told, noise, told + told.std() * noise], dim=1))
    assert found[0].item() == pytest.approx(1 - (0.1 / 1.1) ** 2, abs=3e-3)
    assert found[1].item() < 0.05
    assert found[2].item() == pytest.approx(0.5, abs=0.05)
    # As many numbers as rows to fit on explain those rows, and nothing else.
    many = torch.randn(40, 20, generator=generator)
    assert read_out(many, torch.randn(40, 1, generator=generator)).item() < 0.2


def test_correlations_are_means_over_columns_and_0_where_nothing_varies() -> None:
    x = torch.arange(5.0)
    first = torch.stack([x, x], dim=1)
    assert correlation(first, torch.stack([2 * x + 1, -x], dim=1)) == pytest.approx(0)
    assert correlation(first, torch.stack([2 * x + 1, x], dim=1)) == pytest.approx(1)
    assert correlation(first, torch.stack([torch.ones(5), x], dim=1)) == pytest.approx(0.5)


def test_any_other_among_the_best() -> None:
    ranking = torch.tensor([[3, 1, 2, 0], [0, 1, 2, 3]])
    others = torch.tensor([[2, -1], [3, -1]])
    assert any_of(ranking, others, 3).tolist() == [True, False]
    assert any_of(ranking, others, 4).tolist() == [True, True]
    assert any_of(ranking, others, 1).tolist() == [False, False]


def test_a_generator_that_keeps_the_place_is_told_from_one_that_does_not(
    sprite_store, encoders: Encoders, marked: Callable[..., Marked]
) -> None:
    scenes = [marked(seed=seed) for seed in (1, 2)]
    concept = torch.cat([shown.concept for shown in scenes])
    others = torch.cat([shown.others for shown in scenes])
    kept = torch.cat([shown.source()[1] for shown in scenes])[:20]
    asked = []

    def row(pictures: torch.Tensor, names: torch.Tensor, more: torch.Tensor):
        asked.clear()

        def draw(embeds, seeds):
            asked.append((embeds, list(seeds)))
            return pictures[:, None].expand(-1, 3, -1, -1)

        def judge(drawn: torch.Tensor) -> Verdict:
            best = (names if len(asked) == 1 else more)[:20]
            scores = torch.zeros(20, len(sprite_store.concepts)).scatter_(1, best[:, None], 1.0).log_softmax(-1)
            return Verdict(log_probabilities=scores, features=torch.zeros(20, 2))

        known = name_embeddings(encoders, sprite_store)
        measures = Measures(encoders=encoders, names=known, draw=draw, judge=judge, seed=3)
        return measure(1.0, scenes, measures, pictures=20)

    neighbour = others.amax(1)
    right, wrong = row(kept, concept, neighbour), row(kept.flip(-1, 0), neighbour, concept)
    assert (right.drawn, right.another, wrong.drawn, wrong.another) == (1, 0, 0, 1)
    assert right.at_half == 1 and right.placed > 0.99 and wrong.placed < 0.5
    assert asked[0][1] == asked[1][1] == [3_000_000 + number for number in range(20)]
    # The second time it draws from halfway to the whole picture.
    frames = torch.cat([whole(encoders.plain, shown.rgb) for shown in scenes])[:20]
    torch.testing.assert_close(asked[1][0], (frames + asked[0][0]) / 2)


def test_the_command_prints_a_row_for_each_closeness_and_draws_a_sheet(
    sprite_file: Path, model: Path, judge_folder: Path, tmp_path: Path, capsys
) -> None:
    output, sheet = tmp_path / "rows.json", tmp_path / "sheet.png"
    settings = Settings(
        model=str(model),
        sprites=sprite_file,
        judge=judge_folder,
        closeness=(0.0, 1.0),
        scenes=8,
        pictures=3,
        steps=2,
        sheet=sheet,
        sheet_scenes=2,
        output=output,
    )
    rows = main(settings)
    assert [row.closeness for row in rows] == [0, 1]
    assert json.loads(output.read_text()) == [dataclasses.asdict(row) for row in rows]
    assert rows[0].where != rows[1].where
    printed = capsys.readouterr().out
    assert table(rows) in printed and "| 0 | " in printed and sheet.is_file()
