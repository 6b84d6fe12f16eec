"""What a picture says of its making."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image, PngImagePlugin

from gencontrol.errors import InputError
from gencontrol.regions.region import Region
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.files.records import describe, read_record, storable, unpack


def region(seed: int = 0) -> Region:
    generator = torch.Generator().manual_seed(seed)
    return Region(alpha=torch.rand(20, 30, generator=generator), weight=0.5, level=0.25, label="Ähre")


def test_a_record_gives_its_regions_back_exactly(tmp_path: Path) -> None:
    exact = storable(region())
    image = {"path": "a.png", "sha256": "0"}
    record = describe(settings={"steps": 3}, seed=7, image=image, regions=[exact], negative_regions=[exact])
    path = tmp_path / "out.png"
    write_picture(Image.new("RGB", (8, 8)), path, record=record)
    read = read_record(path)
    assert read == json.loads(json.dumps(record))
    (back,) = unpack(read["regions"], source=path)
    assert torch.equal(back.alpha, exact.alpha)
    assert (back.weight, back.level, back.label) == (0.5, 0.25, "Ähre")
    # As version 0.1 wrote them.
    (older,) = unpack([{k: v for k, v in read["regions"][0].items() if k != "level"}], source=path)
    assert older.level == 1.0


@pytest.mark.parametrize("levels", [255, 65535])
def test_masks_of_8_and_16_bits_are_stored_exactly(levels: int) -> None:
    alpha = (torch.arange(1, 257).reshape(16, 16) * (levels // 255)).clamp(max=levels).float() / levels
    assert torch.equal(storable(Region(alpha=alpha)).alpha, alpha)


@pytest.mark.parametrize("text", ["no json", "[]", '{"seed": 1}'])
def test_broken_records(text: str, tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("gencontrol", text)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(InputError, match=r"a\.png: its gencontrol record is broken"):
        read_record(tmp_path / "a.png")


@pytest.mark.parametrize("packed", [{}, {"alpha": "????", "weight": 1.0, "label": ""}])
def test_broken_masks(packed: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"a\.png: a mask in its gencontrol record cannot be read.*; expected a list"):
        unpack([packed], source=Path("a.png"))


def test_what_python_says_of_a_broken_record_is_not_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"record cannot be read; expected a list of masks as PNG\. Show regions anew"):
        unpack([{"alpha": 5}], source=tmp_path / "a.png")
