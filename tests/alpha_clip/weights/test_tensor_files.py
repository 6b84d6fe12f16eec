import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gencontrol.alpha_clip.weights.tensor_files import read_state
from gencontrol.errors import CheckpointError


class Harmful:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_both_formats(tmp_path: Path) -> None:
    state = {"a": torch.randn(2), "b": torch.randn(3, 1).half()}
    torch.save(state, tmp_path / "x.pth")
    save_file(state, tmp_path / "x.safetensors")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("x.pth", "old.pth", "x.safetensors"):
        read = read_state(tmp_path / name)
        assert {k: v.shape for k, v in read_state(tmp_path / name, mmap=True).items()} == {"a": (2,), "b": (3, 1)}
        assert read.keys() == state.keys() and all(torch.equal(read[k], state[k]) for k in state)


def test_nothing_is_ever_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "bad.pth", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Harmful(trace), protocol=2))
    with pytest.raises(CheckpointError, match=r"bad\.pth holds pickled objects"):
        read_state(path)
    torch.save({"a": Harmful(trace)}, path)
    with pytest.raises(CheckpointError, match="only tensors are read"):
        read_state(path)
    assert not trace.exists()


def test_broken_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No file at"):
        read_state(tmp_path / "none.pth")
    torch.save({"a": torch.randn(1000)}, tmp_path / "x.pth")
    whole = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"half\.pth cannot be read: it is truncated"):
        read_state(tmp_path / "half.pth")
    (tmp_path / "half.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read_state(tmp_path / "half.safetensors")


def test_more_than_tensors(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}, "epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"more than tensors: state_dict \(dict\), epoch \(int\)"):
        read_state(tmp_path / "x.pth")
    torch.save([torch.zeros(1)], tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="holds a list; expected a state dict"):
        read_state(tmp_path / "x.pth")


def test_script_archives(tmp_path: Path) -> None:
    with pytest.warns((DeprecationWarning, FutureWarning)):
        torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="TorchScript archive, which is code"):
        read_state(tmp_path / "x.pt")
