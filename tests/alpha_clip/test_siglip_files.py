"""SigLIPs found, read and widened."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import SiglipImageProcessor

from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.alpha_clip.siglip_files import is_siglip, load_siglip, open_siglip, siglip_processor, widen_siglip
from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.errors import CheckpointError, InputError
from gencontrol.models.location import Location


def test_which_models_are_siglips(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.siglip().save_pretrained(tmp_path / "both")
    tiny.siglip().vision_model.save_pretrained(tmp_path / "vision")
    tiny.clip().save_pretrained(tmp_path / "clip")
    (tmp_path / "file").write_text("")
    found = {path.name: is_siglip(Location(name=str(path))) for path in tmp_path.iterdir()}
    assert found == {"both": True, "vision": True, "clip": False, "file": False}
    assert not is_siglip(Location(name=str(tmp_path / "nothing")))


def test_what_is_no_siglip(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.clip().save_pretrained(tmp_path / "clip")
    with pytest.raises(CheckpointError, match="clip is a model of type 'clip': expected a SigLIP with a vision tower"):
        open_siglip(Location(name=str(tmp_path / "clip")), dtype=None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="empty is no saved model: expected a SigLIP"):
        open_siglip(Location(name=str(tmp_path / "empty")), dtype=None)


def test_its_own_normalisation(tiny: ModuleType, tmp_path: Path) -> None:
    stock = SiglipImageProcessor()
    assert siglip_processor(64).image_mean == (*stock.image_mean, 0.5)
    assert siglip_processor(64).image_std == (*stock.image_std, 0.26)
    tiny.siglip().save_pretrained(tmp_path)
    assert open_siglip(Location(name=str(tmp_path)), dtype=None).processor == siglip_processor(64)
    SiglipImageProcessor(image_mean=[0.4, 0.5, 0.6], size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    opened = open_siglip(Location(name=str(tmp_path)), dtype=None)
    assert opened.processor.image_mean == (0.4, 0.5, 0.6, 0.5) and opened.processor.geometry.size == 64


def test_a_processor_of_another_size_is_told(tiny: ModuleType, tmp_path: Path) -> None:
    """224 beside a tower of 64 pixels: it may be another tower's, and its statistics too."""
    tiny.siglip().save_pretrained(tmp_path)
    SiglipImageProcessor().save_pretrained(tmp_path)
    with pytest.warns(CheckpointWarning, match="makes inputs of 224 px, and the vision tower takes 64 px"):
        opened = AlphaSigLIP.from_siglip(tmp_path)
    assert opened.image_size == 64 and opened.preprocess(torch.rand(3, 80, 80)).shape == (1, 4, 64, 64)


def test_keys_that_do_not_fit(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.siglip().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    save_file({k: v for k, v in state.items() if "vision_model.head.probe" not in k}, path, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"vision_model\.head\.probe"):
        open_siglip(Location(name=str(tmp_path)), dtype=None)
    save_file(state | {"logit_bias": torch.tensor([torch.nan])}, path, {"format": "pt"})
    with pytest.raises(CheckpointError, match="NaN or infinite weights"):
        AlphaSigLIP.from_siglip(tmp_path)


def test_four_channels_stay_and_weights_are_shared(tiny: ModuleType) -> None:
    wide = tiny.siglip(channels=4).vision_model
    assert widen_siglip(wide) is wide
    plain = tiny.siglip().vision_model
    made = widen_siglip(plain)
    assert made.head.probe.data_ptr() == plain.head.probe.data_ptr() and made.config.num_channels == 4
    weight = made.embeddings.patch_embedding.weight
    assert torch.equal(weight[:, :3], plain.embeddings.patch_embedding.weight) and not weight[:, 3:].any()


def test_a_module_may_be_cast(tiny: ModuleType) -> None:
    parts = load_siglip(tiny.siglip(), dtype=torch.bfloat16, tokenizer=None, processor=None)
    assert parts.vision.dtype == torch.bfloat16 and parts.logit_scale is not None and parts.logit_scale.shape == ()


def test_a_save_replaces_nothing_of_others(tiny: ModuleType, tmp_path: Path) -> None:
    encoder = AlphaSigLIP.from_siglip(tiny.siglip())
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        encoder.save_pretrained(tmp_path)
    with torch.no_grad():
        encoder.vision.embeddings.patch_embedding.weight.fill_(torch.inf)
    with pytest.raises(CheckpointError, match="The vision tower holds NaN or infinite weights"):
        encoder.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_save_wants_a_name(tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="folder: expected a path, got the text '', which names nothing"):
        AlphaSigLIP.from_siglip(tiny.siglip()).save_pretrained("")


def test_one_that_is_split_for_training_is_saved_merged(tiny: ModuleType, tmp_path: Path) -> None:
    from gencontrol.alpha_clip.alpha_slice import split_alpha

    encoder = AlphaSigLIP.from_siglip(tiny.siglip())
    split_alpha(encoder.vision)
    encoder.save_pretrained(tmp_path / "saved")
    keys = load_file(tmp_path / "saved" / "model.safetensors").keys()
    assert "vision_model.embeddings.patch_embedding.weight" in keys and not any("parametr" in key for key in keys)
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["vision_config"]["num_channels"] == 4
