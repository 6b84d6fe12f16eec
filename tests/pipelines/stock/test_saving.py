"""A host is saved without its adapter, and has it again afterwards."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from gencontrol.errors import CheckpointError, InputError
from gencontrol.pipelines import (
    Drawing,
    OpenedHost,
    RegionReference,
    draw_references,
    open_reference_host,
    save_pipeline,
    unload_adapter,
)
from gencontrol.pipelines.stock.saving import without_adapter
from gencontrol.pipelines.stock.scales import scaled_layers

Folder = Callable[[str], Path]


def opened_from(name: str, folder: Path) -> OpenedHost:
    parts: dict[str, Any] = {"adapter": folder / "adapter.safetensors", "image_encoder": folder / "image_encoder"}
    opened = open_reference_host(name, base=folder / "base", **({} if name == "flux-kontext" else parts))
    opened.pipeline.set_progress_bar_config(disable=True)
    return opened


def keys(folder: Path, denoiser: str) -> set[str]:
    with safe_open(folder / denoiser / "diffusion_pytorch_model.safetensors", framework="pt") as file:
        return set(file.keys())


@pytest.mark.parametrize(("name", "denoiser"), [("sd15-ip-plus", "unet"), ("flux-ip", "transformer")])
def test_saved_without_and_drawn_with(
    name: str, denoiser: str, reference_folder: Folder, hosts: ModuleType, tmp_path: Path
) -> None:
    folder = reference_folder(name)
    opened = opened_from(name, folder)
    opened.pipeline.set_ip_adapter_scale(0.7)
    text: dict[str, Any] = {}
    if name == "flux-ip":
        text = {"prompt_embeds": hosts.noise(1, 7, 32), "pooled_prompt_embeds": hosts.noise(1, 32)}

    def draw() -> np.ndarray:
        wanted = Drawing(steps=2, height=32, width=32, stock=text)
        (drawn,) = draw_references(opened, [RegionReference(image=hosts.picture())], [0], wanted)
        return np.asarray(drawn.image)

    before, extractor = draw(), getattr(opened.pipeline, "feature_extractor", None)
    save_pipeline(opened, tmp_path / "saved")
    save_pipeline(opened, tmp_path / "saved")
    assert keys(tmp_path / "saved", denoiser) == keys(folder / "base", denoiser)
    stock = type(opened.denoiser)
    again, plain = (
        stock.from_pretrained(place, subfolder=denoiser).state_dict() for place in (tmp_path / "saved", folder / "base")
    )
    assert all(torch.equal(again[key], value) for key, value in plain.items())
    # As it was: the adapter, its scale, and all that diffusers takes out with it.
    assert {layer.scale[0] for layer in scaled_layers(opened.denoiser)} == {0.7}
    assert getattr(opened.pipeline, "feature_extractor", None) is extractor
    assert np.array_equal(draw(), before)


def test_a_host_without_adapter_is_saved_as_it_is(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("flux-kontext")
    save_pipeline(opened_from("flux-kontext", folder), tmp_path / "saved")
    assert keys(tmp_path / "saved", "transformer") == keys(folder / "base", "transformer")


def test_what_is_not_there_or_in_the_way(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip-plus")
    adapter = tmp_path / "adapter.safetensors"
    adapter.write_bytes((folder / "adapter.safetensors").read_bytes())
    opened = open_reference_host(
        "sd15-ip-plus", base=folder / "base", adapter=adapter, image_encoder=folder / "image_encoder"
    )
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt"):
        save_pipeline(opened, tmp_path / "notes")
    assert scaled_layers(opened.denoiser)
    with pytest.raises(ZeroDivisionError), without_adapter(opened):
        assert not scaled_layers(opened.denoiser)
        raise ZeroDivisionError
    assert scaled_layers(opened.denoiser)
    adapter.unlink()
    with pytest.raises(CheckpointError, match=r"has no adapter\.safetensors"):
        save_pipeline(opened, tmp_path / "saved")
    assert scaled_layers(opened.denoiser) and not (tmp_path / "saved").exists()


@pytest.mark.parametrize("name", ["sd15-ip-plus", "flux-ip"])
def test_a_lora_is_refused_until_it_is_fused(
    name: str, reference_folder: Folder, hosts: ModuleType, tmp_path: Path
) -> None:
    """Saved with it, a pipeline could not be opened; and what of it is in the adapter would be lost on the way."""
    peft = pytest.importorskip("peft")
    opened = opened_from(name, reference_folder(name))
    lora = peft.LoraConfig(r=2, target_modules=["to_q", "to_k"], init_lora_weights=False)
    torch.manual_seed(0)
    opened.denoiser.add_adapter(lora, "one")
    before, part = hosts.parameters(opened.denoiser), "transformer" if name == "flux-ip" else "unet"
    with pytest.raises(InputError, match=f"A LoRA is loaded into {part}, and what is saved with it cannot be opened"):
        save_pipeline(opened, tmp_path / "saved")
    after = opened.denoiser.state_dict()
    assert not (tmp_path / "saved").exists() and before.keys() == after.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    opened.pipeline.fuse_lora()
    opened.pipeline.unload_lora_weights()
    save_pipeline(opened, tmp_path / "saved")
    assert keys(tmp_path / "saved", part) == keys(reference_folder(name) / "base", part)


@pytest.mark.parametrize("name", ["kolors-ip-plus", "sdxl-ip", "flux-ip", "sd35-ip"])
def test_without_its_adapter_it_draws_as_the_stock_one_and_reads_no_references(
    name: str, reference_folder: Folder, hosts: ModuleType, tmp_path: Path
) -> None:
    folder = reference_folder(name)
    opened = opened_from(name, folder)
    reference = RegionReference(image=hosts.picture())
    text: dict[str, Any] = {}
    if name == "flux-ip":
        text = {"prompt_embeds": hosts.noise(1, 7, 32), "pooled_prompt_embeds": hosts.noise(1, 32)}

    def draw() -> np.ndarray:
        wanted = Drawing(prompt=None if text else "a cup", steps=1, height=32, width=32, stock=text)
        (drawn,) = draw_references(opened, [reference], [0], wanted)
        return np.asarray(drawn.image)

    before = draw()
    save_pipeline(opened, tmp_path / "saved")
    # Kolors' own projection of texts moves when an adapter is loaded, and again when one is loaded after it.
    assert np.array_equal(draw(), before)
    unload_adapter(opened)
    towers = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
    nothing: dict[str, Any] = dict.fromkeys(towers) if text else {}
    stock = type(opened.pipeline).from_pretrained(folder / "base", **nothing)
    stock.set_progress_bar_config(disable=True)
    assert not opened.holds_adapter and not hasattr(opened.denoiser, "text_encoder_hid_proj")
    assert {key for key, _ in opened.denoiser.named_modules()} == {
        key for key, _ in getattr(stock, "unet" if hasattr(stock, "unet") else "transformer").named_modules()
    }

    def plainly(pipeline: Any) -> np.ndarray:
        settings = text or {"prompt": "a cup"}
        size = {"height": 32, "width": 32, "num_inference_steps": 1, "output_type": "np"}
        return pipeline(**settings, **size, generator=torch.Generator().manual_seed(0)).images

    plain = plainly(stock)
    assert np.array_equal(plainly(opened.pipeline), plain)
    with pytest.raises(InputError, match=rf"{name}: its adapter was taken out of the pipeline .*open the host anew"):
        draw()
    unload_adapter(opened)
    save_pipeline(opened, tmp_path / "saved")
    assert not opened.holds_adapter and np.array_equal(plainly(opened.pipeline), plain)
