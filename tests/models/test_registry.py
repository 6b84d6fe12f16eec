"""Names for models."""

from pathlib import Path

import pytest

from gencontrol.errors import CheckpointError
from gencontrol.models import registry
from gencontrol.models.registry import PRESETS, find_preset, is_put_together, put_together, resolve, resolve_encoder
from gencontrol.pipelines.hosts.inpainting import INPAINTING_HOSTS
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.hosts.registry import HOSTS


def test_presets_agree_with_the_hosts() -> None:
    for name, preset in PRESETS.items():
        host = HOSTS[preset.host]
        assert preset.name == name
        assert preset.licence == host.licence
        if host.checkpoint is not None:
            assert (preset.model, preset.encoder) == (host.checkpoint, host.encoder)


def test_names_of_models_that_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*REFERENCE_HOSTS, *INPAINTING_HOSTS]:
        said = put_together(name)
        draws = "vary" if name in REFERENCE_HOSTS else "edit"
        assert said is not None and f"`gencontrol {draws} --model {name}`" in said
    assert put_together("tiny") is None and put_together("a/b") is None
    assert is_put_together("karlo") and is_put_together("flux-fill") and not is_put_together("tiny")
    known = len(registry._REFERENCES | registry._PAINTERS)  # pyright: ignore[reportPrivateUsage]
    assert known == len({*REFERENCE_HOSTS, *INPAINTING_HOSTS})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "karlo").mkdir()
    assert put_together("karlo") is None


def test_find_preset() -> None:
    assert find_preset("tiny") is PRESETS["tiny"]
    assert find_preset("some/where") is None


def test_resolve() -> None:
    assert resolve("sd-image-variation") == "lambdalabs/sd-image-variations-diffusers"
    assert resolve("some/where") == "some/where"


def test_the_embedded_model_is_a_folder_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "files", lambda package: tmp_path)
    with pytest.raises(CheckpointError, match=r"has no weights of the embedded model 'tiny'\. Name another model"):
        resolve("tiny")
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model_index.json").write_text("{}")
    assert resolve("tiny") == tmp_path / "tiny"


def test_a_preset_s_name_stands_for_the_encoder_that_is_wanted() -> None:
    alpha, clip = (resolve_encoder("tiny", has_alpha=wanted) for wanted in (True, False))
    assert [Path(place).name for place, _ in (alpha, clip)] == ["alpha_clip", "clip"]
    assert alpha[1] == clip[1] == "" and (Path(clip[0]) / "config.json").is_file()
    assert Path(resolve_encoder("tiny", "image_encoder", has_alpha=True)[0]).name == "image_encoder"
    hub = "stabilityai/stable-diffusion-2-1-unclip"
    assert resolve_encoder("stable-unclip-large", has_alpha=False) == (hub, "image_encoder")
    assert resolve_encoder("stable-unclip-large", "x", has_alpha=True) == (hub, "x")
    assert resolve_encoder("a/b", "c", has_alpha=True) == ("a/b", "c")
