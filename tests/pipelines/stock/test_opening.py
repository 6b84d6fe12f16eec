"""Hosts from folders: the pipeline is the stock one with the adapter, and the stock one to the bit without it."""

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.errors import CheckpointError, ConfigError, InputError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines import open_reference_host, region_arguments, unload_adapter
from gencontrol.pipelines.stock import opening
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.regions.shapes import box_alpha

Folder = Callable[[str], Path]


def open_folder(name: str, folder: Path, **how: Any) -> OpenedHost:
    parts: dict[str, Any] = {"base": folder / "base", "adapter": folder / "adapter.safetensors"}
    parts["image_encoder"] = folder / "image_encoder"
    return open_reference_host(name, **(parts | how))


@pytest.mark.parametrize("name", ["sd15-ip", "sdxl-ip-plus", "flux-ip"])
def test_the_stock_pipeline_with_its_adapter_and_without(
    name: str, reference_folder: Folder, reference_builders: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    folder = reference_folder(name)
    opened = open_folder(name, folder)
    assert type(opened.pipeline).__name__ == opened.host.pipelines[0]
    assert opened.pipeline.image_encoder is None and isinstance(opened.encoder, AlphaCLIP)
    assert opened.dtype == torch.float32 and opened.device == torch.device("cpu")
    loaded = {key for key in opened.denoiser.state_dict() if "encoder_hid_proj" in key or "_ip." in key}
    assert loaded and "image_encoder is not loaded" not in caplog.text
    unload_adapter(opened)
    kind: Any = type(opened.denoiser)
    plain = kind.from_pretrained(folder / "base", subfolder="transformer" if name == "flux-ip" else "unet")
    expected, left = plain.state_dict(), opened.denoiser.state_dict()
    assert expected.keys() == left.keys() and all(torch.equal(expected[key], left[key]) for key in expected)


def test_the_adapter_is_the_files(reference_folder: Folder, reference_builders: ModuleType) -> None:
    folder = reference_folder("sd15-ip-plus")
    opened = open_folder("sd15-ip-plus", folder)
    (layer,) = opened.pipeline.unet.encoder_hid_proj.image_projection_layers
    file = load_file(folder / "adapter.safetensors")
    assert torch.equal(layer.latents, file["image_proj.latents"])
    whole = reference_builders.clip_tower().state_dict()
    patch = "vision_model.embeddings.patch_embedding.weight"
    assert torch.equal(opened.encoder.vision.state_dict()[patch][:, :3], whole[patch])
    assert not opened.encoder.vision.state_dict()[patch][:, 3:].any()


def test_dtype(reference_folder: Folder) -> None:
    opened = open_folder("sd15-ip", reference_folder("sd15-ip"), dtype=torch.bfloat16)
    assert opened.dtype == opened.encoder.dtype == torch.bfloat16
    dtypes = {weight.dtype for weight in opened.denoiser.state_dict().values()}
    assert dtypes == {torch.bfloat16}


def test_an_alpha_clip_takes_the_towers_place(
    reference_folder: Folder, reference_builders: ModuleType, tmp_path: Path
) -> None:
    alpha = AlphaCLIP.from_clip(reference_builders.clip_tower(channels=4))
    alpha.save_pretrained(tmp_path / "alpha")
    folder = reference_folder("sd15-ip")
    opened = open_folder("sd15-ip", folder, image_encoder=None, alpha_clip=tmp_path / "alpha")
    assert opened.encoder.has_alpha


def wide_siglip(hosts: ModuleType) -> AlphaSigLIP:
    """With an alpha channel that counts."""
    encoder = AlphaSigLIP.from_siglip(hosts.siglip_tower())
    with torch.no_grad():
        weight = encoder.vision.embeddings.patch_embedding.weight
        weight[:, 3:] = hosts.noise(*weight[:, 3:].shape, seed=9) / 8
    return encoder


def test_an_alpha_siglip_takes_the_place_of_reduxs(
    reference_folder: Folder, reference_builders: ModuleType, tmp_path: Path
) -> None:
    wide_siglip(reference_builders).save_pretrained(tmp_path / "alpha")
    folder = reference_folder("flux-redux")
    parts: dict[str, Any] = {"base": folder / "base", "adapter": folder / "adapter"}
    opened = open_reference_host("flux-redux", **parts, alpha_clip=tmp_path / "alpha")
    plain = open_reference_host("flux-redux", **parts)
    assert opened.encoder.image_encoder.config.num_channels == 4
    photo, half = reference_builders.picture(), box_alpha((0, 0, 16, 32), (32, 32))
    asked: dict[str, Any] = {"height": 32, "width": 32, "mask_image": half}
    looked = region_arguments(opened.host, opened.encoder, photo, **asked, focus="alpha")
    whole = region_arguments(opened.host, opened.encoder, photo, height=32, width=32)
    stock = region_arguments(plain.host, plain.encoder, photo, height=32, width=32)
    assert reference_builders.difference(looked["prompt_embeds"], whole["prompt_embeds"]) > 1e-3
    assert looked["prompt_embeds"].shape == stock["prompt_embeds"].shape
    AlphaCLIP.from_clip(reference_builders.clip_tower()).save_pretrained(tmp_path / "clip")
    with pytest.raises(PairingError, match=r"flux-redux takes references from a SigLIP, .*clip is a CLIP"):
        open_reference_host("flux-redux", **parts, alpha_clip=tmp_path / "clip")
    reference_builders.siglip_tower().save_pretrained(tmp_path / "plain")
    with pytest.raises(CheckpointError, match="is a plain SigLIP"):
        open_reference_host("flux-redux", **parts, alpha_clip=tmp_path / "plain")


def test_weights_are_not_loaded_where_the_adapter_does_not_fit(
    reference_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = reference_folder("sd15-ip-plus")
    for loader in ("_open_base", "_open_encoder"):
        monkeypatch.setattr(opening, loader, lambda *_: pytest.fail("loaded"))
    state = load_file(folder / "adapter.safetensors")
    extra = {key.replace("layers.3", "layers.4"): v.clone() for key, v in state.items() if "layers.3" in key}
    save_file(state | extra, tmp_path / "five.safetensors")
    with pytest.raises(CheckpointError, match=r"unexpected: image_proj\.layers\.4"):
        open_folder("sd15-ip-plus", folder, adapter=tmp_path / "five.safetensors")
    save_file(state | {"image_proj.latents": torch.full((1, 4, 64), torch.inf)}, tmp_path / "inf.safetensors")
    with pytest.raises(CheckpointError, match="NaN or infinite"):
        open_folder("sd15-ip-plus", folder, adapter=tmp_path / "inf.safetensors")
    with pytest.raises(PairingError, match="not a StableDiffusionXLPipeline"):
        open_folder("sdxl-ip-plus", folder)
    with pytest.raises(ConfigError, match="Unknown reference host 'sdxl'"):
        open_folder("sdxl", folder)


def test_broken_weights_of_the_base(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip")
    shutil.copytree(folder / "base", tmp_path / "base")
    path = tmp_path / "base" / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if k != "conv_in.weight"}, path)
    with pytest.raises(CheckpointError, match=r"the component unet lacks weights: conv_in\.weight"):
        open_folder("sd15-ip", folder, base=tmp_path / "base")


@pytest.mark.parametrize(
    ("name", "file", "key"),
    [
        ("kolors-ip-plus", "base/text_encoder/model.safetensors", "encoder.final_layernorm.weight"),
        ("flux-redux", "adapter/image_embedder/diffusion_pytorch_model.safetensors", "redux_up.weight"),
    ],
)
def test_components_of_a_pipelines_own_classes_are_whole_too(
    name: str, file: str, key: str, reference_folder: Folder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """diffusers draws what a file lacks, and for Kolors' text takes whatever lies in memory."""
    shutil.copytree(reference_folder(name), tmp_path / "host")
    path = tmp_path / "host" / file
    state = load_file(path)
    assert key in state
    save_file({k: v for k, v in state.items() if k != key}, path, {"format": "pt"})
    parts: dict[str, Any] = {"adapter": tmp_path / "host" / "adapter"} if name == "flux-redux" else {}
    with pytest.raises(CheckpointError, match=rf"the component \w+ lacks weights: {key}"):
        open_folder(name, tmp_path / "host", **({"image_encoder": None} | parts if parts else {}))
    save_file(state, path, {"format": "pt"})
    open_folder(name, tmp_path / "host", **({"image_encoder": None} | parts if parts else {}))
    assert "non-standard module" not in caplog.text


def test_redux_opens_its_prior(reference_folder: Folder, reference_builders: ModuleType) -> None:
    folder = reference_folder("flux-redux")
    opened = open_reference_host("flux-redux", base=folder / "base", adapter=folder / "adapter")
    assert type(opened.encoder).__name__ == "FluxPriorReduxPipeline"
    assert (opened.host.width, opened.host.geometry.size) == (reference_builders.WIDTH, 32)
    unload_adapter(opened)
    assert opened.encoder.image_embedder is not None


def test_a_host_that_takes_pictures_has_no_encoder(reference_folder: Folder) -> None:
    opened = open_reference_host("flux-kontext", base=reference_folder("flux-kontext") / "base")
    assert opened.encoder is None and opened.host.width is None and opened.host.grid == 2
    unload_adapter(opened)


def test_a_siglip(reference_builders: ModuleType, tmp_path: Path) -> None:
    reference_builders.siglip_tower().save_pretrained(tmp_path)
    made = opening._open_siglip(Location(name=str(tmp_path)), torch.float32)
    expected = reference_builders.siglip_tower().state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in made.state_dict().items()) and not made.training
    path = tmp_path / "model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if "patch_embedding.bias" not in k}, path, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks weights of a SigLIP's vision tower: .*patch_embedding\.bias"):
        opening._open_siglip(Location(name=str(tmp_path)), torch.float32)


