"""Names before what is pointed at, and maps of classes."""

from pathlib import Path

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.regions.index_masks import from_index_mask
from gencontrol.regions.masks import from_mask
from gencontrol.runs.notation import split_name
from gencontrol.runs.relating.reading import read_named_regions, relate_regions
from gencontrol.runs.relating.settings import RelatingSettings


def test_names_are_before_the_first_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "dog=d.png": ("dog", "d.png"),
        "red cup=a/b.png:0.5": ("red cup", "a/b.png:0.5"),
        "dog=classes.png=3": ("dog", "classes.png=3"),
        "classes.png=3": ("", "classes.png=3"),
        "a/b=c.png": ("", "a/b=c.png"),
        "d.png": ("", "d.png"),
        "cup=1,2,3,4": ("cup", "1,2,3,4"),
        "1,2,3,4": ("", "1,2,3,4"),
    }
    assert {text: split_name(text) for text in given} == given
    (tmp_path / "x=1").write_bytes(b"")
    assert split_name("x=1") == ("", "x=1")


def test_regions_with_their_names_in_the_order_of_the_settings(scene: Path) -> None:
    settings = RelatingSettings(
        image=str(scene / "photo.png"),
        mask=(f"disc={scene / 'red.png'}", str(scene / "blue.png")),
        index_mask=(f"case={scene / 'classes.png'}=7",),
        box=("crate=1,2,11,12",),
        point=("spot=40,30,5",),
        label_map=str(scene / "classes.png"),
    )
    found = read_named_regions(settings)
    assert [r.label for r in found.regions] == ["disc", "blue", "case", "crate", "spot", "class 3", "class 7"]
    assert found.regions[3].alpha.sum() == 100 and found.regions[3].alpha[2:12, 1:11].all()
    red = from_mask(scene / "red.png", size=(64, 80))
    third = from_index_mask(scene / "classes.png", 3, size=(64, 80))
    assert bool((found.regions[0].alpha == red.alpha).all()) and bool((found.regions[5].alpha == third.alpha).all())


def test_what_is_refused_before_an_encoder_is_opened(scene: Path) -> None:
    photo, mask = str(scene / "photo.png"), (str(scene / "red.png"),)
    with pytest.raises(ConfigError, match="Give a picture and"):
        relate_regions(RelatingSettings())
    with pytest.raises(InputError, match="need at least two regions, and there is 1"):
        relate_regions(RelatingSettings(image=photo, mask=mask))
    with pytest.raises(InputError, match="need at least two regions, and there is none"):
        relate_regions(RelatingSettings(image=photo))
    with pytest.raises(ConfigError, match="`at_least`: expected 0 or more and at most 1, got 2"):
        relate_regions(RelatingSettings(image=photo, mask=mask, at_least=2.0))
    with pytest.raises(InputError, match="'of the dog' is not understood"):
        relate_regions(RelatingSettings(image=photo, mask=mask, text=("the cup of the dog",)))
    two = mask * 2
    with pytest.raises(ConfigError, match="expected a name that ends in"):
        relate_regions(RelatingSettings(image=photo, mask=two, graph=str(scene / "g.txt")))
    with pytest.raises(InputError, match=r"classes\.png exists already: give `overwrite`"):
        relate_regions(RelatingSettings(image=photo, mask=two, graph=str(scene / "classes.png")))
