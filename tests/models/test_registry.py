"""Names for models."""

from pathlib import Path

import pytest

from gencontrol.errors import CheckpointError
from gencontrol.models import registry
from gencontrol.models.registry import PRESETS, find_preset, resolve, resolve_encoder
from gencontrol.pipelines.hosts.registry import HOSTS


def test_presets_agree_with_the_hosts() -> None:
    for name, preset in PRESETS.items():
        host = HOSTS[preset.host]
        assert preset.name == name
        assert preset.licence == host.licence
        if host.checkpoint is not None:
            assert (preset.model, preset.encoder) == (host.checkpoint, host.encoder)


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
