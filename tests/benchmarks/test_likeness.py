"""The likeness benchmark: hues, cut-outs, the nearest drawing and style; a perfect and a bad generator differ."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch

from benchmarks.likeness import (
    COPY,
    Likeness,
    Settings,
    angle_between,
    cut_out,
    draw_references,
    drawings,
    hue_of,
    main,
    measure,
    nearest_drawing,
    nearest_style,
    table,
    thing_on_ground,
)
from gencontrol.sprites.catalog import training_styles

FULL = torch.ones(1, 4, 4)


def plain(*colour: float, size: int = 4) -> torch.Tensor:
    return torch.tensor(colour)[None, :, None, None].expand(1, 3, size, size).clone()


@pytest.mark.parametrize(
    ("colour", "degrees"),
    [((1, 0, 0), 0), ((0, 1, 0), 120), ((0, 0, 1), -120), ((1, 1, 0), 60), ((0.5, 0, 0.5), -60), ((1, 0.5, 0.5), 0)],
)
def test_hues_are_angles_on_the_colour_circle(colour: tuple[float, ...], degrees: float) -> None:
    angle, clear = hue_of(plain(*colour), FULL)
    assert math.degrees(angle.item()) == pytest.approx(degrees, abs=0.01) and clear.item()


def test_greys_and_many_colours_have_no_hue() -> None:
    assert not hue_of(plain(0.5, 0.5, 0.5), FULL)[1].item()
    both = plain(1, 0, 0)
    both[..., 2:] = plain(0, 1, 1)[..., 2:]
    assert not hue_of(both, FULL)[1].item()
    # What is not covered does not count.
    left = FULL.clone()
    left[..., 2:] = 0
    angle, clear = hue_of(both, left)
    assert clear.item() and angle.item() == pytest.approx(0, abs=1e-5)
    assert not hue_of(both, torch.zeros(1, 4, 4))[1].item()


def test_angles_are_apart_by_the_shorter_way() -> None:
    first, second = torch.tensor([0.1, 3.0, -3.0, 1.0]), torch.tensor([-0.1, -3.0, 3.0, 1.0])
    expected = torch.tensor([0.2, 2 * math.pi - 6, 2 * math.pi - 6, 0.0])
    torch.testing.assert_close(angle_between(first, second), expected, atol=1e-5, rtol=0)


def test_a_thing_is_what_differs_from_the_border() -> None:
    picture = plain(0.9, 0.8, 0.9, size=16)
    picture[..., 4:9, 6:12] = 0.2
    cover = torch.zeros(1, 16, 16)
    cover[:, 4:9, 6:12] = 1
    assert torch.equal(thing_on_ground(picture), cover)
    assert not thing_on_ground(plain(0.5, 0.4, 0.3, size=8)).any()
    cut = cut_out(picture, cover)
    torch.testing.assert_close(cut, torch.full_like(cut, 0.2), atol=1e-5, rtol=0)
    assert (cut_out(picture, torch.zeros_like(cover)) == 1).all()


def test_the_nearest_drawing_is_itself_mirrored_or_not_wherever_it_stands(sprite_store) -> None:
    styles = sprite_store.style_indices(training_styles())
    concept = torch.tensor([3, 7])
    drawn, cover = drawings(sprite_store, concept, styles, 64)
    assert drawn.shape == (2, len(styles), 3, 64, 64) and cover.shape == (2, len(styles), 64, 64)
    for picture, mask in ((drawn[:, 1], cover[:, 1]), (drawn[:, 2].flip(-1), cover[:, 2].flip(-1))):
        assert nearest_drawing(cut_out(picture, mask), drawn, cover).max() < 1e-5
    moved = nearest_drawing(cut_out(drawn[:, 1].roll(3, -1), cover[:, 1].roll(3, -1)), drawn, cover)
    assert moved.max() < 1e-5
    other = nearest_drawing(cut_out(1 - drawn[:, 1], cover[:, 1]), drawn, cover)
    assert other.min() > COPY
    by_hand = torch.full((1, 3, 48, 48), 0.25)
    white = torch.ones(1, 1, 3, 8, 8)
    assert nearest_drawing(by_hand, white, torch.ones(1, 1, 8, 8)).item() == pytest.approx(0.75)


def test_styles_are_told_apart_beside_what_the_thing_is() -> None:
    thing = torch.tensor([10.0, 0.0, 0.0, 0.0])
    of_styles = (thing + torch.eye(4)[1:])[None]
    here = torch.ones(1, 3, dtype=torch.bool)
    for index in range(3):
        assert nearest_style(3 * of_styles[:, index], of_styles, here).item() == index
    # A style in which the thing is not drawn is none to be near to, and does not count for the mean.
    of_styles[0, 2] = torch.tensor([0.0, 0.0, 0.0, 50.0])
    assert nearest_style(of_styles[:, 1], of_styles, torch.tensor([[True, True, False]])).item() == 1
    assert nearest_style(of_styles[:, 2], of_styles, torch.tensor([[True, True, False]])).item() != 2


def test_references_are_recoloured_or_not_and_their_number_is_kept(sprite_store) -> None:
    settings = Settings(pictures=30)
    turned, own = (draw_references(sprite_store, settings, turned=t) for t in (True, False))
    for shown in (turned, own):
        assert len(shown.concept) == len(shown.rgb) == len(shown.cover) == 30 and shown.rgb.shape[-1] == 256
        assert (shown.alpha <= shown.cover + 1e-5).all()
        # Alone on white: nothing else is in the picture.
        assert (shown.alone[shown.cover[:, None].expand_as(shown.alone) == 0] == 1).all()
    again = draw_references(sprite_store, dataclasses.replace(settings, pictures=12), turned=True)
    assert torch.equal(again.rgb, turned.rgb[:12])
    other = draw_references(sprite_store, dataclasses.replace(settings, seed=2), turned=True)
    assert not torch.equal(other.rgb, turned.rgb)


def test_a_generator_that_repeats_the_reference_is_right_and_one_that_turns_its_hue_is_not(
    sprite_store, encoders
) -> None:
    settings = Settings(pictures=24)
    turned, own = (draw_references(sprite_store, settings, turned=t) for t in (True, False))

    def row(change) -> Likeness:
        shown = iter((turned.alone, own.alone))
        seeds = []

        def draw(embeds, given):
            seeds.append(list(given))
            return change(next(shown))

        found = measure("zoom", turned, own, sprite_store, encoders=encoders, draw=draw, seed=7)
        assert seeds[0] == list(range(7_000_000, 7_000_024)) == seeds[1]
        return found

    right, wrong = row(lambda rgb: rgb), row(lambda rgb: rgb.flip(1))
    assert right.hue is not None and wrong.hue is not None
    assert right.hues == wrong.hues > 5 and right.hue > 0.9 and wrong.hue < 0.5
    assert right.nearest == pytest.approx(right.reference, abs=0.03)
    assert right.focus == "zoom" and right.pictures == 24
    assert row(torch.ones_like).hue == 0


def test_the_command_prints_a_row_for_each_look(sprite_file: Path, model: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "rows.json"
    settings = Settings(
        model=str(model), sprites=sprite_file, focus=("alpha", "zoom"), pictures=4, steps=2, batch=3, output=output
    )
    rows = main(settings)
    assert [row.focus for row in rows] == ["alpha", "zoom"]
    assert json.loads(output.read_text()) == [dataclasses.asdict(row) for row in rows]
    printed = capsys.readouterr().out
    assert table(rows) in printed and "| alpha | " in printed and " of 4 | " in printed
    empty = dataclasses.replace(rows[0], hue=None)
    assert table([empty]).splitlines()[-1].startswith("| alpha |  | ")
