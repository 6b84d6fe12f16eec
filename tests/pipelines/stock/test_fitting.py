"""Parts that do not fit are refused by their settings, before any weight is loaded."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from gencontrol.errors import CheckpointError, MissingDependencyError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.host import SavedPipeline
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock import fitting
from gencontrol.pipelines.stock.fitting import FittedHost, denoiser_of, find_file, fit_host
from gencontrol.pipelines.stock.sources import find_sources

Folder = Callable[[str], Path]


def fit(host: ReferenceHost | str, folder: Path, **parts: Any) -> FittedHost:
    """Fit a folder's parts, or others in their place."""
    host = REFERENCE_HOSTS[host] if isinstance(host, str) else host
    alpha_clip = parts.pop("alpha_clip", None)
    own: dict[str, Any] = {"base": folder / "base", "adapter": folder / "adapter.safetensors"}
    own["image_encoder"] = folder / "image_encoder"
    return fit_host(host, find_sources(host, **own | parts), alpha_clip=alpha_clip)


@pytest.mark.parametrize(
    ("name", "grid", "size"),
    [("sd15-ip", 2, (32, 32)), ("sdxl-ip-plus", 2, (32, 32)), ("flux-ip", 2, (1024, 1024))],
)
def test_the_record_is_made_for_the_parts(
    name: str, grid: int, size: tuple[int, int], reference_folder: Folder, reference_builders: ModuleType
) -> None:
    made, known = fit(name, reference_folder(name)), REFERENCE_HOSTS[name]
    width = reference_builders.EMBED if known.takes == "embedding" else reference_builders.WIDTH
    assert (made.host.width, made.host.grid, made.host.geometry.size) == (width, grid, reference_builders.SIZE)
    call = replace(made.host.call, multiple=known.call.multiple)
    assert replace(made.host, width=known.width, grid=known.grid, geometry=known.geometry, call=call) == known
    assert made.size == size
    assert (made.sampler is None) == name.startswith("flux")
    assert denoiser_of(made.settings)[0] == ("transformer" if name.startswith("flux") else "unet")


def test_sizes_of_outputs_that_stock_calls_draw(reference_folder: Folder) -> None:
    """In these parts a latent is as large as a pixel, and Kandinsky's decoder doubles once."""
    flux, sd3 = fit("flux-ip", reference_folder("flux-ip")), fit("sd35-ip", reference_folder("sd35-ip"))
    folder = reference_folder("kandinsky-2.2")
    host = REFERENCE_HOSTS["kandinsky-2.2"]
    sources = find_sources(host, base=folder / "base", image_encoder=folder / "prior" / "image_encoder")
    calls = [made.host.call for made in (flux, sd3, fit_host(host, sources))]
    assert [call.multiple for call in calls] == [2, 2, 4]
    most = sd3.settings["transformer"]["pos_embed_max_size"]
    assert [call.most_side for call in calls] == [None, most, None]


def bare(host: ReferenceHost, folder: Path, **settings: Any) -> FittedHost:
    """A fitted host of which only settings are known."""
    saved = SavedPipeline(location=Location(name=str(folder)), index={})
    sources = find_sources(host, base=folder, adapter=None if host.adapter is None else "somebody/adapter")
    return FittedHost(host=host, sources=sources, saved=saved, settings=settings)


def test_sizes_that_settings_say(tmp_path: Path) -> None:
    host = REFERENCE_HOSTS["sd15-ip"]

    def size(sample: Any, **changes: Any) -> tuple[int, int] | None:
        record = replace(host, call=replace(host.call, **changes))
        return bare(record, tmp_path, vae={"block_out_channels": [1] * 4}, unet={"sample_size": sample}).size

    assert size(64) == (512, 512) and size([64, 32]) == (512, 256) and size(None) is None
    assert size(64, side=1024) == (1024, 1024) and size(64, sized=False) is None
    assert bare(host, tmp_path, unet={"sample_size": 8}).size == (64, 64)


