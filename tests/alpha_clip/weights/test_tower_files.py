"""Which tower a weight belongs to, by its name."""

from pathlib import Path

import pytest
import torch

from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.alpha_clip.weights.tower_files import read_towers
from gencontrol.errors import CheckpointError

ONE = torch.zeros(1)


def save(path: Path, *names: str) -> Path:
    torch.save(dict.fromkeys(names, ONE), path)
    return path


def test_a_vision_tower_alone(tmp_path: Path) -> None:
    towers = read_towers(save(tmp_path / "x.pth", "conv1.weight", "a.attn.in_proj_bias"))
    assert set(towers.vision) == {"conv1.weight", "a.attn.in_proj.bias"}
    assert towers.text == {} and towers.logit_scale is None


def test_both_towers(tmp_path: Path) -> None:
    names = ("visual.conv1.weight", "token_embedding.weight", "logit_scale")
    towers = read_towers(save(tmp_path / "x.pth", *names), mmap=True)
    assert set(towers.vision) == {"conv1.weight"} and set(towers.text) == {"token_embedding.weight"}
    assert towers.logit_scale is not None and towers.logit_scale.is_meta


def test_a_prefix_on_half_of_the_names(tmp_path: Path) -> None:
    with pytest.warns(CheckpointWarning, match=r"the prefix `visual\.` is taken off"):
        assert set(read_towers(save(tmp_path / "x.pth", "visual.conv1.weight", "proj")).vision) == {
            "conv1.weight",
            "proj",
        }
    with pytest.raises(CheckpointError, match="two weights called proj once the prefix"):
        read_towers(save(tmp_path / "x.pth", "visual.proj", "proj"))
