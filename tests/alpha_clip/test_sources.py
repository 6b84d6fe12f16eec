"""Opening, widening, drawing and saving encoders."""

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPVisionModelWithProjection

from gencontrol.alpha_clip.build import load_clip
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.split import patch_weight, split_alpha
from gencontrol.errors import CheckpointError, InputError, PairingError
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


def test_saved_and_opened_again_is_equal(encoder: AlphaCLIP, tmp_path: Path) -> None:
    encoder = encoder.with_geometry(Geometry(size=64, fit="squash", antialias=False))
    encoder.save_pretrained(tmp_path / "out")
    again = AlphaCLIP.from_pretrained(tmp_path / "out")
    assert again.processor == encoder.processor and not again.training
    assert encoder.logit_scale is not None and again.logit_scale is not None
    assert torch.equal(again.logit_scale, encoder.logit_scale)
    for key, value in encoder.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    torch.testing.assert_close(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS), atol=1e-6, rtol=0)
    torch.testing.assert_close(again.encode_text("a cat"), encoder.encode_text("a cat"), atol=1e-6, rtol=0)


def test_stock_transformers_opens_the_folder(encoder: AlphaCLIP, tiny: ModuleType, tmp_path: Path) -> None:
    encoder.save_pretrained(tmp_path / "out")
    opened: Any = CLIPModel.from_pretrained(tmp_path / "out", output_loading_info=True)
    whole, report = opened
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    tower = CLIPVisionModelWithProjection.from_pretrained(tmp_path / "out")
    processor = CLIPImageProcessor.from_pretrained(tmp_path / "out")
    rgba = tiny.photo(64, 64).convert("RGBA")
    rgba.putalpha(tiny.photo(64, 64, seed=3).convert("L"))
    pixels = processor(images=rgba, return_tensors="pt")["pixel_values"]
    alpha = torch.from_numpy(np.array(rgba)[..., 3]) / 255
    ours = encoder.encode_image(rgba, alpha)
    torch.testing.assert_close(tower(pixels).image_embeds, ours, atol=1e-5, rtol=0)
    assert encoder.tokenizer is not None
    output = whole(pixel_values=pixels, **encoder.tokenizer(["a cat"], return_tensors="pt"))
    torch.testing.assert_close(output.text_embeds, encoder.encode_text("a cat", normalize=True), atol=1e-6, rtol=0)
    torch.testing.assert_close(output.image_embeds, ours / ours.norm(), atol=1e-5, rtol=0)


def test_a_vision_tower_alone_is_saved_as_one(tiny: ModuleType, tmp_path: Path) -> None:
    encoder = AlphaCLIP.from_clip(tiny.vision_tower(channels=4))
    encoder.save_pretrained(tmp_path / "out")
    again = AlphaCLIP.from_pretrained(tmp_path / "out")
    assert again.text is None and again.tokenizer is None and again.has_alpha
    torch.testing.assert_close(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS), atol=1e-6, rtol=0)


def test_a_tower_split_for_training_is_saved_merged(encoder: AlphaCLIP, tmp_path: Path) -> None:
    split_alpha(encoder.vision)
    encoder.save_pretrained(tmp_path / "out")
    again = AlphaCLIP.from_pretrained(tmp_path / "out")
    assert torch.equal(patch_weight(again.vision), patch_weight(encoder.vision))
    encoder.encode_pixels(PIXELS)


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
    _spoil(snapshot, lambda state: state[PATCH].zero_())
    main = AlphaCLIP.from_pretrained("somebody/alpha", local_files_only=True)
    old = AlphaCLIP.from_pretrained("somebody/alpha", revision="old", local_files_only=True)
    assert main.has_alpha and not old.has_alpha
    assert main.tokenizer is not None and main.processor.geometry.size == 64
    with pytest.raises(CheckpointError, match="No model at 'somebody/other', neither a folder nor on the hub"):
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
    with pytest.raises(CheckpointError, match="a diffusers pipeline; its encoder is in the subfolder image_encoder"):
        AlphaCLIP.from_pretrained(tiny_folder)
    with pytest.raises(CheckpointError, match=r"has no config\.json: it is no saved model"):
        AlphaCLIP.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="No folder at"):
        AlphaCLIP.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"is a file: give the folder.*from_published"):
        AlphaCLIP.from_pretrained(folder / "model.safetensors")
    _reconfigure(folder, model_type="siglip")
    with pytest.raises(CheckpointError, match="is a model of type 'siglip'"):
        AlphaCLIP.from_pretrained(folder)


