"""The seam: regions of an image become the embeddings that a host takes."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.conditioning.embed import RegionEmbeds, embed_regions
from gencontrol.errors import InputError, PairingError
from gencontrol.focus.crop import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.pipelines.embedding import check_width, region_embeds, view_of
from gencontrol.pipelines.hosts.registry import HOSTS
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene

HOST = HOSTS["tiny"]


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP(tiny.vision_tower(channels=4), processor=AlphaCLIPProcessor(geometry=Geometry(size=64))).eval()


@pytest.fixture(scope="module")
def image(tiny: ModuleType) -> Any:
    return read_image(tiny.photo(200, 300))


@pytest.fixture(scope="module")
def region(tiny: ModuleType) -> Region:
    return Region(alpha=tiny.half_mask(200, 300))


@torch.no_grad()
def test_the_hosts_geometry_is_used(encoder: AlphaCLIP, image: Any, region: Region) -> None:
    geometry = Geometry(size=64, fit="squash", antialias=False)
    made = region_embeds(replace(HOST, geometry=geometry), encoder, image, [region]).image_embeds[0]
    given = region_embeds(HOST, encoder, image, [region], geometry=geometry).image_embeds[0]
    # By hand: both resized without a low-pass, then normalised.
    planes = torch.cat([image.rgb, region.alpha[None]])[None]
    fitted = torch.nn.functional.interpolate(planes, size=(64, 64), mode="bicubic").clamp(0, 1)
    expected = encoder.encode_pixels(encoder.processor.normalize(fitted))[0]
    assert_close(made, expected)
    assert_close(given, expected)
    other = region_embeds(HOST, encoder, image, [region]).image_embeds[0]
    assert (made - other).norm() > 1e-3


@torch.no_grad()
def test_every_setting_reaches_the_core(tiny: ModuleType, encoder: AlphaCLIP, image: Any, region: Region) -> None:
    right = Region(alpha=tiny.half_mask(200, 300, side="right"))
    settings: dict[str, Any] = {"focus": CropFocus(), "strength": 0.4, "keep_whole": True}
    made = region_embeds(HOST, encoder, image, [region], negative_regions=[right], **settings)
    expected = embed_regions(encoder, HOST.geometry, image, [region], negative_regions=[right], **settings)
    assert_close(vars(made), vars(expected))
    scene = Scene(picture=image, regions=(region,), negative_regions=(right,))
    assert_close(vars(region_embeds(HOST, encoder, scene, **settings)), vars(expected))


def test_the_device_reaches_the_core(monkeypatch: pytest.MonkeyPatch, encoder: AlphaCLIP, image: Any) -> None:
    asked: list[Any] = []

    def record(*_: Any, **settings: Any) -> RegionEmbeds:
        asked.append(settings)
        return RegionEmbeds(image_embeds=torch.zeros(1, 24))

    monkeypatch.setattr("gencontrol.pipelines.embedding.embed_regions", record)
    region_embeds(HOST, encoder, image, device=torch.device("meta"))
    assert asked[0]["device"] == torch.device("meta")


def test_an_encoder_of_another_width(encoder: AlphaCLIP, image: Any) -> None:
    with pytest.raises(PairingError, match="sd-image-variation takes embeddings of a ViT-L/14, of width 768; got"):
        region_embeds(HOSTS["sd-image-variation"], encoder, image)


def test_check_width() -> None:
    check_width(HOSTS["sd-image-variation"], 768)
    # A host whose checkpoint's own encoder says the width.
    check_width(HOST, 5)
    with pytest.raises(PairingError, match="of width 768; got width 767"):
        check_width(HOSTS["sd-image-variation"], 767)


def test_view_of(encoder: AlphaCLIP) -> None:
    variation = HOSTS["sd-image-variation"]
    assert view_of(variation, encoder).processor.geometry == Geometry(size=64, antialias=False)
    squash = Geometry(size=224, fit="squash")
    assert view_of(variation, encoder, squash).processor.geometry == Geometry(size=64, fit="squash")


def test_strength_outside_its_range(encoder: AlphaCLIP, image: Any) -> None:
    with pytest.raises(InputError, match="strength: expected a number"):
        region_embeds(HOST, encoder, image, strength=3.0)
