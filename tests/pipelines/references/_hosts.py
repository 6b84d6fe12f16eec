"""Hosts of reference pictures at a tiny size: the stock classes, random weights, adapters in their published layout."""

from importlib import import_module
from typing import Any

import torch
from diffusers.models.embeddings import ImageProjection, IPAdapterPlusImageProjection
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from benchmarks.adapters.parts import published_projection

diffusers: Any = import_module("diffusers")

SIZE, PATCH, WIDTH, EMBED, CROSS = 32, 8, 64, 48, 32
"""Of the encoders: input, patch, width, embedding; and the width of the denoisers' text."""
GLM = 40
"""Width of Kolors' text, which its UNet projects."""


def noise(*shape: int, seed: int = 0) -> Tensor:
    """The same for a seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def picture(seed: int = 0, *, height: int = SIZE, width: int = SIZE) -> Tensor:
    """Colours of noise, in whole bytes."""
    return torch.randint(256, (3, height, width), generator=torch.Generator().manual_seed(seed)) / 255


def clip_tower(*, channels: int = 3, activation: str = "gelu") -> CLIPVisionModelWithProjection:
    """A CLIP vision tower."""
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        projection_dim=EMBED,
        image_size=SIZE,
        patch_size=PATCH,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        num_channels=channels,
        hidden_act=activation,
    )
    return CLIPVisionModelWithProjection(config).eval()


def siglip_tower() -> SiglipVisionModel:
    """A SigLIP vision tower."""
    torch.manual_seed(0)
    config = SiglipVisionConfig(
        hidden_size=WIDTH,
        image_size=SIZE,
        patch_size=PATCH,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
    )
    return SiglipVisionModel(config).eval()


def text_tower() -> CLIPTextModel:
    """A text tower that nothing asks: prompts come as embeddings."""
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=100,
        hidden_size=CROSS,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        bos_token_id=1,
        eos_token_id=3,
        pad_token_id=0,
    )
    return CLIPTextModel(config).eval()


def autoencoder(**settings: Any) -> Any:
    """Two levels, so a latent is half the picture's side; or what the settings say."""
    torch.manual_seed(0)
    shape = {
        "block_out_channels": (32, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
    }
    return diffusers.AutoencoderKL(**shape | settings).eval()


def base_projection(*, tokens: int = 4, cross: int = CROSS) -> dict[str, Tensor]:
    """From one embedding to a few tokens, in the published layout."""
    torch.manual_seed(1)
    return published_projection(ImageProjection(EMBED, cross, tokens))


def plus_projection(*, width: int = WIDTH, cross: int = CROSS, hidden: int = 64, queries: int = 4) -> dict[str, Tensor]:
    """The Resampler in the published layout: four layers, heads of width 64."""
    torch.manual_seed(1)
    resampler = IPAdapterPlusImageProjection(width, cross, hidden, 4, 64, hidden // 64, queries)
    return published_projection(resampler)


def adapter(unet: Any, projection: dict[str, Tensor]) -> dict[str, Any]:
    """What `load_ip_adapter` takes: keys 1, 3, 5, ... over the cross-attention layers."""
    torch.manual_seed(2)
    weights: dict[str, Tensor] = {}
    layers = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for number, name in enumerate(layers):
        like = unet.get_submodule(name.removesuffix(".processor")).get_submodule("to_k").weight
        assert isinstance(like, Tensor)
        for which in "kv":
            weights[f"{2 * number + 1}.to_{which}_ip.weight"] = torch.randn_like(like) / like.shape[1] ** 0.5
    return {"image_proj": projection, "ip_adapter": weights}


def sd15(*, plus: bool) -> Any:
    """Stable Diffusion with an IP-Adapter."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(32, 64),
        layers_per_block=1,
        cross_attention_dim=CROSS,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()
    pipe = diffusers.StableDiffusionPipeline(
        vae=autoencoder(),
        unet=unet,
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        text_encoder=text_tower(),
        tokenizer=None,  # pyright: ignore[reportArgumentType]
        safety_checker=None,  # pyright: ignore[reportArgumentType]
        feature_extractor=CLIPImageProcessor(size=SIZE, crop_size=SIZE),
        image_encoder=clip_tower(),
        requires_safety_checker=False,
    )
    return _loaded(pipe, adapter(unet, plus_projection() if plus else base_projection()))


def kolors() -> Any:
    """Kolors with its IP-Adapter: SDXL's UNet, with a projection of its text; its encoder approximates GELU."""
    return sdxl(plus=True, kolors=True)


def sdxl(*, plus: bool, kolors: bool = False) -> Any:
    """SDXL with an IP-Adapter."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        transformer_layers_per_block=(1, 2),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + (GLM if kolors else CROSS),
        cross_attention_dim=CROSS,
        **({"encoder_hid_dim": GLM, "encoder_hid_dim_type": "text_proj"} if kolors else {}),
    ).eval()
    parts: dict[str, Any] = {
        "vae": autoencoder(),
        "unet": unet,
        "scheduler": diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        "text_encoder": None,
        "tokenizer": None,
        "image_encoder": clip_tower(activation="quick_gelu" if kolors else "gelu"),
        "feature_extractor": CLIPImageProcessor(size=SIZE, crop_size=SIZE),
    }
    if kolors:
        pipe = diffusers.KolorsPipeline(**parts)
    else:
        pipe = diffusers.StableDiffusionXLPipeline(
            **parts, text_encoder_2=None, tokenizer_2=None, add_watermarker=False
        )
    return _loaded(pipe, adapter(unet, plus_projection() if plus else base_projection()))


def _loaded(pipe: Any, weights: dict[str, Any]) -> Any:
    pipe.load_ip_adapter(weights, subfolder="", weight_name="", image_encoder_folder=None)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def flux_transformer(**settings: Any) -> Any:
    """Two double blocks and a single one."""
    torch.manual_seed(0)
    shape = {
        "patch_size": 1,
        "in_channels": 4,
        "num_layers": 2,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": CROSS,
        "pooled_projection_dim": CROSS,
        "axes_dims_rope": [4, 4, 8],
        "guidance_embeds": True,
    }
    return diffusers.FluxTransformer2DModel(**shape | settings).eval()


def flux_autoencoder() -> Any:
    """One level: a latent is a pixel, and a token two by two of them."""
    return autoencoder(
        block_out_channels=(4,),
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        latent_channels=1,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.06,
        scaling_factor=1.5,
    )


def flux(cls: Any = diffusers.FluxPipeline, *, with_adapter: bool = False, tokens: int = 4, **settings: Any) -> Any:
    """Flux, or a pipeline of its kind, without text encoders; an adapter has so many tokens."""
    transformer = flux_transformer(**settings)
    nothing = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    extra = {"image_encoder": clip_tower(activation="quick_gelu")} if with_adapter else {}
    extra |= {"feature_extractor": CLIPImageProcessor(size=SIZE, crop_size=SIZE)} if with_adapter else {}
    pipe = cls(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=flux_autoencoder(),
        transformer=transformer,
        **nothing,
        **extra,
    )
    if with_adapter:
        folder = {"subfolder": "", "weight_name": "", "image_encoder_pretrained_model_name_or_path": None}
        pipe.load_ip_adapter(flux_adapter(transformer, tokens=tokens), **folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def flux_adapter(transformer: Any, *, tokens: int = 4) -> dict[str, Any]:
    """XLabs' layout: keys 0, 1, ... over the double blocks, with biases. Their second version has 16 tokens."""
    torch.manual_seed(2)
    joint, inner = transformer.config.joint_attention_dim, transformer.inner_dim
    weights: dict[str, Tensor] = {}
    for layer in range(transformer.config.num_layers):
        for which in "kv":
            weights[f"{layer}.to_{which}_ip.weight"] = torch.randn(inner, joint) / joint**0.5
            weights[f"{layer}.to_{which}_ip.bias"] = torch.zeros(inner)
    return {"image_proj": base_projection(tokens=tokens, cross=joint), "ip_adapter": weights}


def difference(one: Any, other: Any) -> float:
    """The largest."""
    return float((torch.as_tensor(one).float() - torch.as_tensor(other).float()).abs().max())


def parameters(module: nn.Module) -> dict[str, Tensor]:
    """Copies of all."""
    return {key: value.clone() for key, value in module.state_dict().items()}
