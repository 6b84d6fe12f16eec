"""Files of embeddings: what is written is read back, and what is something else is refused."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.conditioning.embedding_files import (
    EmbedsFile,
    join_rows,
    on_cpu,
    read_embeds,
    tensors_of,
    write_tensors,
)
from gencontrol.errors import InputError


def rows(count: int = 1, *, seed: int = 0) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))


def test_rows_are_joined_written_and_read_back(tmp_path: Path) -> None:
    embeds = [RegionEmbeds(image_embeds=rows(seed=i), negative_image_embeds=rows(seed=9 + i)) for i in range(3)]
    file = join_rows(embeds, names=["a.png", "b.png", "c.png"])
    write_tensors(tmp_path / "e.safetensors", tensors_of(file), names=file.names, regions=["x"])
    back = read_embeds(tmp_path / "e.safetensors", width=6)
    assert back.names == ("a", "b", "c")
    for i, given in enumerate(embeds):
        row = back.row(i)
        assert torch.equal(row.image_embeds, given.image_embeds)
        assert row.negative_image_embeds is not None and given.negative_image_embeds is not None
        assert torch.equal(row.negative_image_embeds, given.negative_image_embeds)
    with safe_open(tmp_path / "e.safetensors", framework="pt") as opened:
        assert json.loads(opened.metadata()["regions"]) == ["x"]


def test_without_negatives_there_is_no_such_tensor() -> None:
    file = join_rows([RegionEmbeds(image_embeds=rows())], names=["a"])
    assert list(tensors_of(file)) == ["image_embeds"]
    assert file.row(0).negative_image_embeds is None


def test_files_hold_float32(tmp_path: Path) -> None:
    held = on_cpu(RegionEmbeds(image_embeds=rows().half().requires_grad_(), whole_image_embeds=rows().half()))
    assert held.image_embeds.dtype == torch.float32 and not held.image_embeds.requires_grad
    assert held.whole_image_embeds is not None and held.whole_image_embeds.dtype == torch.float32
    assert held.negative_image_embeds is None
    write_tensors(tmp_path / "e.safetensors", {"image_embeds": rows().half().T.contiguous().T})
    assert read_embeds(tmp_path / "e.safetensors", width=6).image_embeds.dtype == torch.float32


@pytest.mark.parametrize(
    ("names", "count", "expected"),
    [
        (None, 1, ("e",)),
        (None, 2, ("e-0", "e-1")),
        ('["x/a.png", "b.1.png"]', 2, ("a", "b.1")),
        ('["a.png", "a.jpg"]', 2, ("e-0", "e-1")),
        ('["a.png"]', 2, ("e-0", "e-1")),
        ("3", 2, ("e-0", "e-1")),
        ("no json", 1, ("e",)),
    ],
)
def test_names(names: str | None, count: int, expected: tuple[str, ...], tmp_path: Path) -> None:
    metadata = None if names is None else {"names": names}
    save_file({"image_embeds": rows(count)}, tmp_path / "e.safetensors", metadata=metadata)
    assert read_embeds(tmp_path / "e.safetensors", width=6).names == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, ()),
        ('["tiny", "folder:ab"]', ("tiny", "folder:ab")),
        ('["tiny"]', ()),
        ('["tiny", 3]', ()),
        ('{"a": 1, "b": 2}', ()),
        ("x", ()),
        ("[" * 10000, ()),
    ],
)
def test_what_made_them(said: str | None, expected: tuple[str, ...], tmp_path: Path) -> None:
    metadata = None if said is None else {"encoder": said}
    save_file({"image_embeds": rows()}, tmp_path / "e.safetensors", metadata=metadata)
    assert read_embeds(tmp_path / "e.safetensors", width=6).encoder == expected


def test_one_vector_is_one_row(tmp_path: Path) -> None:
    save_file({"image_embeds": rows()[0]}, tmp_path / "e.safetensors")
    assert torch.equal(read_embeds(tmp_path / "e.safetensors", width=6).image_embeds, rows())


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"other": rows()}, "holds no tensor 'image_embeds': expected what `gencontrol embed` or `embeds_out` wrote"),
        (
            {"image_embeds": rows()[:, :5].contiguous()},
            r"image_embeds is \(1, 5\), but the model takes rows of width 6",
        ),
        ({"image_embeds": rows() / 0}, "image_embeds holds NaN or infinite values"),
        (
            {"image_embeds": rows(2), "negative_image_embeds": rows(1)},
            "negative_image_embeds has 1 rows, and image_embeds 2",
        ),
    ],
)
def test_files_that_are_refused(tensors: dict[str, Tensor], message: str, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "e.safetensors")
    with pytest.raises(InputError, match=message):
        read_embeds(tmp_path / "e.safetensors", width=6)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b"no tensors")
    with pytest.raises(InputError, match="is not a safetensors file that can be read"):
        read_embeds(tmp_path / "e", width=6)


def test_an_embeds_file_names_rows_by_default_not_at_all() -> None:
    assert EmbedsFile(image_embeds=rows()).names == ()


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"image_embeds holds NaN or infinite values \(1 of 2\)"):
        write_tensors(tmp_path / "x.safetensors", {"image_embeds": torch.tensor([[1.0, torch.inf]])})
    assert not (tmp_path / "x.safetensors").exists()
    save_file({"image_embeds": torch.ones(1, 4, dtype=torch.int64)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="holds whole numbers"):
        read_embeds(tmp_path / "x.safetensors", width=4)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(InputError, match=r"pipe\.safetensors is a pipe; expected a file of embeddings\.$"):
        read_embeds(tmp_path / "pipe.safetensors", width=4)
    with pytest.raises(InputError, match=r"^No file at .*none; expected a file of embeddings\.$"):
        read_embeds(tmp_path / "none", width=4)


def test_metadata_nested_too_deeply_says_nothing(tmp_path: Path) -> None:
    deep = {"names": "[" * 100_000, "encoder": "[" * 100_000}
    save_file({"image_embeds": torch.ones(2, 3)}, tmp_path / "deep.safetensors", deep)
    read = read_embeds(tmp_path / "deep.safetensors", width=3)
    assert read.names == ("deep-0", "deep-1") and read.encoder == ()
