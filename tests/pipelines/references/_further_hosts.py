"""Hosts beside those of `_hosts.py`, which each builder is given: Redux, FLUX.2, SD 3.5, Kandinsky and Karlo."""

from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder
from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    SiglipImageProcessor,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

diffusers: Any = import_module("diffusers")

SIDES = ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"), ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D")
"""Blocks of a decoder, down and up."""
ATTENDED = 32
"""Width of the states of their texts."""


def quiet(pipe: Any) -> Any:
    """Without progress bars."""
    pipe.set_progress_bar_config(disable=True)
    return pipe


def siglip_processor(hosts: ModuleType) -> SiglipImageProcessor:
    """At the tiny tower's size."""
    return SiglipImageProcessor(size={"height": hosts.SIZE, "width": hosts.SIZE})


def redux_prior(hosts: ModuleType) -> Any:
    """The stock prior of Flux Redux."""
    torch.manual_seed(0)
    return diffusers.FluxPriorReduxPipeline(
        image_encoder=hosts.siglip_tower(),
        feature_extractor=siglip_processor(hosts),
        image_embedder=ReduxImageEncoder(hosts.WIDTH, 4096).eval(),
    )


def flux2(hosts: ModuleType, *, klein: bool = False, **settings: Any) -> Any:
    """FLUX.2 with one block of each kind, unless said; klein is the one whose guidance is classifier-free."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "patch_size": 1,
        "in_channels": 4,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 16,
        "timestep_guidance_channels": 256,
        "axes_dims_rope": (4, 4, 4, 4),
        "guidance_embeds": not klein,
    }
    transformer = diffusers.Flux2Transformer2DModel(**shape | settings).eval()
    vae = diffusers.AutoencoderKLFlux2(
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        block_out_channels=(4,),
        layers_per_block=1,
        latent_channels=1,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ).eval()
    parts: dict[str, Any] = dict.fromkeys(("text_encoder", "tokenizer"))
    cls = diffusers.Flux2KleinPipeline if klein else diffusers.Flux2Pipeline
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    return quiet(cls(scheduler=scheduler, vae=vae, transformer=transformer, **parts))


def sd3(hosts: ModuleType) -> Any:
    """Stable Diffusion 3.5 with an adapter."""
    pipe = sd3_base(hosts)
    pipe.load_ip_adapter(sd3_adapter(hosts, pipe.transformer), image_encoder_folder=None)
    return quiet(pipe)


def sd3_base(hosts: ModuleType) -> Any:
    """The same without it."""
    torch.manual_seed(0)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=32,
        patch_size=1,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=32,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=4,
    ).eval()
    names = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "text_encoder_3", "tokenizer_3")
    nothing: dict[str, Any] = dict.fromkeys(names)
    vae = hosts.autoencoder(
        block_out_channels=(4,),
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.06,
        scaling_factor=1.5,
    )
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        image_encoder=hosts.siglip_tower(),
        feature_extractor=siglip_processor(hosts),
        **nothing,
    )


def sd3_adapter(hosts: ModuleType, transformer: Any) -> dict[str, Any]:
    """Its adapter, as `load_ip_adapter` takes it."""
    torch.manual_seed(2)
    inner, head = transformer.inner_dim, transformer.config.attention_head_dim
    weights = {}
    for layer in range(len(transformer.attn_processors)):
        processor = SD3IPAdapterJointAttnProcessor2_0(inner, inner, head, 64)
        weights |= {f"{layer}.{key}": value for key, value in processor.state_dict().items()}
    projection = IPAdapterTimeImageProjection(hosts.WIDTH, inner, 64, 4, 64, 1, 4).state_dict()
    return {"image_proj": projection, "ip_adapter": weights}


def kandinsky(hosts: ModuleType, *, old: bool = False) -> Any:
    """The decoder of Kandinsky 2.2, or of 2.1, which reads a text too."""
    torch.manual_seed(0)
    movq = diffusers.VQModel(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        vq_embed_dim=4,
    ).eval()
    kind: dict[str, Any] = {"addition_embed_type": "image", "encoder_hid_dim_type": "image_proj"}
    kind |= {"cross_attention_dim": ATTENDED, "encoder_hid_dim": hosts.EMBED}
    if old:
        # 2.1 reads both at the width of its cross-attention; the text's states come at their own.
        kind = {"addition_embed_type": "text_image", "encoder_hid_dim_type": "text_image_proj"}
        kind |= {"cross_attention_dim": hosts.EMBED, "encoder_hid_dim": ATTENDED, "addition_embed_type_num_heads": 2}
    unet = _decoder(in_channels=4, out_channels=8, **kind)
    scheduler = diffusers.DDIMScheduler(clip_sample=False, steps_offset=1)
    if not old:
        return quiet(diffusers.KandinskyV22Pipeline(unet=unet, scheduler=scheduler, movq=movq))
    settings = MCLIPConfig(
        numDims=hosts.EMBED,
        transformerDimensions=ATTENDED,
        hidden_size=ATTENDED,
        intermediate_size=64,
        num_attention_heads=4,
        num_hidden_layers=1,
        vocab_size=600,
    )
    text = MultilingualCLIP(settings).eval()
    tokens = tokenizer()
    return quiet(
        diffusers.KandinskyPipeline(text_encoder=text, tokenizer=tokens, unet=unet, scheduler=scheduler, movq=movq)
    )


def kandinsky_prior(hosts: ModuleType, *, old: bool = False) -> Any:
    """The prior of Kandinsky 2.2, or of 2.1: from a text to an embedding as the image encoder makes."""
    torch.manual_seed(0)
    settings = CLIPTextConfig(
        vocab_size=600,
        hidden_size=hosts.EMBED,
        projection_dim=hosts.EMBED,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        bos_token_id=512,
        eos_token_id=513,
    )
    prior = diffusers.PriorTransformer(
        num_attention_heads=2, attention_head_dim=12, embedding_dim=hosts.EMBED, num_layers=1
    ).eval()
    prior.clip_std.data.fill_(1.0)
    kind = diffusers.KandinskyPriorPipeline if old else diffusers.KandinskyV22PriorPipeline
    return quiet(
        kind(
            prior=prior,
            image_encoder=hosts.clip_tower(),
            text_encoder=CLIPTextModelWithProjection(settings).eval(),
            tokenizer=tokenizer(),
            scheduler=diffusers.UnCLIPScheduler(
                variance_type="fixed_small_log", prediction_type="sample", num_train_timesteps=1000
            ),
            image_processor=CLIPImageProcessor(size=hosts.SIZE, crop_size=hosts.SIZE),
        )
    )


def karlo(hosts: ModuleType) -> Any:
    """Karlo: an embedding's decoder, and two denoisers that enlarge."""
    torch.manual_seed(0)
    decoder = _decoder(
        sample_size=32, in_channels=3, out_channels=6, cross_attention_dim=100, class_embed_type="identity"
    )
    schedulers = [
        diffusers.UnCLIPScheduler(variance_type=kind, prediction_type="epsilon", num_train_timesteps=1000)
        for kind in ("learned_range", "fixed_small_log")
    ]
    settings = CLIPTextConfig(
        vocab_size=600,
        hidden_size=hosts.EMBED,
        projection_dim=hosts.EMBED,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        bos_token_id=512,
        eos_token_id=513,
    )
    return quiet(
        diffusers.UnCLIPImageVariationPipeline(
            decoder=decoder,
            text_encoder=CLIPTextModelWithProjection(settings).eval(),
            tokenizer=tokenizer(),
            text_proj=UnCLIPTextProjModel(
                clip_embeddings_dim=hosts.EMBED, time_embed_dim=128, cross_attention_dim=100
            ).eval(),
            feature_extractor=CLIPImageProcessor(size=hosts.SIZE, crop_size=hosts.SIZE),
            image_encoder=hosts.clip_tower(),
            super_res_first=_enlarger(),
            super_res_last=_enlarger(),
            decoder_scheduler=schedulers[0],
            super_res_scheduler=schedulers[1],
        )
    )


def tokenizer() -> CLIPTokenizer:
    """CLIP's own, of single bytes."""
    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def _decoder(**settings: Any) -> Any:
    return diffusers.UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
        down_block_types=SIDES[0],
        up_block_types=SIDES[1],
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        **settings,
    ).eval()


def _enlarger() -> Any:
    return diffusers.UNet2DModel(
        sample_size=64,
        layers_per_block=1,
        down_block_types=("ResnetDownsampleBlock2D",) * 2,
        up_block_types=("ResnetUpsampleBlock2D",) * 2,
        block_out_channels=(32, 64),
        in_channels=6,
        out_channels=3,
    ).eval()
