"""Whether a value is of the kind that an annotation says."""

import numbers
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import Any, Literal, TypeVar


def fits(value: Any, hint: Any) -> bool:
    """Whether an annotation takes a value; of tensors only whether it is one, of listed words whether it is text.

    Args:
        value: What was given.
        hint: The annotation.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, TypeVar):
        hint = Any if hint.__bound__ is None else hint.__bound__
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in arguments)
    if origin is Literal:
        return any(fits(value, type(option)) for option in arguments)
    if origin is tuple:
        return _fits_tuple(value, arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            fits(key, arguments[0]) and fits(entry, arguments[1]) for key, entry in value.items()
        )
    if isinstance(origin, type) and issubclass(origin, Sequence):
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return is_list and all(fits(entry, arguments[0]) for entry in value)
    if origin is Collection:
        is_list = isinstance(value, Sequence | Set) and not isinstance(value, str | bytes)
        return is_list and all(fits(entry, arguments[0]) for entry in value)
    if origin is not None:
        return callable(value) if origin is Callable else isinstance(value, origin)
    return is_of(value, hint)


def _fits_tuple(value: Any, arguments: tuple[Any, ...]) -> bool:
    if not isinstance(value, tuple | list):
        return False
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(fits(entry, arguments[0]) for entry in value)
    return len(value) == len(arguments) and all(fits(e, a) for e, a in zip(value, arguments, strict=True))


def is_of(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotation that is one kind alone: a class, a protocol, or tensors of a shape.

    Args:
        value: See `fits`.
        hint: See `fits`.
    """
    if hint in (int, float):
        # True is 1 to Python, and to whoever reckons with it.
        return isinstance(value, numbers.Integral if hint is int else numbers.Real)
    if hasattr(hint, "array_type"):
        return isinstance(value, hint.array_type)
    if getattr(hint, "_is_protocol", False):
        # A class has what its instances have, and cannot do it.
        return not isinstance(value, type) and all(
            hasattr(value, name) for name in vars(hint) if not name.startswith("_")
        )
    return not isinstance(hint, type) or isinstance(value, hint)