def test_an_unknown_way_of_offloading_is_not_none() -> None:
    word: Any = "modle"
    message = "offload: expected one of none, model, sequential, got the text 'modle'"
    with pytest.raises(InputError, match=message):
        # Past the type checks that the tests run under, as a user without them.
        inspect.unwrap(open_reference_host)("sd15-ip", offload=word)


def test_where_a_pipeline_is_put() -> None:
    done: list[tuple[str, Any]] = []

    class Pipe:
        def enable_model_cpu_offload(self, *, device: torch.device) -> None:
            done.append(("model", device))

        def enable_sequential_cpu_offload(self, *, device: torch.device) -> None:
            done.append(("sequential", device))

        def to(self, device: torch.device, *, silence_dtype_warnings: bool) -> None:
            done.append(("none", device))

    for how in ("model", "sequential", "none"):
        opening.put_pipeline(Pipe(), how, torch.device("cpu"))
    assert done == [(how, torch.device("cpu")) for how in ("model", "sequential", "none")]


def test_with_offloading_the_encoder_stays_in_main_memory(
    reference_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[Any] = []
    monkeypatch.setattr(opening, "put_pipeline", lambda pipeline, offload, place: put.append((offload, place)))
    opened = open_folder("sd15-ip", reference_folder("sd15-ip"), device="meta", offload="model")
    assert opened.encoder.device == torch.device("cpu") and put == [("model", torch.device("meta"))]
    opened = open_folder("sd15-ip", reference_folder("sd15-ip"), device="meta")
    assert opened.encoder.device == torch.device("meta")
