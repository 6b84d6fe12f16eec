"""Values of the wrong kind are refused where a call takes them, in words."""

import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pytest
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor, nn

from gencontrol.errors import InputError
from gencontrol.images import Picture
from gencontrol.kinds import check_fields, check_kind, check_word, checked, said
from gencontrol.regions import Region

Anything = TypeVar("Anything")
Module = TypeVar("Module", bound=nn.Module)
REGION = Region(alpha=torch.ones(2, 2))


class Bare:
    """A class of one's own."""


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, int),
        (np.int64(1), int),
        (True, int),
        (1, float),
        (np.float32(1), float),
        (1.5, int | float),
        ("a", str),
        (None, None),
        (None, str | None),
        (3, Any),
        (3, Anything),
        (nn.Linear(1, 1), Module),
        ("pad", Literal["pad", "crop"]),
        ("other words are the call's own to refuse", Literal["pad", "crop"]),
        ((1, 2), tuple[int, int]),
        ([1, 2], tuple[int, int]),
        ((1, 2, 3), tuple[int, ...]),
        ((), tuple[int, ...]),
        (frozenset(("a", "b")), Collection[str]),
        ({"a": 1}.keys(), Collection[str]),
        (["a"], Collection[str]),
        ([(1, 2), (3, 4.5)], Sequence[tuple[float, float]]),
        ({"a": 1}, Mapping[str, int]),
        ({}, dict[str, int]),
        (len, Callable[[str], int]),
        (torch.ones(2), Float[Tensor, "h w"]),
        (torch.ones(2, 2), Float[Tensor, "h w"] | UInt8[Tensor, "h w"]),
        (np.ones(2), np.ndarray),
        (Path("a"), str | Path),
        (REGION, Region),
    ],
)
def test_what_fits(value: Any, hint: Any) -> None:
    check_kind(value, hint, name="it")


@pytest.mark.parametrize(
    ("value", "hint", "text"),
    [
        (1.5, int, "a whole number, got the number 1.5"),
        (None, float, "a number, got None"),
        ("3", float, "a number, got the text '3'"),
        (3, str, "text, got the number 3"),
        (b"3", str, "text, got bytes"),
        (3, bool, "True or False, got the number 3"),
        ("a" * 200, int, "a whole number, got the text 'aaaaaaaaaa"),
        (3, Literal["pad", "crop"], "one of pad, crop, got the number 3"),
        (3, Module, "a Module, got the number 3"),
        (1.5, int | None, "a whole number or None, got the number 1.5"),
        ("a", int | float | None, "a number or None, got the text 'a'"),
        (None, tuple[int, int], "2 whole numbers, got None"),
        ((1, 2, 3), tuple[int, int], "2 whole numbers, got 3 values"),
        ((1, "b"), tuple[int, int], "2 whole numbers, got 2 of them, with the text 'b' among them"),
        ([1, None], Sequence[int], "a list of whole numbers, got 2 of them, with None among them"),
        ("ab", Sequence[str], r"a list of texts, got the text 'ab' \(put it into a list\)"),
        (REGION, Sequence[Region], r"a list of Regions, got a Region \(put it into a list\)"),
        (REGION, tuple[Region, ...], r"a list of Regions, got a Region \(put it into a list\)"),
        ([5], Sequence[tuple[float, float]], "a list of entries of 2 numbers, got 1 of them, with the number 5"),
        ({1: 2}, Mapping[str, int], "a mapping, got a mapping"),
        ([], Mapping[str, int], "a mapping, got 0 values"),
        (3, Callable[[str], int], "a Callable, got the number 3"),
        (REGION, Float[Tensor, "h w"], r"a tensor, got a Region \(its map is `.alpha`\)"),
        (np.ones(2), Float[Tensor, "h w"], r"a tensor, got an array \(torch.from_numpy makes one of it\)"),
        (
            Image.new("L", (2, 2)),
            Float[Tensor, "h w"] | None,  # pyright: ignore[reportOperatorIssue]
            r"got a PIL image \(gencontrol.images.read_image reads it",
        ),
        (torch.ones(2, 2), Region, r"a Region, got a tensor \(Region\(alpha=...\) makes one of it\)"),
        ("a.png", Region, r"a Region, got the text 'a.png' \(gencontrol.regions.from_mask reads one\)"),
        ("a.png", Picture, r"a Picture, got the text 'a.png' \(gencontrol.images.read_image reads one\)"),
        (Region, Region, r"a Region, got the class Region"),
        ((c for c in "ab"), Sequence[str], r"a list of texts, got a generator \(list\(...\) makes one of it\)"),
        ({"a"}, tuple[str, ...], r"a list of texts, got a set \(list\(...\) makes one of it\)"),
        (iter("ab"), Collection[str], r"a list of texts, got a str_ascii_iterator \(list\(...\) makes one of it\)"),
        (b"ab", Collection[str], "a list of texts, got bytes"),
        (
            [1],
            Collection[str],
            "a list of texts, got 1 of them, with the number 1 among them|a list of texts, got 1 values",
        ),
        (Bare(), str | Path, "text or a path, got a Bare"),
        (nn.Parameter(torch.ones(1)), str, "text, got a tensor"),
        (10**400, str, r"text, got the number 2\^1328 and more"),
    ],
)
def test_what_does_not_fit_is_said_in_words(value: Any, hint: Any, text: str) -> None:
    with pytest.raises(InputError, match=rf"^it: expected .*{text}"):
        check_kind(value, hint, name="it")


