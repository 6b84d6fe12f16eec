"""Shapes as settings: read from a mapping, written as one, and refused where they enclose nothing."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from gencontrol.configuration import from_mapping, nearest, to_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.parts.shapes import (
    Box,
    Difference,
    Ellipsoid,
    HalfSpace,
    Shape,
    Sphere,
    Union,
    Voxels,
    Whole,
    shape_text,
)

SHAPES: Mapping[str, type] = {
    "whole": Whole,
    "box": Box,
    "sphere": Sphere,
    "ellipsoid": Ellipsoid,
    "half_space": HalfSpace,
    "union": Union,
    "difference": Difference,
}
"""Name in configurations -> class."""


def parse_shape(values: Any, *, where: str = "highlight") -> Shape:
    """Read a shape from a mapping such as `{"box": {"centre": [0, 0, 0.5], "size": [1, 1, 1]}}` or from `whole`.

    Raises:
        ConfigError: An unknown shape, or settings that do not fit it.
    """
    if isinstance(values, str):
        values = {values: {}}
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{where}: expected a shape such as `sphere: {{centre: [0, 0, 0], radius: 0.5}}`, got {values!r}."
        )
    if len(values) != 1:
        raise ConfigError(
            f"{where}: expected one shape, got {', '.join(map(str, values)) or 'none'}; join them by `union`."
        )
    name, settings = next(iter(values.items()))
    if name not in SHAPES:
        raise ConfigError(f"{where}: unknown shape {name!r}{nearest(str(name), SHAPES)}")
    inside = f"{where}: {name}"
    if name == "union":
        return _parse_union(settings, inside)
    settings = {} if settings is None else settings
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{inside}: expected its settings by name, got {settings!r}.")
    if name == "difference":
        both = {key: parse_shape(settings.get(key, {}), where=f"{inside}: {key}") for key in ("of", "without")}
        return Difference(**both)
    return check_shape(from_mapping(SHAPES[name], settings, where=inside), where=inside)


def shape_mapping(shape: Shape) -> dict[str, Any]:
    """The mapping that `parse_shape` reads back.

    Raises:
        InputError: A lifted mask, which is a tensor and no setting.
    """
    if isinstance(shape, Voxels):
        raise InputError("A lifted mask is stored as a tensor, not as a setting.")
    if isinstance(shape, Union):
        return {"union": [shape_mapping(s) for s in shape.of]}
    if isinstance(shape, Difference):
        return {"difference": {"of": shape_mapping(shape.of), "without": shape_mapping(shape.without)}}
    return {next(k for k, v in SHAPES.items() if v is type(shape)): to_mapping(shape)}


def check_shape(shape: Shape, *, where: str = "highlight") -> Shape:
    """Refuse shapes that enclose nothing.

    Raises:
        ConfigError: A number that is not finite, a size or radius that is not positive, a normal without a direction.
    """
    if not all(map(math.isfinite, _numbers(to_mapping(shape)))):
        raise ConfigError(f"{where}: expected finite numbers; got {shape_text(shape)}.")
    if isinstance(shape, Box | Ellipsoid) and min(shape.size) <= 0:
        raise ConfigError(f"{where}: sizes must be positive; got {shape.size}.")
    if isinstance(shape, Sphere) and shape.radius <= 0:
        raise ConfigError(f"{where}: the radius must be positive; got {shape.radius}.")
    if isinstance(shape, HalfSpace) and not any(shape.normal):
        raise ConfigError(f"{where}: the normal needs a direction; got {shape.normal}.")
    return shape


def _numbers(values: Any) -> Iterator[float]:
    if isinstance(values, int | float):
        yield values
    elif isinstance(values, Mapping):
        yield from _numbers(list(values.values()))
    else:
        for value in values:
            yield from _numbers(value)


def _parse_union(entries: Any, where: str) -> Union:
    if not isinstance(entries, list | tuple) or not entries:
        raise ConfigError(f"{where}: expected a list of shapes, at least one, got {entries!r}.")
    return Union(of=tuple(parse_shape(entry, where=where) for entry in entries))
