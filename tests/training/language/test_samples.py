"""Views of composed scenes: what is marked, how it is looked at, what is true, and their files."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import ConfigError
from gencontrol.regions.geometry import Geometry
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.descriptions import COLOURS
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.language import cache, samples
from gencontrol.training.language.cache import open_set, prepare, rows_of
from gencontrol.training.language.samples import VIEWS, Viewer, patches_of, views_from
from gencontrol.training.language.shown import LOOKS, facts_of

SCENES = SceneConfig(size=64, counts=(0.2, 0.4, 0.4), recolour=0.5)


@pytest.fixture
def viewer(sprite_store: SpriteStore, tiny: ModuleType) -> Viewer:
    processor = AlphaCLIPProcessor(geometry=Geometry(size=64))
    tower = tiny.vision_tower(channels=4)
    return Viewer(store=sprite_store, config=SCENES, tower=tower, processor=processor, precision="float32")


def test_views_depend_on_their_index_alone(viewer: Viewer) -> None:
    views, again, other = (viewer.draw(seed=0, index=index, batch=6) for index in (3, 3, 4))
    assert len(views.look) == 6 * VIEWS and views.patches.shape[:2] == (24, 16)
    assert all(torch.equal(a, b) for a, b in zip(views.tensors().values(), again.tensors().values(), strict=True))
    assert not torch.equal(views.patches, other.patches)
    back = views_from(views.tensors())
    assert_close(back.patches.float(), views.patches, atol=2e-3, rtol=2e-3)
    assert torch.equal(back.marked, views.marked) and torch.equal(back.facts.concept, views.facts.concept)


def test_marks_are_on_what_is_seen(viewer: Viewer) -> None:
    views = viewer.draw(seed=0, index=0, batch=48)
    count = views.marked.sum(1)
    look = views.look.view(VIEWS, 48)
    assert set(look[0].tolist()) <= {LOOKS.index("alpha"), LOOKS.index("whole")}
    assert set(look[1].tolist()) <= {LOOKS.index("zoom"), LOOKS.index("whole")}
    assert set(count.view(VIEWS, 48)[2].tolist()) == {0, 1, 2} and set(look[3].tolist()) == set(range(1, 5))
    assert (views.facts.seen[views.marked] >= samples.LEAST_SEEN).all()
    assert (views.facts.concept[views.marked] >= 0).all()
    assert not views.marked[views.look == LOOKS.index("whole")].any()
    assert (count[(views.look == LOOKS.index("crop")) | (views.look == LOOKS.index("blank"))] == 1).all()


def test_what_the_tower_is_given(viewer: Viewer) -> None:
    rgb, alpha = torch.rand(3, 64, 64), torch.zeros(64, 64)
    alpha[10:30, 20:40] = 1
    planes = {look: viewer.processor.denormalize(viewer.seen(rgb, alpha, look, margin=0.1)[0]) for look in LOOKS}
    assert_close(planes["alpha"], torch.cat([rgb, alpha[None]]))
    assert_close(planes["whole"][:3], rgb)
    for look in ("whole", "crop", "blank"):
        assert_close(planes[look][3], torch.ones(64, 64))
    assert planes["zoom"][3].mean() > 0.5 and planes["zoom"][3, 0, 0] < 0.5
    assert_close(planes["blank"][:3, 10:30, 20:40], rgb[:, 10:30, 20:40])
    assert planes["blank"][:, 40:].std(dim=(1, 2)).max() < 1e-6


def test_marks_on_nothing_leave_things_out(sprite_store: SpriteStore) -> None:
    scenes = compose(sprite_store, SCENES, batch=32, seed=1)
    maps = samples._elsewhere(scenes, torch.Generator().manual_seed(0))
    assert not (maps * scenes.alpha.sum(1)).any()
    assert 4 < maps.flatten(1).any(1).sum() < 28


def test_facts_are_those_of_the_scene(sprite_store: SpriteStore) -> None:
    scenes = compose(sprite_store, SCENES, batch=16, seed=0)
    # One thing right over another: the later one covers all of it.
    layout = replace(scenes.layout, centre=torch.full_like(scenes.layout.centre, 0.5))
    facts = facts_of(sprite_store, replace(scenes, layout=layout))
    names = tuple(concept.name for concept in sprite_store.concepts)
    rows = [row for row in range(16) if int(scenes.used[row].sum()) == 2]
    assert rows
    for row in rows:
        back, front = facts.things(row, names)
        assert back.behind == 1 and back.covered > 0.05 and (front.behind, front.covered) == (-1, 0.0)
        assert back.name == names[int(scenes.concept[row, 0])] and front.place == (0.5, 0.5)
        assert back.area == pytest.approx(float(scenes.alpha[row, 0].mean())) and back.colour in ("", *COLOURS)
    assert facts.recoloured.any() and not facts.recoloured.all()


def test_patches_are_a_llavas(tiny: ModuleType, llava_builders: ModuleType) -> None:
    model = llava_builders.llava(tiny, channels=4)
    pixels = torch.rand(3, 4, 64, 64)
    patches = patches_of(model.model.vision_tower, pixels, precision="float32", batch=2)
    with torch.no_grad():
        found = model.model.get_image_features(pixel_values=pixels).pooler_output
        assert_close(model.model.multi_modal_projector(patches), torch.stack(list(found)), atol=1e-5, rtol=1e-5)


def test_files_go_on_where_they_were_broken_off(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SHARD", 4)
    settings = {"encoder": "none"}
    prepare(viewer, tmp_path, scenes=8, seed=0, made_with=settings, share=slice(0, None, 2))
    assert not (tmp_path / "0001.safetensors").exists()
    kept = (tmp_path / "0000.safetensors").stat().st_mtime_ns
    prepare(viewer, tmp_path, scenes=8, seed=0, made_with=settings)
    assert (tmp_path / "0000.safetensors").stat().st_mtime_ns == kept
    found = open_set(tmp_path, 8)
    assert len(found["look"]) == 8 * VIEWS
    second = viewer.draw(seed=0, index=1, batch=4).tensors()
    rows = rows_of(found, torch.arange(16, 32))
    assert all(torch.equal(rows[name], second[name]) for name in second)
    with pytest.raises(ConfigError, match=r"made with other settings \(encoder none -> tiny\): use another folder"):
        prepare(viewer, tmp_path, scenes=8, seed=0, made_with={"encoder": "tiny"})
    with pytest.raises(ConfigError, match="a number of scenes that is a multiple of 4, got 6"):
        prepare(viewer, tmp_path, scenes=6, seed=0, made_with=settings)


def test_scenes_are_composed_where_the_tower_is(
    elsewhere: ModuleType, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tower's own passes are torch's."""

    def brightness(tower: object, pixels: torch.Tensor, **settings: object) -> torch.Tensor:
        return pixels.mean(-1).cpu()

    monkeypatch.setattr(samples, "patches_of", brightness)
    elsewhere.on_both(viewer.store, lambda store: replace(viewer, store=store).draw(seed=0, index=0, batch=24))
