"""Broken model folders: each is refused before it draws, in words that name the component."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gencontrol.errors import CheckpointError, GencontrolError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines import StableDiffusionImageVariationPipeline, check_pairing, open_pipeline
from gencontrol.pipelines.components import open_components, refused
from gencontrol.pipelines.hosts.host import read_saved

Break = Callable[[Path], None]
UNET, VAE = (f"{name}/diffusion_pytorch_model.safetensors" for name in ("unet", "vae"))


def settings(path: str, **changes: Any) -> Break:
    def change(folder: Path) -> None:
        values = json.loads((folder / path).read_text())
        (folder / path).write_text(json.dumps(values | changes))

    return change


def content(path: str, text: str) -> Break:
    def write(folder: Path) -> None:
        (folder / path).write_text(text)

    return write


def weights(path: str, change: Callable[[dict[str, Tensor], str], Any]) -> Break:
    def changed(folder: Path) -> None:
        state = load_file(folder / path)
        change(state, min(name for name, value in state.items() if value.dim() > 1))
        save_file(state, folder / path, metadata={"format": "pt"})

    return changed


def without(path: str) -> Break:
    def remove(folder: Path) -> None:
        shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink()

    return remove


def folders(path: str) -> Break:
    def replace(folder: Path) -> None:
        (folder / path).unlink()
        (folder / path).mkdir()

    return replace


def cut(path: str) -> Break:
    return lambda folder: os.truncate(folder / path, 20_000)


FILES = {
    "scheduler": (without("scheduler"), "the component scheduler is not there: expected its settings in scheduler/sch"),
    "empty scheduler": (content("scheduler/scheduler_config.json", "{}"), "the component scheduler has no settings"),
    "empty unet": (content("unet/config.json", "{}"), "the component unet has no settings: unet/config.json names no"),
    "empty vae": (content("vae/config.json", "{}"), "the component vae has no settings"),
    "cut vae": (content("vae/config.json", '{"a'), r"vae/config\.json is not valid JSON"),
    "class": (
        settings("model_index.json", unet=["diffusers", "UNetNope"]),
        "the component unet is a UNetNope, a class",
    ),
    "no vae": (without("vae"), "the component vae is not there"),
    "text width": (
        settings("image_encoder/config.json", projection_dim="24"),
        r"image_encoder/config\.json describes no vision tower that can be made: .*projection_dim.* got str",
    ),
    "scale": (
        settings("vae/config.json", scaling_factor="x"),
        r"vae/config\.json: `scaling_factor` is 'x'; expected a n",
    ),
    "no scale": (
        settings("vae/config.json", scaling_factor=0),
        "`scaling_factor` is 0; expected a number other than 0",
    ),
    "channels": (settings("unet/config.json", in_channels="four"), "`in_channels` is 'four'; expected a number"),
    "list": (settings("unet/config.json", in_channels=[4]), r"`in_channels` is \[4\]; expected a number"),
    "infinite": (settings("unet/config.json", norm_eps=float("inf")), "`norm_eps` is inf; expected a finite number"),
    "switch": (settings("unet/config.json", center_input_sample="no"), "is 'no'; expected true or false"),
    "entry": (
        settings("model_index.json", unet=3),
        r"model_index\.json says of the component unet 3; expected its library and its class",
    ),
    "empty entry": (settings("model_index.json", unet=[None, None]), r"of the component unet \[None, None\]; expected"),
    "no steps": (
        settings("scheduler/scheduler_config.json", num_train_timesteps=0),
        "the component scheduler: .*`num_train_timesteps` is 0; expected at least 1",
    ),
    "prediction": (
        settings("scheduler/scheduler_config.json", prediction_type="foo"),
        "`prediction_type` is 'foo'; expected one of epsilon, .*v_prediction",
    ),
    "heads": (settings("image_encoder/config.json", num_attention_heads=5), "describes no vision tower that can be"),
}
WEIGHTS = {
    "lacking unet": (weights(UNET, lambda s, k: s.pop(k)), "the component unet lacks weights: "),
    "lacking vae": (weights(VAE, lambda s, k: s.pop(k)), "the component vae lacks weights: "),
    "no file": (
        without(UNET),
        r"the component unet has no weights: expected diffusion_pytorch_model\.safetensors in .*unet\. Fetch the whole",
    ),
    "folder": (
        folders(VAE),
        r"diffusion_pytorch_model\.safetensors is a folder; expected a file of weights\. Fetch the whole model\.$",
    ),
    "cut": (cut(UNET), r"the component unet cannot be opened: .*header: .* header length\. Fetch the whole model\.$"),
    "web page": (content(UNET, "<!doctype html>"), "the component unet cannot be opened: "),
    "other shape": (weights(VAE, lambda s, k: s.update({k: s[k][:1]})), "the component vae"),
    "integers": (weights(UNET, lambda s, k: s.update({k: s[k].int()})), "no floating-point numbers where weights"),
    "zeros": (weights(UNET, lambda s, k: s[k].zero_()), r"component unet holds weights that were never filled \(1 of"),
    "blocks": (
        settings("unet/config.json", block_out_channels=[8]),
        "the component unet cannot be opened: Must provide",
    ),
    "beta": (settings("scheduler/scheduler_config.json", beta_schedule="nope"), "cannot be opened: nope is not"),
    "library": (settings("model_index.json", unet=["nolib", "X"]), "cannot be opened: nolib is not one of"),
    "encoder": (
        weights("image_encoder/model.safetensors", lambda s, k: s.pop(k)),
        "is not the CLIPVisionModelWithProjection that its config.json describes.* 1 missing",
    ),
    "encoder of NaN": (
        weights("image_encoder/model.safetensors", lambda s, k: s[k].fill_(torch.nan)),
        "holds NaN or infinite weights",
    ),
}


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


@pytest.mark.parametrize("name", FILES)
def test_files_of_settings_are_looked_at_before_any_weight(name: str, folder: Path) -> None:
    change, message = FILES[name]
    change(folder)
    with pytest.raises(CheckpointError, match=message):
        check_pairing(Location(name=str(folder)))


def test_settings_of_a_given_component_are_not_looked_at(tiny_folder: Path, folder: Path) -> None:
    settings("unet/config.json", in_channels="four")(folder)
    unet = open_pipeline(tiny_folder, alpha_clip=None).unet
    assert open_pipeline(folder, alpha_clip=None, unet=unet).unet is unet
    with pytest.raises(CheckpointError, match="`in_channels`"):
        open_pipeline(folder, alpha_clip=None)


def test_weights_in_torchs_own_files_are_opened_without_a_word(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.save(load_file(folder / VAE), (folder / VAE).with_suffix(".bin"))
    (folder / VAE).unlink()
    assert open_pipeline(folder, alpha_clip=None).vae is not None
    assert "allow_pickle" not in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore")  # What the libraries have to say before they fail.
@pytest.mark.parametrize("name", [*WEIGHTS, "empty vae"])
def test_nothing_opens_that_is_broken(name: str, folder: Path) -> None:
    change, message = (FILES | WEIGHTS)[name]
    change(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_pipeline(folder, alpha_clip=None)
    assert "\n" not in str(caught.value) and "low_cpu_mem_usage" not in str(caught.value)


def test_an_index_without_a_class(folder: Path) -> None:
    (folder / "model_index.json").write_text("{}")
    with pytest.raises(PairingError, match=r"model_index\.json names no `_class_name`, so its kind is not known"):
        open_pipeline(folder)


def test_networks_are_loaded_in_the_dtypes_asked_for(tiny_folder: Path) -> None:
    saved = read_saved(Location(name=str(tiny_folder)))
    loaded = open_components(saved, {}, dtypes={"unet": torch.float64, "default": torch.float16})
    assert (loaded["unet"].dtype, loaded["vae"].dtype) == (torch.float64, torch.float16)
    assert "scheduler" not in loaded and "feature_extractor" not in loaded
    loaded = open_components(saved, {"unet": None, "image_encoder": None}, dtypes=torch.float32)
    assert set(loaded) == {"vae"}
    assert open_components(saved, {"device_map": "balanced"}, dtypes=torch.float32) == {}


def test_given_components_are_used(tiny_folder: Path) -> None:
    first = StableDiffusionImageVariationPipeline.from_pretrained(tiny_folder)
    second = StableDiffusionImageVariationPipeline.from_pretrained(tiny_folder, unet=first.unet)
    assert second.unet is first.unet


def test_what_libraries_say_is_cut_to_one_safe_line() -> None:
    with pytest.raises(CheckpointError, match=r"^x cannot be opened: a\?\[31mb$"), refused("x"):
        raise RuntimeError("a\x1b[31mb\nPass low_cpu_mem_usage=False.")
    with pytest.raises(CheckpointError, match=r"^x cannot be opened: KeyError$"), refused("x"):
        raise KeyError
    with pytest.raises(GencontrolError, match="ours"), refused("x"):
        raise PairingError("ours")
    with pytest.raises(MemoryError), refused("x"):
        raise MemoryError
