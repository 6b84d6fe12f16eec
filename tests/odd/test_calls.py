"""Whatever a program passes to a public call: what it gives is finite and in its range, or one of our errors says why.

`make odd SEED=7 EXAMPLES=400` tries other values than the default run, which are the same each time.
"""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import torch
from hypothesis import given, note
from hypothesis import strategies as st

from gencontrol import AlphaCLIP, Region, regions
from gencontrol.conditioning import StrengthSchedule, embed_regions
from gencontrol.conditioning.strength import parse_schedule
from gencontrol.errors import GencontrolError
from gencontrol.focus import focus_strategy
from gencontrol.images import Picture, PictureWarning, read_image
from gencontrol.regions import RegionWarning
from gencontrol.runs.notation import parse_seeds

FOREIGN = re.compile(r"Traceback|<class|<function| object at 0x|Tensor\(|tensor\(|array\(")


@pytest.fixture(scope="session")
def values(beside: Callable[[str], ModuleType]) -> ModuleType:
    """The strategies of tests/odd/_values.py."""
    return beside("_values.py")


@pytest.fixture(scope="session")
def encoder(tiny_folder: Path) -> AlphaCLIP:
    """Of random weights, alpha among them."""
    return AlphaCLIP.from_pretrained(str(tiny_folder / "alpha_clip"))


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives; None where it refuses, which has to be said well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RegionWarning)
        warnings.simplefilter("ignore", PictureWarning)
        try:
            return call()
        except GencontrolError as error:
            said = str(error)
            note(said)
            assert 10 < len(said) < 1500
            assert not FOREIGN.search(said)
            return None


def is_alpha(alpha: torch.Tensor) -> bool:
    """Finite, and in [0, 1]."""
    return bool(alpha.isfinite().all() and alpha.amin() >= 0 and alpha.amax() <= 1)


@given(data=st.data())
def test_a_picture_is_read(values: Any, odd_files: Path, data: st.DataObject) -> None:
    file = st.sampled_from(sorted(odd_files.iterdir()))
    source = data.draw(st.one_of(values.arrays(), values.tensors(), file, file.map(str)))
    picture = outcome(lambda: read_image(source))
    if picture is not None:
        assert is_alpha(picture.rgb)
        assert picture.alpha is None or is_alpha(picture.alpha)
        assert min(picture.size) > 0


@given(data=st.data())
def test_a_mask_is_read(values: Any, odd_files: Path, data: st.DataObject) -> None:
    source = data.draw(st.one_of(values.arrays(), values.tensors(), st.sampled_from(sorted(odd_files.iterdir()))))
    size = data.draw(st.one_of(st.none(), values.SIZES))
    threshold = data.draw(st.one_of(st.none(), values.REALS))
    resize, weight = data.draw(st.booleans()), float(data.draw(st.floats()))
    region = outcome(
        lambda: regions.from_mask(source, size=size, threshold=threshold, resize=resize, weight=weight, label="it")
    )
    if region is not None:
        assert is_alpha(region.alpha) and float(region.alpha.max()) > 0
        assert size is None or region.size == size


@given(data=st.data())
def test_a_class_is_read(values: Any, odd_files: Path, data: st.DataObject) -> None:
    source = data.draw(st.one_of(values.arrays(), st.sampled_from(sorted(odd_files.iterdir()))))
    colour = st.one_of(st.integers(-3, 300), st.integers(), st.text(max_size=8), st.tuples(*[st.integers(-1, 256)] * 3))
    chosen, size, resize = data.draw(colour), data.draw(values.SIZES), data.draw(st.booleans())
    region = outcome(lambda: regions.from_index_mask(source, chosen, size=size, resize=resize))
    assert region is None or (is_alpha(region.alpha) and region.size == size)


@given(data=st.data())
def test_shapes_are_drawn(values: Any, data: st.DataObject) -> None:
    size, number = data.draw(values.SIZES), values.REALS
    points = data.draw(st.lists(st.tuples(number, number), max_size=5))
    width = data.draw(number)
    box = cast(Any, data.draw(st.tuples(number, number, number, number)))
    relative = data.draw(st.booleans())
    drawn = {
        "box": lambda: regions.from_box(box, size=size, relative=relative),
        "points": lambda: regions.from_points(points, size=size, radius=width, relative=relative),
        "polygon": lambda: regions.from_polygon(points, size=size),
        "stroke": lambda: regions.from_stroke(points, size=size, width=width),
    }
    for draw in drawn.values():
        region = outcome(draw)
        assert region is None or (is_alpha(region.alpha) and region.size == size)


