"""One look at regions at levels, scored against texts: the maths against `embed_regions`."""

from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning import embed_regions
from gencontrol.errors import InputError
from gencontrol.focus import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.tasks.classify import classify
from gencontrol.tasks.levels import SWEEP, classify_levels, swept

TEXTS = ("red ball", "blue car", "moon")


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


@pytest.fixture(scope="module")
def scene(tiny: ModuleType) -> Scene:
    halves = {side: tiny.half_mask(60, 90, side=side) for side in ("left", "right")}
    regions = (Region(alpha=halves["left"], label="ball", level=0.5), Region(alpha=halves["right"]))
    return Scene(picture=read_image(tiny.photo(60, 90)), regions=regions)


def test_rows_are_looks_at_all_regions(encoder: AlphaCLIP, scene: Scene) -> None:
    result = classify_levels(encoder, scene, TEXTS, levels=[[1.0, 0.25], [0.0, 1.0]])
    assert result.regions == ("ball 1, region 1 0.25", "ball 0, region 1 1")
    regions = [replace(region, level=level) for region, level in zip(scene.regions, (1.0, 0.25), strict=True)]
    look = embed_regions(encoder, encoder.processor.geometry, scene.picture, regions).image_embeds
    texts = encoder.encode_text(TEXTS, normalize=True)
    assert_close(result.cosines[0], (look / look.norm() @ texts.T)[0])
    assert_close(result.shares.sum(-1), torch.ones(2))
    assert_close(result.cosines[1], classify(encoder, scene, TEXTS).cosines[1])


def test_the_regions_own_levels_unless_told(encoder: AlphaCLIP, scene: Scene) -> None:
    own = classify_levels(encoder, scene, TEXTS, focus=CropFocus())
    assert own.regions == ("ball 0.5, region 1 1",)
    told = classify_levels(encoder, scene, encoder.encode_text(TEXTS), levels=[[0.5, 1.0]], focus=CropFocus())
    assert_close(own.cosines, told.cosines)
    assert not torch.allclose(own.cosines, classify_levels(encoder, scene, TEXTS).cosines)


def test_equal_levels_are_a_step_of_the_course(encoder: AlphaCLIP, scene: Scene) -> None:
    rows = classify_levels(encoder, scene, TEXTS, levels=[[0.5, 0.4999], [0.5, 0.5]], focus=CropFocus()).cosines
    assert_close(rows[0], rows[1], atol=1e-3, rtol=1e-3)
    united = embed_regions(
        encoder,
        encoder.processor.geometry,
        scene.picture,
        [replace(region, level=1.0) for region in scene.regions],
        focus=CropFocus(),
    ).image_embeds
    union = (united / united.norm() @ encoder.encode_text(TEXTS, normalize=True).T)[0]
    assert not torch.allclose(rows[1], union, atol=1e-3)


def test_a_sweep_moves_one_level_alone() -> None:
    assert SWEEP == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert swept([0.7, 0.2, 0.3]) == [[value, 0.2, 0.3] for value in SWEEP]
    assert swept([0.7, 0.0], region=1) == [[0.7, value] for value in SWEEP]


@pytest.mark.parametrize("levels", [[1.0], [1.0, 0.0], []])
def test_a_sweep_beside_nothing(levels: list[float]) -> None:
    with pytest.raises(InputError, match="A sweep needs another region with a level above 0"):
        swept(levels)


def test_levels_that_do_not_fit(encoder: AlphaCLIP, scene: Scene) -> None:
    with pytest.raises(InputError, match="levels: expected 2 in each row, one for each region, got 1"):
        classify_levels(encoder, scene, TEXTS, levels=[[1.0]])
    with pytest.raises(InputError, match="the scene has none"):
        classify_levels(encoder, replace(scene, regions=()), TEXTS)
    with pytest.raises(InputError, match="expected at least one text"):
        classify_levels(encoder, scene, [])
