"""The parts: a text-to-image U-Net made from an image-variation one, adapters, and both in their published layouts."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.embeddings import ImageProjection, IPAdapterPlusImageProjection
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.files import atomic_file
from gencontrol.training.stages.denoiser import build_scheduler

Kind = Literal["base", "plus"]
"""One embedding, or the encoder's tokens."""
TOKENS = 4
"""Tokens that a base adapter makes of an embedding, as published."""
QUERIES = 8
"""Tokens that a plus adapter makes; 16 are published, for a text of 77."""
HEAD = 64
"""Width of the resampler's heads, as published; the loader counts heads by it."""
DEPTH = 4
"""Layers of the resampler, as published: the stock loader reads no others."""

# From diffusers' names of the resampler's parts to those of the published files.
_PUBLISHED = {
    r"layers\.(\d)\.ln0": r"layers.\1.0.norm1",
    r"layers\.(\d)\.ln1": r"layers.\1.0.norm2",
    r"layers\.(\d)\.attn\.to_out\.0": r"layers.\1.0.to_out",
    r"layers\.(\d)\.attn\.": r"layers.\1.0.",
    r"layers\.(\d)\.ff\.0": r"layers.\1.1.0",
    r"layers\.(\d)\.ff\.1\.net\.0\.proj": r"layers.\1.1.1",
    r"layers\.(\d)\.ff\.1\.net\.2": r"layers.\1.1.3",
}


def text_unet(folder: str | Path, width: int) -> UNet2DConditionModel:
    """The U-Net of an image-variation pipeline, to be conditioned on texts: what reads the condition is drawn anew.

    Args:
        folder: In the layout of `tiny`.
        width: Of the text's tokens.
    """
    source = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    unet = UNet2DConditionModel(**{**dict(source.config), "cross_attention_dim": width})
    given, drawn = source.state_dict(), unet.state_dict()
    kept = {name: given[name] if given[name].shape == values.shape else values for name, values in drawn.items()}
    unet.load_state_dict(kept)
    return unet


def text_encoder(clip: AlphaCLIP) -> CLIPTextModel:
    """The text tower as Stable Diffusion has it: tokens, without a projection."""
    assert clip.text is not None
    tower = CLIPTextModel(clip.text.config)
    tower.load_state_dict(clip.text.text_model.state_dict())
    return tower.eval()


@torch.no_grad()
def read_texts(clip: AlphaCLIP, texts: list[str]) -> Float[Tensor, "n t d"]:
    """Tokens of texts as the stock pipeline makes them: padded to the tower's length."""
    assert clip.tokenizer is not None and clip.text is not None
    length = clip.text.config.max_position_embeddings
    ids = clip.tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    return text_encoder(clip)(ids).last_hidden_state


def stock_pipeline(unet: UNet2DConditionModel, clip: AlphaCLIP, autoencoder: AutoencoderKL) -> StableDiffusionPipeline:
    """A stock text-to-image pipeline."""
    # As one mapping: diffusers annotates parts that may be left out as if they might not.
    parts: Any = {
        "safety_checker": None,
        "feature_extractor": None,
        "image_encoder": None,
        "tokenizer": clip.tokenizer,
        # An offset that the stock class asks for; trailing steps do not heed it.
        "scheduler": DDIMScheduler.from_config(build_scheduler().config, steps_offset=1),
    }
    pipe = StableDiffusionPipeline(
        vae=autoencoder,
        unet=unet,
        text_encoder=text_encoder(clip),
        requires_safety_checker=False,
        **parts,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def with_adapter(pipe: StableDiffusionPipeline, weights: Mapping[str, Any]) -> UNet2DConditionModel:
    """Put an adapter into a pipeline, by the stock loader, and give its U-Net back."""
    pipe.load_ip_adapter(dict(weights), subfolder="", weight_name="", image_encoder_folder=None)
    return pipe.unet


def new_adapter(unet: UNet2DConditionModel, tower: CLIPVisionModelWithProjection, kind: Kind) -> dict[str, Any]:
    """An untrained adapter in the published layout: its keys and values begin as those of the text."""
    cross = unet.config["cross_attention_dim"]
    if kind == "base":
        projection: nn.Module = ImageProjection(tower.config.projection_dim, cross, TOKENS)
    else:
        width = 2 * HEAD
        projection = IPAdapterPlusImageProjection(
            tower.config.hidden_size, cross, width, DEPTH, HEAD, width // HEAD, QUERIES
        )
    layers = [name.removesuffix(".processor") for name in unet.attn_processors if name.endswith("attn2.processor")]
    read = {
        f"{2 * number + 1}.to_{which}_ip.weight": unet.get_submodule(f"{layer}.to_{which}").get_parameter("weight")
        for number, layer in enumerate(layers)
        for which in "kv"
    }
    return {
        "image_proj": published_projection(projection),
        "ip_adapter": {name: values.detach().clone() for name, values in read.items()},
    }


def published_projection(projection: nn.Module) -> dict[str, Tensor]:
    """A projection's weights as the published files call them."""
    found: dict[str, Tensor] = {}
    for key, values in projection.state_dict().items():
        for pattern, published in _PUBLISHED.items():
            key = re.sub(pattern, published, key)
        found[key.replace("image_embeds", "proj")] = values.detach().clone()
    for layer in {key.split(".")[1] for key in found if key.startswith("layers.")}:
        keys = [found.pop(f"layers.{layer}.0.to_{which}.weight") for which in "kv"]
        found[f"layers.{layer}.0.to_kv.weight"] = torch.cat(keys)
    return found


def adapter_weights(unet: UNet2DConditionModel) -> dict[str, dict[str, Tensor]]:
    """The adapter that a U-Net holds, in the published layout."""
    projection = unet.get_submodule("encoder_hid_proj.image_projection_layers.0")
    read = {}
    cross = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for number, name in enumerate(cross):
        processor = unet.get_submodule(name)
        for which in "kv":
            values = processor.get_submodule(f"to_{which}_ip.0").get_parameter("weight")
            read[f"{2 * number + 1}.to_{which}_ip.weight"] = values.detach().clone()
    return {"image_proj": published_projection(projection), "ip_adapter": read}


def adapter_parameters(unet: UNet2DConditionModel) -> list[nn.Parameter]:
    """What of a U-Net is the adapter's."""
    own = [p for name, p in unet.named_parameters() if name.startswith("encoder_hid_proj.") or "_ip." in name]
    assert own, "a U-Net without an adapter"
    return own


def save_adapter(weights: Mapping[str, Mapping[str, Tensor]], path: Path) -> None:
    """Write an adapter's file (safetensors) as published."""
    flat = {f"{part}.{name}": v.contiguous() for part, state in weights.items() for name, v in state.items()}
    with atomic_file(path) as temporary:
        save_file(flat, temporary)
