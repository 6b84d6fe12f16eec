"""The classes of a mask as regions."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.regions import from_index_mask
from gencontrol.regions.region import RegionWarning
from gencontrol.runs.relating.label_maps import classes_of, read_label_map


def test_classes_but_for_nought(scene: Path, tmp_path: Path) -> None:
    assert classes_of(scene / "classes.png") == [3, 7]
    for values, text in ((np.zeros((4, 4)), "it holds 0"), (np.arange(256).reshape(16, 16), "it holds 255")):
        Image.fromarray(values.astype(np.uint8)).save(tmp_path / "odd.png")
        with pytest.raises(InputError, match=text):
            classes_of(tmp_path / "odd.png")
    with pytest.raises(InputError, match="this one is RGB"):
        classes_of(scene / "photo.png")


def test_each_class_is_a_region(scene: Path) -> None:
    found = read_label_map(scene / "classes.png", size=(64, 80))
    assert [region.label for region in found] == ["class 3", "class 7"]
    third = from_index_mask(scene / "classes.png", 3, size=(64, 80))
    assert bool((found[0].alpha == third.alpha).all())
    with pytest.raises(InputError, match="32"):
        read_label_map(scene / "classes.png", size=(32, 40))
    with pytest.warns(RegionWarning):
        stretched = read_label_map(scene / "classes.png", size=(32, 40), resize=True)
    assert [region.size for region in stretched] == [(32, 40)] * 2


def test_classes_in_arrays(tmp_path: Path, scene: Path) -> None:
    with Image.open(scene / "classes.png") as image:
        classes = np.asarray(image)
    np.save(tmp_path / "classes.npy", classes)
    assert classes_of(tmp_path / "classes.npy") == [3, 7]
    found = read_label_map(tmp_path / "classes.npy", size=(64, 80))
    stored = read_label_map(scene / "classes.png", size=(64, 80))
    assert all(bool((a.alpha == b.alpha).all()) for a, b in zip(found, stored, strict=True))
    np.save(tmp_path / "signed.npy", classes.astype(int) * 10**12 - 3)
    assert classes_of(tmp_path / "signed.npy")[0] == -3
    np.savez(tmp_path / "classes.npz", classes)
    with pytest.raises(InputError, match=r"classes\.npz is an archive of arrays \(\.npz\).*numpy\.save"):
        classes_of(tmp_path / "classes.npz")
    np.save(tmp_path / "floats.npy", classes.astype(float))
    with pytest.raises(InputError, match=r"floats\.npy: Expected class numbers as integers \(h, w\), got float64"):
        classes_of(tmp_path / "floats.npy")
    (tmp_path / "classes.txt").write_text("3 7")
    with pytest.raises(InputError, match=r"convert it to PNG\.$"):
        classes_of(tmp_path / "classes.txt")
