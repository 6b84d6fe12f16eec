"""Opening saved CLIPs strictly, through `AlphaCLIP.from_pretrained`."""

import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPProcessor

from gencontrol.alpha_clip.alpha_slice import split_alpha
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import CheckpointError
from gencontrol.regions.geometry import Geometry

PIXELS = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
PATCH = "vision_model.embeddings.patch_embedding.weight"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of a saved alpha CLIP to do harm to."""
    return Path(shutil.copytree(tiny_folder / "alpha_clip", tmp_path / "alpha_clip"))


def _spoil(folder: Path, change) -> None:
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def _reconfigure(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_halves_on_disk_are_opened_in_float32(tiny_folder: Path) -> None:
    assert AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip").dtype == torch.float32
    assert AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip", dtype=torch.float16).dtype == torch.float16


def test_subfolders(tiny_folder: Path) -> None:
    by_subfolder = AlphaCLIP.from_pretrained(tiny_folder, subfolder="alpha_clip")
    assert torch.equal(
        by_subfolder.encode_pixels(PIXELS),
        AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip").encode_pixels(PIXELS),
    )
    assert AlphaCLIP.from_clip(tiny_folder, subfolder="image_encoder").text is None


def test_hub_ids_revisions_and_the_cache(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache as the hub's client lays it out, with two revisions; nothing is fetched."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--somebody--alpha"
    (repository / "refs").mkdir(parents=True)
    for revision, commit in (("main", "a" * 40), ("old", "b" * 40)):
        snapshot = repository / "snapshots" / commit
        shutil.copytree(tiny_folder / "alpha_clip", snapshot)
        (repository / "refs" / revision).write_text(commit)
    _spoil(snapshot, lambda state: state[PATCH][:, 3].zero_())
    main = AlphaCLIP.from_pretrained("somebody/alpha", local_files_only=True)
    old = AlphaCLIP.from_pretrained("somebody/alpha", revision="old", local_files_only=True)
    assert main.has_alpha and not old.has_alpha
    assert main.tokenizer is not None and main.processor.geometry.size == 64
    with pytest.raises(
        CheckpointError, match="No model at 'somebody/other', neither a folder nor in this machine's cache"
    ):
        AlphaCLIP.from_pretrained("somebody/other", local_files_only=True)
    with pytest.raises(CheckpointError, match="No model at 'somebody/alpha'"):
        AlphaCLIP.from_pretrained("somebody/alpha", revision="none", local_files_only=True)


def test_a_plain_clip_is_not_an_alpha_clip(tiny_folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a plain CLIP \(ViT of width 32.*3 channels\): AlphaCLIP.from_clip"):
        AlphaCLIP.from_pretrained(tiny_folder / "clip")


def test_missing_unexpected_and_misshapen_keys_are_errors(folder: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> None:
        state["odd"] = torch.zeros(1)
        state["logit_scales"] = state.pop("logit_scale")
        state["visual_projection.weight"] = torch.zeros(12, 32)

    _spoil(folder, change)
    with pytest.raises(CheckpointError) as caught:
        AlphaCLIP.from_pretrained(folder)
    message = str(caught.value)
    assert "1 missing: logit_scale." in message and "2 unexpected: logit_scales, odd." in message
    assert "1 of another shape: visual_projection.weight (12, 32) instead of (24, 32)" in message


def test_saved_buffers_of_older_transformers_are_ignored(folder: Path) -> None:
    _spoil(folder, lambda s: s.update({"vision_model.embeddings.position_ids": torch.arange(17)[None]}))
    AlphaCLIP.from_pretrained(folder)


def test_another_input_size_is_said(folder: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> None:
        state["vision_model.embeddings.position_embedding.weight"] = torch.zeros(37, 32)

    _spoil(folder, change)
    with pytest.raises(CheckpointError, match=r"it looks like both towers of an Alpha-CLIP \(ViT of.*96 px\)"):
        AlphaCLIP.from_pretrained(folder)


def test_a_text_tower_is_said(folder: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> None:
        for key in [k for k in state if k.startswith("vis")]:
            del state[key]

    _spoil(folder, change)
    with pytest.raises(CheckpointError, match="it looks like the text tower of a CLIP"):
        AlphaCLIP.from_pretrained(folder)
    _reconfigure(folder, model_type="clip_text_model")
    with pytest.raises(CheckpointError, match="is the text tower of a CLIP: expected a CLIP with a vision tower"):
        AlphaCLIP.from_pretrained(folder)


def test_weights_saved_while_split_are_said(encoder: AlphaCLIP, tmp_path: Path) -> None:
    """transformers alone would open this with a random patch convolution."""
    split_alpha(encoder.vision)
    encoder.vision.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="saved while its patch weight was split for training; save a merged"):
        AlphaCLIP.from_pretrained(tmp_path)


def test_other_models_and_things(folder: Path, tiny_folder: Path, tmp_path: Path) -> None:
    message = "a diffusers pipeline, with encoders in its subfolders: alpha_clip and image_encoder"
    with pytest.raises(CheckpointError, match=message):
        AlphaCLIP.from_pretrained(tiny_folder)
    with pytest.raises(CheckpointError, match=r"has no config\.json: it is no saved model"):
        AlphaCLIP.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"No folder at .*: expected that of a saved CLIP or Alpha-CLIP"):
        AlphaCLIP.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"No file at .*nowhere\.pth; expected the folder of a saved CLIP or"):
        AlphaCLIP.from_pretrained(tmp_path / "nowhere.pth")
    with pytest.raises(CheckpointError, match=r"is a file: give the folder.*from_published"):
        AlphaCLIP.from_pretrained(folder / "model.safetensors")
    _reconfigure(folder, model_type="siglip")
    with pytest.raises(CheckpointError, match="is a model of type 'siglip'"):
        AlphaCLIP.from_pretrained(folder)


def test_broken_folders(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:1000])
    with pytest.raises(CheckpointError, match=r"The weights of .* cannot be read: .*header.* Fetch the whole model\.$"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"The weights of .* cannot be read"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match=r"model\.safetensors is a folder; expected a file of weights\. Fetch"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "model.safetensors").rmdir()
    (folder / "model.safetensors").write_bytes(whole)
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json is not valid JSON"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "preprocessor_config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="expected a mapping of settings, got list"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"The tokenizer of .* cannot be read"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "tokenizer.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match=r"The tokenizer of .* cannot be read: it is nested too deeply"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"cannot be read: it has no 'added_tokens'\. Fetch the whole model\.$"):
        AlphaCLIP.from_pretrained(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"config\.json is not valid JSON: Expecting property name"),
        (b"[" * 100_000, r"config\.json is not valid JSON: it is nested too deeply"),
        (b'{"a": "\xe9"}', r"config\.json is not valid JSON: it is not in UTF-8 \(byte 7\)"),
    ],
)
def test_broken_settings_are_named(folder: Path, content: bytes, message: str) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        AlphaCLIP.from_pretrained(folder)


def test_processor_and_tokenizer_files_may_be_absent_or_joined(folder: Path, tiny: ModuleType) -> None:
    (folder / "preprocessor_config.json").unlink()
    for file in folder.glob("tokenizer*"):
        file.unlink()
    encoder = AlphaCLIP.from_pretrained(folder)
    assert encoder.tokenizer is None and encoder.processor == AlphaCLIPProcessor(geometry=Geometry(size=64))
    stock = AlphaCLIPProcessor(geometry=Geometry(size=64, fit="crop"), image_mean=(0.1, 0.2, 0.3, 0.5)).to_stock()
    CLIPProcessor(stock, tiny.tokenizer()).save_pretrained(folder)
    again = AlphaCLIP.from_pretrained(folder)
    assert again.processor.geometry.fit == "crop" and again.processor.image_mean[0] == 0.1
    assert again.tokenizer is not None


def test_whole_numbers_among_the_weights(folder: Path) -> None:
    """transformers would cast them."""
    _spoil(folder, lambda s: s.update({PATCH: (100 * s[PATCH]).to(torch.int8)}))
    with pytest.raises(CheckpointError, match=r"no floating-point numbers where weights should be: .*I8"):
        AlphaCLIP.from_pretrained(folder)


def test_one_weight_of_nan(folder: Path) -> None:
    _spoil(folder, lambda s: s[PATCH].view(-1)[3].fill_(torch.nan))
    with pytest.raises(CheckpointError, match=r"holds NaN or infinite weights \(vision\.vision_model"):
        AlphaCLIP.from_pretrained(folder)


def test_a_matrix_of_zeros_was_never_filled(folder: Path) -> None:
    name = "vision_model.encoder.layers.0.mlp.fc1.weight"
    _spoil(folder, lambda s: s[name].zero_())
    with pytest.raises(CheckpointError, match=rf"holds weights that were never filled \(1 of .*: {name}\)"):
        AlphaCLIP.from_pretrained(folder)
