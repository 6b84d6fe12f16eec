import dataclasses
import math

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.sprites.deformation import Deformation
from gencontrol.sprites.layout import MAX_TURN, SIZE_RANGE, Variation, _hiding, draw_layout, inverse_affine, take_slot

STILL = Variation(turn=0.0, mirror=0.5, jitter=0.0, blur=0.0)


def layout_of(store, counts, **changes):
    settings = {"variation": STILL, "split": "train", "generator": torch.Generator().manual_seed(0)} | changes
    return draw_layout(store, torch.tensor(counts), store.style_indices(["noto", "twemoji"]), **settings)


def test_counts_sizes_and_distinct_concepts(sprite_store):
    counts = list(SIZE_RANGE) * 50
    layout = layout_of(sprite_store, counts)
    used = layout.concept >= 0
    assert used.sum(-1).tolist() == counts
    for row, count in zip(layout.concept.tolist(), counts, strict=True):
        assert len(set(row[:count])) == count
    for count, (low, high) in SIZE_RANGE.items():
        sides = layout.side[used.sum(-1) == count][:, :count]
        assert sides.min() >= low and sides.max() <= high


def test_the_more_sprites_the_smaller_each_is():
    lows, highs = zip(*(SIZE_RANGE[count] for count in sorted(SIZE_RANGE)), strict=True)
    assert sorted(SIZE_RANGE) == list(range(1, 9)) and highs[0] < 1
    assert list(lows) == sorted(lows, reverse=True) and list(highs) == sorted(highs, reverse=True)
    assert all(1.5 * low < high < 2.5 * low for low, high in SIZE_RANGE.values())


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_mirrored_sprites(sprite_store, share):
    variation = Variation(turn=0.0, mirror=share, jitter=0.0, blur=0.0)
    mirrored = layout_of(sprite_store, [1] * 200, variation=variation).mirrored
    assert abs(float(mirrored.float().mean()) - share) < 0.1