@checked
def measured(alpha: Float[Tensor, "*k h w"], *others: int, radius: float = 1.0, **more: str) -> float:
    """A call."""
    return float(alpha.sum()) + sum(others) + radius + len(more)


def test_words() -> None:
    check_word("b", Literal["a", "b"], name="way")
    with pytest.raises(InputError, match=r"^way: expected one of a, b, got the text 'c'\."):
        check_word("c", Literal["a", "b"], name="way")


def test_a_call_is_checked_at_its_door() -> None:
    assert measured(torch.ones(2, 2), 1, 2, radius=3, a="b") == 11.0
    assert measured.__name__ == "measured" and measured.__doc__ == "A call."
    call: Any = measured
    with pytest.raises(InputError, match=r"^measured: others: expected a whole number, got the text 'a'\."):
        call(torch.ones(2, 2), 1, "a")
    with pytest.raises(InputError, match=r"^measured: radius: expected a number, got None\."):
        call(torch.ones(2, 2), radius=None)
    with pytest.raises(InputError, match=r"^measured: more: expected text, got the number 3\."):
        call(torch.ones(2, 2), a=3)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        call()


@pytest.mark.parametrize("text", ["", " ", "a\0b"])
def test_a_text_that_names_no_file_is_none(text: str) -> None:
    @checked
    def door(path: str | Path | None, *, label: str = "") -> str:
        return f"{path}{label}"

    with pytest.raises(InputError, match=r"^door: path: expected a path, got the text '.*', which names nothing\.$"):
        door(text)
    assert door(None, label=text) == f"None{text}" and door(Path("a")) == "a"


def test_of_tensors_axes_and_numbers_are_checked() -> None:
    call: Any = measured
    assert call(torch.ones(3, 2, 2)) == 13.0
    message = r"^measured: alpha: expected a tensor \(..., h, w\) of floats, got shape \(2,\) of float32\.$"
    with pytest.raises(InputError, match=message):
        call(torch.ones(2))
    with pytest.raises(InputError, match=r"got shape \(2, 2\) of int64"):
        call(torch.ones(2, 2, dtype=torch.int64))

    @checked
    def chosen(planes: Float[Tensor, "h w"] | UInt8[Tensor, "h w"], among: Bool[Tensor, " n"] | None = None) -> int:
        return planes.ndim

    choose: Any = chosen
    assert choose(torch.ones(2, 2, dtype=torch.uint8), torch.ones(2, dtype=torch.bool)) == 2
    with pytest.raises(
        InputError, match=r"a tensor \(h, w\) of floats or a tensor \(h, w\) of uint8, got shape \(1, 2, 2\)"
    ):
        choose(torch.ones(1, 2, 2))
    with pytest.raises(InputError, match=r"among: expected a tensor \(n\) of bool, got shape \(2,\) of float32"):
        choose(torch.ones(2, 2), torch.ones(2))


def test_of_a_pipeline_the_argument_says_enough() -> None:
    class Pipeline:
        @checked
        def __call__(self, steps: int) -> int:
            return steps

    call: Any = Pipeline()
    assert call(3) == 3
    with pytest.raises(InputError, match=r"^steps: expected a whole number, got the number 1\.5\."):
        call(1.5)


def test_fields_of_a_record() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Record:
        size: int
        name: str = ""

        def __post_init__(self) -> None:
            check_fields(self)

    make: Any = Record
    assert make(size=3).size == 3
    with pytest.raises(InputError, match=r"^Record: size: expected a whole number, got None\."):
        make(size=None)


def test_values_in_words() -> None:
    assert said(None) == "None" and said(len).startswith("a builtin") and said([1, 2]) == "2 values"


