"""Relations over the frames of a clip."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.relations import Clip, relate, relate_clip
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.inputs import relation_inputs
from gencontrol.relations.learned.module import ModuleConfig, RelationModule
from gencontrol.relations.vocabulary import MOVING


@pytest.fixture(scope="module")
def module() -> RelationModule:
    torch.manual_seed(0)
    return RelationModule(ModuleConfig(width=16, hidden=(16, 16, 16, 16))).requires_grad_(False).eval()


@pytest.fixture
def clip(boxes: Any) -> Clip:
    """The first goes right, the second stays."""
    alphas = torch.stack([boxes((4 * t, 10, 4 * t + 12, 24), (60, 10, 76, 30)) for t in range(5)])
    rgb = torch.rand(5, 3, 40, 80, generator=torch.Generator().manual_seed(0))
    return Clip(pictures=tuple(Picture(rgb=frame) for frame in rgb), alphas=alphas, labels=("dog", "cup"))


def test_a_clip_is_asked_for_motion_too(module: RelationModule, clip: Clip) -> None:
    found = relate_clip(None, clip, module)
    assert found.relations == RELATIONS and found.regions == ("dog", "cup")
    inputs = relation_inputs(clip.alphas, clip.pictures[-1].stored_rgb)
    wanted = module(inputs)[module.config.core]
    apart = ~torch.eye(2, dtype=torch.bool)
    assert_close(found.probabilities[apart], wanted.logits[0].sigmoid()[apart], atol=1e-5, rtol=0)
    assert not found.probabilities[~apart].any()
    assert found.still is not None and found.states is not None and found.scene_state is not None
    assert_close(found.still, wanted.still[0].sigmoid(), atol=1e-5, rtol=0)
    assert_close(found.states, wanted.regions[0], atol=1e-5, rtol=0)
    assert not torch.allclose(relate_clip(None, clip, module, core="rim").probabilities, found.probabilities)


def test_a_picture_is_not(module: RelationModule, clip: Clip) -> None:
    found = relate(None, clip.shown(), module=module)
    assert set(RELATIONS) - set(found.relations) == set(MOVING) and found.still is None
    with pytest.raises(InputError, match="'chasing' needs a clip, and the learned module"):
        found.of("chasing")
    alone = RelationModule(ModuleConfig(width=16, hidden=(16,), cores=("mlp",), core="mlp"))
    with pytest.raises(InputError, match=r"core: the module has no 'rim'.*; it has mlp"):
        relate(None, clip.shown(), module=alone, core="rim")


def test_pictures_of_bytes_say_the_same(module: RelationModule, clip: Clip) -> None:
    scene = clip.shown()
    levels = (scene.picture.rgb * 255).round()
    stored = replace(scene, picture=Picture(rgb=levels.to(torch.uint8)))
    exact = replace(scene, picture=Picture(rgb=levels / 255))
    first, second = (relate(None, one, module=module).probabilities for one in (stored, exact))
    assert_close(first, second, atol=1e-5, rtol=0)


def test_hidden_regions_are_looked_for_where_they_were(module: RelationModule, clip: Clip) -> None:
    alphas = clip.alphas.clone()
    alphas[3:, 0] = 0
    hidden = Clip(pictures=clip.pictures, alphas=alphas, labels=clip.labels)
    assert hidden.seen == 2 and torch.equal(hidden.shown().regions[0].alpha, alphas[2, 0])
    assert torch.equal(hidden.shown().picture.stored_rgb, clip.pictures[2].stored_rgb)
    assert relate_clip(None, hidden, module).probabilities.isfinite().all()


def test_of_a_long_clip_some_frames_are_taken(module: RelationModule, clip: Clip) -> None:
    long = Clip(pictures=clip.pictures * 20, alphas=clip.alphas.repeat(20, 1, 1, 1))
    assert relate_clip(None, long, module).probabilities.shape == (2, 2, len(RELATIONS))


def test_clips_that_are_none(clip: Clip) -> None:
    with pytest.raises(
        InputError,
        match="at least two frames, and this has 1: of one, give picture and masks as pictures",
    ):
        Clip(pictures=clip.pictures[:1], alphas=clip.alphas[:1])
    with pytest.raises(InputError, match="the first and frame 1 have"):
        Clip(pictures=(clip.pictures[0], Picture(rgb=torch.zeros(3, 8, 8))), alphas=clip.alphas[:2])
    with pytest.raises(
        InputError, match=r"alphas: expected maps for every frame, \(5, k, 40, 80\), got \(4, 2, 40, 80\)"
    ):
        Clip(pictures=clip.pictures, alphas=clip.alphas[:4])
    empty = clip.alphas.clone()
    empty[:, 1] = 0
    with pytest.raises(InputError, match="Region cup is in none of the frames"):
        Clip(pictures=clip.pictures, alphas=empty, labels=clip.labels)
    with pytest.raises(InputError, match="labels: expected one for each of 2 regions, got 1"):
        Clip(pictures=clip.pictures, alphas=clip.alphas, labels=("dog",))
