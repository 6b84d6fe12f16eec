"""What stands behind flags, looked at before tyro does: a number that is none is told in one line, without guesses."""

import itertools
import os
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction

from gencontrol.cli.flags import flag_names
from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError

_NUMBERS = {int: "a whole number", float: "a number"}


def check_kinds(cls: type, arguments: Sequence[str]) -> None:
    """Refuse words where numbers are expected, and choices that there are not.

    Args:
        cls: The command's dataclass.
        arguments: What follows the subcommand.

    Raises:
        ConfigError: Names the flag, says what is expected, and what came.
    """
    hints = dict(_hints(cls))
    for place, argument in enumerate(arguments):
        flag, equals, inline = argument.partition("=")
        hint = hints.get(flag.replace("_", "-"))
        if argument == "--":
            return
        if hint is not None:
            rest = arguments[place + 1 :]
            values = [inline] if equals else rest
            _check(flag, _without_none(hint), values)
            _check_end(flag, hint, values)


def check_behind(cls: type, arguments: Sequence[str]) -> None:
    """Refuse a flag with nothing behind it, or with the next flag, where a value is expected.

    Args:
        cls: The command's dataclass.
        arguments: What follows the subcommand.

    Raises:
        ConfigError: Names the flag, and says what is expected.
    """
    known, _ = _flags_and_bare(cls)
    expected = dict(_expected(cls))
    for place, argument in enumerate(arguments):
        if argument == "--":
            return
        behind = arguments[place + 1 : place + 2]
        flag = argument.replace("_", "-")
        if flag not in expected or (behind and behind[0].partition("=")[0].replace("_", "-") not in known):
            continue
        got = f"the flag {behind[0]}" if behind else "nothing"
        raise ConfigError(f"{argument}: expected {expected[flag]} behind it, got {got}.")


def _expected(cls: type) -> Iterator[tuple[str, str]]:
    """Every flag that takes one value, and what that is called."""
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        metadata, kind = getattr(hint, "__metadata__", ()), _without_none(hint)
        # Several behind one flag are counted as numbers, or may be none.
        is_several = typing.get_origin(kind) is tuple and UseAppendAction not in metadata
        if kind is bool or is_several or Positional in metadata:
            continue
        about = next((entry for entry in metadata if hasattr(entry, "aliases")), None)
        choices = ", ".join(map(str, typing.get_args(kind))) if typing.get_origin(kind) is Literal else ""
        named = f"one of {choices}" if choices else getattr(about, "metavar", None)
        for flag in (f"--{getattr(about, 'name', None) or name}", *(getattr(about, "aliases", None) or ())):
            yield flag.replace("_", "-"), named or _NUMBERS.get(kind, "a value")


def check_dashes(cls: type, arguments: Sequence[str]) -> None:
    """Refuse what tyro would only call unrecognised: names of files that look like flags, and flags for bare words.

    Args:
        cls: The command's dataclass.
        arguments: What follows the subcommand.

    Raises:
        ConfigError: Says how to write it.
    """
    known, bare = _flags_and_bare(cls)
    for before, argument in itertools.pairwise(["", *arguments]):
        flag = argument.partition("=")[0].replace("_", "-")
        if argument == "--":
            return
        if flag in known or not argument.startswith("-"):
            continue
        if _is_file(argument, known):
            behind = "" if before.startswith("-") else ", or put it behind --"
            raise ConfigError(f"{argument} begins with a dash, as flags do: write ./{argument}{behind}.")
        for name, shown in bare.items():
            if flag in (f"-{name[0]}", f"--{name}", f"--{name.removesuffix('s')}"):
                raise ConfigError(f"There is no {flag} here: {shown} is given without a flag.")