def test_held_out_styles_draw_only_what_they_have(sprite_store):
    held = sprite_store.style_indices(["fxemoji"])
    layout = draw_layout(
        sprite_store, torch.ones(200, dtype=torch.long), held, variation=STILL, split="test",
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert sprite_store.present[layout.concept[:, 0], held[0]].all()


def test_too_few_concepts_are_an_error_not_an_endless_loop(sprite_store):
    few = dataclasses.replace(sprite_store, present=sprite_store.present & (torch.arange(60) < 2)[:, None])
    with pytest.raises(InputError, match="Scenes of 3 sprites need as many concepts; the styles have 2"):
        layout_of(few, [3])
    with pytest.raises(InputError, match="held out from training"):
        layout_of(few, [2], split="test")


def test_the_affine_map_takes_the_canvas_to_the_sprite(sprite_store):
    layout = layout_of(sprite_store, [1])
    layout = dataclasses.replace(
        layout,
        centre=torch.tensor([[[0.75, 0.25]]]),
        side=torch.tensor([[0.5]]),
        turn=torch.tensor([[math.pi / 2]]),
        mirrored=torch.tensor([[False]]),
    )
    theta = inverse_affine(layout, torch.tensor([0]), torch.tensor([0]))[0]
    centre, right = torch.tensor([0.5, -0.5, 1.0]), torch.tensor([1.0, -0.5, 1.0])
    assert torch.allclose(theta @ centre, torch.zeros(2), atol=1e-6)
    # Turned a quarter anticlockwise, the sprite's right side is up, so its bottom (y = 1) is on the canvas's right.
    assert torch.allclose(theta @ right, torch.tensor([0.0, 1.0]), atol=1e-6)


def test_take_slot_keeps_one(sprite_store):
    layout = layout_of(sprite_store, [2, 3])
    one = take_slot(layout, torch.tensor([1, 2]))
    assert one.concept.tolist() == [[int(layout.concept[0, 1])], [int(layout.concept[1, 2])]]


@pytest.mark.parametrize("count", [1, 4])
def test_up_to_an_eighth_of_a_sprite_leaves_the_canvas(sprite_store, count):
    layout = layout_of(sprite_store, [count] * 2000)
    reach = (layout.centre - 0.5).abs() + layout.side[..., None] / 2
    outside = ((reach - 0.5) / layout.side[..., None]).flatten()
    assert outside.max() <= 0.125 + 1e-5 and outside.max() > 0.11
    assert layout.centre.mean((0, 1)).tolist() == pytest.approx([0.5, 0.5], abs=0.02)


def test_hiding_is_the_share_of_the_worst_hidden_square(sprite_store):
    # Two layouts: a square, a quarter of which the second hides, which the third half hides; and three in one place.
    centre = torch.tensor([[[[0.3, 0.3], [0.5, 0.5], [0.8, 0.5]], [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]]])
    side = torch.tensor([[[0.4, 0.4, 0.6], [0.2, 0.2, 0.2]]])
    assert _hiding(centre, side, torch.tensor([[[True, True, True]]]))[0].tolist() == pytest.approx([0.5, 2.0])
    assert _hiding(centre, side, torch.tensor([[[True, True, False]]]))[0].tolist() == pytest.approx([0.25, 1.0])
    assert not _hiding(centre, side, torch.tensor([[[True, False, False]]])).any()


def test_things_hide_each_other_less_than_by_chance_and_do_so_still(sprite_store):
    layout = layout_of(sprite_store, [3] * 500)
    hidden = _hiding(layout.centre[:, None], layout.side[:, None], (layout.concept >= 0)[:, None])[:, 0]
    assert hidden.max() < 0.75 and 0.15 < hidden.mean() < 0.35


def test_the_share_of_blurred_scenes_and_the_size_of_turns(sprite_store):
    variation = Variation(turn=0.3, mirror=0.0, jitter=0.0, blur=0.4)
    layout = layout_of(sprite_store, [1] * 1000, variation=variation)
    assert abs((layout.softness > 0).double().mean().item() - 0.4) < 0.05 and layout.softness.max() > 0.95
    assert layout.turn.max().item() == pytest.approx(0.3, abs=0.01) == -layout.turn.min().item()
    assert layout.recoloured is None and layout.deformation is None
    assert variation == Variation(turn=0.3, mirror=0.0, jitter=0.0, blur=0.4, recolour=0.0, deform=0.0)
    assert MAX_TURN == math.radians(25)


def test_a_mirrored_and_deformed_sprite_is_read_through_its_own_map(sprite_store):
    layout = dataclasses.replace(
        layout_of(sprite_store, [1]),
        centre=torch.tensor([[[0.5, 0.5]]]),
        side=torch.tensor([[0.5]]),
        turn=torch.zeros(1, 1),
        mirrored=torch.tensor([[True]]),
    )
    first = torch.tensor([0])
    assert torch.equal(inverse_affine(layout, first, first)[0, :, :2], torch.tensor([[-2.0, 0.0], [0.0, 2.0]]))
    slant = Deformation(linear=torch.tensor([[[[1.0, 0.5], [0.0, 1.0]]]]), bend=torch.zeros(1, 1, 2, 4, 4))
    bent = inverse_affine(dataclasses.replace(layout, deformation=slant), first, first)[0, :, :2]
    assert torch.equal(bent, torch.tensor([[-2.0, 1.0], [0.0, 2.0]]))


def test_a_taken_slot_keeps_everything_of_its_own(sprite_store):
    variation = Variation(turn=0.3, mirror=0.5, jitter=0.2, blur=0.0, recolour=0.5, deform=1.0)
    layout = layout_of(sprite_store, [3, 3], variation=variation)
    one = take_slot(layout, torch.tensor([2, 0]))
    assert layout.deformation is not None and one.deformation is not None
    assert layout.recoloured is not None and one.recoloured is not None
    pairs = [(getattr(layout, n), getattr(one, n)) for n in ("style", "centre", "side", "turn", "mirrored", "colour")]
    pairs += [(layout.recoloured, one.recoloured), (layout.deformation.linear, one.deformation.linear)]
    for whole, taken in [*pairs, (layout.deformation.bend, one.deformation.bend)]:
        assert torch.equal(taken, torch.stack([whole[0, 2], whole[1, 0]])[:, None])


def test_a_store_of_exactly_enough_concepts_will_do(sprite_store):
    present = sprite_store.present & (torch.arange(60) < 2)[:, None]
    few = dataclasses.replace(sprite_store, present=present)
    assert sorted(layout_of(few, [2]).concept[0].tolist()) == [0, 1]
    # A single sprite needs no pair that is held out.
    assert layout_of(few, [1], split="test").concept[0, 0] in (0, 1)
