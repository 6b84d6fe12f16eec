"""Zero-shot classification equals the cosines and the softmax that it stands for."""

from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError, PairingError
from gencontrol.focus import AlphaFocus, CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.tasks.classify import check_distinct, classify

TEXTS = ("red ball", "blue car", "moon")


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


@pytest.fixture(scope="module")
def scene(tiny: ModuleType) -> Scene:
    halves = {side: tiny.half_mask(60, 90, side=side) for side in ("left", "right")}
    regions = (Region(alpha=halves["left"], label="ball", weight=3.0), Region(alpha=halves["right"]))
    return Scene(picture=read_image(tiny.photo(60, 90)), regions=regions)


def unit(embeds: Tensor) -> Tensor:
    return embeds / embeds.norm(dim=-1, keepdim=True)


def test_each_region_by_itself_against_each_text(encoder: AlphaCLIP, scene: Scene) -> None:
    result = classify(encoder, scene, TEXTS)
    assert result.regions == ("ball", "region 1")
    looks = torch.cat([encoder.encode_image(scene.picture, region.alpha) for region in scene.regions])
    cosines = unit(looks) @ unit(encoder.encode_text(TEXTS)).T
    assert_close(result.cosines, cosines)
    assert encoder.logit_scale is not None
    powers = (encoder.logit_scale.exp() * cosines).exp()
    assert_close(result.shares, powers / powers.sum(dim=1, keepdim=True))
    assert (result.cosines[0] - result.cosines[1]).abs().max() > 1e-3


def test_without_a_region_the_whole_picture(encoder: AlphaCLIP, scene: Scene) -> None:
    result = classify(encoder, Scene(picture=scene.picture), TEXTS)
    assert result.regions == ("whole picture",)
    whole = unit(encoder.encode_image(scene.picture)) @ unit(encoder.encode_text(TEXTS)).T
    assert_close(result.cosines, whole)


def test_texts_may_be_embedded_before(encoder: AlphaCLIP, scene: Scene) -> None:
    expected = classify(encoder, scene, TEXTS)
    for embeds in (encoder.encode_text(TEXTS), encoder.encode_text(TEXTS, normalize=True)):
        assert_close(classify(encoder, scene, embeds).shares, expected.shares)


def test_an_encoder_without_a_temperature_has_one(encoder: AlphaCLIP, scene: Scene) -> None:
    bare = AlphaCLIP(encoder.vision, processor=encoder.processor)
    result = classify(bare, scene, encoder.encode_text(TEXTS))
    assert_close(result.shares, result.cosines.softmax(dim=-1))


def test_the_focus_acts(encoder: AlphaCLIP, scene: Scene, tiny: ModuleType) -> None:
    alpha = classify(encoder, scene, TEXTS).cosines
    assert torch.equal(alpha, classify(encoder, scene, TEXTS, focus=AlphaFocus()).cosines)
    assert (alpha - classify(encoder, scene, TEXTS, focus=CropFocus()).cosines).abs().max() > 1e-3
    plain = AlphaCLIP.from_clip(tiny.clip(), tokenizer=tiny.tokenizer())
    with pytest.raises(PairingError, match="its alpha weights are zero"):
        classify(plain, scene, TEXTS, focus=AlphaFocus())
    assert not classify(plain, scene, TEXTS).cosines.requires_grad


def test_no_text(encoder: AlphaCLIP, scene: Scene) -> None:
    with pytest.raises(InputError, match="texts: expected at least one text to score, got none"):
        classify(encoder, scene, ())


def test_a_text_given_twice_would_take_its_share_twice(encoder: AlphaCLIP, scene: Scene) -> None:
    check_distinct(TEXTS)
    with pytest.raises(InputError, match="`text` 'a cat' is given twice: give each text once"):
        classify(encoder, scene, ["a cat", "a dog", "a cat"])


@pytest.mark.parametrize("other", [" a cat", "A Cat", "a  cat\n"])
def test_the_same_text_in_other_letters_is_the_same(other: str) -> None:
    with pytest.raises(InputError, match="`text` 'a cat' is given twice"):
        check_distinct(["a cat", "a dog", other])
    check_distinct(["acat", "a cat"])
