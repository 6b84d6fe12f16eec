"""Opening a host with an encoder: which one, in which dtype, and what is refused."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import CheckpointError, InputError, PairingError
from gencontrol.pipelines import StableDiffusionImageVariationPipeline
from gencontrol.pipelines.encoders import processor_of
from gencontrol.pipelines.hosts.image_variation import IMAGE_VARIATION
from gencontrol.regions.geometry import Geometry

Ours = StableDiffusionImageVariationPipeline
PATCH = "vision_model.embeddings.patch_embedding.weight"


def test_a_folders_own_alpha_clip_is_used(tiny_folder: Path, tiny: ModuleType) -> None:
    pipeline = Ours.from_pretrained(tiny_folder)
    expected = tiny.alpha_clip_model().state_dict()[PATCH].half().float()
    assert torch.equal(pipeline.image_encoder.state_dict()[PATCH], expected)
    assert pipeline.encoder.has_alpha


def test_none_is_the_pipelines_own_encoder(tiny_folder: Path) -> None:
    pipeline = Ours.from_pretrained(tiny_folder, alpha_clip=None)
    assert not pipeline.encoder.has_alpha and pipeline.image_encoder.config.num_channels == 4


def test_an_encoder_by_folder_or_in_memory(tiny_folder: Path, tiny: ModuleType) -> None:
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    given = Ours.from_pretrained(tiny_folder, alpha_clip=encoder)
    found = Ours.from_pretrained(tiny_folder, alpha_clip=tiny_folder / "alpha_clip")
    assert given.image_encoder is encoder.vision
    assert torch.equal(found.image_encoder.state_dict()[PATCH], given.image_encoder.state_dict()[PATCH])


def test_the_hosts_geometry_wins_over_the_encoders(tiny_folder: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    squashing = encoder.with_geometry(Geometry(size=64, fit="squash"))
    assert Ours.from_pretrained(tiny_folder, alpha_clip=squashing).encoder.processor.geometry == Geometry(size=64)


def test_a_saved_geometry_is_kept_and_a_stock_processor_gets_the_hosts(tiny: ModuleType) -> None:
    tower = tiny.vision_tower(channels=4)
    family = replace(
        IMAGE_VARIATION, hosts=(replace(IMAGE_VARIATION.hosts[1], geometry=Geometry(size=64, antialias=False)),)
    )
    stock = tiny.image_processor(channels=4)
    assert processor_of(family, stock, tower).geometry == Geometry(size=64, antialias=False)
    saved = AlphaCLIPProcessor(geometry=Geometry(size=64, fit="squash")).to_stock()
    assert processor_of(family, saved, tower).geometry == Geometry(size=64, fit="squash")


def published(tower: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A tower's weights under the published checkpoints' names, as their training script saves them."""
    state = tower.state_dict()
    out = {"conv1.weight": state[PATCH][:, :3].clone(), "conv1_alpha.weight": state[PATCH][:, 3:].clone()}
    inner = "vision_model."
    out["class_embedding"] = state[f"{inner}embeddings.class_embedding"]
    out["positional_embedding"] = state[f"{inner}embeddings.position_embedding.weight"]
    out["proj"] = state["visual_projection.weight"].T.contiguous()
    for ours, theirs in (("pre_layrnorm", "ln_pre"), ("post_layernorm", "ln_post")):
        out |= {f"{theirs}.{leaf}": state[f"{inner}{ours}.{leaf}"] for leaf in ("weight", "bias")}
    for layer in range(2):
        block, target = f"{inner}encoder.layers.{layer}.", f"transformer.resblocks.{layer}."
        for leaf in ("weight", "bias"):
            joint = [state[f"{block}self_attn.{n}_proj.{leaf}"] for n in "qkv"]
            out[f"{target}attn.in_proj.{leaf}"] = torch.cat(joint)
            for ours, theirs in (
                ("self_attn.out_proj", "attn.out_proj"),
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                out[f"{target}{theirs}.{leaf}"] = state[f"{block}{ours}.{leaf}"]
    return {f"module.{k}": v for k, v in out.items()}


def test_a_published_checkpoint_is_the_whole_tower(tiny_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    tower = tiny.vision_tower(channels=4, seed=3)
    torch.save(published(tower), tmp_path / "clip_tiny.pth")
    pipeline = Ours.from_pretrained(tiny_folder, alpha_clip=tmp_path / "clip_tiny.pth")
    assert pipeline.image_encoder.state_dict().keys() == tower.state_dict().keys()
    for key, value in tower.state_dict().items():
        assert torch.equal(pipeline.image_encoder.state_dict()[key], value)


def test_a_published_checkpoint_of_another_shape(tiny_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    state = published(tiny.vision_tower(channels=4))
    state["module.proj"] = torch.zeros(32, 40)
    torch.save(state, tmp_path / "clip_tiny.pth")
    with pytest.raises(CheckpointError, match=r"1 of another shape: proj \(32, 40\) instead of \(32, 24\)"):
        Ours.from_pretrained(tiny_folder, alpha_clip=tmp_path / "clip_tiny.pth")


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_every_component_has_the_same_dtype(tiny_folder: Path, dtype: torch.dtype | None) -> None:
    """On disk they are float16; without a dtype, diffusers would mix."""
    given: dict[str, Any] = {"dtype": dtype} if dtype else {}
    pipeline = Ours.from_pretrained(tiny_folder, **given)
    modules = [c for c in pipeline.components.values() if isinstance(c, torch.nn.Module)]
    assert {p.dtype for module in modules for p in module.parameters()} == {dtype or torch.float32}


def test_a_dtype_for_each_component(tiny_folder: Path) -> None:
    pipeline = Ours.from_pretrained(tiny_folder, dtype={"image_encoder": torch.bfloat16, "default": torch.float32})
    assert (pipeline.image_encoder.dtype, pipeline.unet.dtype) == (torch.bfloat16, torch.float32)


def test_a_half_precision_pipeline_is_saved_and_opened(tiny_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    Ours.from_pretrained(tiny_folder, dtype=torch.float16).save_pretrained(tmp_path / "half")
    again: Any = Ours.from_pretrained(tmp_path / "half")
    again.set_progress_bar_config(disable=True)
    made = again(tiny.photo(), mask_image=tiny.half_mask(), num_inference_steps=1, output_type="latent").images
    assert made.dtype == torch.float32 and bool(made.isfinite().all())


def test_components_given_by_the_caller(tiny_folder: Path, tiny: ModuleType) -> None:
    tower = tiny.vision_tower(channels=4, seed=5)
    parts = {"image_encoder": tower, "feature_extractor": tiny.image_processor(channels=4)}
    assert Ours.from_pretrained(tiny_folder, **parts).image_encoder is tower
    with pytest.raises(InputError, match="Give either alpha_clip or image_encoder and feature_extractor"):
        Ours.from_pretrained(tiny_folder, **parts, alpha_clip=tiny_folder / "alpha_clip")


def test_components_that_do_not_fit(tiny: ModuleType) -> None:
    components = tiny.image_variation_components()
    with pytest.raises(PairingError, match=r"takes embeddings of width 40, but its encoder, .*, gives 24"):
        Ours(**components | {"unet": tiny.unet(cross_attention_dim=40)})


def test_another_class(unclip_folder: Path) -> None:
    with pytest.raises(PairingError, match=r"is a StableUnCLIPImg2ImgPipeline, not a StableDiffusionImageVariation"):
        Ours.from_pretrained(unclip_folder)


def test_a_broken_encoder_leaves_an_error(tiny_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "alpha_clip"
    shutil.copytree(tiny_folder / "alpha_clip", broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="cannot be read"):
        Ours.from_pretrained(tiny_folder, alpha_clip=broken)


def test_a_preset_is_looked_up(monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> None:
    def folder_of(name: str) -> Any:
        return tiny_folder if name == "tiny" else name

    monkeypatch.setattr("gencontrol.pipelines.encoders.resolve", folder_of)
    assert Ours.from_pretrained("tiny").encoder.has_alpha
