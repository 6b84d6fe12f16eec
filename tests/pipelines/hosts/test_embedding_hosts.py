"""Stable Diffusion 3.5, Kandinsky and Karlo: embeddings and tokens given to stock calls."""

from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from transformers import SiglipImageProcessor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import InputError
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock_arguments import region_arguments
from gencontrol.regions import Geometry
from gencontrol.regions.shapes import box_alpha

diffusers: Any = import_module("diffusers")

LEFT = box_alpha((0, 0, 16, 32), (32, 32))


def sd3(hosts: ModuleType) -> Any:
    """Stable Diffusion 3.5 with an adapter."""
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
    pipe = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        image_encoder=hosts.siglip_tower(),
        feature_extractor=SiglipImageProcessor(size={"height": hosts.SIZE, "width": hosts.SIZE}),
        **nothing,
    )
    torch.manual_seed(2)
    inner, head = transformer.inner_dim, transformer.config.attention_head_dim
    weights = {}
    for layer in range(len(transformer.attn_processors)):
        processor = SD3IPAdapterJointAttnProcessor2_0(inner, inner, head, 64)
        weights |= {f"{layer}.{key}": value for key, value in processor.state_dict().items()}
    projection = IPAdapterTimeImageProjection(hosts.WIDTH, inner, 64, 4, 64, 1, 4).state_dict()
    pipe.load_ip_adapter({"image_proj": projection, "ip_adapter": weights}, image_encoder_folder=None)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_sd3_is_the_stock_call(hosts: ModuleType) -> None:
    """One tensor instead of a list, zeros first, and SigLIP's own normalisation."""
    pipe = sd3(hosts)
    geometry = Geometry(size=hosts.SIZE, fit="squash")
    host = replace(REFERENCE_HOSTS["sd35-ip"], width=hosts.WIDTH, geometry=geometry)
    text = {"prompt_embeds": hosts.noise(1, 7, 32, seed=5), "negative_prompt_embeds": hosts.noise(1, 7, 32, seed=6)}
    pooled = {name.replace("prompt", "pooled_prompt"): hosts.noise(1, 64, seed=i) for i, name in enumerate(text)}
    size = {"height": 16, "width": 16, "num_inference_steps": 2, "output_type": "latent"}

    def run(**arguments: Any) -> Any:
        scale = {"guidance_scale": 3.0} | arguments
        return pipe(**text | pooled | size | scale, generator=torch.Generator().manual_seed(0)).images

    shown = 2 * hosts.picture()[None] - 1
    for scale in (3.0, 1.0):
        made = region_arguments(host, pipe.image_encoder, hosts.picture(), guided=scale > 1)
        assert made["ip_adapter_image_embeds"].shape == (1 + (scale > 1), 16, hosts.WIDTH)
        ours, stock = run(**made, guidance_scale=scale), run(ip_adapter_image=shown, guidance_scale=scale)
        assert hosts.difference(ours, stock) < 1e-5
    part = region_arguments(host, pipe.image_encoder, hosts.picture(), mask_image=LEFT)
    assert hosts.difference(run(**part), run(ip_adapter_image=shown)) > 1e-5
    with pytest.raises(InputError, match="sd35-ip takes one reference for an output, got 2"):
        region_arguments(host, pipe.image_encoder, references=[RegionReference(image=hosts.picture())] * 2)


