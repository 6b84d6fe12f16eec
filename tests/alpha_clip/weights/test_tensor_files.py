import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
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


def test_the_bytes_say_what_a_file_is_not_its_name(tmp_path: Path) -> None:
    state = {"a": torch.randn(2)}
    save_file(state, tmp_path / "x.safetensors")
    shutil.copy(tmp_path / "x.safetensors", tmp_path / "x.pth")
    assert torch.equal(read_state(tmp_path / "x.pth")["a"], state["a"])


def test_nothing_is_ever_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "bad.pth", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Harmful(trace), protocol=2))
    with pytest.raises(CheckpointError, match=r"bad\.pth holds pickled objects"):
        read_state(path)
    torch.save({"a": Harmful(trace)}, path)
    with pytest.raises(CheckpointError, match="only tensors are read") as caught:
        read_state(path)
    assert not trace.exists()
    said = str(caught.value)
    assert "weights_only" not in said and "torch.load" not in said and said.isprintable()


@pytest.mark.parametrize("is_archive", [True, False])
def test_complex_tensors_are_told_as_such(is_archive: bool, tmp_path: Path) -> None:
    state = {"a": torch.ones(2, dtype=torch.complex64)}
    torch.save(state, tmp_path / "x.pth", _use_new_zipfile_serialization=is_archive)
    for mmap in (False, True):
        with pytest.raises(CheckpointError, match=r"x\.pth holds tensors of complex numbers \(torch\.ComplexFloatSto"):
            read_state(tmp_path / "x.pth", mmap=mmap)


def test_broken_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No file at"):
        read_state(tmp_path / "none.pth")
    with pytest.raises(CheckpointError, match="is a folder: expected a file"):
        read_state(tmp_path)
    torch.save({"a": torch.randn(1000)}, tmp_path / "x.pth")
    whole = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"half\.pth cannot be read: it is truncated"):
        read_state(tmp_path / "half.pth")
    (tmp_path / "half.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read_state(tmp_path / "half.safetensors")


def test_one_flipped_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    values = torch.arange(1000.0)
    torch.save({"a": values}, path)
    whole = path.read_bytes()
    places = [whole.index(values.numpy().tobytes()) + 2001, whole.index(b"FloatStorage") - 40, whole.index(b"little")]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"x\.pth is damaged: the checksums in it"):
            read_state(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!DOCTYPE html><html>Sign in</html>", "a web page: the download failed"),
        (b'\n {"error": "quota"}', "JSON text, such as a server's answer"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "a pointer of git-lfs"),
        (b"", "an empty file"),
        (b"Not Found", "a text file"),
        (b"\x1f\x8b\x08\0\0", "a gzip archive"),
    ],
)
def test_what_was_saved_under_the_name_of_weights(content: bytes, kind: str, tmp_path: Path) -> None:
    for name in ("x.pth", "x.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{name}.* {kind}"):
            read_state(tmp_path / name)


def test_pictures_and_archives_of_other_things(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    Image.new("RGB", (2, 2)).save(path, format="PNG")
    with pytest.raises(CheckpointError, match="is a PNG picture"):
        read_state(path)
    shutil.make_archive(str(tmp_path / "y"), "zip", tmp_path)
    with pytest.raises(CheckpointError, match="a zip archive with none of torch's files"):
        read_state(tmp_path / "y.zip")


def test_more_than_tensors(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1), "best": {"b": torch.zeros(1)}, "epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"more than tensors: best \(dict\), epoch \(int\)"):
        read_state(tmp_path / "x.pth")
    torch.save([torch.zeros(1)], tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="holds a list; expected a state dict"):
        read_state(tmp_path / "x.pth")


def test_what_is_wrapped_around_the_weights_is_taken_off_and_said(tmp_path: Path) -> None:
    nested = {"epoch": 3, "model": {"state_dict": {"module._orig_mod.a": torch.ones(1), "b": torch.zeros(1)}}}
    torch.save(nested, tmp_path / "x.pth")
    with pytest.warns(CheckpointWarning) as said:
        assert set(read_state(tmp_path / "x.pth")) == {"a", "b"}
    texts = " ".join(str(warning.message) for warning in said)
    for part in ("from its `model`, and epoch left out", "from its `state_dict`", "`module.`", "`_orig_mod.`"):
        assert part in texts
