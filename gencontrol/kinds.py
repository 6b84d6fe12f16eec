"""Values of the wrong kind, refused where a call takes them: its annotations say what it takes.

Python would go on until something deep inside fails, in words that are nothing to whoever made the call.
"""

import dataclasses
import functools
import inspect
import numbers
import re
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from gencontrol.configuration import shown
from gencontrol.errors import InputError
from gencontrol.fits import fits, is_of
from gencontrol.numbers import number_text, plain_number

Function = TypeVar("Function", bound=Callable[..., Any])

_WORDS: Mapping[str, str] = {
    "bool": "True or False",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "integer": "a whole number",
    "str": "text",
    "Image": "a PIL image",
    "Mapping": "a mapping",
    "ndarray": "an array",
    "NoneType": "None",
    "Path": "a path",
    "PathLike": "a path",
    "PosixPath": "a path",
    "Tensor": "a tensor",
    "Parameter": "a tensor",
    "function": "a function",
}
"""Class -> what a person calls it; other classes go by their names."""
_MENDS: Mapping[tuple[str, str], str] = {
    ("tensor", "Region"): "its map is `.alpha`",
    ("tensor", "ndarray"): "torch.from_numpy makes one of it",
    ("tensor", "Image"): "gencontrol.images.read_image reads it",
    ("tensor", "Picture"): "it has `.rgb` and `.alpha`",
    ("Image", "_IOBase"): "PIL.Image.open reads it",
    ("Image", "bytes"): "PIL.Image.open(io.BytesIO(...)) reads them",
    ("Region", "Tensor"): "Region(alpha=...) makes one of it",
    ("Region", "ndarray"): "gencontrol.regions.from_mask makes one of it",
    ("Region", "str"): "gencontrol.regions.from_mask reads one",
    ("Picture", "str"): "gencontrol.images.read_image reads one",
    ("Picture", "Tensor"): "gencontrol.images.read_image makes one of it",
    ("Picture", "Image"): "gencontrol.images.read_image makes one of it",
}
"""(What is expected, the class of what came) -> the way from one to the other."""


