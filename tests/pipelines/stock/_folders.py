"""Folders of hosts at a tiny size, as published: a stock pipeline, an adapter's file, a vision tower."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipImageProcessor,
    T5Config,
    T5EncoderModel,
)

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


def with_glm(pipe: Any, folder: Path, width: int) -> None:
    """Put Kolors' text tower into a pipeline, whose tokenizer is a SentencePiece model of a few words.

    Args:
        pipe: Kolors'.
        folder: Where the tokenizer's file is written.
        width: Of the text.
    """
    import sentencepiece
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel
    from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "tokenizer.model"
    with model.open("wb") as opened:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a red green blue cup hat banana on the beach photo of picture"] * 20),
            model_writer=opened,
            model_type="bpe",
            vocab_size=60,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    tokenizer = ChatGLMTokenizer(str(model))
    torch.manual_seed(0)
    config = ChatGLMConfig(
        num_layers=2,
        padded_vocab_size=tokenizer.vocab_size + 10,
        hidden_size=width,
        ffn_hidden_size=64,
        kv_channels=width // 4,
        num_attention_heads=4,
        seq_length=256,
        multi_query_attention=True,
        multi_query_group_num=2,
        add_qkv_bias=True,
        original_rope=True,
    )
    tower = ChatGLMModel(config).eval()
    # Its own start is whatever lies in memory.
    for name, weight in tower.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name), std=0.1)
    pipe.register_modules(text_encoder=tower, tokenizer=tokenizer)


def save_kolors(folder: Path, hosts: ModuleType) -> Path:
    """`base/`, `adapter.safetensors` and `image_encoder/` of Kolors."""
    pipe = hosts.kolors()
    pipe.unload_ip_adapter()
    with_glm(pipe, folder / "words", hosts.GLM)
    pipe.save_pretrained(folder / "base")
    save_file(flat(hosts.adapter(pipe.unet, hosts.plus_projection())), folder / "adapter.safetensors")
    hosts.clip_tower(activation="quick_gelu").save_pretrained(folder / "image_encoder")
    return folder


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


def save_kandinsky(folder: Path, hosts: ModuleType, further: ModuleType, *, name: str) -> Path:
    """`base/`, a decoder, and `prior/`, which reads texts and has the vision tower.

    Args:
        folder: Made if it is not there.
        hosts: The builders of tests/pipelines/references/_hosts.py.
        further: Those of tests/pipelines/references/_further_hosts.py.
        name: `kandinsky-2.1` or `kandinsky-2.2`.
    """
    old = name == "kandinsky-2.1"
    further.kandinsky(hosts, old=old).save_pretrained(folder / "base")
    further.kandinsky_prior(hosts, old=old).save_pretrained(folder / "prior")
    return folder


def save_stable_diffusion_3(folder: Path, hosts: ModuleType, further: ModuleType, tokenizer: Any) -> Path:
    """`base/`, `adapter.safetensors` and `image_encoder/` of SD 3.5, with its three text towers."""
    pipe, weights = further.sd3_base(hosts), {}
    weights |= further.sd3_adapter(hosts, pipe.transformer)
    pipe.register_modules(image_encoder=None, feature_extractor=None)
    torch.manual_seed(0)
    towers = [CLIPTextModelWithProjection(text_config(16)).eval() for _ in range(2)]
    wide = T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    parts: dict[str, Any] = {"text_encoder": towers[0], "text_encoder_2": towers[1]}
    parts |= {"text_encoder_3": T5EncoderModel(wide).eval()}
    parts |= {f"tokenizer{end}": tokenizer for end in ("", "_2", "_3")}
    pipe.register_modules(**parts)
    pipe.save_pretrained(folder / "base")
    save_file(flat(weights), folder / "adapter.safetensors")
    hosts.siglip_tower().save_pretrained(folder / "image_encoder")
    further.siglip_processor(hosts).save_pretrained(folder / "image_encoder")
    return folder


def save_klein(folder: Path, hosts: ModuleType, further: ModuleType) -> Path:
    """`base/` of FLUX.2 klein, whose texts are three layers of a Qwen3 beside each other."""
    width, depth = 16, 28
    pipe = further.flux2(hosts, klein=True, joint_attention_dim=3 * width)
    torch.manual_seed(0)
    text = Qwen3Config(
        vocab_size=600,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=depth,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=600,
    )
    tokenizer = further.tokenizer()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    pipe.register_modules(text_encoder=Qwen3ForCausalLM(text).eval(), tokenizer=tokenizer)
    pipe.save_pretrained(folder / "base")
    return folder


def save_karlo(folder: Path, hosts: ModuleType, further: ModuleType) -> Path:
    """`base/` of Karlo."""
    further.karlo(hosts).save_pretrained(folder / "base")
    return folder


def with_flux_text(pipe: Any, tokenizer: Any) -> None:
    """Put both text towers of a Flux into a pipeline."""
    torch.manual_seed(0)
    width = pipe.transformer.config.joint_attention_dim
    wide = T5Config(vocab_size=100, d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    parts = {
        "text_encoder": CLIPTextModel(text_config(pipe.transformer.config.pooled_projection_dim)).eval(),
        "text_encoder_2": T5EncoderModel(wide).eval(),
        "tokenizer": tokenizer,
        "tokenizer_2": tokenizer,
    }
    pipe.register_modules(**parts)


def save_inpainting(folder: Path, hosts: ModuleType, tokenizer: Any, *, name: str) -> Path:
    """The same of a class that paints into holes, whose denoiser reads the hole where the published one does.

    Args:
        folder: Made if it is not there.
        hosts: The builders of tests/pipelines/references/_hosts.py.
        tokenizer: Of the text towers.
        name: `sd15-ip-plus`, `sdxl-ip-plus`, `flux-ip`, `flux-fill` or `flux-kontext`.
    """
    if name.startswith("sd"):
        return _save_unet_inpainting(folder, hosts, tokenizer, name=name)
    kinds = {"flux-ip": "FluxInpaintPipeline", "flux-fill": "FluxFillPipeline", "flux-kontext": "FluxKontextPipeline"}
    shape = {"in_channels": 12, "out_channels": 4} if name == "flux-fill" else {}
    # Redux's own part gives a pooled text of this width.
    pipe = hosts.flux(getattr(diffusers, kinds[name]), pooled_projection_dim=768, **shape)
    with_flux_text(pipe, tokenizer)
    pipe.save_pretrained(folder / "base")
    if name == "flux-ip":
        save_file(flat(hosts.flux_adapter(pipe.transformer)), folder / "adapter.safetensors")
        hosts.clip_tower(activation="quick_gelu").save_pretrained(folder / "image_encoder")
    if name == "flux-fill":
        save_redux(folder / "redux", hosts)
        (folder / "redux" / "adapter").rename(folder / "adapter")
    return folder


def _save_unet_inpainting(folder: Path, hosts: ModuleType, tokenizer: Any, *, name: str) -> Path:
    save_host(folder, hosts, tokenizer, name=name)
    kind = "StableDiffusionXLInpaintPipeline" if "sdxl" in name else "StableDiffusionInpaintPipeline"
    text = {} if "sdxl" in name else {"safety_checker": None, "requires_safety_checker": False}
    pipe = getattr(diffusers, kind).from_pretrained(folder / "base", **text)
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel.from_config({**pipe.unet.config, "in_channels": 9}).eval()
    pipe.register_modules(unet=unet)
    (folder / "base").rename(folder / "without-holes")
    pipe.save_pretrained(folder / "base")
    return folder
