"""What a source of weights is taken for, and what goes with it; the conversions themselves are tests/cli's."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CLIPTextConfig, CLIPVisionConfig

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.runs.conversion import convert, kind_of
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.settings import ConversionSettings


def test_what_a_source_is_taken_for(tmp_path: Path) -> None:
    file = tmp_path / "clip.pth"
    file.write_bytes(b"")
    assert kind_of(str(file)) == "published"
    assert kind_of(str(tmp_path)) == "clip"
    assert kind_of("somebody/clip") == kind_of("somebody/clip", has_tag=True) == "clip"
    assert kind_of("ViT-L-14") == "open_clip" and kind_of("no-such-vit") == "clip"
    assert kind_of("no-such-vit", has_tag=True) == "open_clip"
    assert kind_of("hf-hub:somebody/clip") == "open_clip"


def test_what_is_converted_opens(tiny_folder: Path, tmp_path: Path) -> None:
    done = convert(ConversionSettings(source=str(tiny_folder / "clip"), output=str(tmp_path / "made")))
    opened = AlphaCLIP.from_pretrained(done.folder)
    assert not opened.has_alpha and opened.embed_dim == done.encoder.embed_dim


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": ""}, "Expected a source and a folder to write"),
        ({"pretrained": "laion", "kind": "clip"}, "`pretrained` goes with `kind` open_clip, and .* is taken for clip"),
        ({"source": "ViT-L-99"}, "^There is no model 'ViT-L-99'; did you mean .*'ViT-L-14'"),
        ({"base": "x"}, "`base` goes with `kind` published"),
        ({"subfolder": "x", "kind": "published"}, "`subfolder` goes with `kind` clip"),
        ({"revision": "x", "kind": "open_clip"}, "`revision` goes with `kind` published or clip"),
    ],
)
def test_settings_that_do_not_go_together(changes: dict[str, str], message: str, tiny_folder: Path, tmp_path: Path):
    given = {"source": str(tiny_folder / "clip"), "output": str(tmp_path / "made"), **changes}
    with pytest.raises(ConfigError, match=message):
        convert(ConversionSettings(**given))  # pyright: ignore[reportArgumentType]
    assert not (tmp_path / "made").exists()


def test_a_revision_of_a_source_on_this_machine_can_do_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.warns(RunWarning, match=r"is on this machine, so `revision` can do nothing\.$"):
        source = str(tiny_folder / "clip")
        convert(ConversionSettings(source=source, output=str(tmp_path / "made"), revision="main"))


def test_towers_are_looked_at_before_weights_are_read(tiny_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copytree(tiny_folder / "alpha_clip", tmp_path / "other")
    path = tmp_path / "other" / "config.json"
    towers = json.loads(path.read_text())
    path.write_text(json.dumps({**towers, "text_config": {**towers["text_config"], "eos_token_id": 5}}))
    monkeypatch.setattr(AlphaCLIP, "from_clip", lambda *_, **__: pytest.fail("the weights are read"))
    for source, message in {
        tmp_path / "other": "this text tower reads it off 5: `to` published takes the vision tower alone",
        tiny_folder / "image_encoder": "has no text tower, and OpenCLIP's models have two: `to` published takes",
    }.items():
        with pytest.raises(InputError, match=message):
            convert(ConversionSettings(source=str(source), output=str(tmp_path / "made"), to="open-clip"))
    assert not (tmp_path / "made").exists()


def test_a_folder_that_is_there_is_kept(tiny_folder: Path, tmp_path: Path) -> None:
    settings = ConversionSettings(source=str(tiny_folder / "clip"), output=str(tmp_path))
    with pytest.raises(InputError, match="exists already: give `overwrite`, or another `output`"):
        convert(settings)


def test_files_by_what_is_in_them(tiny_folder: Path, tmp_path: Path) -> None:
    alpha = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    alpha.save_published(tmp_path / "alpha.pth")
    state = {k: v for k, v in torch.load(tmp_path / "alpha.pth").items() if k != "conv1_alpha.weight"}
    torch.save(state, tmp_path / "plain.pt")
    assert [kind_of(str(tmp_path / name)) for name in ("alpha.pth", "plain.pt")] == ["published", "clip"]
    # A file that is not there is none of OpenCLIP's names.
    assert kind_of(str(tmp_path / "none.pth")) == kind_of("none.safetensors") == "published"
    assert kind_of("tiny") == "clip"
    with pytest.raises(CheckpointError, match=r"No file at none\.pth"):
        convert(ConversionSettings(source="none.pth", base="x", output=str(tmp_path / "out")))


def test_a_published_file_and_back(tiny_folder: Path, tmp_path: Path) -> None:
    source, out = tiny_folder / "alpha_clip", tmp_path / "x.pth"
    convert(ConversionSettings(source=str(source), to="published", output=str(out)))
    back = ConversionSettings(source=str(out), base=str(tiny_folder / "clip"), output=str(tmp_path / "back"))
    before, after = AlphaCLIP.from_pretrained(source), convert(back).encoder
    assert all(torch.equal(v, after.vision.state_dict()[k]) for k, v in before.vision.state_dict().items())
    with pytest.raises(InputError, match="exists already"):
        convert(ConversionSettings(source=str(source), to="published", output=str(out)))
    for name in ("a.pth", "a.safetensors"):
        with pytest.raises(ConfigError, match=rf"`output` {name} has the name of a file, and what is to be written is"):
            convert(ConversionSettings(source=str(source), output=str(tmp_path / name)))
    with pytest.raises(ConfigError, match=r"`to` published writes one file: name it \.pth or \.safetensors"):
        convert(ConversionSettings(source=str(source), to="published", output=str(tmp_path / "folder")))


def test_an_open_clip_folder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape: Any = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = CLIPTextConfig(**shape, vocab_size=50, projection_dim=24, eos_token_id=49)
    vision = CLIPVisionConfig(**shape, projection_dim=24, num_channels=4, image_size=64, patch_size=16)
    AlphaCLIP.from_config(vision, text=text).save_pretrained(tmp_path / "in")
    out = ConversionSettings(source=str(tmp_path / "in"), to="open-clip", output=str(tmp_path / "out"))
    before = convert(out).encoder
    after = convert(ConversionSettings(source=f"local-dir:{tmp_path / 'out'}", output=str(tmp_path / "back"))).encoder
    assert all(torch.equal(v, after.state_dict()[k]) for k, v in before.state_dict().items())
    assert kind_of(str(tmp_path / "out")) == "open_clip"
    again = convert(ConversionSettings(source=str(tmp_path / "out"), output=str(tmp_path / "again"))).encoder
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in before.state_dict().items())
    with pytest.raises(CheckpointError, match=r"it is a model in OpenCLIP's layout, which `gencontrol convert"):
        AlphaCLIP.from_pretrained(tmp_path / "out")
    # Some folders hold the same model for both.
    (tmp_path / "out" / "config.json").write_text("{}")
    assert kind_of(str(tmp_path / "out")) == "clip"
