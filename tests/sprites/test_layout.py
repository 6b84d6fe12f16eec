import math

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.sprites.layout import SIZE_RANGE, Variation, draw_layout, inverse_affine, take_slot

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
    import dataclasses

    few = dataclasses.replace(sprite_store, present=sprite_store.present & (torch.arange(60) < 2)[:, None])
    with pytest.raises(InputError, match="Scenes of 3 sprites need as many concepts; the styles have 2"):
        layout_of(few, [3])
    with pytest.raises(InputError, match="held out from training"):
        layout_of(few, [2], split="test")


def test_the_affine_map_takes_the_canvas_to_the_sprite(sprite_store):
    import dataclasses

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
