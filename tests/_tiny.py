"""Small, random, real components: the classes are those of the published models, only narrow.

The folder that `save_folder` writes has the layout of the embedded model `tiny`: a stock image-variation pipeline
(64 px encoder, 128 px pictures), `clip/` beside it, and `alpha_clip/`. Every builder is seeded: called twice, it gives
the same weights.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_image_variation import (
    StableDiffusionImageVariationPipeline,
)
from diffusers.pipelines.stable_diffusion.pipeline_stable_unclip_img2img import StableUnCLIPImg2ImgPipeline
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextModel,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
)

WORDS = (
    "a an and the of on in to left right above below photo picture red green blue yellow black white cat dog bird "
    "fish tree house car boat apple banana purse moon sun star ball cup pumpkin "
    "crown"
).split()
ENCODER_SIZE = 64
EMBED_DIM = 24
TEXT_WIDTH = 32
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


def tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer with CLIP's frame: `<start> words <end>`, padded at the end to 16."""
    specials = ["<pad>", "<start>", "<unknown>", "<end>"]
    vocabulary = {word: index for index, word in enumerate([*specials, *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<start>",
        eos_token="<end>",
        unk_token="<unknown>",
        pad_token="<pad>",
        model_max_length=16,
    )


def image_processor(*, channels: int = 3) -> CLIPImageProcessor:
    """The stock processor of a square 64 px encoder; with four channels, the RGBA one."""
    alpha = {"image_mean": [*MEAN, 0.5], "image_std": [*STD, 0.26], "do_convert_rgb": False} if channels == 4 else {}
    size = {"height": ENCODER_SIZE, "width": ENCODER_SIZE}
    return CLIPImageProcessor(size={"shortest_edge": ENCODER_SIZE}, crop_size=size, **alpha)


def clip_config(*, channels: int = 3) -> CLIPConfig:
    """Two layers of width 32 on either side. The end token is not 2: that value means a legacy pooling."""
    return CLIPConfig(
        text_config={
            "vocab_size": 4 + len(WORDS),
            "hidden_size": TEXT_WIDTH,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 16,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 3,
            "projection_dim": EMBED_DIM,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": ENCODER_SIZE,
            "patch_size": 16,
            "num_channels": channels,
            "projection_dim": EMBED_DIM,
        },
        projection_dim=EMBED_DIM,
    )


def clip(*, channels: int = 3, seed: int = 0) -> CLIPModel:
    """A CLIP whose embeddings differ from picture to picture (CLIP's own start is too close to constant)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLIPModel(clip_config(channels=channels)).eval()
        spread(model)
    return model


def alpha_clip_model(*, seed: int = 0) -> CLIPModel:
    """`clip(seed)` with a random, non-zero alpha weight: the four-channel CLIPModel."""
    model = clip(channels=4, seed=seed)
    rgb = clip(seed=seed).state_dict()
    key = "vision_model.embeddings.patch_embedding.weight"
    generator = torch.Generator().manual_seed(seed + 1)
    weight = rgb[key]
    alpha = torch.randn(weight[:, :1].shape, generator=generator) * weight.std()
    model.load_state_dict(rgb | {key: torch.cat([weight, alpha], dim=1)})
    return model


def siglip(*, channels: int = 3, seed: int = 0) -> SiglipModel:
    """A SigLIP whose text tower reads what `tokenizer` writes; it has no projection: embeddings are EMBED_DIM wide."""
    tower = {"hidden_size": EMBED_DIM, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = SiglipConfig(
        text_config={
            "vocab_size": 4 + len(WORDS),
            "max_position_embeddings": 16,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 3,
            "projection_size": EMBED_DIM,
            **tower,
        },
        vision_config={"image_size": ENCODER_SIZE, "patch_size": 16, "num_channels": channels, **tower},
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SiglipModel(config).eval()
        # As published: a temperature of a tenth, and a bias under which nothing belongs together.
        model.logit_scale.data.fill_(2.3)
        model.logit_bias.data.fill_(-10.0)
    return model


def spread(module: nn.Module) -> None:
    """Scale random matrices so that signals keep their size from layer to layer."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)


def cast(module: nn.Module, dtype: torch.dtype) -> None:
    """Change the dtype in place; diffusers' own `.to` warns about it."""
    nn.Module.to(module, dtype)


def vision_tower(*, channels: int = 3, seed: int = 0) -> CLIPVisionModelWithProjection:
    """The vision half of `clip` or `alpha_clip_model`, with its projection."""
    whole = alpha_clip_model(seed=seed) if channels == 4 else clip(seed=seed)
    tower = CLIPVisionModelWithProjection(whole.vision_model.config).eval()
    keep = tower.state_dict().keys()
    tower.load_state_dict({k: v for k, v in whole.state_dict().items() if k in keep})
    return tower


def vae(*, seed: int = 0) -> AutoencoderKL:
    """Four times smaller latents."""
    settings = {
        "block_out_channels": (8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "latent_channels": 4,
        "sample_size": 128,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoencoderKL.from_config(settings)
    assert isinstance(model, AutoencoderKL)
    return model.eval()


def unet(*, seed: int = 0, **changes: Any) -> UNet2DConditionModel:
    """A denoiser of 32 x 32 latents, conditioned through cross-attention."""
    settings = {
        "sample_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "layers_per_block": 1,
        "block_out_channels": (8, 16),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": 4,
        "attention_head_dim": 8,
        "cross_attention_dim": EMBED_DIM,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = UNet2DConditionModel.from_config(settings | changes)
        assert isinstance(model, UNet2DConditionModel)
        spread(model)
    return model.eval()


def scheduler() -> DDIMScheduler:
    """Stable Diffusion's schedule, with the offset its checkpoints have."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def image_variation_components(*, channels: int = 3, seed: int = 0) -> dict[str, Any]:
    """What the image-variation classes are constructed from."""
    return {
        "vae": vae(seed=seed),
        "image_encoder": vision_tower(channels=channels, seed=seed),
        "unet": unet(seed=seed),
        "scheduler": scheduler(),
        "safety_checker": None,
        "feature_extractor": image_processor(channels=channels),
        "requires_safety_checker": False,
    }


def unclip_components(*, channels: int = 3, seed: int = 0) -> dict[str, Any]:
    """What the Stable unCLIP classes are constructed from."""
    text = clip(seed=seed)
    text_encoder = CLIPTextModel(text.text_model.config).eval()
    keep = text_encoder.state_dict().keys()
    source = text.state_dict()
    text_encoder.load_state_dict({k: source.get(k, source.get(f"text_model.{k}")) for k in keep})
    normalizer = StableUnCLIPImageNormalizer(embedding_dim=EMBED_DIM)
    generator = torch.Generator().manual_seed(seed)
    normalizer.mean.data.copy_(torch.randn(1, EMBED_DIM, generator=generator))
    normalizer.std.data.copy_(torch.rand(1, EMBED_DIM, generator=generator) + 0.5)
    return {
        "feature_extractor": image_processor(channels=channels),
        "image_encoder": vision_tower(channels=channels, seed=seed),
        "image_normalizer": normalizer,
        "image_noising_scheduler": DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        "tokenizer": tokenizer(),
        "text_encoder": text_encoder,
        "unet": unet(
            seed=seed,
            cross_attention_dim=TEXT_WIDTH,
            class_embed_type="projection",
            projection_class_embeddings_input_dim=2 * EMBED_DIM,
        ),
        "scheduler": scheduler(),
        "vae": vae(seed=seed),
    }


def save_folder(folder: Path, *, seed: int = 0, dtype: torch.dtype = torch.float16) -> Path:
    """Write the layout of the embedded model and return the folder."""
    pipeline = StableDiffusionImageVariationPipeline(**image_variation_components(seed=seed))
    for component in (pipeline.unet, pipeline.vae, pipeline.image_encoder):
        cast(component, dtype)
    pipeline.save_pretrained(folder)
    for name, channels in (("clip", 3), ("alpha_clip", 4)):
        model = clip(seed=seed) if channels == 3 else alpha_clip_model(seed=seed)
        cast(model, dtype)
        model.save_pretrained(folder / name)
        tokenizer().save_pretrained(folder / name)
        image_processor(channels=channels).save_pretrained(folder / name)
    return folder


def save_unclip_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a stock Stable unCLIP folder and return it."""
    StableUnCLIPImg2ImgPipeline(**unclip_components(seed=seed)).save_pretrained(folder)
    return folder


def photo(height: int = 96, width: int = 96, *, seed: int = 0) -> Image.Image:
    """An RGB picture with structure at several scales: noise, coarse to fine."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.zeros(3, height, width)
    for cells in (2, 6, 18):
        coarse = torch.rand(1, 3, cells, cells, generator=generator)
        rgb += nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0] / 3
    return Image.fromarray((rgb * 255).round().byte().permute(1, 2, 0).numpy())


def half_mask(height: int = 96, width: int = 96, *, side: str = "left") -> Tensor:
    """(h, w), 1 on the named half ("left" or "right"), 0 elsewhere."""
    mask = torch.zeros(height, width)
    columns = slice(0, width // 2) if side == "left" else slice(width // 2, None)
    mask[:, columns] = 1.0
    return mask
