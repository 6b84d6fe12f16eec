"""References as a run reads them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageChops

from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import CropFocus
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.files.records import LEVELS
from gencontrol.runs.references.bound import (
    Terms,
    as_reference,
    inputs_named,
    read_canvas,
    read_reference,
    without_regions,
)
from gencontrol.runs.references.notation import parse_reference


def test_what_a_text_says_reaches_the_host(pictures: Path) -> None:
    text = f"{pictures / '2.png'},mask={pictures / 'hat.png'},focus=crop:margin=0.3,strength=0.7,weight=0.6,"
    bound = read_reference(parse_reference(text + f"canvas={pictures / 'left.png'},schedule=1:0,feather=2"))
    made = bound.reference
    assert isinstance(made.image, Scene) and made.image.picture.size == (64, 48)
    assert made.focus == CropFocus(margin=0.3)
    assert (made.strength, made.weight, made.schedule) == (0.7, 0.6, "1:0")
    assert isinstance(made.canvas_mask, Region) and made.canvas_mask.alpha[:, :16].all()
    assert not made.canvas_mask.alpha[:, 16:].any() and made.mask_image is None
    # Softened for the host; for a record, as it was shown.
    ((region,), (pointed,)) = made.image.regions, bound.recorded.pointed
    assert ((region.alpha > 0) & (region.alpha < 1)).any() and set(pointed.alpha.unique().tolist()) == {0.0, 1.0}
    assert bound.feather == 2.0


def test_defaults_are_those_of_a_reference(pictures: Path) -> None:
    made = read_reference(parse_reference(str(pictures / "2.png"))).reference
    assert (made.focus, made.strength, made.weight, made.schedule, made.canvas_mask) == (None, 1.0, 1.0, None, None)
    assert made.image.regions == made.image.negative_regions == ()


def test_errors_name_the_reference(pictures: Path) -> None:
    there = pictures / "2.png"
    with pytest.raises(InputError, match=r"2\.png: .*red\.png: The mask is 80 x 64 but the image is 48 x 64"):
        read_reference(parse_reference(f"{there},mask={pictures / 'red.png'}"))
    # Of a mask of another size, no key stretches it.
    with pytest.raises(InputError, match=r"was one of them resized\? Give a mask of the image's size\.$"):
        read_reference(parse_reference(f"{there},mask={pictures / 'red.png'}"))
    Image.new("RGB", (48, 64), "red").save(pictures / "coloured.png")
    with pytest.raises(InputError, match=r"take one of its colours, use index_mask=\.$"):
        read_reference(parse_reference(f"{there},mask={pictures / 'coloured.png'}"))
    for key in ("canvas", "negative_mask"):
        with pytest.raises(InputError, match=r"where white means: look here\.$"):
            read_reference(parse_reference(f"{there},{key}={pictures / 'coloured.png'}"))
    with pytest.raises(InputError, match=r"`reference` .*2\.png: weight: expected a number from 0 to 2, got 3\.0"):
        read_reference(parse_reference(f"{there},weight=3"))
    with pytest.raises(ConfigError, match=r"2\.png: unknown focus 'gaze'"):
        read_reference(parse_reference(f"{there},focus=gaze"))
    with pytest.raises(InputError, match=r"nothing\.png"):
        read_reference(parse_reference(f"{pictures / 'nothing.png'}"))


def test_a_canvas_mask_is_what_a_record_holds(pictures: Path) -> None:
    assert read_canvas(None) is None
    canvas = read_canvas(str(pictures / "left.png"))
    assert canvas is not None
    levels = canvas.alpha * LEVELS
    assert torch.equal(levels, levels.round())


def test_every_file_is_an_input(pictures: Path) -> None:
    names = ("2.png", "hat.png", "red.png", "left.png")
    paths = [pictures / name for name in names]
    text = f"{paths[0]},mask={paths[1]}:0.5,negative_mask={paths[2]}:2,canvas={paths[3]}"
    named = {entry.path: entry.what for entry in inputs_named([parse_reference(text)])}
    assert named == dict(
        zip(
            paths,
            ("one of the pictures to take a part of", "a mask", "a negative mask", "a canvas mask"),
            strict=True,
        )
    )
    assert inputs_named([parse_reference("nowhere.png,canvas=no.png")]) == []


def test_without_regions_each_is_whole(pictures: Path) -> None:
    with Image.open(pictures / "hat.png") as mask:
        ImageChops.invert(mask.convert("L")).save(pictures / "rest.png")
    text = f"{pictures / '2.png'},mask={pictures / 'hat.png'},negative_mask={pictures / 'rest.png'},weight=0.5"
    made = read_reference(parse_reference(text)).reference
    (whole,) = without_regions([made])
    assert whole.image.regions == whole.image.negative_regions == () and whole.image.picture is made.image.picture
    assert replace(whole, image=made.image) == made


def test_terms_are_a_references() -> None:
    from gencontrol.images.picture import Picture

    scene = Scene(picture=Picture(rgb=torch.zeros(3, 8, 8)))
    made = as_reference(scene, Terms(strength=0.5))
    assert made.image is scene and made.strength == 0.5