def checked(function: Function) -> Function:
    """Refuse arguments of another kind than a public function's annotations say.

    A missing argument, or one of a name that there is not, is left to Python. Numbers of numpy's become Python's.

    Raises:
        InputError: Where the function is called: what was expected, and what came.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        check_call(function, args, kwargs)
        args, kwargs = plain_arguments(args, kwargs)
        return function(*args, **kwargs)

    return cast(Function, call)


def check_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse what a function's annotations do not take.

    Raises:
        InputError: Says what was expected, and what came.
    """
    signature, hints = _known(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return
    # Of a pipeline's __call__ its arguments say enough.
    of = "" if function.__name__.startswith("__") else f"{function.__name__}: "
    for name, value in given.items():
        kind = signature.parameters[name].kind
        several = value if kind is kind.VAR_POSITIONAL else value.values() if kind is kind.VAR_KEYWORD else (value,)
        for each in several:
            check_kind(each, hints.get(name, Any), name=f"{of}{name}")
            _check_shape(each, hints.get(name, Any), name=f"{of}{name}")
            _check_named(each, hints.get(name, Any), name=f"{of}{name}")


def plain_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call's arguments with Python's own numbers in the place of numpy's; see `gencontrol.numbers.plain_number`."""
    return tuple(map(plain_number, args)), {name: plain_number(value) for name, value in kwargs.items()}


def check_fields(record: Any) -> None:
    """Refuse fields of another kind than a dataclass says; the first thing in its `__post_init__`.

    Numbers of numpy's become Python's.

    Raises:
        InputError: Says which.
    """
    hints = _hints(type(record))
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        check_kind(value, hints[field.name], name=f"{type(record).__name__}: {field.name}")
        if (plain := plain_number(value)) is not value:
            # Past the frozen record's own refusal, before anybody has it.
            object.__setattr__(record, field.name, plain)


def check_kind(value: Any, hint: Any, *, name: str) -> None:
    """Refuse a value that an annotation does not take.

    Args:
        value: What was given.
        hint: The annotation. Of tensors only that they are some, of listed words only that it is text.
        name: How the message calls it.

    Raises:
        InputError: Says what was expected, and what came.
    """
    if not fits(value, hint):
        raise InputError(f"{name}: expected {_words(hint)}, got {said(value, hint)}{_mend(value, hint)}.")


def check_word(value: str, known: Any, *, name: str) -> None:
    """Refuse a word that is none of a `Literal`'s, which some default would stand for without a word.

    Raises:
        InputError: Says which there are.
    """
    if value not in typing.get_args(known):
        raise InputError(f"{name}: expected {_words(known)}, got {said(value)}.")


@functools.cache
def _known(function: Callable[..., Any]) -> tuple[inspect.Signature, Mapping[str, Any]]:
    return inspect.signature(function), _hints(function)


@functools.cache
def _hints(thing: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(thing)


def _check_shape(value: Any, hint: Any, *, name: str) -> None:
    """Refuse a tensor of another number of axes, or of integers for floats; what its sides are is the call's to say."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    tensors = [option for option in options if hasattr(option, "array_type") and is_of(value, option)]
    if not tensors or any(fits(value, option) for option in options if option not in tensors):
        return
    if not any(_is_shaped(value, option) for option in tensors):
        expected = " or ".join(_shape_words(option) for option in tensors)
        dtype = str(value.dtype).removeprefix("torch.")
        raise InputError(f"{name}: expected {expected}, got shape {tuple(value.shape)} of {dtype}.")


def _check_named(value: Any, hint: Any, *, name: str) -> None:
    """Refuse texts that name nothing where a path may come: an empty one would be the folder that one works in."""
    if isinstance(value, str) and {str, Path} <= set(typing.get_args(hint)) and (not value.strip() or "\0" in value):
        raise InputError(f"{name}: expected a path, got the text {shown(value)}, which names nothing.")


def _is_shaped(value: Any, hint: Any) -> bool:
    axes = hint.dim_str.split()
    several = [axis for axis in axes if axis.startswith("*") or axis == "..."]
    is_long = value.ndim >= len(axes) - 1 if several else value.ndim == len(axes)
    dtype = str(value.dtype).removeprefix("torch.")
    return is_long and (not isinstance(hint.dtypes, list | tuple) or dtype in hint.dtypes)


def _shape_words(hint: Any) -> str:
    axes = ", ".join("..." if axis.startswith("*") else axis.strip("#_") for axis in hint.dim_str.split())
    kinds = list(map(str, hint.dtypes)) if isinstance(hint.dtypes, list | tuple) else []
    # The library names some kinds twice, as torch's and as numpy's.
    alike = len({kind.rstrip("_") for kind in kinds}) == 1
    of = " of floats" if "float32" in kinds else f" of {kinds[0]}" if alike else ""
    return f"a tensor ({axes}){of}"


def _words(hint: Any) -> str:
    """An annotation in words."""
    hint = hint.__bound__ if isinstance(hint, TypeVar) else hint
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        words = list(dict.fromkeys(_words(option) for option in arguments))
        if "a number" in words and "a whole number" in words:
            words.remove("a whole number")
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return f"{len(arguments)} {_plural(arguments[0])}"
    if origin in (tuple, Collection) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return f"a list of {_plural(arguments[0])}"
    if hasattr(hint, "array_type"):
        return _words(hint.array_type)
    name = getattr(origin or hint, "__name__", str(hint))
    return _WORDS.get(name) or _with_article(name)


def _plural(hint: Any) -> str:
    if hint is Any:
        return "values"
    words = _words(hint)
    if " or " in words or words.startswith("one of"):
        return f"values, each {words}"
    if words[0].isdigit() or words.startswith("a list of"):
        return f"entries of {words}"
    plural = re.sub("y$", "ie", words.removeprefix("a ").removeprefix("an "))
    return f"{plural}s"


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"


def said(value: Any, hint: Any = Any) -> str:
    """What came, in words.

    Args:
        value: What was given.
        hint: What was expected, to name what in a list does not fit.
    """
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str | bytes):
        return f"the text {shown(value)}" if isinstance(value, str) else "bytes"
    if isinstance(value, numbers.Real):
        return f"the number {number_text(cast(Any, value)) if isinstance(value, int | float) else value}"
    if isinstance(value, tuple | list):
        entries = typing.get_args(hint)
        odd = [e for e, a in zip(value, entries, strict=False) if not fits(e, a)] if len(value) == len(entries) else []
        odd = odd or [e for e in value if entries and not fits(e, entries[0])]
        return f"{len(value)} of them, with {said(odd[0])} among them" if odd else f"{len(value)} values"
    name = getattr(value, "__name__", "") if isinstance(value, type) else type(value).__name__
    words = _WORDS.get(name) or _with_article(name.lstrip("_") or "object")
    return f"the class {name}" if isinstance(value, type) else words


def _mend(value: Any, hint: Any) -> str:
    """The way from what came to what was expected, in brackets; nothing if none is known."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for option in options:
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        listed = origin in (tuple, Collection) or (isinstance(origin, type) and issubclass(origin, Sequence))
        if listed and isinstance(value, Iterator | Set):
            return " (list(...) makes one of it)"
        if listed and arguments and arguments[-1] is not int and fits(value, arguments[0]) and arguments[0] is not Any:
            return " (put it into a list)"
        wanted = "tensor" if hasattr(option, "array_type") else getattr(option, "__name__", "")
        kind = next((c.__name__ for c in type(value).__mro__ if (wanted, c.__name__) in _MENDS), "")
        if kind:
            return f" ({_MENDS[wanted, kind]})"
    return ""
