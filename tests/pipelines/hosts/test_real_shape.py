"""Hosts at their published shape with random weights, two steps: the records' own widths and sizes.

Stable Diffusion 1.5 and SDXL whole, at 512 pixels; Flux with one block of each kind, at 256: whole it is 22 GiB.
"""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from gencontrol.pipelines import INPAINTING_HOSTS, REFERENCE_HOSTS, region_arguments
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


def flux_transformer(**channels: int) -> nn.Module:
    return diffusers.FluxTransformer2DModel(
        **{"in_channels": 64} | channels,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=128,
        num_attention_heads=24,
        joint_attention_dim=4096,
        pooled_projection_dim=768,
        guidance_embeds=True,
    )


def flux_autoencoder() -> nn.Module:
    return diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=16,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1159,
        scaling_factor=0.3611,
    )


def flux_pipeline(kind: str, **channels: int) -> Any:
    nothing = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    pipe = getattr(diffusers, kind)(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=filled(flux_autoencoder),
        transformer=filled(lambda: flux_transformer(**channels)),
        **nothing,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def redux() -> Any:
    """Its prior: SigLIP so400m at 384 pixels, and the embedder."""
    from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

    shape = SiglipVisionConfig(
        hidden_size=1152,
        image_size=384,
        patch_size=14,
        num_hidden_layers=27,
        num_attention_heads=16,
        intermediate_size=4304,
    )
    embedder = diffusers.pipelines.flux.modeling_flux.ReduxImageEncoder
    return diffusers.FluxPriorReduxPipeline(
        image_encoder=filled(lambda: SiglipVisionModel(shape)),
        feature_extractor=SiglipImageProcessor(size={"height": 384, "width": 384}),
        image_embedder=filled(lambda: embedder(1152, 4096)),
    )


def flux_adapter(transformer: Any, hosts: ModuleType) -> dict[str, Any]:
    """XLabs' first one: four tokens of CLIP's embedding."""
    made = diffusers.models.embeddings.ImageProjection(768, 4096, 4).state_dict()
    projection = {key.replace("image_embeds", "proj"): value for key, value in made.items()}
    return {"image_proj": projection, "ip_adapter": hosts.flux_adapter(transformer)["ip_adapter"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flux-ip", "flux-redux", "flux-fill"])
def test_a_part_at_fluxs_widths(name: str, hosts: ModuleType) -> None:
    from transformers import CLIPVisionModelWithProjection

    from gencontrol.alpha_clip.architectures import vision_config

    fills = name == "flux-fill"
    channels = {"in_channels": 384, "out_channels": 64} if fills else {}
    pipe = flux_pipeline("FluxFillPipeline" if fills else "FluxPipeline", **channels)
    text: dict[str, Any] = {
        "prompt_embeds": torch.randn(1, 64, 4096, generator=torch.Generator().manual_seed(1)).bfloat16(),
        "pooled_prompt_embeds": torch.randn(1, 768, generator=torch.Generator().manual_seed(2)).bfloat16(),
    }
    size: dict[str, Any] = {"height": 256, "width": 256}
    if name == "flux-ip":
        encoder: Any = filled(lambda: CLIPVisionModelWithProjection(vision_config("ViT-L/14", channels=3)))
        folder = {"subfolder": "", "weight_name": "", "image_encoder_pretrained_model_name_or_path": None}
        pipe.load_ip_adapter(flux_adapter(pipe.transformer, hosts), **folder)
    else:
        encoder, size = redux(), size | text

    def run(**reference: Any) -> torch.Tensor:
        host = INPAINTING_HOSTS[name] if fills else REFERENCE_HOSTS[name]
        part = region_arguments(host, encoder, hosts.picture(height=300, width=400), **size, **reference)
        call = {"num_inference_steps": 2, "output_type": "latent", "height": 256, "width": 256} | part
        call |= text if name == "flux-ip" else {}
        if fills:
            hole = torch.zeros(1, 1, 256, 256)
            hole[..., 64:192, 64:192] = 1.0
            call |= {"image": hosts.picture(7, height=256, width=256)[None], "mask_image": hole}
        assert name == "flux-ip" or part["prompt_embeds"].shape == (1, 64 + 729, 4096)
        return pipe(**call, generator=torch.Generator().manual_seed(0)).images

    drawn = run(mask_image=box_alpha((40, 60, 200, 260), (300, 400)))
    assert drawn.shape == (1, 256, 64) and drawn.dtype == torch.bfloat16 and bool(drawn.isfinite().all())
    assert hosts.difference(drawn, run()) > 1e-3
