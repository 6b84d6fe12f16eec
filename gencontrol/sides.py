"""Tensors whose sides do not go together, refused where a call takes them: axes of one name are equally long.

For calls that reckon with several tensors and have no better words of their own about one that does not fit.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast, get_args, get_type_hints

from gencontrol.errors import InputError
from gencontrol.kinds import check_call, plain_arguments

Function = TypeVar("Function", bound=Callable[..., Any])
_Sides = tuple[int, ...]


def matched(function: Function) -> Function:
    """`gencontrol.kinds.checked`, and of the tensors among the arguments that axes of one name are equally long.

    Raises:
        InputError: Where the function is called: which two do not go together, and how long their sides are.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        check_call(function, args, kwargs)
        args, kwargs = plain_arguments(args, kwargs)
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return function(*args, **kwargs)
        _check_sides(function.__name__, given, _axes(function))
        return function(*args, **kwargs)

    return cast(Function, call)


@functools.cache
def _axes(function: Callable[..., Any]) -> Mapping[str, Sequence[str]]:
    """Argument -> the names of its axes, for those that are tensors, or a tensor or None."""
    found = {
        name: [option for option in (hint, *get_args(hint)) if hasattr(option, "dim_str")]
        for name, hint in get_type_hints(function).items()
        if name != "return"
    }
    return {name: options[0].dim_str.split() for name, options in found.items() if options}


def _check_sides(function: str, given: Mapping[str, Any], axes: Mapping[str, Sequence[str]]) -> None:
    for name in axes:
        if hasattr(given.get(name), "shape"):
            _check_numbers(function, name, given[name].shape, axes[name])
    sides = {name: _named(given[name].shape, axes[name]) for name in axes if hasattr(given.get(name), "shape")}
    first: dict[str, tuple[str, _Sides]] = {}
    for name, of in sides.items():
        for axis, (length, stretches) in of.items():
            other, known = first.setdefault(axis, (name, length))
            if not _go_together(known, length, stretches=stretches or sides[other][axis][1]):
                shapes = [f"`{n}` {_words(axes[n])} of shape {tuple(given[n].shape)}" for n in (other, name)]
                raise InputError(f"{function}: {shapes[0]} and {shapes[1]} do not go together: {axis} differs.")
            if known != length and stretches is False:
                first[axis] = (name, length)


def _check_numbers(function: str, name: str, shape: Sequence[int], axes: Sequence[str]) -> None:
    """An axis whose length the annotation says has it; how many axes there are has been checked."""
    fixed = [(place - len(axes), int(axis)) for place, axis in enumerate(axes) if axis.isdecimal()]
    if any(shape[place] != length for place, length in fixed):
        raise InputError(f"{function}: {name}: expected a tensor {_words(axes)}, got shape {tuple(shape)}.")


def _words(axes: Sequence[str]) -> str:
    """Axes as messages show them: `b...` is any number of axes."""
    shown = (f"{axis.strip('*#')}..." if axis.startswith("*") else axis.strip("#_") for axis in axes)
    return f"({', '.join(shown)})"


def _named(shape: Sequence[int], axes: Sequence[str]) -> dict[str, tuple[_Sides, bool]]:
    """Name of an axis -> its length, or lengths, and whether 1 will do for any; numbers and `...` say nothing here."""
    several = next((place for place, axis in enumerate(axes) if axis.startswith("*")), None)
    behind = 0 if several is None else len(axes) - several - 1
    found: dict[str, tuple[_Sides, bool]] = {}
    for place, axis in enumerate(axes):
        name = axis.strip("*#")
        if not name.isidentifier() or name.startswith("_"):
            continue
        if several is None or place < several:
            lengths: _Sides = (shape[place],)
        elif place == several:
            lengths = tuple(shape[place : len(shape) - behind])
        else:
            lengths = (shape[place - len(axes)],)
        found[name] = (lengths, "#" in axis)
    return found


def _go_together(known: _Sides, other: _Sides, *, stretches: bool) -> bool:
    if not stretches:
        return known == other
    pairs = zip(reversed(known), reversed(other), strict=False)
    return all(a == b or 1 in (a, b) for a, b in pairs)
