"""Prompt ensembles are means of embeddings at unit length, and the best labels come first."""

from types import ModuleType

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.tasks.classify import Classification, classify
from gencontrol.tasks.zero_shot import classify_labels, top_k, zero_shot_weights

LABELS = ("red ball", "apple", "moon")
TEMPLATES = ("a photo of the {}", "{a}", "the {} in a boat")


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


@pytest.fixture(scope="module")
def scene(tiny: ModuleType) -> Scene:
    halves = [Region(alpha=tiny.half_mask(60, 90, side=side), label=side) for side in ("left", "right")]
    return Scene(picture=read_image(tiny.photo(60, 90)), regions=tuple(halves))


def test_weights_are_means_of_unit_embeddings(encoder: AlphaCLIP) -> None:
    weights = zero_shot_weights(encoder, LABELS, templates=TEMPLATES)
    texts = ["a photo of the apple", "an apple", "the apple in a boat"]
    embeds = encoder.encode_text(texts)
    # The trial means something: the sentences' embeddings are not equally long.
    assert embeds.norm(dim=-1).std() > 1e-3
    mean = (embeds / embeds.norm(dim=-1, keepdim=True)).sum(dim=0)
    assert_close(weights[1], mean / mean.norm())
    assert_close(weights.norm(dim=-1), torch.ones(3))
    assert weights.dtype == torch.float32


def test_batches_change_nothing(encoder: AlphaCLIP) -> None:
    expected = zero_shot_weights(encoder, LABELS, templates=TEMPLATES)
    for batch in (1, 4, 9):
        assert_close(zero_shot_weights(encoder, LABELS, templates=TEMPLATES, batch=batch), expected)
    with pytest.raises(ConfigError, match="batch: expected 1 or more, got 0"):
        zero_shot_weights(encoder, LABELS, batch=0)


def test_templates_are_chosen_by_what_the_tokenizer_knows(encoder: AlphaCLIP) -> None:
    assert_close(zero_shot_weights(encoder, LABELS), zero_shot_weights(encoder, LABELS, templates=("{a}",)))


def test_what_cannot_be_read(encoder: AlphaCLIP) -> None:
    with pytest.raises(InputError, match="'moon' is given twice"):
        zero_shot_weights(encoder, (*LABELS, "moon"))
    with pytest.raises(InputError, match="got 'a photo'"):
        zero_shot_weights(encoder, LABELS, templates=("a photo",))
    with pytest.raises(InputError, match="does not know every word of 'a banjo'"):
        zero_shot_weights(encoder, ("banjo",))
    long = "a " * 20 + "cat"
    with pytest.raises(InputError, match="shorten it, or give `truncate`"):
        zero_shot_weights(encoder, (long,))
    assert zero_shot_weights(encoder, (long,), truncate=True).shape == (1, encoder.embed_dim)


def test_classifying_is_classify_with_the_weights(encoder: AlphaCLIP, scene: Scene) -> None:
    found = classify_labels(encoder, scene, LABELS, templates=TEMPLATES, focus=CropFocus())
    weights = zero_shot_weights(encoder, LABELS, templates=TEMPLATES)
    expected = classify(encoder, scene, weights, focus=CropFocus())
    assert found.regions == ("left", "right")
    assert_close(found.shares, expected.shares)
    assert (found.shares - classify_labels(encoder, scene, LABELS, focus=CropFocus()).shares).abs().max() > 1e-4


def test_the_best_come_first() -> None:
    cosines = torch.tensor([[0.1, 0.3, 0.2], [0.5, -0.5, 0.4]])
    result = Classification(regions=("a", "b"), cosines=cosines, shares=(100 * cosines).softmax(dim=-1))
    first, second = top_k(result, LABELS, 2)
    assert [guess.label for guess in first] == ["apple", "moon"]
    assert [guess.label for guess in second] == ["red ball", "moon"]
    assert first[0].share == pytest.approx(result.shares[0, 1].item())
    assert second[1].cosine == pytest.approx(0.4)
    assert [len(row) for row in top_k(result, LABELS, 9)] == [3, 3]


def test_labels_of_another_number() -> None:
    result = Classification(regions=("a",), cosines=torch.zeros(1, 3), shares=torch.full((1, 3), 1 / 3))
    with pytest.raises(InputError, match="is about 3 of them, got 2"):
        top_k(result, LABELS[:2])
    with pytest.raises(ConfigError, match="k: expected 1 or more, got 0"):
        top_k(result, LABELS, 0)
