"""Folders of hosts at a tiny size, as published: a stock pipeline, an adapter's file, a vision tower."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, SiglipImageProcessor

diffusers: Any = import_module("diffusers")


def flat(weights: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """An adapter as its file holds it."""
    return {f"{part}.{name}": v.contiguous() for part, state in weights.items() for name, v in state.items()}


def text_config(width: int) -> CLIPTextConfig:
    """A text tower of a width, whose projection is 32 wide."""
    return CLIPTextConfig(
        vocab_size=100,
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=16,
        projection_dim=32,
        bos_token_id=1,
        eos_token_id=3,
        pad_token_id=0,
    )


def with_text(pipe: Any, tokenizer: Any) -> None:
    """Put text towers into a pipeline, whose prompts the tests otherwise give as embeddings."""
    torch.manual_seed(0)
    if hasattr(pipe, "text_encoder_2"):
        parts = {
            "text_encoder": CLIPTextModel(text_config(16)).eval(),
            "text_encoder_2": CLIPTextModelWithProjection(text_config(16)).eval(),
            "tokenizer": tokenizer,
            "tokenizer_2": tokenizer,
        }
    else:
        parts = {"text_encoder": CLIPTextModel(text_config(32)).eval(), "tokenizer": tokenizer}
    pipe.register_modules(**parts)


def save_host(folder: Path, hosts: ModuleType, tokenizer: Any, *, name: str) -> Path:
    """Write `base/`, `adapter.safetensors` and `image_encoder/` of a UNet's IP-Adapter.

    Args:
        folder: Made if it is not there.
        hosts: The builders of tests/pipelines/references/_hosts.py.
        tokenizer: Of the text towers.
        name: `sd15-ip`, `sd15-ip-plus`, `sdxl-ip` or `sdxl-ip-plus`.
    """
    plus = name.endswith("plus")
    pipe = (hosts.sdxl if "sdxl" in name else hosts.sd15)(plus=plus)
    pipe.unload_ip_adapter()
    with_text(pipe, tokenizer)
    pipe.save_pretrained(folder / "base")
    weights = hosts.adapter(pipe.unet, hosts.plus_projection() if plus else hosts.base_projection())
    save_file(flat(weights), folder / "adapter.safetensors")
    hosts.clip_tower().save_pretrained(folder / "image_encoder")
    return folder


def save_flux(folder: Path, hosts: ModuleType) -> Path:
    """The same of Flux with XLabs' adapter; its text towers are left out."""
    pipe = hosts.flux()
    pipe.save_pretrained(folder / "base")
    save_file(flat(hosts.flux_adapter(pipe.transformer)), folder / "adapter.safetensors")
    hosts.clip_tower(activation="quick_gelu").save_pretrained(folder / "image_encoder")
    return folder


def save_redux(folder: Path, hosts: ModuleType) -> Path:
    """`base/` of Flux and `adapter/`, a prior with its SigLIP."""
    hosts.flux().save_pretrained(folder / "base")
    embedder = diffusers.pipelines.flux.modeling_flux.ReduxImageEncoder(hosts.WIDTH, hosts.CROSS)
    diffusers.FluxPriorReduxPipeline(
        image_encoder=hosts.siglip_tower(),
        feature_extractor=SiglipImageProcessor(size={"height": hosts.SIZE, "width": hosts.SIZE}),
        image_embedder=embedder,
    ).save_pretrained(folder / "adapter")
    return folder


def save_kontext(folder: Path, hosts: ModuleType) -> Path:
    """`base/` of Flux Kontext."""
    hosts.flux(diffusers.FluxKontextPipeline).save_pretrained(folder / "base")
    return folder
