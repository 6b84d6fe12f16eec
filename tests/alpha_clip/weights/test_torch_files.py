"""What torch wrote comes back to the bit, however it lies in the file; what cannot be is refused."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._utils import _rebuild_tensor_v2

from gencontrol.alpha_clip.weights.torch_files import read_torch_file
from gencontrol.errors import CheckpointError


@pytest.mark.parametrize("new", [True, False])
def test_views_shared_storages_and_all_dtypes(new: bool, tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    values = {
        "base": base,
        "turned": base.T,
        "part": base[1:, ::2],
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        **{str(d): torch.ones(3).to(d) for d in (torch.bfloat16, torch.float16, torch.float64, torch.int8, torch.bool)},
    }
    torch.save(values, tmp_path / "x.pt", _use_new_zipfile_serialization=new)
    read, shapes = read_torch_file(tmp_path / "x.pt"), read_torch_file(tmp_path / "x.pt", shapes_only=True)
    assert read.keys() == values.keys()
    for name, value in values.items():
        assert torch.equal(read[name], value) and read[name].dtype == value.dtype
        assert shapes[name].is_meta and shapes[name].shape == value.shape
    # Each has values of its own.
    read["base"].zero_()
    assert torch.equal(read["part"], base[1:, ::2])


def rewritten(path: Path, out: Path, *, method: int = zipfile.ZIP_STORED, **changes: bytes) -> Path:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name.rpartition("/")[2].replace(".", "_"), old.read(name)))
    return out


def test_archives_that_are_not_torchs(tmp_path: Path) -> None:
    torch.save({"a": torch.arange(4.0)}, tmp_path / "x.pt")
    packed = rewritten(tmp_path / "x.pt", tmp_path / "packed.pt", method=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"packed\.pt is a compressed archive"):
        read_torch_file(packed)
    other = rewritten(tmp_path / "x.pt", tmp_path / "big.pt", byteorder=b"big")
    with pytest.raises(CheckpointError, match="another byte order"):
        read_torch_file(other)


def tensor_of(count: int, shape: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    """The pickle of a dictionary with one tensor."""

    class Writer(pickle._Pickler):  # pyright: ignore[reportAttributeAccessIssue]
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", count) if obj == "the storage" else None

    class Stored:
        def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
            return _rebuild_tensor_v2, ("the storage", offset, shape, stride, False, {})

    stream = io.BytesIO()
    Writer(stream, protocol=2).dump({"a": Stored()})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("count", "shape", "stride", "offset"),
    [
        (4, (1000000, 1000000), (0, 0), 0),  # one value shown a million times a million
        (4, (2,), (4,), 0),  # beyond the end
        (4, (2,), (1,), 3),
        (4, (2,), (1,), -1),
        (5, (4,), (1,), 0),  # more than the file holds
    ],
)
def test_tensors_that_reach_beyond_their_values(
    count: int, shape: tuple[int, ...], stride: tuple[int, ...], offset: int, tmp_path: Path
) -> None:
    torch.save({"a": torch.arange(4.0)}, tmp_path / "x.pt")
    path = rewritten(tmp_path / "x.pt", tmp_path / "y.pt", data_pkl=tensor_of(4, (4,), (1,)))
    assert torch.equal(read_torch_file(path)["a"], torch.arange(4.0))
    rewritten(tmp_path / "x.pt", path, data_pkl=tensor_of(count, shape, stride, offset))
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_torch_file(path)


def test_containers_without_an_end(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    torch.save({"a": torch.zeros(4)}, tmp_path / "x.pt")
    path = rewritten(tmp_path / "x.pt", tmp_path / "y.pt", data_pkl=pickle.dumps(endless, protocol=2))
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_torch_file(path)


def test_a_pickle_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match="cannot be read: it is truncated, or no file of torch's"):
        read_torch_file(tmp_path / "x.pt")
