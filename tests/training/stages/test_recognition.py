import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from gencontrol.training.stages.recognition import (
    RecognitionSet,
    recognise,
    recognition_set,
    recognition_sets,
    recognition_sheet,
)


def scenes(count=12, classes=8):
    """The first pixel's red says the class."""
    concept = torch.arange(count) % classes
    rgb = torch.zeros(count, 3, 4, 4)
    rgb[:, 0, 0, 0] = concept / classes
    return RecognitionSet(name="1", sprites=1, rgb=rgb, alpha=torch.ones(count, 4, 4), concept=concept)


def oracle(shift=0):
    def encode(rgb, alpha):
        return functional.one_hot((rgb[:, 0, 0, 0] * 8).round().long().add(shift) % 8, 8).float() * 3.0

    return encode


def test_a_perfect_encoder_and_a_wrong_one():
    names, test = torch.eye(8), scenes()
    assert recognise(oracle(), names, test).top1 == 1.0
    assert recognise(oracle(1), names, test).top1 == 0.0


def test_top5_counts_the_best_five():
    def encode(rgb, alpha):
        scores = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
        return scores.expand(len(rgb), -1)

    test = scenes(8)
    assert recognise(encode, torch.eye(8), test).top5 == 5 / 8


def test_sets_mark_one_visible_sprite_of_the_test_split(sprite_store):
    sets = {s.name: s for s in recognition_sets(sprite_store, size=24, count=12)}
    assert set(sets) == {"1", "2", "3", "4", "1-unseen-style", "3-unseen-style"}
    assert all(s.alpha.amax((1, 2)).min() > 0.5 for s in sets.values())
    held = sprite_store.present[:, sprite_store.styles.index("fxemoji")]
    assert held[sets["1-unseen-style"].concept].all()


def test_the_sheet_shows_every_set(sprite_store):
    sets = [recognition_set(sprite_store, sprites=n, size=16, count=4, styles=("noto",)) for n in (1, 2)]
    names = functional.normalize(torch.randn(60, 6, generator=torch.Generator().manual_seed(0)), dim=-1)

    def encode(rgb, alpha):
        return rgb.mean((2, 3)).repeat(1, 2)

    sheet = recognition_sheet(encode, names, sets, sprite_store.concepts, each=4)
    assert sheet.size == (4 * 132, 2 * 158)


def test_the_sets_are_those_that_published_figures_are_of(sprite_store):
    test = recognition_set(sprite_store, sprites=3, size=24, count=40, styles=("noto",))
    assert (test.name, test.sprites, test.concept.sum().item()) == ("3", 3, 1328)
    assert test.rgb.mean().item() == pytest.approx(0.4412, abs=1e-3)
    assert test.alpha.mean().item() == pytest.approx(0.0796, abs=1e-3)
    other = recognition_set(sprite_store, sprites=3, size=24, count=40, styles=("noto",), seed=1)
    assert not torch.equal(test.concept, other.concept)


def test_there_are_256_scenes_and_no_unseen_style_where_there_is_none(sprite_store):
    known = tuple(style for style in sprite_store.styles if style != "fxemoji")
    store = dataclasses.replace(sprite_store, styles=(*known, "none"))
    sets = recognition_sets(store, size=8)
    assert [(s.name, len(s.rgb)) for s in sets] == [(str(n), 256) for n in range(1, 5)]


def test_a_sheet_dims_what_is_not_marked_and_says_what_is_wrong(sprite_store):
    test = dataclasses.replace(scenes(8), rgb=torch.ones(8, 3, 4, 4), alpha=torch.zeros(8, 4, 4))
    test.alpha[:, :2] = 1

    def encode(rgb, alpha):
        return torch.eye(8)[:1].expand(len(rgb), -1)  # the first concept, whatever is shown

    sheet = recognition_sheet(encode, torch.eye(8), [test], sprite_store.concepts)
    assert sheet.size == (8 * 132, 158)
    assert sheet.getpixel((10, 10)) == (255,) * 3 and sheet.getpixel((10, 100)) == (89,) * 3
    assert sheet.getpixel((129, 10)) == (255,) * 3 and sheet.getpixel((132 + 10, 100)) == (89,) * 3
    # Letters are green below what is right, and red below what is not.
    below = np.asarray(sheet)[128:156].astype(int)
    redness = [below[:, 132 * column : 132 * (column + 1)] @ [1, -1, 0] for column in range(2)]
    assert redness[0].min() < -60 and redness[0].max() <= 0 and redness[1].max() > 60 and redness[1].min() >= 0