def test_broken_folders(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:1000])
    with pytest.raises(CheckpointError, match=r"The weights of .* cannot be read"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"The weights of .* cannot be read"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "model.safetensors").write_bytes(whole)
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json is not valid JSON"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "preprocessor_config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="expected a mapping of settings, got list"):
        AlphaCLIP.from_pretrained(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="No model at"):
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


def test_widening_copies_or_shares(tiny: ModuleType) -> None:
    clip: CLIPModel = tiny.clip()
    before = {k: v.clone() for k, v in clip.state_dict().items()}
    copied, shared = AlphaCLIP.from_clip(clip), AlphaCLIP.from_clip(clip, share=True)
    assert torch.equal(copied.encode_pixels(PIXELS), shared.encode_pixels(PIXELS))
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(1)
    assert all(torch.equal(v, before[k]) for k, v in clip.state_dict().items())
    assert clip.vision_model.config.num_channels == 3
    assert shared.vision.visual_projection.weight.data_ptr() == clip.visual_projection.weight.data_ptr()


def test_widening_folders_and_towers(tiny: ModuleType, tiny_folder: Path) -> None:
    from_folder = AlphaCLIP.from_clip(tiny_folder / "clip")
    assert from_folder.tokenizer is not None and not from_folder.has_alpha
    tower = AlphaCLIP.from_clip(tiny.vision_tower(), dtype=torch.bfloat16)
    assert tower.dtype == torch.bfloat16 and tower.text is None
    expected = from_folder.encode_pixels(PIXELS)
    torch.testing.assert_close(tower.encode_pixels(PIXELS).float(), expected, atol=0.05, rtol=0)


def test_four_channels_stay_as_they_are(tiny: ModuleType, tiny_folder: Path, encoder: AlphaCLIP) -> None:
    for source in (tiny.alpha_clip_model(), tiny.vision_tower(channels=4), tiny_folder / "alpha_clip"):
        again = AlphaCLIP.from_clip(source)
        assert again.has_alpha
        torch.testing.assert_close(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS), atol=2e-3, rtol=0)


def test_given_tokenizer_and_processor_win(tiny: ModuleType, tiny_folder: Path) -> None:
    processor = AlphaCLIPProcessor(geometry=Geometry(size=64, fit="squash"))
    tokenizer = tiny.tokenizer()
    encoder = AlphaCLIP.from_clip(tiny_folder / "clip", tokenizer=tokenizer, processor=processor)
    assert encoder.tokenizer is tokenizer and encoder.processor is processor


def test_other_modules_are_not_widened() -> None:
    message = "Expected a CLIPModel, a CLIPVisionModelWithProjection, a folder or a hub id, got Linear"
    with pytest.raises(InputError, match=message):
        load_clip(torch.nn.Linear(2, 2), share=True, dtype=None, tokenizer=None, processor=None)


def test_random_weights(tiny: ModuleType) -> None:
    three, four = tiny.clip_config(), tiny.clip_config(channels=4)
    torch.manual_seed(0)
    encoder = AlphaCLIP.from_config(three.vision_config, text=three.text_config, tokenizer=tiny.tokenizer())
    assert not encoder.has_alpha and three.vision_config.num_channels == 3 and not encoder.training
    assert encoder.logit_scale is not None and encoder.logit_scale.exp().item() == pytest.approx(1 / 0.07, rel=1e-3)
    assert encoder.similarity(torch.rand(3, 9, 9), "a cat").abs().item() <= 1
    drawn = AlphaCLIP.from_config(four.vision_config)
    weight = patch_weight(drawn.vision)
    assert weight[:, 3].std().item() == pytest.approx(weight[:, :3].std().item(), rel=0.1)
    torch.manual_seed(0)
    again = AlphaCLIP.from_config(three.vision_config, text=three.text_config)
    assert torch.equal(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS))


def test_an_architectures_name_brings_both_towers() -> None:
    with torch.device("meta"):
        encoder = AlphaCLIP.from_config("ViT-L/14@336")
    assert encoder.image_size == 336 and encoder.grid == 24 and encoder.embed_dim == 768
    assert encoder.text is not None and encoder.text.config.hidden_size == 768


def test_parts_that_do_not_fit(tiny: ModuleType) -> None:
    config = tiny.clip_config()
    config.text_config.eos_token_id = 7
    with pytest.raises(PairingError, match="reads its end token 7, but the tokenizer writes 3"):
        AlphaCLIP.from_config(config.vision_config, text=config.text_config, tokenizer=tiny.tokenizer())
