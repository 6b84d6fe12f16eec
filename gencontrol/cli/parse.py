"""Arguments to a frozen dataclass: defaults, then a YAML file, then the flags that were given."""

import dataclasses
import itertools
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import tyro

from gencontrol.cli.flags import flag_names
from gencontrol.cli.streams import READ_STREAMS
from gencontrol.cli.terminal import wide_enough
from gencontrol.cli.values import check_behind, check_dashes, check_encoding, check_kinds
from gencontrol.configuration import from_mapping, read_yaml
from gencontrol.errors import ConfigError
from gencontrol.runs.settings import ALTERNATIVES

Options = TypeVar("Options")


def parse(
    cls: type[Options],
    arguments: Sequence[str],
    *,
    command: str,
    description: str,
    settings: Mapping[str, Any] | None = None,
) -> Options:
    """Parse a subcommand's arguments.

    Args:
        cls: Frozen dataclass with a default for every field; if it has a field `config`, `--config FILE.yaml` is read.
        arguments: What follows the subcommand.
        command: The subcommand's name, for usage texts.
        description: What it does, for `--help`.
        settings: Values that take the place of the defaults, under the file and the flags.

    Raises:
        ConfigError: An unknown key in the file, or a value of the wrong type.
        SystemExit: `--help` (0), or arguments that cannot be parsed (2).
    """
    check_values(cls, arguments)
    check_behind(cls, arguments)
    check_kinds(cls, arguments)
    check_dashes(cls, arguments)
    above = file_settings(cls, arguments)
    below = _without(settings or {}, frozenset(above)) | above
    where = value_of(arguments, "config") if above else None
    # What is switched off says nothing in the place of the rest of its group.
    said = given_fields(cls, arguments) - switched_off(cls, arguments) | _swept(cls, arguments)
    defaults = from_mapping(cls, _without(below, said), where=where or "settings")
    with wide_enough():
        options = tyro.cli(
            cls,
            args=list(arguments),
            default=defaults,
            prog=f"gencontrol {command}",
            description=description,
        )
    if "encoding" in said | above.keys():
        check_encoding(options)
    return options


def check_values(cls: type, arguments: Sequence[str]) -> None:
    """Refuse a flag with an empty value: it comes of a shell variable that is not set, and a path would be the folder.

    A standard stream is refused for what is read before the flags are known, and for what is more than one result.

    Args:
        cls: The command's dataclass.
        arguments: What follows the subcommand.

    Raises:
        ConfigError: Names the flag.
    """
    hints = typing.get_type_hints(cls)
    flags = {flag for name, flag in flag_names(cls).items() if hints.get(name, bool) is not bool}
    flags |= {f"--{name.replace('_', '-')}" for name, hint in hints.items() if hint is not bool}
    for flag, value in itertools.pairwise([*arguments, "end"]):
        name, equals, inline = flag.partition("=")
        if name.replace("_", "-") in flags and not (inline if equals else value).strip():
            raise ConfigError(f"{name} is empty: leave it out, or say what it is to be.")
        if name.replace("_", "-") in _no_streams(cls) and (inline if equals else value) == "-":
            raise ConfigError(
                f"{name} -: expected a file; only pictures, masks and embeddings come by standard input, and one "
                "result goes to standard output. A file of that name is ./-."
            )


def _no_streams(cls: type) -> frozenset[str]:
    """The flags whose value is a file or a folder, and never a standard stream."""
    found = {"--from", "--config"}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        about = next((entry for entry in getattr(hint, "__metadata__", ()) if hasattr(entry, "aliases")), None)
        kinds = set((getattr(about, "metavar", None) or "").replace(".", "|").split("|"))
        if kinds & {"FILE", "FOLDER", "PATH"} and "-" not in kinds and name not in READ_STREAMS:
            found |= {*(about.aliases or ()), f"--{about.name or name}".replace("_", "-")}  # pyright: ignore[reportOptionalMemberAccess]
    return frozenset(found)


def file_settings(cls: type, arguments: Sequence[str]) -> dict[str, Any]:
    """What the file that `--config` names says, as it stands there; nothing where none is named.

    Raises:
        ConfigError: No such file, one that is not a mapping in YAML, or one that names another.
    """
    path = value_of(arguments, "config") if "config" in _names(cls) else None
    values = {} if path is None else read_yaml(Path(path))
    if "config" in values:
        raise ConfigError(f"{path}: config: a file of settings names no other one: put what that says into this one.")
    # As the flag is called; the field cannot be, in Python.
    return {"from_picture" if key == "from" and "from_picture" in _names(cls) else key: v for key, v in values.items()}


def value_of(arguments: Sequence[str], name: str) -> str | None:
    """The last value given to `--name` as plain text, before anything is parsed."""
    found = None
    for index, argument in enumerate(arguments):
        if argument == f"--{name}" and index + 1 < len(arguments):
            found = arguments[index + 1]
        elif argument.startswith(f"--{name}="):
            found = argument.partition("=")[2]
    return found


def given_fields(cls: type, arguments: Sequence[str]) -> frozenset[str]:
    """The fields whose flags appear among the arguments, with `_` or `-` between words, switched on or off."""
    return frozenset(_names(cls) & _flags(arguments).keys() | switched_off(cls, arguments))


def switched_off(cls: type, arguments: Sequence[str]) -> frozenset[str]:
    """The fields that a flag such as `--no-invert` switches off, unless a later one switches them on again."""
    last = {flag.removeprefix("no_"): flag for flag in _flags(arguments)}
    return frozenset(name for name in _names(cls) if last.get(name) == f"no_{name}")


def _swept(cls: type, arguments: Sequence[str]) -> frozenset[str]:
    """The setting that `--sweep` names, which is given thereby."""
    text = value_of(arguments, "sweep") or ""
    return frozenset({text.partition("=")[0].strip().replace("-", "_")} & _names(cls))


def _flags(arguments: Sequence[str]) -> dict[str, None]:
    """The names of the flags in the order in which each was given last."""
    flags: dict[str, None] = {}
    for argument in arguments:
        if argument.startswith("--"):
            name = argument.partition("=")[0].removeprefix("--").replace("-", "_")
            flags.pop(name, None)
            flags[name] = None
    return flags


def _without(values: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """`values` less what `names` replace: those fields, and the groups that they belong to."""
    replaced = names.union(*(group for group in ALTERNATIVES if group & names))
    return {key: value for key, value in values.items() if key not in replaced}


def _names(cls: type) -> set[str]:
    return {field.name for field in dataclasses.fields(cast(Any, cls))}
