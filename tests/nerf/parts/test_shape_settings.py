"""Shapes as settings: read, written, refused."""

from typing import Any

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.parts.shape_settings import check_shape, parse_shape, shape_mapping
from gencontrol.nerf.parts.shapes import (
    Box,
    Difference,
    Ellipsoid,
    HalfSpace,
    Sphere,
    Union,
    Voxels,
    Whole,
)

BOX = Box(centre=(0.2, 0.0, -0.1), size=(0.8, 0.4, 0.6))


SPHERE = Sphere(centre=(0.1, 0.2, 0.3), radius=0.5)


EGG = Ellipsoid(centre=(0.0, 0.0, 0.2), size=(1.0, 0.5, 0.8))


HALF = HalfSpace(point=(0.0, 0.0, 0.25), normal=(0.0, 0.0, 2.0))


@pytest.mark.parametrize(
    "shape", [Whole(), BOX, SPHERE, EGG, HALF, Union(of=(BOX, SPHERE)), Difference(of=EGG, without=HALF)]
)
def test_settings_are_read_back(shape) -> None:
    assert parse_shape(shape_mapping(shape)) == shape


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("bax", "unknown shape 'bax'; did you mean 'box'?"),
        ({}, "expected one shape, got none"),
        ({"box": {}, "sphere": {}}, "got box, sphere; join them by `union`"),
        ({"sphere": {"centre": [0, 0, 0]}}, "missing radius"),
        ({"sphere": {"centre": [0, 0], "radius": 1}}, "expected 3 values, got 2"),
        ({"sphere": {"centre": [0, 0, 0], "radius": 0}}, "radius must be positive"),
        ({"box": {"centre": [0, 0, 0], "size": [1, -1, 1]}}, "sizes must be positive"),
        ({"half_space": {"point": [0, 0, 0], "normal": [0, 0, 0]}}, "needs a direction"),
        ({"union": [{"spher": {}}]}, "highlight: union: unknown shape 'spher'; did you mean 'sphere'"),
        ({"difference": {"of": "whole"}}, "highlight: difference: without: expected one shape"),
    ],
)
def test_wrong_settings_say_where_and_why(given, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        parse_shape(given)


def test_a_lifted_mask_is_no_setting() -> None:
    with pytest.raises(InputError, match="stored as a tensor"):
        shape_mapping(Voxels(values=torch.zeros(2, 2, 2)))


@pytest.mark.parametrize(
    "shape",
    [
        Box(centre=(0.0, 0.0, 0.0), size=(1.0, float("nan"), 1.0)),
        Box(centre=(0.0, 0.0, 0.0), size=(1.0, 1.0, 1.0), turn=float("inf")),
        Sphere(centre=(0.0, float("nan"), 0.0), radius=1.0),
        HalfSpace(point=(0.0, 0.0, 0.0), normal=(float("inf"), 0.0, 0.0)),
    ],
)
def test_shapes_are_of_finite_numbers(shape: Any) -> None:
    with pytest.raises(ConfigError, match="highlight: expected finite numbers; got"):
        check_shape(shape)
