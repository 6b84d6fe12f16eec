import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.one_pass.files import find_one_pass, read_one_pass, save_one_pass
from gencontrol.errors import CheckpointError
from gencontrol.models.fingerprint import weights_mark
from gencontrol.models.location import Location


def test_it_is_saved_beside_the_encoder_and_opened_with_it(
    encoder: AlphaCLIP, changed: OnePass, tmp_path: Path
) -> None:
    encoder.save_pretrained(tmp_path / "e")
    mark = weights_mark(Location(name=str(tmp_path / "e")))
    assert AlphaCLIP.from_pretrained(tmp_path / "e").one_pass is None
    encoder.one_pass = changed
    encoder.save_pretrained(tmp_path / "e")
    opened = AlphaCLIP.from_pretrained(tmp_path / "e").one_pass
    assert opened is not None and opened.config == changed.config and not opened.training
    for name, values in opened.state_dict().items():
        assert_close(values, changed.state_dict()[name].half().float(), rtol=0, atol=0)
    # Embeddings that were kept are still this encoder's.
    assert weights_mark(Location(name=str(tmp_path / "e"))) == mark
    halved = AlphaCLIP.from_pretrained(tmp_path / "e", dtype=torch.bfloat16).one_pass
    assert halved is not None and halved.start.dtype == torch.bfloat16


def test_nothing_is_beside_a_file(encoder: AlphaCLIP, tmp_path: Path) -> None:
    encoder.save_published(tmp_path / "e.pth")
    assert find_one_pass(Location(name=str(tmp_path / "e.pth")), encoder.vision.config) is None


def test_what_is_broken(encoder: AlphaCLIP, changed: OnePass, tmp_path: Path) -> None:
    save_one_pass(changed, tmp_path)
    config, weights = tmp_path / "one_pass" / "config.json", tmp_path / "one_pass" / "model.safetensors"
    tower = encoder.vision.config
    assert read_one_pass(config, weights, tower).config == changed.config
    config.write_text(json.dumps({"rank": 3, "features": 2, "flor": 0.1}))
    with pytest.raises(CheckpointError, match=r"holds no weights for one pass.*'flor'"):
        read_one_pass(config, weights, tower)
    config.write_text(json.dumps({"rank": 4, "features": 2}))
    with pytest.raises(CheckpointError, match="what one pass of this tower is made with"):
        read_one_pass(config, weights, tower)
    config.write_text(json.dumps({"rank": 3, "features": 2}))
    state = load_file(weights)
    save_file(state | {"start": state["start"] * torch.nan}, weights)
    with pytest.raises(CheckpointError, match="NaN"):
        read_one_pass(config, weights, tower)
    weights.write_bytes(b"no")
    with pytest.raises(CheckpointError, match="holds no weights for one pass"):
        read_one_pass(config, weights, tower)


def test_what_is_not_finite_is_not_saved(changed: OnePass, tmp_path: Path) -> None:
    changed.start.data[:] = torch.inf
    with pytest.raises(CheckpointError, match="What one pass is made with"):
        save_one_pass(changed, tmp_path)
