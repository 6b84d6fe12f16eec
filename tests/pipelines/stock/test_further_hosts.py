"""Hosts beside those of the fixture `reference_folder`: each opens from folders, draws, and is left as it was."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from safetensors.torch import save_file
from torch import Tensor

from gencontrol.pipelines import Drawing, RegionReference, draw_references, open_reference_host, unload_adapter
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock.batches import outputs_at_once
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.regions.shapes import box_alpha

SIDE = 80
"""Of references: FLUX.2 takes none below 64."""
HALF = box_alpha((0, 0, SIDE // 2, SIDE), (SIDE, SIDE))
Further = tuple[str, OpenedHost, dict[str, Any], dict[str, Tensor]]


def sd3_adapter(hosts: ModuleType, transformer: Any) -> dict[str, Tensor]:
    """An adapter's file, by the names of diffusers."""
    torch.manual_seed(2)
    inner, head = transformer.inner_dim, transformer.config.attention_head_dim
    projection = IPAdapterTimeImageProjection(hosts.WIDTH, inner, 64, 4, 64, 1, 4).state_dict()
    weights = {f"image_proj.{key}": value for key, value in projection.items()}
    for layer in range(transformer.config.num_layers):
        state = SD3IPAdapterJointAttnProcessor2_0(inner, inner, head, 64).state_dict()
        weights |= {f"ip_adapter.{layer}.{key}": value for key, value in state.items()}
    return {key: value.contiguous() for key, value in weights.items()}


def save_sd3(folder: Path, hosts: ModuleType, further: ModuleType) -> dict[str, Any]:
    pipe = further.sd3(hosts)
    torch.manual_seed(0)
    plain = type(pipe.transformer).from_config(pipe.transformer.config)
    pipe.register_modules(transformer=plain, image_encoder=None, feature_extractor=None)
    pipe.save_pretrained(folder / "base")
    save_file(sd3_adapter(hosts, plain), folder / "adapter.safetensors")
    hosts.siglip_tower().save_pretrained(folder / "image_encoder")
    text = {"prompt_embeds": hosts.noise(1, 7, 32), "negative_prompt_embeds": hosts.noise(1, 7, 32, seed=1)}
    text |= {name.replace("prompt", "pooled_prompt"): hosts.noise(1, 64, seed=i) for i, name in enumerate(text)}
    return {"height": 32, "width": 32, "stock": text}


def save_other(name: str, folder: Path, hosts: ModuleType, further: ModuleType) -> dict[str, Any]:
    if name.startswith("flux2"):
        further.flux2(hosts, klein=name == "flux2-klein").save_pretrained(folder / "base")
        return {"height": 32, "width": 32, "stock": {"prompt_embeds": hosts.noise(1, 7, 16)}}
    pipe = further.karlo(hosts) if name == "karlo" else further.kandinsky(hosts, old=name == "kandinsky-2.1")
    pipe.save_pretrained(folder / "base")
    hosts.clip_tower().save_pretrained(folder / "image_encoder")
    if name == "karlo":
        return {}
    return {"height": 64, "width": 64} | ({"prompt": "a cup"} if name == "kandinsky-2.1" else {})


@pytest.fixture(scope="module", params=["sd35-ip", "flux2-klein", "flux2", "kandinsky-2.1", "kandinsky-2.2", "karlo"])
def further(
    request: pytest.FixtureRequest,
    hosts: ModuleType,
    further_hosts: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Further:
    """A host's name, it opened, what else it needs, and its denoiser's weights without an adapter."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    if name == "sd35-ip":
        needed = save_sd3(folder, hosts, further_hosts)
    else:
        needed = save_other(name, folder, hosts, further_hosts)
    parts = {"adapter": "adapter.safetensors", "image_encoder": "image_encoder"}
    given: dict[str, Any] = {part: folder / file for part, file in parts.items() if (folder / file).exists()}
    opened = open_reference_host(name, base=folder / "base", **given)
    opened.pipeline.set_progress_bar_config(disable=True)
    bare = open_reference_host(name, base=folder / "base", **given)
    unload_adapter(bare)
    stored = type(opened.denoiser).from_pretrained(folder / "base", subfolder=_denoiser(opened)).state_dict()
    left = bare.denoiser.state_dict()
    assert left.keys() == stored.keys() and all(torch.equal(left[key], value) for key, value in stored.items())
    return name, opened, needed, stored


def _denoiser(opened: OpenedHost) -> str:
    names = ("unet", "transformer", "decoder")
    return next(name for name in names if getattr(opened.pipeline, name, None) is opened.denoiser)


@pytest.fixture
def draw(further: Further) -> Callable[..., list[np.ndarray]]:
    _, opened, needed, _ = further

    def drawn(reference: RegionReference, *seeds: int, **changes: Any) -> list[np.ndarray]:
        settings = Drawing(steps=2, **needed | changes)
        return [np.asarray(d.image).astype(int) for d in draw_references(opened, [reference], seeds, settings)]

    return drawn


def test_a_seed_is_a_picture_and_a_part_counts(
    further: Further, hosts: ModuleType, draw: Callable[..., list[np.ndarray]]
) -> None:
    whole = RegionReference(image=hosts.picture(height=SIDE, width=SIDE))
    part = RegionReference(image=whole.image, mask_image=HALF)
    two = draw(part, 3, 4)
    assert len(two) == 2 and np.abs(two[0] - two[1]).max() > 2
    assert np.abs(two[1] - draw(part, 4)[0]).max() <= 2
    assert np.abs(two[0] - draw(whole, 3)[0]).max() > 0
    assert np.array_equal(two[0], draw(part, 3, 4)[0])


def test_what_is_given_and_the_weights_stay(
    further: Further, hosts: ModuleType, draw: Callable[..., list[np.ndarray]]
) -> None:
    _, opened, needed, stored = further
    stock = dict(needed.get("stock", {}))
    kept = {name: value.clone() for name, value in stock.items()}
    adapter = {key: value.clone() for key, value in opened.denoiser.state_dict().items()}
    draw(RegionReference(image=hosts.picture(height=SIDE, width=SIDE), mask_image=HALF), 1, stock=stock)
    assert stock.keys() == kept.keys() and all(torch.equal(stock[name], value) for name, value in kept.items())
    assert all(torch.equal(value, adapter[key]) for key, value in opened.denoiser.state_dict().items())
    assert all(torch.equal(adapter[key], value) for key, value in stored.items())


def test_how_many_outputs_a_call_draws() -> None:
    sd3, sdxl = REFERENCE_HOSTS["sd35-ip"], REFERENCE_HOSTS["sdxl-ip"]
    text = {"prompt_embeds": torch.zeros(1, 7, 32)}
    assert outputs_at_once(sd3, text, 4) == 1 and outputs_at_once(sd3, {"prompt": "a cup"}, 4) == 4
    assert outputs_at_once(sdxl, text, 4) == 4
