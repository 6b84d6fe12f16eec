"""What a reference becomes for a host that reads its tokens: a picture of a size, and a weight for each token."""

import math
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from accelerate import cpu_offload
from PIL import Image

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError, PairingError
from gencontrol.images.picture import Picture
from gencontrol.pipelines import REFERENCE_HOSTS, region_arguments
from gencontrol.pipelines.references.encoding import picture_size
from gencontrol.regions import Geometry, Region
from gencontrol.regions.scene import Scene


def test_pictures_of_token_hosts_have_a_size_that_stock_calls_keep() -> None:
    kontext, klein = REFERENCE_HOSTS["flux-kontext"], REFERENCE_HOSTS["flux2-klein"]
    assert picture_size(kontext, (500, 500)) == (1024, 1024)
    assert picture_size(kontext, (300, 700)) == (672, 1568)
    assert picture_size(kontext, (700, 300)) == (1568, 672)
    assert picture_size(kontext, (90, 100)) == (944, 1104)
    assert picture_size(klein, (250, 333)) == (240, 320)
    assert picture_size(klein, (2048, 4096)) == (720, 1440)
    with pytest.raises(
        InputError, match=r"of 20 x 12 pixels is too small: flux2-klein .* 64 pixels and more; give a larger"
    ):
        picture_size(klein, (12, 20))


@pytest.mark.parametrize("name", ["flux2-klein", "flux2"])
def test_pictures_that_flux_2_refuses_in_the_middle_of_a_call(name: str) -> None:
    from diffusers.pipelines.flux2.image_processor import Flux2ImageProcessor

    host = REFERENCE_HOSTS[name]
    for size in ((64, 64), (64, 512), (512, 64), (79, 79)):
        height, width = picture_size(host, size)
        Flux2ImageProcessor.check_image_input(Image.new("RGB", (width, height)))
    with pytest.raises(InputError, match=f"A reference of 100 x 60 pixels is too small: {name} takes sides of 64"):
        picture_size(host, (60, 100))
    with pytest.raises(
        InputError,
        match=f"of 64 x 576 pixels is too long: {name} .* up to 8 to 1, in whole tokens of 16; crop",
    ):
        picture_size(host, (576, 64))
    for height, width in ((48, 96), (576, 64)):
        with pytest.raises(ValueError, match="too"):
            Flux2ImageProcessor.check_image_input(Image.new("RGB", (width, height)))


def test_a_mask_on_a_token_host_is_its_mean_in_each_token(hosts: ModuleType) -> None:
    klein = replace(REFERENCE_HOSTS["flux2-klein"], grid=16, least_side=16)
    rgb = hosts.picture(height=32, width=64)
    alpha = torch.zeros(32, 64)
    alpha[:16, :8], alpha[16:, 32:48] = 1.0, 0.5
    scene = Scene(picture=Picture(rgb=rgb), regions=(Region(alpha=alpha),))
    made = region_arguments(klein, None, scene, text_tokens=3, height=32, width=32)
    bias = made["attention_kwargs"]["attention_mask"]
    assert bias.shape == (1, 1, 1, 3 + 4 + 8) and not bias[..., :7].any()
    gone, half = -1e4, math.log(0.5)
    want = torch.tensor([half, gone, gone, gone, gone, gone, half, gone])
    torch.testing.assert_close(bias[0, 0, 0, 7:], want)
    soft = region_arguments(klein, None, scene, strength=0.5, text_tokens=3, height=32, width=32)
    torch.testing.assert_close(
        soft["attention_kwargs"]["attention_mask"][0, 0, 0, 7:9], torch.tensor([math.log(0.75), math.log(0.5)])
    )


@pytest.mark.parametrize("name", ["sd15-ip", "sd15-ip-plus"])
def test_a_tower_that_is_compiled_or_offloaded_layer_by_layer(name: str, hosts: ModuleType) -> None:
    known, tower = REFERENCE_HOSTS[name], hosts.clip_tower()
    width = hosts.EMBED if known.takes == "embedding" else hosts.WIDTH
    host = replace(known, width=width, geometry=Geometry(size=hosts.SIZE))
    (plain,) = region_arguments(host, tower, hosts.picture())["ip_adapter_image_embeds"]
    compiled = torch.compile(hosts.clip_tower(), backend="eager")
    (found,) = region_arguments(host, compiled, hosts.picture())["ip_adapter_image_embeds"]
    assert torch.equal(found, plain)
    trained = AlphaCLIP.from_clip(hosts.clip_tower())
    cpu_offload(tower, torch.device("cpu"))
    cpu_offload(trained.vision, torch.device("cpu"))
    # One embedding is made of such an AlphaCLIP as ever.
    for encoder in (tower,) if known.takes == "embedding" else (tower, trained):
        with pytest.raises(PairingError, match="weights are on no device between calls, as under `enable_sequential"):
            region_arguments(host, encoder, hosts.picture())
