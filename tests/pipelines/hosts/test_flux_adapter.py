"""XLabs' second adapter of Flux: sixteen tokens, which diffusers tells from the rows at Flux's own width of text."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.pipelines import (
    REFERENCE_HOSTS,
    Drawing,
    ReferenceHost,
    RegionReference,
    draw_references,
    open_reference_host,
    region_arguments,
    unload_adapter,
)
from gencontrol.regions import Geometry
from gencontrol.regions.shapes import box_alpha

TOKENS, JOINT = 16, 4096
LEFT = box_alpha((0, 0, 16, 32), (32, 32))


@pytest.fixture(scope="module")
def pipe(hosts: ModuleType) -> Any:
    """Flux at its real width of text, with the adapter."""
    return hosts.flux(with_adapter=True, tokens=TOKENS, joint_attention_dim=JOINT)


@pytest.fixture(scope="module")
def host(hosts: ModuleType) -> ReferenceHost:
    return replace(REFERENCE_HOSTS["flux-ip-v2"], width=hosts.EMBED, geometry=Geometry(size=hosts.SIZE))


@pytest.fixture(scope="module")
def text(hosts: ModuleType) -> dict[str, Any]:
    return {"prompt_embeds": hosts.noise(1, 7, JOINT, seed=5), "pooled_prompt_embeds": hosts.noise(1, 32, seed=7)}


def test_it_is_the_stock_call(hosts: ModuleType, pipe: Any, host: ReferenceHost, text: dict[str, Any]) -> None:
    """With and without true guidance, whose negative is a black picture's."""
    (projection,) = pipe.transformer.encoder_hid_proj.image_projection_layers
    assert projection.num_image_text_embeds == TOKENS

    def run(**arguments: Any) -> torch.Tensor:
        steps = {"num_inference_steps": 2, "output_type": "latent", "height": 8, "width": 8}
        return pipe(**text, **steps, **arguments, generator=torch.Generator().manual_seed(0)).images

    rgb = hosts.picture()
    made = region_arguments(host, pipe.image_encoder, rgb)
    shown = AlphaCLIPProcessor(geometry=host.geometry)(rgb[None], torch.ones(1, 32, 32))[:, :3]
    stock = run(ip_adapter_image=shown)
    assert torch.equal(run(**made), stock)
    away: dict[str, Any] = {
        "negative_prompt_embeds": hosts.noise(1, 7, JOINT, seed=6),
        "negative_pooled_prompt_embeds": hosts.noise(1, 32, seed=8),
        "true_cfg_scale": 3.0,
    }
    assert hosts.difference(run(**away, **made), run(**away, ip_adapter_image=shown)) < 1e-5
    part = region_arguments(host, pipe.image_encoder, rgb, mask_image=LEFT)
    assert hosts.difference(run(**part), stock) > 1e-4


def test_its_file_is_recognised_drawn_with_and_taken_out(
    hosts: ModuleType, pipe: Any, text: dict[str, Any], tmp_path: Path
) -> None:
    hosts.flux(joint_attention_dim=JOINT).save_pretrained(tmp_path / "base")
    weights = hosts.flux_adapter(pipe.transformer, tokens=TOKENS)
    flat = {f"{part}.{key}": value for part, state in weights.items() for key, value in state.items()}
    save_file({key: value.contiguous() for key, value in flat.items()}, tmp_path / "adapter.safetensors")
    pipe.image_encoder.save_pretrained(tmp_path / "image_encoder")
    parts: dict[str, Any] = {"adapter": tmp_path / "adapter.safetensors", "image_encoder": tmp_path / "image_encoder"}
    opened = open_reference_host("flux-ip-v2", base=tmp_path / "base", **parts)
    opened.pipeline.set_progress_bar_config(disable=True)
    plain = type(opened.denoiser).from_pretrained(tmp_path / "base", subfolder="transformer").state_dict()

    def draw(**part: Any) -> np.ndarray:
        reference = RegionReference(image=hosts.picture(), **part)
        (drawn,) = draw_references(opened, [reference], [0], Drawing(steps=2, height=16, width=16, stock=text))
        return np.asarray(drawn.image).astype(int)

    assert np.abs(draw() - draw(mask_image=LEFT)).max() > 0
    assert np.array_equal(draw(), draw()) and np.abs(draw() - draw(weight=0.1)).max() > 0
    unload_adapter(opened)
    left = opened.denoiser.state_dict()
    assert left.keys() == plain.keys() and all(torch.equal(left[key], value) for key, value in plain.items())
