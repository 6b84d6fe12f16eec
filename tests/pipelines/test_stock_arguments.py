"""The front function: what it refuses, before anything is encoded, and what its records say."""

import inspect
import math
from dataclasses import replace
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError, PairingError
from gencontrol.images.picture import Picture
from gencontrol.pipelines import REFERENCE_HOSTS, RegionReference, region_arguments
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import FAMILIES, family_of
from gencontrol.regions import Geometry
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha

diffusers: Any = import_module("diffusers")

LEFT = box_alpha((0, 0, 16, 32), (32, 32))


def plus(hosts: ModuleType) -> ReferenceHost:
    return replace(REFERENCE_HOSTS["sdxl-ip-plus"], width=hosts.WIDTH, geometry=Geometry(size=hosts.SIZE))


def small_host(host: ReferenceHost, hosts: ModuleType) -> tuple[ReferenceHost, Any]:
    """A record at the tiny width, and an encoder of its kind."""
    small = replace(host, geometry=replace(host.geometry, size=hosts.SIZE), resolutions=(), least_side=1)
    encoder: Any = None
    if host.takes != "picture":
        encoder = hosts.siglip_tower() if host.siglip else hosts.clip_tower()
        small = replace(small, width=hosts.EMBED if host.takes == "embedding" else hosts.WIDTH)
    if host.takes == "redux":
        prior = diffusers.FluxPriorReduxPipeline
        embedder = diffusers.pipelines.flux.modeling_flux.ReduxImageEncoder(hosts.WIDTH, 4096)
        encoder = prior(image_encoder=encoder, feature_extractor=None, image_embedder=embedder)
    return small, encoder


@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_stock_calls_take_the_arguments(name: str, hosts: ModuleType) -> None:
    """Of every class that a record names."""
    host = REFERENCE_HOSTS[name]
    assert host in family_of(host).hosts and family_of(host) in FAMILIES
    small, encoder = small_host(host, hosts)
    extra: dict[str, Any] = {"weight": 0.5} if host.weights else {}
    extra |= {"schedule": "1:0"} if host.schedules else {}
    made = region_arguments(small, encoder, hosts.picture(), height=64, width=64, **extra)
    for pipeline in host.pipelines:
        assert set(made) <= set(inspect.signature(getattr(diffusers, pipeline).__call__).parameters), pipeline


@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_the_device_that_torch_makes_tensors_on_unless_told_does_not_matter(name: str, hosts: ModuleType) -> None:
    """Notebooks set it to a GPU; that of shapes alone stands for it, which holds no values to be moved."""
    host, encoder = small_host(REFERENCE_HOSTS[name], hosts)
    how: dict[str, Any] = {"canvas_mask": LEFT} if host.canvas_masks else {}
    how |= {"weight": 0.5} if host.weights else {}
    how |= {"schedule": "0:1 1:0.2"} if host.schedules else {}
    references = [RegionReference(image=hosts.picture(seed), mask_image=LEFT, **how) for seed in range(2)]
    shown = references if host.several or host.rows == "rows" else references[:1]
    rows = len(shown) > 1 and host.rows != "loop"

    def made() -> dict[str, Any]:
        return region_arguments(host, encoder, references=shown, rows=rows, height=64, width=64)

    expected = made()
    with torch.device("meta"):
        found = made()
        options = [value for value in found.values() if isinstance(value, dict)]
        if options and host.schedules:
            found["callback_on_step_end"](SimpleNamespace(num_timesteps=1), 0, None, {})
    tensors, others = tensors_in(found), tensors_in(expected)
    assert len(tensors) == len(others) > 0 or host.takes == "picture"
    assert all(torch.equal(one, other) for one, other in zip(tensors, others, strict=True))


def tensors_in(made: Any) -> list[torch.Tensor]:
    """All tensors of arguments, in lists and dictionaries too."""
    if isinstance(made, torch.Tensor):
        return [made]
    inner = made.values() if isinstance(made, dict) else made if isinstance(made, list) else ()
    return [tensor for each in inner for tensor in tensors_in(each)]


