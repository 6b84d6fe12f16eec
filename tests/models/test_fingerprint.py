"""Two models are told apart by what training and settings change, and not by where they lie."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gencontrol.models.fingerprint import fingerprint, weights_mark
from gencontrol.models.location import Location


@pytest.fixture
def model(tmp_path: Path, tiny_folder: Path) -> Path:
    """A copy of a whole model."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def told(path: Path, file: str | None = None, *, subfolder: str = "") -> str:
    """The fingerprint of a folder or a file."""
    return fingerprint(Location(name=str(path), subfolder=subfolder), file)


def test_it_stays_where_a_model_moves(model: Path, tmp_path: Path) -> None:
    first = told(model)
    assert len(first) == 64
    moved = Path(shutil.move(model, tmp_path / "elsewhere"))
    (moved / "README.md").write_text("another card")
    assert told(moved) == first


@pytest.mark.parametrize("place", [0, 0.5, 1])
@pytest.mark.parametrize("component", ["unet", "vae", "alpha_clip"])
def test_a_tensor_that_is_trained_is_seen(model: Path, component: str, place: float) -> None:
    """In its first, middle or last value: samples are taken there."""
    before, (path,) = told(model), (model / component).glob("*.safetensors")
    tensors = load_file(path)
    name = max(tensors, key=lambda name: tensors[name].numel())
    flat = tensors[name].flatten()
    flat[round(place * (flat.numel() - 1))] += 1
    save_file(tensors | {name: flat.view_as(tensors[name])}, path, metadata={"format": "pt"})
    assert told(model) != before


def test_settings_and_names_count(model: Path) -> None:
    before = told(model)
    path = model / "scheduler" / "scheduler_config.json"
    path.write_text(path.read_text().replace("{", '{"more": 1,', 1))
    changed = told(model)
    assert changed != before
    path.rename(path.with_name("other.json"))
    assert told(model) not in (before, changed)


def test_a_header_that_is_nested_too_deeply_is_that_of_a_broken_file(tmp_path: Path) -> None:
    header = b"[" * 200_000
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    first = told(tmp_path, "model.safetensors")
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b" ")
    assert len(first) == 64 and told(tmp_path, "model.safetensors") != first


def test_one_file_is_all_that_counts_where_it_is_named(model: Path) -> None:
    file = next((model / "unet").glob("*.safetensors")).name
    one = told(model / "unet", file)
    (model / "unet" / "config.json").write_text("{}")
    assert told(model / "unet", file) == one != told(model / "unet")
    assert told(model / "unet" / file)


def test_marks_are_of_weights_alone(model: Path, tmp_path: Path) -> None:
    place = Location(name=str(model), subfolder="unet")
    mark = weights_mark(place)
    assert mark.startswith("folder:") and len(mark) == 7 + 64
    shutil.copytree(model / "unet", tmp_path / "moved")
    assert weights_mark(Location(name=str(tmp_path / "moved"))) == mark
    (model / "unet" / "config.json").write_text('{"other": 1}')
    assert weights_mark(place) == mark != weights_mark(Location(name=str(model), subfolder="vae"))
    file = next((model / "unet").glob("*.safetensors"))
    assert weights_mark(Location(name=str(file))).startswith("file:")
    save_file({"a": torch.ones(3)}, file)
    assert weights_mark(place) != mark
    assert weights_mark(Location(name="nobody/nothing", local_files_only=True)) == ""


def test_torchs_files_by_their_checksums(tmp_path: Path) -> None:
    path, values = tmp_path / "a.pth", torch.zeros(1000)
    torch.save({"a": values}, path)
    zeros = told(path)
    values[777] = 1
    torch.save({"a": values}, path)
    assert told(path) != zeros and len(zeros) == 64


@pytest.mark.parametrize("content", [b"", b"12", b"\x05" + bytes(7) + b"{nojs", b"\x02" + bytes(7) + b"[]"])
def test_broken_files_are_no_errors_here(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    first = told(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(content + b"more")
    assert first and told(tmp_path) != first


def test_a_model_on_the_hub_is_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def cached(self: Location, file: str) -> Path | None:
        asked.append((file, self.local_files_only))
        return tmp_path / "models--a--b" / "snapshots" / "c0ffee" / file if file == "config.json" else None

    monkeypatch.setattr(Location, "find", cached)
    assert fingerprint(Location(name="a/b")) == "c0ffee"
    assert asked == [("model_index.json", True), ("config.json", True)]
    monkeypatch.setattr(Location, "find", lambda self, file: None)
    assert fingerprint(Location(name="a/b"), "x.safetensors") == ""
