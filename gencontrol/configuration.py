"""Frozen dataclasses from plain mappings and YAML: values only, and an unknown key names the nearest one."""

import dataclasses
import datetime
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.text_files import read_text, web_address

Config = TypeVar("Config")

_SHOWN = 200
_KINDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    Path: "a path",
    type(None): "null",
}
"""Type -> what a person calls it, in YAML's words."""
"""Characters of a value that a message shows."""
# Above difflib's own 0.6, at which half of a short name is near: "foo" to "refcoco".
NEAR = 0.65
"""How alike two names are at least that a message takes for one another, of 0 to 1."""
# More names than this are a catalogue, and no hint.
_LISTED = 60


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as "; did you mean 'steps'?", or all known names if none is near."""
    choices = sorted(known)
    if not choices:
        return "; it takes none."
    # In other letters or with blanks about it, a name is as near as can be.
    same = [choice for choice in choices if choice.casefold() == name.strip().casefold()]
    close = same or difflib.get_close_matches(name, choices, n=3, cutoff=NEAR)
    if close:
        return "; did you mean " + " or ".join(repr(c) for c in close) + "?"
    more = f" and {len(choices) - _LISTED} more" if len(choices) > _LISTED else ""
    return "; known are " + ", ".join(choices[:_LISTED]) + more


def from_mapping(cls: type[Config], values: Mapping[Any, Any], *, where: str = "configuration") -> Config:
    """Build the dataclass `cls` from a mapping, checking keys and types, nested dataclasses included.

    Args:
        cls: A dataclass type.
        values: Field name -> value; missing fields keep their defaults.
        where: How error messages call the source.

    Raises:
        ConfigError: An unknown key, a missing field without default, a value of the wrong type, or one that the
            dataclass itself refuses.
    """
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if f.init}
    hints = typing.get_type_hints(cls)
    for key in values:
        if key not in fields:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(str(key), fields)}")
    parsed = {k: _parse(hints[k], v, where=f"{where}: {k}") for k, v in values.items()}
    missing = [
        n
        for n, f in fields.items()
        if n not in parsed and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing {', '.join(missing)}.")
    try:
        return cls(**parsed)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def from_yaml(cls: type[Config], path: Path, *, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a YAML file into the dataclass `cls`; `overrides` (dotted keys allowed) win over the file."""
    changed = ", ".join(f"{key}={value}" for key, value in (overrides or {}).items())
    where = f"{path} with {changed}" if changed else str(path)
    return from_mapping(cls, merge(read_yaml(path), overrides or {}), where=where)


def read_yaml(path: Path) -> dict[Any, Any]:
    """Read a YAML mapping; an empty file is an empty mapping."""
    if not path.exists() and not path.is_symlink() and web_address(path) is None:
        raise ConfigError(f"No configuration file at {path}.")
    text = read_text(path, what="a file of settings", error=ConfigError)
    try:
        values = yaml_value(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}.") from error
    _check_twice(yaml.compose(text, yaml.SafeLoader), path)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, got {type(values).__name__}.")
    return values


def yaml_value(text: str) -> Any:
    """The value that a text of YAML stands for.

    Raises:
        ValueError: It is not YAML, a date that there is not or a number of thousands of digits, or it is nested too
            deeply; in one line.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(_yaml_words(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _yaml_words(error: Exception) -> str:
    """What is wrong, and where; YAML's own words take several lines, and show the text again."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark
        place = "" if mark is None else f", at line {mark.line + 1}, column {mark.column + 1}"
        return f"{error.problem or error.context}{place}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.reason}, at character {error.position + 1}"
    return str(error)


def _check_twice(node: yaml.Node | None, path: Path) -> None:
    """Refuse a key that stands twice, of which YAML takes the last without a word."""
    if not isinstance(node, yaml.MappingNode):
        return
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"{path}: {twice!r} is said twice: leave one of them out.")
    for _, value in node.value:
        _check_twice(value, path)


def merge(values: Mapping[Any, Any], overrides: Mapping[str, Any]) -> dict[Any, Any]:
    """A copy of `values` with each `a.b.c` key of `overrides` set at that depth.

    Raises:
        ConfigError: A key goes below something that is not a mapping.
    """
    merged = dict(values)
    for key, value in overrides.items():
        head, _, rest = key.partition(".")
        if not rest:
            merged[head] = value
            continue
        below = {} if merged.get(head) is None else merged[head]
        if not isinstance(below, Mapping):
            raise ConfigError(f"{key}: {head} is not a group of settings but {shown(below)}.")
        merged[head] = merge(below, {rest: value})
    return merged


