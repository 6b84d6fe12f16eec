"""Pictures are ordered by what they show, and rejected where it is not what was asked for."""

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations import ranking
from gencontrol.relations.ranking import rank_pictures
from gencontrol.relations.relating import relate


def picture(*places):
    """A grey picture with squares at (x, y) of 40, labelled a, b, ..."""
    regions = []
    for name, (x, y) in zip("abc", places, strict=False):
        alpha = torch.zeros(40, 40)
        alpha[y : y + 10, x : x + 10] = 1
        regions.append(Region(alpha=alpha, label=name))
    return Scene(picture=Picture(rgb=torch.full((3, 40, 40), 0.5)), regions=tuple(regions))


ABOVE, BELOW, BESIDE = picture((15, 2), (15, 28)), picture((15, 28), (15, 2)), picture((2, 15), (28, 16))


@pytest.fixture(scope="module")
def tiny_encoder(tiny):
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


@pytest.fixture
def named(monkeypatch):
    """The first region is surely a cup and the second surely a dog."""
    import gencontrol.relations.phrases as phrases

    def sure(encoder, embeds, names, *, truncate=False):
        rows = torch.full((len(embeds), len(names)), -20.0)
        for place, name in enumerate(names):
            rows[{"cup": 0, "dog": 1}[name], place] = -0.05
        return rows

    monkeypatch.setattr(phrases, "log_names", sure)


def test_the_best_comes_first_and_what_does_not_show_it_is_rejected(tiny_encoder, named):
    found = rank_pictures(tiny_encoder, [BELOW, ABOVE, BESIDE], "a cup above a dog")
    assert found[0].place == 1 and found[0].accepted and found[0].fits > 0.8
    assert [one.accepted for one in found[1:]] == [False, False]
    assert found[1].fits >= found[2].fits and found[1].fits < 0.1
    turned = rank_pictures(tiny_encoder, [BELOW, ABOVE, BESIDE], "a dog above a cup")
    assert turned[0].place == 0 and turned[0].accepted


def test_the_bound_decides_and_is_included(tiny_encoder, named):
    (one,) = rank_pictures(tiny_encoder, [ABOVE], "a cup above a dog")
    assert rank_pictures(tiny_encoder, [ABOVE], "a cup above a dog", at_least=one.fits)[0].accepted
    assert not rank_pictures(tiny_encoder, [ABOVE], "a cup above a dog", at_least=one.fits + 1e-4)[0].accepted
    assert rank_pictures(tiny_encoder, [BELOW], "a cup above a dog", at_least=0.0)[0].accepted


def test_a_picture_without_two_regions_comes_last_and_is_rejected_whatever_the_bound(tiny_encoder, named):
    found = rank_pictures(tiny_encoder, [picture((2, 2)), BELOW], "a cup above a dog", at_least=0.0)
    assert [one.place for one in found] == [1, 0]
    assert found[1].fits == 0 and not found[1].accepted


def test_relations_that_are_known_are_taken(tiny_encoder, named):
    swapped = [relate(None, ABOVE), relate(None, BELOW)]
    found = rank_pictures(tiny_encoder, [BELOW, ABOVE], "a cup above a dog", related=swapped)
    assert found[0].place == 0


@pytest.mark.parametrize(
    ("pictures", "phrase", "more", "kind", "message"),
    [
        ([], "a cup above a dog", {}, InputError, "expected at least one picture, got none"),
        ([ABOVE], "a cup", {}, InputError, "'a cup' says of no two things how they stand"),
        ([picture((2, 2))], "a cup riding a dog", {}, InputError, "'riding' is understood, but a trained module"),
        ([ABOVE], "a cup above a dog", {"related": []}, InputError, "expected 1 `related`, one a picture, got 0"),
        ([ABOVE], "a cup above a dog", {"at_least": 1.5}, ConfigError, "at_least"),
    ],
)
def test_what_cannot_be_ranked(tiny_encoder, pictures, phrase, more, kind, message):
    with pytest.raises(kind, match=message):
        rank_pictures(tiny_encoder, pictures, phrase, **more)


def test_the_module_has_one_door():
    import gencontrol.relations as relations

    assert relations.rank_pictures is ranking.rank_pictures
    assert relations.RankedPicture is ranking.RankedPicture
