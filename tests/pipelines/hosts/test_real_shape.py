"""Two hosts at their published shape with random weights, 512 pixels, two steps: the records' own widths and sizes."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from gencontrol.pipelines import REFERENCE_HOSTS, region_arguments
from gencontrol.regions.shapes import box_alpha

diffusers: Any = import_module("diffusers")


def filled(make: Callable[[], nn.Module]) -> Any:
    """A module in bfloat16 with random matrices, without the stock constructors' slow drawing."""
    with torch.device("meta"):
        module = make()
    module = module.to(torch.bfloat16).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for name, values in module.named_parameters():
        if values.ndim < 2:
            values.data.fill_(float("norm" in name.lower() and name.endswith("weight")))
        else:
            values.data.uniform_(-1, 1, generator=generator).mul_((3 / values[0].numel()) ** 0.5)
    for name, values in module.named_buffers():
        if "position_ids" in name:
            values.copy_(torch.arange(values.shape[-1]).expand_as(values))
    return module.eval()


def sd15_unet() -> nn.Module:
    return diffusers.UNet2DConditionModel(
        sample_size=64,
        block_out_channels=(320, 640, 1280, 1280),
        cross_attention_dim=768,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    )


def sdxl_unet() -> nn.Module:
    return diffusers.UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        cross_attention_dim=2048,
        attention_head_dim=(5, 10, 20),
        transformer_layers_per_block=(1, 2, 10),
        use_linear_projection=True,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )


def autoencoder() -> nn.Module:
    return diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )


def encoder() -> nn.Module:
    from transformers import CLIPVisionModelWithProjection

    from gencontrol.alpha_clip.architectures import vision_config

    return CLIPVisionModelWithProjection(vision_config("ViT-H/14", channels=3))


CASES: dict[str, tuple[Callable[[], nn.Module], str, int, int]] = {
    "sd15-ip-plus": (sd15_unet, "StableDiffusionPipeline", 768, 768),
    "sdxl-ip-plus": (sdxl_unet, "StableDiffusionXLPipeline", 2048, 1280),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_part_at_the_published_shape(name: str, hosts: ModuleType) -> None:
    make, pipeline, cross, hidden = CASES[name]
    unet, tower = filled(make), filled(encoder)
    names = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
    extra: dict[str, Any] = {"safety_checker": None, "requires_safety_checker": False, "feature_extractor": None}
    if "XL" in pipeline:
        extra = {"add_watermarker": False}
    parts = dict.fromkeys(names if "XL" in pipeline else names[:2]) | extra
    scheduler = diffusers.DDIMScheduler(steps_offset=1, clip_sample=False)
    pipe = getattr(diffusers, pipeline)(vae=filled(autoencoder), unet=unet, scheduler=scheduler, **parts)
    projection = hosts.plus_projection(width=1280, cross=cross, hidden=hidden, queries=16)
    state = hosts.adapter(unet, {key: value.to(torch.bfloat16) for key, value in projection.items()})
    pipe.load_ip_adapter(state, subfolder="", weight_name="", image_encoder_folder=None)
    pipe.set_progress_bar_config(disable=True)
    text: dict[str, Any] = {
        "prompt_embeds": torch.randn(1, 77, cross),
        "negative_prompt_embeds": torch.randn(1, 77, cross),
    }
    if "XL" in pipeline:
        text |= {"pooled_prompt_embeds": torch.randn(1, 1280), "negative_pooled_prompt_embeds": torch.randn(1, 1280)}
    text = {key: value.to(torch.bfloat16) for key, value in text.items()}

    def run(**arguments: Any) -> torch.Tensor:
        options: dict[str, Any] = {"height": 512, "width": 512, "num_inference_steps": 2, "output_type": "latent"}
        return pipe(**text | options | arguments, generator=torch.Generator().manual_seed(0)).images

    photo = hosts.picture(height=300, width=400)
    mask, canvas = box_alpha((40, 60, 200, 260), (300, 400)), box_alpha((0, 0, 256, 512), (512, 512))
    host = REFERENCE_HOSTS[name]
    part = region_arguments(host, tower, photo, mask_image=mask, canvas_mask=canvas, height=512, width=512)
    (pair,) = part["ip_adapter_image_embeds"]
    assert pair.shape == (2, 1, 257, 1280) and pair.dtype == torch.bfloat16
    drawn = run(**part)
    assert drawn.shape == (1, 4, 64, 64) and bool(drawn.isfinite().all())
    whole = run(**region_arguments(host, tower, photo))
    assert hosts.difference(drawn, whole) > 1e-3
