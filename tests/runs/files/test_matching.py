"""Masks in folders belong to pictures by their names."""

from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.runs.files.matching import SUFFIXES, matching_file


def test_a_file_is_itself(tmp_path: Path) -> None:
    assert matching_file(tmp_path / "mask.png", Path("a/b.png")) == tmp_path / "mask.png"


def test_the_file_of_the_pictures_name_in_folders_of_the_same_names(tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    for name in ("a.png", "a.txt", "b.npy", "deep/a.webp", "twice.png", "twice.jpg"):
        (masks / name).parent.mkdir(parents=True, exist_ok=True)
        (masks / name).touch()
    photos = tmp_path / "photos"
    assert matching_file(masks, photos / "a.jpg") == masks / "a.png"
    assert matching_file(masks, photos / "b.jpg") == masks / "b.npy"
    assert matching_file(masks, photos / "deep" / "a.jpg") == masks / "deep" / "a.webp"
    with pytest.raises(InputError, match="no mask named c in the folder"):
        matching_file(masks, photos / "c.jpg")
    with pytest.raises(InputError, match="several masks named twice"):
        matching_file(masks, photos / "twice.jpg")
    assert ".png" in SUFFIXES and ".npy" not in SUFFIXES