@given(data=st.data())
def test_maps_are_reckoned_with(values: Any, data: st.DataObject) -> None:
    size = data.draw(values.SIZES)
    alpha, radius = data.draw(values.maps(size)), data.draw(values.REALS)
    for change in (regions.feather, regions.grow, regions.shrink, regions.threshold):
        changed = outcome(lambda change=change: change(alpha, radius))
        assert changed is None or (is_alpha(changed) and changed.shape == alpha.shape)


@given(data=st.data())
def test_regions_are_embedded(values: Any, encoder: AlphaCLIP, data: st.DataObject) -> None:
    size = data.draw(values.SIZES)
    picture = Picture(rgb=torch.rand(3, *size, generator=torch.Generator().manual_seed(0)))
    maps = data.draw(st.lists(values.maps(size), max_size=3))
    weights = data.draw(st.lists(st.one_of(st.just(1.0), st.floats()), min_size=3, max_size=3))
    strength = data.draw(st.one_of(st.floats(0, 2), st.floats()))
    fit: Any = data.draw(st.sampled_from(["pad", "squash", "crop", "published"]))
    geometry = regions.Geometry(size=encoder.image_size, fit=fit)
    names = ["alpha", "zoom", "attention", "crop", "blank", "blur", "circle"]
    focus = focus_strategy(data.draw(st.sampled_from(names)))

    def embed() -> Any:
        there = [Region(alpha=alpha, weight=weight) for alpha, weight in zip(maps, weights, strict=False)]
        return embed_regions(encoder, geometry, picture, there, focus=focus, strength=strength)

    embeds = outcome(embed)
    if embeds is not None:
        assert embeds.image_embeds.shape == (1, encoder.embed_dim)
        assert bool(embeds.image_embeds.isfinite().all())


@given(data=st.data())
def test_strategies_are_made(values: Any, encoder: AlphaCLIP, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["zoom", "attention", "crop", "blur", "circle", "blank", "zoon"]))
    keys = st.sampled_from(["margin", "closeness", "sigma", "scale", "floor", "thickness", "colour", "outside", "size"])
    words = st.one_of(st.text(max_size=6), st.sampled_from(["red", "#ff0000", "mean", "keep", "blank"]))
    settings = data.draw(st.dictionaries(keys, st.one_of(values.REALS, words), max_size=2))
    focus = outcome(lambda: focus_strategy(name, **settings))
    if focus is not None:
        alpha = regions.from_box((10, 10, 30, 20), size=(40, 56)).alpha
        embeds = outcome(lambda: focus.embed(encoder, torch.rand(1, 3, 40, 56), alpha[None]))
        assert embeds is None or bool(embeds.isfinite().all())


@given(data=st.data())
def test_courses_and_seeds_are_read(values: Any, data: st.DataObject) -> None:
    word = st.one_of(values.REALS.map(str), st.sampled_from(["1:0.3", "0:1", "@", "cosine", ":", "-", ",", "hold"]))
    text = data.draw(st.one_of(st.lists(word, max_size=6).map(" ".join), st.text(max_size=12)))
    schedule = outcome(lambda: parse_schedule(text))
    if schedule is not None:
        assert all(0 <= schedule.at_step(step, 7) <= 2 for step in range(7))
        assert parse_schedule(schedule.text).points == schedule.points
    count = data.draw(st.one_of(st.none(), st.integers()))
    seeds = outcome(lambda: parse_seeds(text.replace(" ", ","), count))
    assert seeds is None or (len(set(seeds)) == len(seeds) and min(seeds) >= 0)


@given(start=st.floats(), end=st.floats(), begin=st.floats(), until=st.floats())
def test_courses_are_made(start: float, end: float, begin: float, until: float) -> None:
    schedule = outcome(lambda: StrengthSchedule(start=start, end=end, begin=begin, until=until))
    assert schedule is None or all(0 <= schedule.at_step(step, 5) <= 2 for step in range(5))
