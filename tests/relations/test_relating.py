"""Relations of a picture's regions, with an encoder and without."""

from types import ModuleType
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.scene import Scene
from gencontrol.relations import relate
from gencontrol.relations.clips import Clip, relate_clip
from gencontrol.relations.geometry import pair_geometry
from gencontrol.relations.learned.module import ModuleConfig, RelationModule
from gencontrol.relations.likeness import same_colour, same_kind
from gencontrol.relations.naming import readable, scale_of, with_article
from gencontrol.relations.relating import distinct_labels
from gencontrol.relations.rules import between, hand_rules
from gencontrol.relations.vocabulary import ANSWERED, COLOURS, OTHER_THINGS, RULED


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


@pytest.fixture
def scene(boxes: Any) -> Scene:
    maps = boxes((0, 0, 20, 20), (30, 10, 50, 30), (60, 20, 78, 38))
    rgb = torch.rand(3, 40, 80, generator=torch.Generator().manual_seed(0))
    regions = tuple(Region(alpha=a, label=n) for a, n in zip(maps, ("cup", "dog", "cup"), strict=True))
    return Scene(picture=Picture(rgb=rgb), regions=regions)


def test_masks_alone(scene: Scene) -> None:
    found = relate(None, scene)
    assert found.relations == RULED and found.regions == ("cup 1", "dog", "cup 2")
    geometry = pair_geometry(torch.stack([region.alpha for region in scene.regions]))
    assert_close(found.probabilities, hand_rules(geometry))
    assert found.of("left of")[0, 1] > 0.9 and found.of("left of")[1, 0] < 0.1
    assert_close(found.between(), between(geometry))
    with pytest.raises(InputError, match="There is no relation 'same kind as'"):
        found.of("same kind as")
    with pytest.raises(InputError, match="There is no relation 'left off'; did you mean 'left of'"):
        found.of("left off")
    with pytest.raises(InputError, match="'riding' needs the learned module: rules on masks do not answer it"):
        found.of("riding")


def test_an_encoder_adds_kind_and_colour(encoder: AlphaCLIP, scene: Scene) -> None:
    found = relate(encoder, scene)
    assert found.relations == ANSWERED
    assert_close(found.probabilities[..., : len(RULED)], relate(None, scene).probabilities)
    embeds = embed_each_region(encoder, scene)
    kinds = encoder.encode_text([with_article(name) for name in readable(encoder, OTHER_THINGS)])
    colours = encoder.encode_text(list(readable(encoder, COLOURS)))
    assert_close(found.of("same kind as"), same_kind(embeds, kinds), atol=1e-4, rtol=0)
    colour = same_colour(embeds, colours, scale=scale_of(encoder))
    assert_close(found.of("same colour as"), colour, atol=1e-4, rtol=0)


def test_an_encoder_without_texts_answers_what_masks_do(encoder: AlphaCLIP, scene: Scene) -> None:
    assert relate(AlphaCLIP(encoder.vision, processor=encoder.processor), scene).relations == RULED


@pytest.mark.parametrize(
    ("count", "message"),
    [(0, "and there is none: show one more"), (1, "and there is 1: show one more"), (201, "200 at most")],
)
def test_numbers_of_regions_that_are_none(scene: Scene, count: int, message: str) -> None:
    regions = tuple(scene.regions[i % 3] for i in range(count))
    with pytest.raises(InputError, match=message):
        relate(None, Scene(picture=scene.picture, regions=regions))


def test_two_hundred_regions() -> None:
    maps = torch.zeros(200, 40, 40)
    for number in range(200):
        maps[number, number // 20 * 4 : number // 20 * 4 + 3, number % 20 * 2 : number % 20 * 2 + 2] = 1
    scene = Scene(picture=Picture(rgb=torch.rand(3, 40, 40)), regions=tuple(Region(alpha=m) for m in maps))
    found = relate(None, scene)
    assert found.probabilities.shape == (200, 200, len(RULED)) and found.probabilities.isfinite().all()
    assert found.of("left of")[0, 19] > 0.97 and found.regions[199] == "region 199"


def test_odd_regions_are_told(scene: Scene) -> None:
    first = scene.regions[0]
    everything = Region(alpha=torch.ones(40, 80), label="all")
    twice = Scene(picture=scene.picture, regions=(first, Region(alpha=first.alpha, label="mug")))
    with pytest.warns(RegionWarning, match="Regions 'cup' and 'mug' mark the same pixels"):
        found = relate(None, twice)
    assert found.of("overlapping")[0, 1] > 0.97 and found.of("inside").max() < 0.1
    with pytest.warns(RegionWarning, match="Region 'all' covers the whole picture"):
        found = relate(None, Scene(picture=scene.picture, regions=(first, everything)))
    assert found.probabilities.isfinite().all() and found.of("inside")[0, 1] > 0.9


@pytest.mark.filterwarnings("ignore:Regions:gencontrol.regions.region.RegionWarning")
def test_what_is_one_thing_is_of_its_own_kind_and_colour(encoder: AlphaCLIP, scene: Scene) -> None:
    cup, dog, _ = scene.regions
    twice = Scene(picture=scene.picture, regions=(cup, dog, Region(alpha=cup.alpha, label="mug")))
    module = RelationModule(ModuleConfig(width=16, hidden=(16, 16, 16, 16))).eval()
    others = ~torch.tensor([[False, False, True], [False, False, False], [True, False, False]])
    for found, plain in (
        (relate(encoder, twice), relate(encoder, scene)),
        (relate(encoder, twice, module=module), relate(encoder, scene, module=module)),
    ):
        for name in ("same kind as", "same colour as"):
            # No module, and no encoder, is asked whether a thing is like itself.
            assert found.of(name)[~others].tolist() == [1.0, 1.0]
            assert found.of(name).diagonal().tolist() == [0.0, 0.0, 0.0] and found.of(name)[others].max() < 1
        assert found.of("left of")[~others].max() < 1
        assert_close(found.of("same kind as")[:2, :2], plain.of("same kind as")[:2, :2], atol=0.05, rtol=0)
    # Of a clip, throughout: a thing that another covers in one frame is not it.
    alphas = torch.stack([torch.stack([cup.alpha, dog.alpha]), torch.stack([cup.alpha, cup.alpha])])
    clip = Clip(pictures=(scene.picture, scene.picture), alphas=alphas)
    assert relate_clip(encoder, clip, module).of("same kind as").max() < 1
    still = Clip(pictures=clip.pictures, alphas=alphas[:, :1].expand(-1, 2, -1, -1), labels=("cup", "cup"))
    with pytest.warns(RegionWarning, match="^Regions 'cup 1' and 'cup 2' mark the same pixels"):
        assert relate_clip(encoder, still, module).of("same kind as").tolist() == [[0, 1], [1, 0]]


def test_labels_that_are_given_twice_are_numbered(scene: Scene) -> None:
    assert distinct_labels(scene) == ("cup 1", "dog", "cup 2")


def test_a_core_is_of_a_module(scene: Scene) -> None:
    with pytest.raises(InputError, match=r"core: 'rim' is of a module, and none is given"):
        relate(None, scene, core="rim")