def to_mapping(config: Any) -> dict[str, Any]:
    """The configuration as plain values that `from_mapping` reads back (tuples become lists)."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def filled(config: Any, saved: Mapping[str, Any]) -> dict[str, Any]:
    """What `to_mapping` once made of one of the class of `config`, with the defaults of fields that are new since."""
    made = dict(saved)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and isinstance(made.get(field.name), Mapping):
            made[field.name] = filled(value, made[field.name])
        elif field.default is not dataclasses.MISSING:
            made.setdefault(field.name, _plain(field.default))
        elif field.default_factory is not dataclasses.MISSING:
            made.setdefault(field.name, _plain(field.default_factory()))
    return made


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return str(value) if isinstance(value, Path) else value


def _parse(hint: Any, value: Any, *, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _parse_union(arguments, value, where=where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else from_mapping(hint, _mapping(value, where), where=where)
    if origin is typing.Literal:
        if value not in arguments:
            raise ConfigError(f"{where}: expected one of {', '.join(map(str, arguments))}, got {shown(value)}.")
        return value
    if origin is tuple:
        return _parse_tuple(arguments, value, where=where)
    if origin in (dict, Mapping):
        return _parse_dict(arguments[1], value, where=where)
    assert origin is None, f"{where}: configurations hold no {hint}"
    return _parse_scalar(hint, value, where=where)


def _parse_union(arguments: tuple[Any, ...], value: Any, *, where: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    errors = []
    for option in arguments:
        if option is type(None):
            continue
        try:
            return _parse(option, value, where=where)
        except ConfigError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    raise ConfigError(f"{where}: expected {' or '.join(map(_name, arguments))}, got {shown(value)}.")


def _name(hint: Any) -> str:
    """A type as a person calls it."""
    return _KINDS.get(hint, getattr(hint, "__name__", str(hint)))


def _parse_tuple(arguments: tuple[Any, ...], value: Any, *, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        name = where.rpartition(" ")[2]
        mend = "" if value is None or isinstance(value, Mapping) else f": write {name}: [...], with it inside"
        raise ConfigError(f"{where}: expected a list, got {shown(value)}{mend}.")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_parse(arguments[0], v, where=f"{where}[{i}]") for i, v in enumerate(value))
    if len(value) != len(arguments):
        raise ConfigError(f"{where}: expected {len(arguments)} values, got {len(value)}.")
    return tuple(_parse(a, v, where=f"{where}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))


def _parse_dict(hint: Any, value: Any, *, where: str) -> dict[Any, Any]:
    return {k: _parse(hint, v, where=f"{where}.{k}") for k, v in _mapping(value, where).items()}


def _mapping(value: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected a mapping, got {shown(value)}.")
    return value


def _parse_scalar(hint: Any, value: Any, *, where: str) -> Any:
    if hint is Path and isinstance(value, (str, Path)):
        return Path(value)
    if hint is float and isinstance(value, str | int | float) and not isinstance(value, bool):
        return _parse_float(value, where=where)
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    raise ConfigError(f"{where}: expected {_name(hint)}, got {shown(value)}{_quotes(hint, value)}.")


def shown(value: Any) -> str:
    """A value as messages show it: one of thousands of characters is nothing to read."""
    try:
        if not _is_plain(value):
            # What an object of a library says of itself is nothing to read either.
            return f"the class {value.__name__}" if isinstance(value, type) else f"a value of {type(value).__name__}"
        text = repr(value)
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deeply to be shown"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_plain(value: Any) -> bool:
    """Whether a value is what a file of settings can hold: text, numbers, dates, and lists and mappings of them."""
    if isinstance(value, Mapping):
        return all(_is_plain(entry) for pair in value.items() for entry in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, bytes, int, float, complex, Path, datetime.date))


def _quotes(hint: Any, value: Any) -> str:
    """How to mend what YAML takes for something else than text: 1:0.3 is 60.3 to it, and `on` is true."""
    read = value is not None and not isinstance(value, (list, tuple, Mapping))
    return "; put it into quotes, or YAML reads it as something else than text" if hint is str and read else ""


def _parse_float(value: str | int | float, *, where: str) -> float:
    # YAML 1.1 reads 1e-3 (no dot) as a string.
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{where}: expected a number, got {shown(value)}.") from None
    check_number(number, name=where)
    return number