def test_another_pipeline(reference_folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(
        PairingError, match=r"base is a StableDiffusionXLPipeline, not a StableDiffusionPipeline or Stable"
    ):
        fit("sd15-ip", reference_folder("sd15-ip"), base=reference_folder("sdxl-ip-plus") / "base")
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(PairingError, match="is a pipeline of no class, not a Stable"):
        fit("sd15-ip", reference_folder("sd15-ip"), base=tmp_path)
    with pytest.raises(CheckpointError, match=r"has no model_index\.json"):
        fit("sd15-ip", reference_folder("sd15-ip"), base=tmp_path.parent)


def test_an_adapter_of_another_base(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip")
    state = load_file(folder / "adapter.safetensors")
    state["ip_adapter.1.to_k_ip.weight"] = state["ip_adapter.1.to_k_ip.weight"][:16].clone()
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"1\.to_k_ip\.weight \(16, 32\) instead of \(32, 32\)"):
        fit("sd15-ip", folder, adapter=tmp_path / "a.safetensors")


class TestTower:
    """The vision tower's settings against the adapter's width."""

    def other(self, folder: Path, tmp_path: Path, **changes: Any) -> Path:
        shutil.copytree(folder / "image_encoder", tmp_path / "tower")
        path = tmp_path / "tower" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return tmp_path / "tower"

    @pytest.mark.parametrize(
        ("name", "changes", "message"),
        [
            ("sd15-ip", {"projection_dim": 64}, r"sd15-ip takes an embedding of width 48; .*, of width 64"),
            ("sd15-ip-plus", {"hidden_size": 128}, r"sd15-ip-plus takes tokens of width 64; .*, of width 128"),
        ],
    )
    def test_another_width(
        self, name: str, changes: dict[str, Any], message: str, reference_folder: Folder, tmp_path: Path
    ) -> None:
        folder = reference_folder(name)
        with pytest.raises(PairingError, match=message):
            fit(name, folder, image_encoder=self.other(folder, tmp_path, **changes))

    def test_the_width_that_is_not_taken_may_be_any(self, reference_folder: Folder, tmp_path: Path) -> None:
        folder = reference_folder("sd15-ip-plus")
        made = fit("sd15-ip-plus", folder, image_encoder=self.other(folder, tmp_path, projection_dim=99))
        assert made.host.width == 64

    def test_its_size_is_taken_over(self, reference_folder: Folder, tmp_path: Path) -> None:
        folder = reference_folder("sd15-ip-plus")
        made = fit("sd15-ip-plus", folder, image_encoder=self.other(folder, tmp_path, image_size=64))
        assert made.host.geometry.size == 64

    def test_a_siglip_for_a_clip_and_the_reverse(
        self, reference_folder: Folder, reference_builders: ModuleType, tmp_path: Path
    ) -> None:
        reference_builders.siglip_tower().save_pretrained(tmp_path / "siglip")
        folder = reference_folder("sd15-ip-plus")
        with pytest.raises(PairingError, match=r"takes references from a CLIP, ViT-H/14; .*siglip is a SigLIP"):
            fit("sd15-ip-plus", folder, image_encoder=tmp_path / "siglip")
        siglip = replace(REFERENCE_HOSTS["sd15-ip-plus"], siglip=True, encoder="SigLIP", width=64)
        made = FittedHost(
            host=siglip,
            sources=find_sources(siglip, base=folder / "base", image_encoder=tmp_path / "siglip"),
            saved=fit("sd15-ip-plus", folder).saved,
            settings={},
        )
        assert fitting._with_tower(made).host.geometry.size == 32
        other = replace(made, sources=find_sources(siglip, base=folder, image_encoder=folder / "image_encoder"))
        with pytest.raises(PairingError, match=r"takes references from a SigLIP, SigLIP; .*image_encoder is a CLIP"):
            fitting._with_tower(other)
        empty = replace(made, sources=find_sources(siglip, base=folder, image_encoder=tmp_path))
        with pytest.raises(CheckpointError, match=r"has no config\.json of a SigLIP"):
            fitting._with_tower(empty)

    def test_no_tower_there(self, reference_folder: Folder, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"has no config\.json"):
            fit("sd15-ip-plus", reference_folder("sd15-ip-plus"), image_encoder=tmp_path)

    def test_an_alpha_clip_takes_its_place(self, reference_folder: Folder, tiny_folder: Path, tmp_path: Path) -> None:
        alpha = str(tiny_folder / "alpha_clip")
        with pytest.raises(PairingError, match=r"takes tokens of width 64; .*alpha_clip is a .*, of width 32"):
            fit("sd15-ip-plus", reference_folder("sd15-ip-plus"), alpha_clip=alpha)
        with pytest.raises(PairingError, match=r"takes tokens of width 64; .*tiny.alpha_clip is a "):
            fit("sd15-ip-plus", reference_folder("sd15-ip-plus"), alpha_clip="tiny")
        # Of a published checkpoint, the file says it when it is opened.
        (tmp_path / "published.pth").touch()
        made = fit("sd15-ip-plus", reference_folder("sd15-ip-plus"), alpha_clip=str(tmp_path / "published.pth"))
        assert made.alpha_clip == str(tmp_path / "published.pth")


@pytest.mark.parametrize(
    ("name", "file", "key"),
    [
        ("kandinsky-2.1", "unet/config.json", "cross_attention_dim"),
        ("kandinsky-2.2", "unet/config.json", "encoder_hid_dim"),
        ("karlo", "text_proj/config.json", "clip_embeddings_dim"),
        ("flux-redux", "image_embedder/config.json", "redux_dim"),
    ],
)
def test_widths_where_no_adapters_file_says_it(name: str, file: str, key: str, tmp_path: Path) -> None:
    host = REFERENCE_HOSTS[name]
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(json.dumps({key: 77}))
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPriorReduxPipeline"}))
    made = bare(host, tmp_path)
    if host.adapter is not None:
        made = replace(made, sources=find_sources(host, base=tmp_path, adapter=tmp_path))
    assert fitting._own_width(made) == 77


def test_a_pipeline_that_is_no_prior(tmp_path: Path) -> None:
    host = REFERENCE_HOSTS["flux-redux"]
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    made = replace(bare(host, tmp_path), sources=find_sources(host, base=tmp_path, adapter=tmp_path))
    with pytest.raises(PairingError, match="is a FluxPipeline, not a FluxPriorReduxPipeline"):
        fitting._own_width(made)


def test_reduxs_tokens_are_as_wide_as_the_text(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("flux-redux")
    shutil.copytree(folder / "adapter", tmp_path / "adapter")
    path = tmp_path / "adapter" / "image_embedder" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"txt_in_features": 48}))
    host = REFERENCE_HOSTS["flux-redux"]
    sources = find_sources(host, base=folder / "base", adapter=tmp_path / "adapter")
    with pytest.raises(PairingError, match=r"adapter makes tokens of width 48, and .*base reads a text of width 32"):
        fit_host(host, sources)


def test_a_package_that_is_not_installed(reference_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = type("StableDiffusionPipeline", (), {"_backends": ["torch", "transformers", "sentencepiece"]})
    monkeypatch.setattr("diffusers.StableDiffusionPipeline", stock)
    with pytest.raises(MissingDependencyError, match="sd15-ip needs sentencepiece: pip install sentencepiece"):
        fit("sd15-ip", reference_folder("sd15-ip"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.safetensors").touch()
    there = Location(name=str(tmp_path))
    assert find_file(there, "in/a.safetensors") == tmp_path / "in" / "a.safetensors"
    with pytest.raises(CheckpointError, match=r"has no in/b\.safetensors, or it cannot be fetched"):
        find_file(there, "in/b.safetensors")


def test_a_base_without_its_tokenizer(reference_folder: Folder, tmp_path: Path) -> None:
    folder = reference_folder("sd15-ip-plus")
    shutil.copytree(folder / "base", tmp_path / "base")
    shutil.rmtree(tmp_path / "base" / "tokenizer")
    with pytest.raises(CheckpointError, match="the component tokenizer is not there: expected the folder tokenizer"):
        fit("sd15-ip-plus", folder, base=tmp_path / "base")
