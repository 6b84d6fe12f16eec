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