def _flags_and_bare(cls: type) -> tuple[frozenset[str], dict[str, str]]:
    """All names of flags, and the fields that have none, by what the usage calls them."""
    flags, bare = {"-h", "--help"}, {}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        metadata = getattr(hint, "__metadata__", ())
        about = next((entry for entry in metadata if hasattr(entry, "aliases")), None)
        if Positional in metadata:
            bare[name] = getattr(about, "metavar", None) or name.upper()
            continue
        long = (getattr(about, "name", None) or name).replace("_", "-")
        flags |= {f"--{long}", f"--no-{long}", *(getattr(about, "aliases", None) or ())}
    return frozenset(flags), bare


def _is_file(argument: str, known: frozenset[str]) -> bool:
    """Whether it names a file: one that is there, or what no flag with its value behind it (-n4) could be."""
    if argument.startswith("--") or argument[1:2] in tuple("0123456789.") or len(argument) < 3:
        return False
    suffix = os.path.splitext(argument)[1]
    return os.path.exists(argument) or (argument[:2] not in known and suffix[1:].isalnum())


def check_encoding(options: Any) -> None:
    """Refuse an encoding beside an output file whose name says another.

    Args:
        options: A command's flags, with `encoding` and `output`.

    Raises:
        ConfigError: Names both.
    """
    says = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp"}.get(Path(options.output).suffix.lower())
    if says not in (None, options.encoding) and not Path(options.output).is_dir():
        raise ConfigError(
            f"--encoding {options.encoding} is of files in a folder, and -o {options.output} names a file of another "
            "kind: give one of the two."
        )


def _hints(cls: type) -> Iterator[tuple[str, Any]]:
    """Every name of a flag, and the type that its values have."""
    short = flag_names(cls)
    for name, hint in typing.get_type_hints(cls).items():
        for flag in {short.get(name, ""), f"--{name}".replace("_", "-")}:
            if flag.startswith("-"):
                yield flag, hint


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        rest = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return rest[0] if len(rest) == 1 else None
    return hint


def _check(flag: str, hint: Any, values: Sequence[str]) -> None:
    if typing.get_origin(hint) is tuple:
        kinds = typing.get_args(hint)
        if kinds[-1] is Ellipsis:
            _check(flag, kinds[0], values)
        elif kinds[0] in _NUMBERS:
            _check_several(flag, kinds[0], values, count=len(kinds))
        return
    # A flag at the end, or "None" for what is not set, is tyro's to judge.
    if not values or values[0] == "None":
        return
    if hint in _NUMBERS and not _is(hint, values[0]):
        raise ConfigError(f"{flag}: expected {_NUMBERS[hint]}, got {values[0]!r}.")
    if typing.get_origin(hint) is Literal and values[0] not in typing.get_args(hint):
        raise ConfigError(f"{flag}: there is no {values[0]!r}{nearest(values[0], typing.get_args(hint))}")


def _check_several(flag: str, kind: type, values: Sequence[str], *, count: int) -> None:
    """So many numbers stand behind the flag; what comes next is another flag, or what the command is about."""
    more = values[1:2]
    # Of what is not set nothing follows but the next flag.
    if values[:1] == ["None"] and (not more or (more[0].startswith("-") and not _is(float, more[0]))):
        return
    given = list(itertools.takewhile(lambda value: _is(kind, value), values))
    if len(given) != count:
        came = repr(" ".join(values[: min(len(given), count) + 1])) if values else "nothing"
        if not given and values and values[0].startswith("--"):
            came = f"the flag {values[0]}"
        raise ConfigError(f"{flag}: expected {count} numbers with blanks between them, got {came}.")


def _check_end(flag: str, hint: Any, values: Sequence[str]) -> None:
    """Behind numbers that may be left out, tyro takes everything up to the next flag for one of them."""
    hint = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
    numbers = _without_none(hint)
    if typing.get_origin(numbers) is not tuple or numbers == hint or Ellipsis in typing.get_args(numbers):
        return
    count = len(typing.get_args(numbers))
    more = values[count : count + 1]
    if more and values[0] != "None" and (not more[0].startswith("-") or _is(float, more[0])):
        raise ConfigError(
            f"{flag}: expected {count} numbers with blanks between them, got {more[0]!r} behind them: what the command "
            "is about goes before its flags."
        )


def _is(kind: type, text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