def test_every_published_file_is_safetensors_and_its_terms_are_said() -> None:
    for host in REFERENCE_HOSTS.values():
        for weights in filter(None, (host.adapter, host.base)):
            assert weights.file is None or weights.file.endswith(".safetensors")
            assert weights.licence and weights.repository.count("/") == 1
            assert ("non-commercial" in weights.licence) <= (weights.restriction is not None)
    # These folders hold another encoder, or pickles.
    assert REFERENCE_HOSTS["sdxl-ip-plus"].adapter.encoder_folder == "models/image_encoder"  # pyright: ignore
    assert REFERENCE_HOSTS["kolors-ip-plus"].adapter.revision == "refs/pr/4"  # pyright: ignore


def test_a_tower_with_a_trained_alpha_channel_is_looked_through(hosts: ModuleType) -> None:
    tower = hosts.clip_tower(channels=4)
    tower.vision_model.embeddings.patch_embedding.weight.data[:, 3:] = 0.1
    encoder = AlphaCLIP.from_clip(tower)
    made, other = (
        region_arguments(plus(hosts), encoder, hosts.picture(), mask_image=mask, token_focus="keep")
        for mask in (LEFT, 1 - LEFT)
    )
    assert made["ip_adapter_image_embeds"][0].shape == (2, 1, 17, hosts.WIDTH)
    assert not torch.allclose(made["ip_adapter_image_embeds"][0][1], other["ip_adapter_image_embeds"][0][1])
    assert torch.equal(made["ip_adapter_image_embeds"][0][0], other["ip_adapter_image_embeds"][0][0])


def test_dtype_of_what_is_made(hosts: ModuleType) -> None:
    tower = hosts.clip_tower().to(torch.bfloat16)
    options: dict[str, Any] = {"weight": 0.5, "height": 64, "width": 64}
    (pair,) = region_arguments(plus(hosts), tower, hosts.picture(), **options)["ip_adapter_image_embeds"]
    assert pair.dtype == torch.bfloat16
    made = region_arguments(plus(hosts), tower, hosts.picture(), dtype=torch.float32, device="cpu", **options)
    assert made["ip_adapter_image_embeds"][0].dtype == torch.float32
    assert made["cross_attention_kwargs"]["ip_adapter_masks"][0].dtype == torch.float32
    kontext = replace(REFERENCE_HOSTS["flux-kontext"], resolutions=())
    bias = region_arguments(kontext, None, hosts.picture(), dtype=torch.bfloat16, **options)
    assert bias["joint_attention_kwargs"]["attention_mask"].dtype == torch.bfloat16


def test_tokens_are_left_out_where_that_is_asked_for(hosts: ModuleType) -> None:
    make = lambda how: region_arguments(  # noqa: E731
        plus(hosts), hosts.clip_tower(), hosts.picture(), mask_image=LEFT, token_focus=how
    )["ip_adapter_image_embeds"][0]
    assert make("leave_out").shape[2] == 9 and make("repeat").shape[2] == make("keep").shape[2] == 17


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_image": LEFT}, "mask_image: expected `image` beside it, or `references` that have their own"),
        ({"negative_mask_image": LEFT, "weight": 0.5}, "negative_mask_image, weight: expected `image` beside it"),
        ({"schedule": "1:0", "strength": 0.0}, "strength, schedule: expected `image` beside it"),
        ({"image": "picture", "prompt_embeds": torch.zeros(1, 7, 8)}, "prompt_embeds: sdxl-ip-plus needs none for a"),
        ({"image": "picture", "pooled_prompt_embeds": torch.zeros(1, 8)}, "pooled_prompt_embeds: sdxl-ip-plus needs"),
        ({}, "Expected at least one reference, got none"),
        ({"image": "list"}, "expected one picture for a reference, got a list of 2"),
        ({"image": "picture", "weight": 0.5}, "height and width: expected the output's, in pixels: weights and canvas"),
        (
            {"image": "picture", "weight": 0.5, "height": 60, "width": 64},
            "expected multiples of 8 pixels, got height 60 and width 64",
        ),
        ({"image": "picture", "height": 64, "width": 10**30}, "width: expected at most 8,192 pixels, got 1"),
        (
            {"image": "picture", "canvas_mask": LEFT, "height": 64, "width": 128},
            "canvas_mask: 32 x 32 pixels are not of the output's shape, 128 x 64",
        ),
        ({"image": "picture", "weight": -0.1}, "weight: expected a number from 0 to 2, got -0.1"),
        ({"image": "picture", "weight": math.nan}, "weight: expected a number from 0 to 2, got nan"),
        ({"image": "picture", "schedule": "fast"}, "fast"),
        ({"image": "picture", "mask_image": LEFT, "strength": 1.5}, "tokens can be weighed, not moved"),
        ({"image": "scene", "mask_image": LEFT}, "A Scene has regions of its own"),
    ],
)
def test_what_cannot_be_used(hosts: ModuleType, arguments: dict[str, Any], message: str) -> None:
    rgb = hosts.picture()
    given = {"picture": rgb, "list": [rgb, rgb], "scene": Scene(picture=Picture(rgb=rgb))}
    arguments = {key: given.get(value, value) if key == "image" else value for key, value in arguments.items()}
    with pytest.raises(InputError, match=message):
        region_arguments(plus(hosts), hosts.clip_tower(), **arguments)


