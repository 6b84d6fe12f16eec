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

FACTS = {"config": {"steps": 9}, "seconds": 1.5}


def checkpoint(step):
    return Checkpoint(step=step, tensors={"model": {"w": torch.full((2,), float(step))}}, facts=FACTS)


def test_the_newest_two_are_kept(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, checkpoint(step))
    assert [p.name for p in list_checkpoints(tmp_path)] == ["step-00000003", "step-00000002"]
    found = load_latest(tmp_path)
    assert found is not None and found.step == 3 and found.facts["seconds"] == 1.5
    assert found.tensors["model"]["w"].tolist() == [3.0, 3.0]


def test_tensors_that_share_memory_are_each_kept(tmp_path):
    whole = torch.arange(6.0).view(2, 3)
    tensors = {"one": whole, "same": whole, "part": whole[1], "empty": torch.zeros(0), "none": torch.zeros(0)}
    path = save_checkpoint(tmp_path, Checkpoint(step=1, tensors={"model": tensors}, facts=FACTS))
    found = load_checkpoint(path).tensors["model"]
    assert found.keys() == tensors.keys() and all(torch.equal(found[name], tensors[name]) for name in found)


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


def test_only_what_a_run_wrote_is_removed_with_its_checkpoints(tmp_path):
    """A file that is called as a half-written checkpoint was, a folder of another name, and notes in an old one."""
    (tmp_path / ".step-x").write_text("mine")
    (tmp_path / ".step-y").mkdir()
    old = save_checkpoint(tmp_path, checkpoint(1))
    (old / "thesis.txt").write_text("mine")
    for step in (2, 3, 4):
        save_checkpoint(tmp_path, checkpoint(step))
    assert [p.name for p in list_checkpoints(tmp_path)] == ["step-00000004", "step-00000003"]
    assert [p.name for p in old.iterdir()] == ["thesis.txt"]
    assert {p.name for p in tmp_path.iterdir()} >= {".step-x", ".step-y"} and not (tmp_path / "step-00000002").exists()


@pytest.mark.parametrize(
    "index",
    [
        "[]",
        "[" * 200_000,
        "{}",
        '{"step": "x", "files": {}, "facts": {"config": {"steps": 9}, "seconds": 1.5}}',
        '{"step": 1, "files": [], "facts": {"config": {"steps": 9}, "seconds": 1.5}}',
        '{"step": 1, "files": {"a": 3}, "facts": {"config": {"steps": 9}, "seconds": 1.5}}',
        '{"step": 1, "files": {}, "facts": {"seconds": 1.5}}',
        '{"step": 1, "files": {}, "facts": {"config": {}, "seconds": 1.5}}',
        '{"step": 1, "files": {}, "facts": {"config": {"steps": 9, "decay": "x"}, "seconds": 1.5}}',
        '{"step": 1, "files": {}, "facts": {"config": {"steps": 9}, "seconds": "x"}}',
        '{"step": 1, "files": {}, "facts": {"config": {"steps": 9}, "seconds": 1.5, "stage": 3}}',
    ],
)
def test_an_index_that_no_run_wrote_is_a_broken_checkpoint(tmp_path, index):
    save_checkpoint(tmp_path, checkpoint(1))
    path = save_checkpoint(tmp_path, checkpoint(2))
    (path / "index.json").write_text(index)
    with pytest.raises(CheckpointError, match=r"step-00000002 is broken: .*(expected a mapping|nested too deeply)"):
        load_checkpoint(path)
    found = load_latest(tmp_path)
    assert found is not None and found.step == 1
