"""All regions of a picture at once."""

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass, OnePassConfig
from gencontrol.alpha_clip.one_pass.regions import ApproximateWarning
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.conditioning.embed import embed_regions
from gencontrol.focus import AlphaFocus, AttentionFocus, OnePassFocus
from gencontrol.focus.one_pass import embed_each
from gencontrol.images.picture import Picture
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene


@pytest.fixture
def maps() -> Tensor:
    found = torch.zeros(2, 60, 90)
    found[0, :28] = 1
    found[1, 32:] = 1
    return found


@pytest.fixture
def able(trained: AlphaCLIP) -> AlphaCLIP:
    torch.manual_seed(0)
    one_pass = OnePass(trained.vision.config, OnePassConfig(rank=2, features=2)).requires_grad_(False)
    return AlphaCLIP(trained.vision, processor=trained.processor, one_pass=one_pass)


def test_several_are_one_pass_and_one_is_alphas(able: AlphaCLIP, rgb: Tensor, maps: Tensor) -> None:
    focus = OnePassFocus()
    together = focus.embed_together(able, rgb[:1], maps)
    assert torch.equal(together, able.encode_regions(rgb[0], maps))
    assert torch.equal(focus.embed_together(able, rgb[:1], maps[:1]), AlphaFocus().embed(able, rgb[:1], maps[:1]))
    both = rgb[:1].expand(2, -1, -1, -1)
    assert torch.equal(focus.embed(able, both, maps), AlphaFocus().embed(able, both, maps))
    shown = focus.view(able.processor, both, maps)
    assert torch.equal(shown, AlphaFocus().view(able.processor, both, maps))


def test_other_looks_are_of_each(able: AlphaCLIP, rgb: Tensor, maps: Tensor) -> None:
    both = rgb[:1].expand(2, -1, -1, -1)
    assert torch.equal(embed_each(AlphaFocus(), able, rgb[:1], maps), AlphaFocus().embed(able, both, maps))
    assert torch.equal(
        embed_each(OnePassFocus(), able, rgb[:1], maps), OnePassFocus().embed_together(able, rgb[:1], maps)
    )


def test_scenes_are_seen_in_one_pass(able: AlphaCLIP, rgb: Tensor, maps: Tensor) -> None:
    scene = Scene(picture=Picture(rgb=rgb[0]), regions=tuple(Region(alpha=alpha) for alpha in maps))
    found = embed_each_region(able, scene, focus=OnePassFocus())
    assert torch.equal(found, able.encode_regions(rgb[0], maps))
    weighed = [Region(alpha=alpha, weight=weight) for alpha, weight in zip(maps, (1.0, 3.0), strict=True)]
    mixed = embed_regions(able, able.processor.geometry, scene.picture, weighed, focus=OnePassFocus())
    direction = torch.nn.functional.normalize(0.25 * found[0] + 0.75 * found[1], dim=0)
    assert torch.allclose(torch.nn.functional.normalize(mixed.image_embeds[0], dim=0), direction, atol=1e-5)


def test_untrained_encoders_say_so(trained: AlphaCLIP, plain: AlphaCLIP, rgb: Tensor, maps: Tensor) -> None:
    with pytest.warns(ApproximateWarning, match="not trained for several in one pass"):
        OnePassFocus().embed_together(trained, rgb[:1], maps)
    one = rgb[:1]
    # Without alpha weights the channel would not be heeded.
    expected = AttentionFocus().embed(plain, one, maps[:1])
    assert torch.equal(OnePassFocus().embed_together(plain, one, maps[:1]), expected)