def test_encoders_that_do_not_fit(hosts: ModuleType) -> None:
    rgb, clip, siglip = hosts.picture(), hosts.clip_tower(), hosts.siglip_tower()
    for host, encoder, message in (
        ("sdxl-ip-plus", clip, "sdxl-ip-plus takes tokens of width 1280, of ViT-H/14; got width 64"),
        ("sd15-ip", clip, "sd15-ip takes an embedding of width 1024, of ViT-H/14; got width 48"),
        ("sd15-ip", siglip, "sd15-ip takes references from a CLIP, ViT-H/14; got a SigLIP"),
        ("sd35-ip", clip, "sd35-ip takes references from a SigLIP, SigLIP so400m/14@384; got a CLIP"),
        ("sd15-ip", torch.nn.Linear(1, 1), "Expected an AlphaCLIP or AlphaSigLIP, or a stock CLIPVisionModelWithProj"),
    ):
        with pytest.raises(PairingError, match=message):
            region_arguments(host, encoder, rgb)


def test_ways_with_tokens_belong_to_hosts_that_take_them(hosts: ModuleType) -> None:
    for how in ("leave_out", "keep"):
        with pytest.raises(InputError, match="token_focus: sd15-ip takes no tokens that could be left out or kept"):
            region_arguments("sd15-ip", hosts.clip_tower(), hosts.picture(), token_focus=how)


def test_a_bias_is_of_the_prompts_length(hosts: ModuleType) -> None:
    kontext = replace(REFERENCE_HOSTS["flux-kontext"], resolutions=())
    made = region_arguments(
        kontext, None, hosts.picture(), weight=0.5, height=32, width=32, prompt_embeds=torch.zeros(1, 9, 8)
    )
    assert made["joint_attention_kwargs"]["attention_mask"].shape == (1, 1, 1, 9 + 4 + 4)


def test_unknown_hosts() -> None:
    with pytest.raises(ConfigError, match=r"Unknown reference host 'sdxl-ip-plsu'.*sdxl-ip-plus"):
        region_arguments("sdxl-ip-plsu", None, torch.zeros(3, 8, 8))
    strange = replace(REFERENCE_HOSTS["karlo"], pipelines=("MyPipeline",))
    with pytest.raises(ConfigError, match="karlo: no kind of host here takes a reference into MyPipeline"):
        family_of(strange)


def test_records_are_given_back_whole(hosts: ModuleType) -> None:
    reference = RegionReference(image=hosts.picture(), schedule="1:0")
    assert (reference.course.at(0.0), reference.course.at(1.0)) == (1.0, 0.0)
    assert RegionReference(image=hosts.picture()).course.is_constant
