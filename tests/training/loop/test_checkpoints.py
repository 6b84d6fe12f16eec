import json

import pytest
import torch

from gencontrol.errors import CheckpointError
from gencontrol.training.loop.checkpoints import (
    Checkpoint,
    list_checkpoints,
    load_checkpoint,
    load_latest,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)


def checkpoint(step):
    return Checkpoint(step=step, tensors={"model": {"w": torch.full((2,), float(step))}}, facts={"seconds": 1.5})


def test_the_newest_two_are_kept(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, checkpoint(step))
    assert [p.name for p in list_checkpoints(tmp_path)] == ["step-00000003", "step-00000002"]
    found = load_latest(tmp_path)
    assert found is not None and found.step == 3 and found.facts["seconds"] == 1.5
    assert found.tensors["model"]["w"].tolist() == [3.0, 3.0]


def test_no_checkpoints_is_none_and_only_broken_ones_an_error(tmp_path):
    assert load_latest(tmp_path / "none") is None
    path = save_checkpoint(tmp_path, checkpoint(1))
    (path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"All checkpoints in .* are broken"):
        load_latest(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "changed", "index"])
def test_damage_is_noticed(tmp_path, damage):
    path = save_checkpoint(tmp_path, checkpoint(1))
    target = path / ("index.json" if damage == "index" else "model.safetensors")
    content = target.read_bytes()
    target.write_bytes(content[:-1] if damage != "changed" else content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_the_index_is_plain_json(tmp_path):
    path = save_checkpoint(tmp_path, checkpoint(4))
    assert json.loads((path / "index.json").read_text())["step"] == 4


def test_an_optimisers_state_comes_back_bit_for_bit():
    def make():
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(3, 2))
        return weight, torch.optim.AdamW([weight], lr=0.1)

    weight, optimizer = make()
    weight.square().sum().backward()
    optimizer.step()
    other, fresh = make()
    restore_optimizer(fresh, {k: v.clone() for k, v in optimizer_tensors(optimizer).items()})
    other.data.copy_(weight.data)
    for w, o in ((weight, optimizer), (other, fresh)):
        w.grad = torch.ones_like(w)
        o.step()
    assert torch.equal(weight, other)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    half = tmp_path / ".step-00000002-0123456789ab"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    save_checkpoint(tmp_path, Checkpoint(step=3, tensors={"model": {"w": torch.zeros(1)}}, facts={}))
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000003"]