@pytest.fixture(scope="module")
def kandinsky() -> Any:
    """The decoder of Kandinsky 2.2."""
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
    unet = diffusers.UNet2DConditionModel(
        in_channels=4,
        out_channels=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=32,
        encoder_hid_dim=48,
        resnet_time_scale_shift="scale_shift",
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        addition_embed_type="image",
        encoder_hid_dim_type="image_proj",
    ).eval()
    scheduler = diffusers.DDIMScheduler(clip_sample=False, steps_offset=1)
    pipe = diffusers.KandinskyV22Pipeline(unet=unet, scheduler=scheduler, movq=movq)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe: Any, *, seeds: tuple[int, ...] = (0,), **arguments: Any) -> torch.Tensor:
    """Latents."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    size = {"height": 64, "width": 64, "num_inference_steps": 3, "output_type": "latent"}
    return pipe(generator=generators, **size | {"guidance_scale": 3.0} | arguments).images


def kandinsky_host(hosts: ModuleType) -> Any:
    return replace(REFERENCE_HOSTS["kandinsky-2.2"], width=hosts.EMBED, geometry=Geometry(size=hosts.SIZE))


def test_kandinsky_departs_from_zero_pixels(hosts: ModuleType, kandinsky: Any) -> None:
    tower = hosts.clip_tower()
    made = region_arguments(kandinsky_host(hosts), tower, hosts.picture())
    shown = AlphaCLIPProcessor(geometry=Geometry(size=hosts.SIZE))(hosts.picture()[None], torch.ones(1, 32, 32))
    with torch.no_grad():
        torch.testing.assert_close(made["image_embeds"], tower(shown[:, :3]).image_embeds)
        nothing = tower(torch.zeros(1, 3, hosts.SIZE, hosts.SIZE)).image_embeds
    torch.testing.assert_close(made["negative_image_embeds"], nothing)
    assert draw(kandinsky, **made).isfinite().all()


def test_kandinsky_rows_are_single_calls_and_weights_lie_between(hosts: ModuleType, kandinsky: Any) -> None:
    host, tower = kandinsky_host(hosts), hosts.clip_tower()
    references = [
        RegionReference(image=hosts.picture(1), mask_image=LEFT),
        RegionReference(image=hosts.picture(2), weight=0.5),
    ]
    both = region_arguments(host, tower, references=references, rows=True)
    together = draw(kandinsky, seeds=(1, 2), **both)
    for row, reference in enumerate(references):
        alone = region_arguments(host, tower, references=[reference])
        assert hosts.difference(together[row], draw(kandinsky, seeds=(row + 1,), **alone)[0]) < 1e-4
    full = region_arguments(host, tower, hosts.picture(2))
    half = 0.5 * (full["image_embeds"] + full["negative_image_embeds"])
    torch.testing.assert_close(both["image_embeds"][1:], half)


@pytest.mark.parametrize("scale", [3.0, 1.0])
def test_kandinsky_schedules(hosts: ModuleType, kandinsky: Any, scale: float) -> None:
    """Weight 1 at the first step and 0 afterwards: the same as changing the stock call's embedding by hand."""
    host, tower = kandinsky_host(hosts), hosts.clip_tower()
    made = region_arguments(host, tower, hosts.picture(), schedule="0:1 0.5:0 1:0", guided=scale > 1)
    plain = region_arguments(host, tower, hosts.picture(), guided=scale > 1)

    def off(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        rows = 1 + (scale > 1)
        return {"image_embeds": plain["negative_image_embeds"].repeat(rows, 1)}

    by_hand = {"callback_on_step_end": off, "callback_on_step_end_tensor_inputs": ["image_embeds"]}
    first = draw(kandinsky, **made, guidance_scale=scale)
    torch.testing.assert_close(first, draw(kandinsky, **plain, **by_hand, guidance_scale=scale))
    assert torch.equal(draw(kandinsky, **made, guidance_scale=scale), first)
    assert hosts.difference(first, draw(kandinsky, **plain, guidance_scale=scale)) > 1e-4


def test_kandinsky_2_1_and_karlo(hosts: ModuleType) -> None:
    tower = hosts.clip_tower()
    geometry = Geometry(size=hosts.SIZE)
    old = replace(REFERENCE_HOSTS["kandinsky-2.1"], width=hosts.EMBED, geometry=geometry)
    with pytest.raises(InputError, match=r"schedule: kandinsky-2\.1 reads its condition once"):
        region_arguments(old, tower, hosts.picture(), schedule="1:0")
    karlo = replace(REFERENCE_HOSTS["karlo"], width=hosts.EMBED, geometry=geometry)
    made = region_arguments(karlo, tower, hosts.picture(), mask_image=LEFT)
    assert list(made) == ["image_embeddings"]
    torch.testing.assert_close(
        made["image_embeddings"], region_arguments(old, tower, hosts.picture(), mask_image=LEFT)["image_embeds"]
    )
    with pytest.raises(InputError, match="it would act on nothing of karlo, whose negative is its own"):
        region_arguments(karlo, tower, hosts.picture(), negative_mask_image=LEFT)
