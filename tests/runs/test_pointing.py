"""Settings that point become regions, and regions are inverted and feathered."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.reading import read_image
from gencontrol.regions.ops import feather
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.shapes import box_alpha, path_alpha
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.pointing import Pointing, read_pointing, shape_regions
from gencontrol.runs.scenes import list_pictures, read_scene, read_scenes
from gencontrol.runs.settings import RegionSettings

SIZE = (64, 80)


def regions(scene: Path, **settings: Any) -> list[Region]:
    picture = scene / settings.pop("picture", "photo.png")
    pointing = read_pointing(RegionSettings(**settings))
    return [point(read_image(picture), picture) for point in pointing.pointers]


def mask(scene: Path, name: str) -> Tensor:
    return read_image(scene / f"{name}.png").rgb[1]


def test_all_that_points_in_order(scene: Path) -> None:
    found = regions(
        scene,
        mask=(f"{scene}/red.png:2",),
        index_mask=(f"{scene}/classes.png=7:3",),
        box=("1,2,30,40.5:0.5",),
        point=("20,30,6", "40,32:4"),
    )
    labels = ["red", "class 7", "box 1,2,30,40.5", "point 20,30,6", "point 40,32"]
    assert [(region.label, region.weight) for region in found] == list(
        zip(labels, [2.0, 3.0, 0.5, 1.0, 4.0], strict=True)
    )
    expected = [mask(scene, "red"), mask(scene, "blue"), box_alpha((1, 2, 30, 40.5), SIZE)]
    expected += [path_alpha([(20, 30)], SIZE, radius=6), path_alpha([(40, 32)], SIZE, radius=0.05 * 64)]
    for region, alpha in zip(found, expected, strict=True):
        assert_close(region.alpha, alpha)


def test_a_class_of_a_mask_is_not_called_a_mask(scene: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"`mask` .*classes\.png=7: a mask has no classes: one class of it is `index_m"
    ):
        regions(scene, mask=(f"{scene}/classes.png=7",))
    (scene / "a=b.png").write_bytes((scene / "red.png").read_bytes())
    (region,) = regions(scene, mask=(f"{scene}/a=b.png",))
    assert_close(region.alpha, mask(scene, "red"))


def test_the_pictures_own_alpha(scene: Path) -> None:
    (region,) = regions(scene, alpha_from_image=True, picture="cutout.png")
    assert region.label == "alpha"
    assert_close(region.alpha, mask(scene, "red"))


def test_boxes_and_points_in_percent(scene: Path) -> None:
    (box,) = regions(scene, box=("10%,25%, 60%,75%:2",))
    assert torch.equal(box.alpha, box_alpha((8, 16, 48, 48), SIZE))
    assert (box.weight, box.label) == (2.0, "box 10%,25%, 60%,75%")
    told = r"`box` 8,25%,60%,48 mixes percent and pixels: 8 and 48 are taken for pixels\."
    with pytest.warns(RunWarning, match=told):
        (mixed,) = regions(scene, box=("8,25%,60%,48",))
    torch.testing.assert_close(mixed.alpha, box.alpha)
    (near,) = regions(scene, box=("0%,0%,1%,1%",))
    assert near.alpha[0, 0].item() == pytest.approx(0.8 * 0.64)
    (point,) = regions(scene, point=("50%,25%,12.5%",))
    assert torch.equal(point.alpha, path_alpha([(40, 16)], SIZE, radius=8))
    (point,) = regions(scene, point=("50%,25%,8",))
    assert torch.equal(point.alpha, path_alpha([(40, 16)], SIZE, radius=8))
    with pytest.warns(RunWarning, match="`point` 40,25% mixes percent and pixels: 40 is taken for pixels"):
        (point,) = regions(scene, point=("40,25%",))
    torch.testing.assert_close(point.alpha, path_alpha([(40, 16)], SIZE, radius=3.2))
    with pytest.raises(InputError, match="shares of the image, 0 to 1"):
        regions(scene, box=("0.1,0.25,0.6,0.75",))


def test_masks_as_arrays_go_with_pictures_of_their_name(scene: Path) -> None:
    (scene / "masks").mkdir()
    np.save(scene / "masks" / "photo.npy", mask(scene, "red").numpy() > 0.5)
    (found,) = regions(scene, mask=(str(scene / "masks"),))
    assert torch.equal(found.alpha, mask(scene, "red"))
    # A picture of a mask goes before.
    (scene / "masks" / "photo.png").write_bytes((scene / "blue.png").read_bytes())
    (found,) = regions(scene, mask=(str(scene / "masks"),))
    assert torch.equal(found.alpha, mask(scene, "blue"))


def test_threshold_and_resize_act_on_masks(scene: Path) -> None:
    grey, small = scene / "grey.png", scene / "small.png"
    for path, size, level in ((grey, (80, 64), 100), (small, (40, 32), 255)):
        image = Image.new("L", size, level)
        image.paste(0, (0, 0, 8, 8))
        image.save(path)
    assert float(regions(scene, mask=(str(grey),))[0].alpha.max()) < 0.5
    assert float(regions(scene, mask=(str(grey),), threshold=0.3)[0].alpha[:, 8:].min()) == 1.0
    with pytest.raises(InputError, match="The mask is 40 x 32"):
        regions(scene, mask=(str(small),))
    with pytest.warns(RegionWarning, match="stretched"):
        assert regions(scene, mask=(str(small),), resize_mask=True)[0].size == SIZE


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": ("a.png:0",)}, "`mask` a.png:0: expected a weight above 0"),
        ({"index_mask": ("classes.png",)}, "`index_mask`: expected PATH=CLASS, such as"),
        ({"index_mask": ("classes.png=",)}, "`index_mask`: expected PATH=CLASS, such as"),
        ({"box": ("1,2,3",)}, "`box`: expected X0,Y0,X1,Y1, in pixels or percent, got '1,2,3'"),
        ({"point": ("1",)}, "`point`: expected X,Y or X,Y,RADIUS, in pixels or percent, got '1'"),
        ({"box": ("1%%,2,3,4",)}, "`box`: expected X0,Y0,X1,Y1, in pixels or percent, got"),
        ({"box": ("1,2,nan,4",)}, "`box`: expected .*, all of them finite, got '1,2,nan,4'"),
        ({"point": ("1,2,inf",)}, "`point`: expected .*, all of them finite, got '1,2,inf'"),
        ({"mask": ("",)}, "`mask` is empty"),
        ({"index_mask": ("=3",)}, "`index_mask`: expected PATH=CLASS, such as"),
        ({"feather": -1.0}, "`feather`: expected 0 or more pixels"),
    ],
)
def test_what_cannot_be_read_is_found_before_any_picture(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_pointing(RegionSettings(**settings))


def test_a_negative_mask_is_named_as_such() -> None:
    with pytest.raises(ConfigError, match=r"`negative_mask` a\.png:0: expected a weight above 0"):
        read_pointing(RegionSettings(), negative_mask=("a.png:0",))


def test_settings_are_called_as_they_stand_for_others() -> None:
    for settings, message in {
        RegionSettings(mask=("a.png:0",)): "`like_mask` a.png:0: expected a weight",
        RegionSettings(box=("1,2",)): "`like_box`: expected",
        RegionSettings(point=("1",)): "`like_point`: expected",
    }.items():
        with pytest.raises(ConfigError, match=message):
            read_pointing(settings, prefix="like_")


def test_the_complement_is_that_of_the_union() -> None:
    first, second = torch.rand(2, 8, 9, generator=torch.Generator().manual_seed(0))
    pair = [Region(alpha=first, label="a", weight=2.0), Region(alpha=second, label="b", weight=2.0)]
    (region,) = shape_regions(pair, inverted=True, radius=0.0)
    assert torch.equal(region.alpha, 1 - torch.maximum(first, second))
    assert (region.label, region.weight) == ("not a or b", 1.0)
    with pytest.raises(ConfigError, match="`invert`: show a region to turn round"):
        shape_regions([], inverted=True, radius=0.0)
    with pytest.raises(ConfigError, match="`invert`: regions of different weights have no complement"):
        shape_regions([pair[0], Region(alpha=second)], inverted=True, radius=0.0)


def test_each_region_is_feathered_after_inverting() -> None:
    alpha = box_alpha((10, 10, 30, 30), (40, 40))
    pair = [Region(alpha=alpha, label="a", weight=2.0), Region(alpha=1 - alpha, weight=3.0)]
    soft = shape_regions(pair, inverted=False, radius=3.0)
    assert [(region.label, region.weight) for region in soft] == [("a", 2.0), ("", 3.0)]
    for region, hard in zip(soft, pair, strict=True):
        assert torch.equal(region.alpha, feather(hard.alpha, 3.0))
    (turned,) = shape_regions(pair[:1], inverted=True, radius=3.0)
    assert torch.equal(turned.alpha, feather(1 - alpha, 3.0))
    assert shape_regions(pair, inverted=False, radius=0.0) == tuple(pair)


@pytest.mark.parametrize(("radius", "told"), [(64.0, False), (65.0, True)])
def test_a_feather_that_is_wider_than_the_picture_is_told(radius: float, told: bool) -> None:
    region = Region(alpha=box_alpha((10, 10, 40, 40), SIZE))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shape_regions([region, region], inverted=False, radius=radius)
    expected = "`feather` of 65 pixels is wider than the picture, which is 80 x 64: little is left of where"
    assert [str(warning.message).startswith(expected) for warning in caught] == [True] * told


def test_a_scene_keeps_what_a_record_needs(scene: Path) -> None:
    settings = RegionSettings(box=("8,8,40,40",), feather=2.0)
    pointing = read_pointing(settings, negative_mask=(str(scene / "blue.png"),))
    recorded = read_scene(scene / "cutout.png", pointing)
    assert recorded.path == recorded.scene.source == scene / "cutout.png"
    assert recorded.scene.picture.alpha is None
    assert torch.equal(recorded.pointed[0].alpha, box_alpha((8, 8, 40, 40), SIZE))
    assert torch.equal(recorded.scene.regions[0].alpha, feather(recorded.pointed[0].alpha, 2.0))
    assert_close(recorded.scene.negative_regions[0].alpha, mask(scene, "blue"), atol=1e-5, rtol=0)


def test_pointers_take_the_place_of_recorded_regions(scene: Path) -> None:
    old = Region(alpha=torch.full(SIZE, 0.5), label="old")
    shown = read_pointing(RegionSettings(box=("8,8,40,40",)), recorded=(old,), recorded_negative=(old,))
    found = read_scene(scene / "photo.png", shown).scene
    assert [region.label for region in found.regions] == ["box 8,8,40,40"]
    assert [region.label for region in found.negative_regions] == ["old"]
    kept = read_scene(scene / "photo.png", read_pointing(RegionSettings(), recorded=(old,))).scene
    assert [region.label for region in kept.regions] == ["old"]


def test_an_unused_alpha_channel_is_told(scene: Path) -> None:
    with pytest.warns(RegionWarning, match="`alpha_from_image` looks where it is opaque"):
        assert read_scene(scene / "cutout.png", Pointing()).scene.regions == ()
    assert read_scene(scene / "photo.png", Pointing()).pointed == ()
    # Opaque everywhere, it has nothing to say.
    Image.new("RGBA", (80, 64), (1, 2, 3, 255)).save(scene / "opaque.png")
    assert read_scene(scene / "opaque.png", Pointing()).pointed == ()


def test_pictures_are_listed_and_read_twice(scene: Path) -> None:
    (scene / "photos").mkdir()
    for name in ("b.PNG", "a.jpg", ".hidden.png", "notes.txt"):
        (scene / "photos" / name).write_bytes((scene / "photo.png").read_bytes())
    paths = list_pictures([str(scene / "red.png"), str(scene / "photos")])
    assert [path.name for path in paths] == ["red.png", "a.jpg", "b.PNG"]
    assert [found.path.name for found in read_scenes([str(scene / "photos")], Pointing())] == ["a.jpg", "b.PNG"]
    (scene / "photos" / "b.PNG").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"b\.PNG"):
        read_scenes([str(scene / "photos")], Pointing())


def test_a_picture_that_is_named_twice_is_taken_once(scene: Path) -> None:
    (scene / "photos").mkdir()
    for name in ("b.png", "a.png"):
        (scene / "photos" / name).write_bytes((scene / "photo.png").read_bytes())
    (scene / "photos" / "c.png").symlink_to(scene / "photos" / "a.png")
    (scene / "same").symlink_to(scene / "photos")
    b = scene / "photos" / "b.png"
    with pytest.warns(RunWarning, match="b.png is named more than once, and taken once"):
        found = list_pictures([str(b), str(scene / "photos"), str(scene / "same" / "b.png"), str(scene / "photo.png")])
    # A link of another name is another picture.
    assert found == [b, scene / "photos" / "a.png", scene / "photos" / "c.png", scene / "photo.png"]


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([], ConfigError, "No picture is given: name at least one, or a folder of them, as `images`"),
        ([""], InputError, "An empty path is given as picture"),
        (["{scene}/nowhere"], InputError, "No picture and no folder at"),
        (["{scene}/empty"], InputError, "No pictures in the folder"),
    ],
)
def test_pictures_that_are_not_there(images: list[str], error: type[Exception], message: str, scene: Path) -> None:
    (scene / "empty").mkdir()
    with pytest.raises(error, match=message):
        list_pictures([name.format(scene=scene) for name in images])


def levels_of(scene: Path, **settings: Any) -> list[float]:
    read = read_scene(scene / "photo.png", read_pointing(RegionSettings(**settings)))
    return [region.level for region in read.scene.regions]


def test_levels_are_given_in_the_regions_order(scene: Path) -> None:
    shown: Any = {"box": ("1,2,30,40",), "mask": (f"{scene}/red.png",), "point": ("20,30",)}
    assert levels_of(scene, level=(1.0, 0.5, 0.0), **shown) == [1.0, 0.5, 0.0]
    assert levels_of(scene, **shown) == [1.0, 1.0, 1.0]
    assert levels_of(scene, level=(1.0, 0.5, 0.2), feather=2.0, **shown) == [1.0, 0.5, 0.2]


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ((0.5,), "`level`: expected one for each region, .*; there are 2 regions, and 1 level is given"),
        ((0.5, 1.0, 1.0), "there are 2 regions, and 3 levels are given"),
        ((0.0, 0.0), "`level`: every region has level 0"),
        ((0.5, 1.5), "`level`: expected 0 or more and at most 1, got 1.5"),
        ((0.5, -0.5), "`level`: expected 0 or more and at most 1, got -0.5"),
    ],
)
def test_levels_that_do_not_fit(level: tuple[float, ...], message: str, scene: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        levels_of(scene, level=level, mask=(f"{scene}/red.png", f"{scene}/blue.png"))


def test_a_level_of_one_region_is_told_to_change_nothing(scene: Path) -> None:
    with pytest.warns(RunWarning, match="`level` of one region changes nothing, .*; `strength` is how much it counts"):
        assert levels_of(scene, level=(0.5,), mask=(f"{scene}/red.png",)) == [0.5]
    with pytest.raises(ConfigError, match="there are 0 regions, and 1 level is given"):
        levels_of(scene, level=(0.5,))


def test_regions_of_different_levels_have_no_complement(scene: Path) -> None:
    masks = (f"{scene}/red.png", f"{scene}/blue.png")
    with pytest.raises(ConfigError, match="`invert`: regions of different levels have no complement; leave the levels"):
        levels_of(scene, level=(0.5, 1.0), mask=masks, invert=True)
    assert levels_of(scene, level=(0.5, 0.5), mask=masks, invert=True) == [1.0]


def test_what_is_wrong_with_a_mask_names_it(scene: Path) -> None:
    np.save(scene / "deep.npy", np.zeros((5, 64, 80)))
    with pytest.raises(InputError, match=r"deep\.npy: Expected an array \(h, w\)"):
        regions(scene, mask=(f"{scene}/red.png", f"{scene}/deep.npy"))
    with pytest.raises(InputError, match=r"classes\.png: The mask has no pixel of class 99"):
        regions(scene, index_mask=(f"{scene}/classes.png=99",))
    # What is taken by its class is what to look at, and nothing else.
    Image.new("RGB", (80, 64), "red").save(scene / "coloured.png")
    with pytest.raises(InputError, match=r"coloured\.png: .* To take one of its colours, use `from_index_mask`\.$"):
        regions(scene, mask=(f"{scene}/coloured.png",))
    away = read_pointing(RegionSettings(), negative_mask=(f"{scene}/coloured.png",)).negative_pointers[0]
    with pytest.raises(InputError, match=r"coloured\.png: The mask has colours; .* look here\.$"):
        away(read_image(scene / "photo.png"), scene / "photo.png")
    # Where it is named already, once is enough.
    with pytest.raises(InputError, match=r"^No image file at [^:]*none\.png\.$"):
        regions(scene, mask=(f"{scene}/none.png",))


def test_percent_signs_are_said_as_they_were_given() -> None:
    with pytest.raises(ConfigError, match=r"`box`: expected .*, got '10%,20%'\.$"):
        read_pointing(RegionSettings(box=("10%,20%",)))
    with pytest.raises(ConfigError, match=r"`point`: expected .*, got '10%'\.$"):
        read_pointing(RegionSettings(point=("10%",)))


def test_a_class_below_nought_is_a_number(tmp_path: Path) -> None:
    np.save(tmp_path / "classes.npy", np.where(np.eye(4, dtype=bool), -3, 4))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (region,) = regions(tmp_path, picture="a.png", index_mask=(f"{tmp_path / 'classes.npy'}=-3",))
    assert bool((region.alpha == torch.eye(4)).all())
    with pytest.raises(InputError, match=r"classes\.npy: '3\.0' is no class: expected a whole number"):
        regions(tmp_path, picture="a.png", index_mask=(f"{tmp_path / 'classes.npy'}=3.0",))
