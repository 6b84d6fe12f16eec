"""Adapters' files: what stock loaders would drop or fail at is refused by the header."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from gencontrol.errors import CheckpointError
from gencontrol.models.location import read_json
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock.layouts import check_adapter, read_adapter

Folder = Callable[[str], Path]
Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]

PLUS, BASE = REFERENCE_HOSTS["sd15-ip-plus"], REFERENCE_HOSTS["sd15-ip"]


def settings(folder: Path, component: str = "unet") -> Mapping[str, Any]:
    return read_json(folder / "base" / component / "config.json")


def changed(folder: Path, tmp_path: Path, change: Change) -> Path:
    path = tmp_path / "changed.safetensors"
    save_file({k: v.clone() for k, v in change(load_file(folder / "adapter.safetensors")).items()}, path)
    return path


@pytest.mark.parametrize("name", ["sd15-ip", "sd15-ip-plus", "sdxl-ip", "sdxl-ip-plus", "flux-ip"])
def test_published_layouts_fit_and_say_their_width(
    name: str, reference_folder: Folder, reference_builders: ModuleType
) -> None:
    folder, host = reference_folder(name), REFERENCE_HOSTS[name]
    denoiser = settings(folder, "transformer" if name.startswith("flux") else "unet")
    width = reference_builders.EMBED if host.takes == "embedding" else reference_builders.WIDTH
    assert check_adapter(folder / "adapter.safetensors", host, denoiser) == width


def test_the_weights_are_what_the_loaders_take(reference_folder: Folder, reference_builders: ModuleType) -> None:
    made = read_adapter(reference_folder("sd15-ip-plus") / "adapter.safetensors")
    assert list(made) == ["image_proj", "ip_adapter"]
    expected = reference_builders.plus_projection()
    assert made["image_proj"].keys() == expected.keys()
    assert all(torch.equal(made["image_proj"][key], value) for key, value in expected.items())


def test_xlabs_own_names_are_read_as_flux_has_them(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("flux-ip")

    def xlabs(state: dict[str, Tensor]) -> dict[str, Tensor]:
        made = {}
        for key, value in state.items():
            part, _, rest = key.partition(".")
            if part == "image_proj":
                made[f"ip_adapter_proj_model.{rest}"] = value
                continue
            number, name = rest.split(".", 1)
            stream = "ip_adapter_double_stream_k_proj" if "k_ip" in name else "ip_adapter_double_stream_v_proj"
            made[f"double_blocks.{number}.processor.{stream}.{name.rsplit('.')[-1]}"] = value
        return made

    path = changed(folder, tmp_path, xlabs)
    assert check_adapter(path, REFERENCE_HOSTS["flux-ip"], settings(folder, "transformer")) == 48
    plain, renamed = read_adapter(folder / "adapter.safetensors"), read_adapter(path)
    assert all(plain[part].keys() == renamed[part].keys() for part in plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s | {k.replace("layers.3", "layers.4"): v for k, v in s.items() if "layers.3" in k},
            r"is not an adapter of sd15-ip-plus for this base: .* 11 unexpected: image_proj\.layers\.4\.0\.norm1\.bias",
        ),
        (
            lambda s: {k: v for k, v in s.items() if "layers.3" not in k},
            r"11 missing: image_proj\.layers\.3\.0\.norm1\.weight",
        ),
        (
            lambda s: {k: v for k, v in s.items() if not k.endswith("3.to_v_ip.weight")},
            r"1 missing: ip_adapter\.3\.to_v",
        ),
        (lambda s: s | {"ip_adapter.99.to_k_ip.weight": torch.zeros(2, 2)}, r"1 unexpected: ip_adapter\.99\.to_k_ip"),
        (lambda s: s | {"lora.up": torch.zeros(2, 2)}, r"1 unexpected: lora\.up"),
        (
            lambda s: s | {"ip_adapter.1.to_k_ip.weight": torch.zeros(32, 768)},
            r"ip_adapter\.1\.to_k_ip\.weight \(32, 768\) instead of \(32, 32\)",
        ),
        (
            lambda s: s | {"image_proj.proj_out.weight": torch.zeros(768, 64)},
            r"image_proj\.proj_out\.weight \(768, 64\) instead of \(32, 64\)",
        ),
        (
            lambda s: s | {"image_proj.layers.2.0.to_q.weight": torch.zeros(96, 64)},
            r"layers\.2\.0\.to_q\.weight \(96, 64\) instead of \(64, 64\)",
        ),
        (lambda s: s | {"image_proj.latents": torch.zeros(4, 64)}, "is not a Resampler of tokens .plus.: its matrices"),
    ],
)
def test_another_resampler_is_refused(change: Change, message: str, reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip-plus")
    with pytest.raises(CheckpointError, match=message):
        check_adapter(changed(folder, tmp_path, change), PLUS, settings(folder))


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("proj.2.weight", "a FaceID adapter"),
        ("proj.3.weight", "a full-face adapter"),
        ("perceiver_resampler.proj_in.weight", "a FaceID plus adapter"),
        ("other", "no adapter for pictures"),
    ],
)
def test_another_kind_is_named(key: str, kind: str, reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip")
    path = changed(folder, tmp_path, lambda _: {f"image_proj.{key}": torch.zeros(2, 2)})
    with pytest.raises(CheckpointError, match=f"is {kind}; sd15-ip takes a projection of one embedding"):
        check_adapter(path, BASE, settings(folder))


def test_a_projection_is_no_resampler_and_the_reverse(reference_folder: Folder) -> None:
    one, tokens = (reference_folder(name) for name in ("sd15-ip", "sd15-ip-plus"))
    with pytest.raises(CheckpointError, match=r"is a projection of one embedding; sd15-ip-plus takes a Resampler"):
        check_adapter(one / "adapter.safetensors", PLUS, settings(one))
    with pytest.raises(CheckpointError, match=r"is a Resampler of tokens \(plus\); sd15-ip takes a projection"):
        check_adapter(tokens / "adapter.safetensors", BASE, settings(tokens))


def test_four_tokens_of_a_unet_and_sixteen_of_flux(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip")
    many = {"image_proj.proj.weight": torch.zeros(16 * 32, 48), "image_proj.proj.bias": torch.zeros(16 * 32)}
    with pytest.raises(CheckpointError, match=r"proj\.weight \(512, 48\) instead of \(128, 48\)"):
        check_adapter(changed(folder, tmp_path, lambda s: s | many), BASE, settings(folder))
    flux, wide = reference_folder("flux-ip"), dict(settings(reference_folder("flux-ip"), "transformer"))
    inner = wide["attention_head_dim"] * wide["num_attention_heads"]

    def sixteen(state: dict[str, Tensor]) -> dict[str, Tensor]:
        layers = {k: torch.zeros(inner, 4096) for k in state if k.endswith("_ip.weight")}
        norm = {f"image_proj.norm.{kind}": torch.zeros(4096) for kind in ("weight", "bias")}
        rows = {"image_proj.proj.weight": torch.zeros(65536, 3), "image_proj.proj.bias": torch.zeros(65536)}
        return state | layers | norm | rows

    path = changed(flux, tmp_path, sixteen)
    assert check_adapter(path, REFERENCE_HOSTS["flux-ip"], wide | {"joint_attention_dim": 4096}) == 3


def test_stable_diffusion_3(tmp_path: Path) -> None:
    """In diffusers' names and in InstantX's; the time's width is the file's own."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"attention_head_dim": 8, "num_attention_heads": 4, "num_layers": 2}
    width: dict[str, Any] = {"joint_attention_dim": 32, "caption_projection_dim": 32, "pooled_projection_dim": 64}
    transformer = SD3Transformer2DModel(sample_size=32, patch_size=1, in_channels=4, out_channels=4, **shape, **width)
    projection = IPAdapterTimeImageProjection(64, 32, 64, 4, 64, 1, 4).state_dict()
    layer = SD3IPAdapterJointAttnProcessor2_0(32, 32, 8, 64).state_dict()
    layers = {
        f"ip_adapter.{n}.{k}": v.clone() for n in range(len(transformer.attn_processors)) for k, v in layer.items()
    }
    host = replace(REFERENCE_HOSTS["sd35-ip"], width=64)
    denoiser = {**transformer.config, "_class_name": "SD3Transformer2DModel"}
    for names in ({}, {".ln0": ".0.norm1", ".ln1": ".0.norm2", ".attn.to_out.0": ".0.to_out", ".attn.": ".0."}):
        path = tmp_path / "sd3.safetensors"
        renamed = {}
        for key, value in projection.items():
            for old, new in names.items():
                key = key.replace(old, new)
            renamed[f"image_proj.{key}"] = value.clone()
        save_file(renamed | layers, path)
        assert check_adapter(path, host, denoiser) == 64
    save_file(renamed | {k: v for k, v in layers.items() if not k.startswith("ip_adapter.1.")}, path)
    with pytest.raises(CheckpointError, match=r"missing: ip_adapter\.1\.norm_ip\.linear\.weight"):
        check_adapter(path, host, denoiser)


def test_what_is_no_safetensors_or_broken(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip")
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(CheckpointError, match=r"broken\.safetensors cannot be read as safetensors"):
        check_adapter(path, BASE, settings(folder))
    nan = changed(folder, tmp_path, lambda s: s | {"image_proj.norm.bias": torch.full((32,), torch.nan)})
    with pytest.raises(CheckpointError, match=r"NaN or infinite weights \(image_proj\.norm\.bias\)"):
        read_adapter(nan)
