"""Files that visitors send are read within bounds, and refused in a line."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.regions.region import RegionWarning
from gencontrol.studio.scene.sent import caught, read_mask, show, show_mask, write_alpha

NAMES = "bomb.png cut.png drawing.svg drawing.png page.html text.jpg array.npy runs.json empty.png".split()


@pytest.mark.parametrize("name", NAMES)
def test_hostile_files_are_refused_in_a_line_that_tells_no_folder(name: str, hostile: Any, tmp_path: Path) -> None:
    assert hostile.keys() == set(NAMES)
    content, message = hostile[name]
    path = tmp_path / name
    path.write_bytes(content)
    for read in (lambda: show(path, tmp_path / "shown.png"), lambda: read_mask(path, (30, 40), resize=False)):
        with pytest.raises(InputError) as refused:
            read()
        assert message in str(refused.value)
        assert "\n" not in str(refused.value) and str(tmp_path) not in str(refused.value)
    assert not (tmp_path / "shown.png").exists()


def test_a_large_picture_is_shown_smaller_and_keeps_its_size(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGBA", (2000, 500), (9, 8, 7, 128)).save(path)
    assert show(path, tmp_path / "shown" / "s.png") == ((500, 2000), True)
    with Image.open(tmp_path / "shown" / "s.png") as shown:
        # Without its alpha: what is transparent is context too.
        assert shown.size == (1600, 400) and shown.getpixel((0, 0)) == (9, 8, 7)


def test_a_mask_has_to_fit_unless_it_may_be_stretched(mask: Path) -> None:
    assert read_mask(mask, (48, 64), resize=False).sum().item() == 32 * 48
    with pytest.raises(InputError, match="The mask is 64 x 48 but the image is 30 x 20"):
        read_mask(mask, (20, 30), resize=False)
    with pytest.warns(RegionWarning, match="stretched"):
        assert read_mask(mask, (24, 32), resize=True).shape == (24, 32)


def test_an_alpha_map_comes_back_from_its_file(tmp_path: Path) -> None:
    alpha = torch.linspace(0, 1, 48 * 64).reshape(48, 64)
    write_alpha(alpha, tmp_path / "a.png")
    torch.testing.assert_close(read_mask(tmp_path / "a.png", (48, 64), resize=False), alpha, atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="is empty"):
        write_alpha(torch.zeros(4, 4), tmp_path / "b.png")


def test_a_mask_is_shown_white_and_as_opaque_as_it_marks(tmp_path: Path) -> None:
    show_mask(torch.tensor([[0.0, 1.0]]), tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as shown:
        assert shown.mode == "LA" and [shown.getpixel((x, 0)) for x in (0, 1)] == [(255, 0), (255, 255)]


def test_warnings_of_ours_are_caught_once_and_others_are_not_told() -> None:
    with caught() as said:
        for message, category in (("mine", RegionWarning), ("mine", RegionWarning), ("other", FutureWarning)):
            warnings.warn(message, category, stacklevel=1)
    assert said == ["mine"]
    with pytest.raises(InputError), caught() as said:
        warnings.warn("before", RegionWarning, stacklevel=1)
        raise InputError("x")
    assert said == ["before"]
