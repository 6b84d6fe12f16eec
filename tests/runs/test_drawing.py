"""What a host is asked for, batch by batch."""

from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError
from gencontrol.focus.crop import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.drawing import Sampling, draw_embeds, draw_scene, embed_scene
from gencontrol.runs.notices import ShareWarning
from gencontrol.streams import seeded

SAMPLING = Sampling(seeds=(3, 4, 5), steps=7, guidance_scale=2.5, batch=2)


def noise(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


class Host:
    """Stands for a pipeline: keeps what it is asked for; its pictures are one pixel of noise."""

    def __init__(self, *, flagged: int | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.flagged = flagged
        self.unet = SimpleNamespace(dtype=torch.float16)

    def __call__(self, **settings: Any) -> SimpleNamespace:
        self.asked.append(settings)
        images = [Image.new("F", (1, 1), noise(generator)) for generator in settings["generator"]]
        flags = [i == self.flagged for i in range(len(images))]
        return SimpleNamespace(images=images, nsfw_content_detected=flags)

    def encode_regions(self, image: Any, **settings: Any) -> list[Any]:
        self.asked.append({"image": image} | settings)
        return [RegionEmbeds(image_embeds=torch.full((1, 4), 0.25))]


@pytest.fixture
def scene(tiny: ModuleType) -> Scene:
    region, away = Region(alpha=tiny.half_mask()), Region(alpha=tiny.half_mask(side="right"))
    return Scene(picture=read_image(tiny.photo()), regions=(region,), negative_regions=(away, away))


LOOKS: Any = {"focus": None, "fit": "crop"}


def test_each_seed_has_its_own_generator_in_batches(scene: Scene) -> None:
    host = Host()
    pictures = draw_scene(host, scene, SAMPLING, strength=StrengthSchedule(), **LOOKS)
    assert [picture.getpixel((0, 0)) for picture in pictures] == [noise(seeded(seed)) for seed in SAMPLING.seeds]
    assert [asked["num_images_per_prompt"] for asked in host.asked] == [2, 1]
    asked = host.asked[1]
    assert (asked["num_inference_steps"], asked["guidance_scale"], asked["fit"]) == (7, 2.5, "crop")
    assert (asked["image"], asked["strength"]) == (scene.picture, StrengthSchedule())
    assert (asked["mask_image"], asked["negative_mask_image"]) == (list(scene.regions), list(scene.negative_regions))


def test_without_regions_there_is_no_mask_and_nothing_that_needs_one(scene: Scene) -> None:
    """The run has told by then that strength and focus can do nothing; the pipeline would tell it again."""
    looks: dict[str, Any] = {"focus": CropFocus(), "fit": "crop"}
    host, plain = Host(), {"mask_image": None, "negative_mask_image": None, "fit": "crop"}
    assert embed_scene(host, Scene(picture=scene.picture), strength=0.5, **looks).image_embeds[0, 0] == 0.25
    assert host.asked == [{"image": scene.picture} | plain]
    away = replace(scene, regions=(), negative_regions=scene.regions)
    embed_scene(host, away, strength=0.5, **looks)
    assert host.asked[1]["focus"] == CropFocus() and "strength" not in host.asked[1]
    embed_scene(host, scene, strength=0.5, **looks)
    assert (host.asked[2]["focus"], host.asked[2]["strength"]) == (CropFocus(), 0.5)


def test_embeddings_come_in_the_denoisers_format() -> None:
    host = Host()
    draw_embeds(host, RegionEmbeds(image_embeds=torch.ones(1, 4), negative_image_embeds=torch.zeros(1, 4)), SAMPLING)
    for name in ("image_embeds", "negative_image_embeds"):
        assert host.asked[0][name].dtype == torch.float16
    draw_embeds(host, RegionEmbeds(image_embeds=torch.ones(1, 4)), SAMPLING)
    assert host.asked[-1]["negative_image_embeds"] is None


def test_a_blackened_picture_is_told_by_its_seed(scene: Scene) -> None:
    with pytest.warns(ShareWarning, match="blackened the picture of seed 4"):
        draw_scene(Host(flagged=1), scene, SAMPLING, strength=StrengthSchedule(), **LOOKS)


def test_out_of_memory_says_what_to_do(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Host, **settings: Any) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(Host, "__call__", full)
    with pytest.raises(InputError, match="try a smaller `batch`, `dtype` float16 or `offload` model"):
        draw_scene(Host(), scene, SAMPLING, strength=StrengthSchedule(), **LOOKS)