SCRIPT = """
import numpy, torch
from gencontrol import AlphaCLIP, Region, focus, regions, images
from gencontrol.errors import GencontrolError
from gencontrol.pipelines import RegionReference, open_pipeline
from gencontrol.regions.curves import LevelsCurve, read_curve
region = regions.from_box((1, 1, 3, 3), size=(8, 8))
tries = [
    lambda: regions.grow(region, 5),
    lambda: regions.union(region, region),
    lambda: Region(alpha=numpy.ones((8, 8))),
    lambda: regions.from_box("1,1,3,3", size=(8, 8)),
    lambda: regions.from_box((1, 1, 3), size=(8, 8)),
    lambda: regions.from_box((1, 1, 3, 3), size=None),
    lambda: regions.from_box((1, 1, 3, 3), size=(-8, 8)),
    lambda: regions.whole((2**20, 2**20)),
    lambda: regions.from_index_mask(None, 3, size=(8, 8)),
    lambda: RegionReference(image=None),
    lambda: RegionReference(image=torch.rand(3, 8, 8), schedule="x"),
    lambda: regions.Geometry(size="64"),
    lambda: images.Picture(rgb=numpy.ones((3, 8, 8))),
    lambda: AlphaCLIP.from_pretrained(None),
    lambda: focus.focus_strategy(3),
    lambda: focus.SumFocus(looks=("zoom", "crop")),
    lambda: focus.ZoomFocus(closeness="0.5"),
    lambda: focus.ZoomFocus(outside="red"),
    lambda: focus.AttentionFocus(scale="2"),
    lambda: focus.BlankFocus(colour=3),
    lambda: focus.BlurFocus(sigma=None),
    lambda: focus.CircleFocus(margin="0"),
    lambda: focus.CropFocus(masked=None),
    lambda: focus.MaskInversionFocus(steps=1.5),
    lambda: focus.MaskedPoolingFocus(tokens=3),
    lambda: LevelsCurve(way="both", levels=(0.0, 1.0), values=(0.0, 1.0)),
    lambda: LevelsCurve(way="passes", levels="ab", values=(0.0, 1.0)),
    lambda: read_curve(3),
]
for make in tries:
    try:
        make()
        print("taken")
    except GencontrolError as error:
        print(error)
"""
SAID = (
    "grow: alpha: expected a tensor, got a Region (its map is `.alpha`).",
    "union: first: expected a tensor, got a Region (its map is `.alpha`).",
    "Region: alpha: expected a tensor, got an array (torch.from_numpy makes one of it).",
    "from_box: box: expected 4 numbers, got the text '1,1,3,3'.",
    "from_box: box: expected 4 numbers, got 3 values.",
    "from_box: size: expected 2 whole numbers, got None.",
    "size: expected (height, width) of the picture in pixels, each 1 or more and 268,435,456 together at most, got "
    "-8 x 8.",
    "size: expected (height, width) of the picture in pixels, each 1 or more and 268,435,456 together at most, got "
    "1048576 x 1048576.",
    "from_index_mask: mask: expected text, a path, a PIL image, an array, a tensor or a Picture, got None.",
    "RegionReference: image: expected text, a path, a PIL image, an array, a tensor, a Picture, a Scene or a list of "
    "values, got None.",
    "schedule: Expected start:end, such as 1:0.3, or start:end@begin:until, such as 1:0@0.2:0.6, or points "
    "position:strength in fractions of the run, such as '0:1 0.5:0.8 1:0.3 cosine', got 'x'.",
    "Geometry: size: expected a whole number, got the text '64'.",
    "rgb: expected a tensor, got an array (torch.from_numpy makes one of it).",
    "from_pretrained: name_or_path: expected text or a path, got None.",
    "focus_strategy: name: expected text, got the number 3.",
    "SumFocus: looks: expected a list of FocusStrategies, got 2 of them, with the text 'zoom' among them.",
    "ZoomFocus: closeness: expected a number, got the text '0.5'.",
    "outside: expected one of keep, blank, blur, got 'red'.",
    "AttentionFocus: scale: expected a number, got the text '2'.",
    "BlankFocus: colour: expected text, got the number 3.",
    "BlurFocus: sigma: expected a number, got None.",
    "CircleFocus: margin: expected a number, got the text '0'.",
    "CropFocus: masked: expected True or False, got None.",
    "MaskInversionFocus: steps: expected a whole number, got the number 1.5.",
    "MaskedPoolingFocus: tokens: expected one of last, values, got the number 3.",
    "way: expected one of one-pass, passes, got 'both'.",
    "LevelsCurve: levels: expected a list of numbers, got the text 'ab'.",
    "read_curve: path: expected text or a path, got the number 3.",
)


def test_public_calls_outside_of_tests() -> None:
    """Where nothing else looks at annotations."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert tuple(done.stdout.splitlines()) == SAID
