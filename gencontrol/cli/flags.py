"""What the command line calls the settings: flags for those of `gencontrol.runs.settings`, and for what is its own.

Types, defaults and help are the settings' own: tyro finds them in the base classes.
"""

import re
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, TypeVar, cast

from tyro.conf import Positional, UseAppendAction, arg

from gencontrol.runs.files.spooled import in_words
from gencontrol.runs.notices import without_advice
from gencontrol.runs.relating.settings import NamedRegionSettings
from gencontrol.runs.settings import EncoderSettings, RegionSettings

Settings = TypeVar("Settings")
Repeatable = Annotated[tuple[str, ...], UseAppendAction]


def unset(metavar: str, *, name: str | None = None, aliases: tuple[str, ...] = ()) -> Any:
    """Describe a flag that is not set unless given, so that `--help` shows no default."""
    return arg(metavar=metavar, name=name, aliases=aliases, help_behavior_hint="")


def called(**flags: Any) -> Callable[[type[Settings]], type[Settings]]:
    """Say what inherited settings are called on the command line; goes below `@dataclass`, which takes defaults over.

    Args:
        flags: Setting -> what tyro is told of it.
    """

    def annotate(cls: type[Settings]) -> type[Settings]:
        hints = typing.get_type_hints(cls, include_extras=True)
        for name, flag in flags.items():
            cls.__annotations__[name] = Annotated[hints[name], *(flag if isinstance(flag, tuple) else (flag,))]
        return cls

    return annotate


@dataclass(frozen=True, kw_only=True)
@called(
    images=(Positional, arg(metavar="IMAGE", help_behavior_hint="- is standard input, here and as a mask.")),
    mask=(UseAppendAction, arg(metavar="PATH[:WEIGHT]")),
    index_mask=(UseAppendAction, arg(metavar="PATH=CLASS[:WEIGHT]")),
    box=(UseAppendAction, arg(metavar="X0,Y0,X1,Y1[:WEIGHT]")),
    point=(UseAppendAction, arg(metavar="X,Y[,R][:WEIGHT]")),
    phrase=(UseAppendAction, arg(metavar="TEXT")),
    label_map=unset("FILE"),
    phrase_model=unset("NAME"),
    grounder=unset("NAME"),
    segmenter=arg(metavar="NAME"),
    score=unset("SCORE"),
    most=arg(metavar="N"),
    level=(UseAppendAction, arg(metavar="SHARE")),
    levels_curve=unset("FILE"),
    threshold=unset("T"),
    feather=arg(metavar="PIXELS"),
)
class RegionFlags(RegionSettings):
    """Where to look."""


@dataclass(frozen=True, kw_only=True)
@called(
    model=arg(metavar="NAME"),
    revision=unset("NAME"),
    alpha_clip=unset("PATH"),
    focus=unset("NAME[:KEY=VALUE,...]"),
    fit=unset("pad|squash|crop|published"),
)
class EncoderFlags(EncoderSettings):
    """Which encoder looks, and how."""


@dataclass(frozen=True, kw_only=True)
@called(
    image=(Positional, arg(metavar="IMAGE", help_behavior_hint="")),
    mask=(UseAppendAction, arg(metavar="[NAME=]PATH")),
    index_mask=(UseAppendAction, arg(metavar="[NAME=]PATH=CLASS")),
    box=(UseAppendAction, arg(metavar="[NAME=]X0,Y0,X1,Y1")),
    point=(UseAppendAction, arg(metavar="[NAME=]X,Y[,R]")),
    label_map=unset("FILE"),
    threshold=unset("T"),
)
class NamedRegionFlags(EncoderFlags, NamedRegionSettings):
    """A picture and its regions, with names."""


@dataclass(frozen=True, kw_only=True)
class FormatOptions:
    """How a command reports."""

    format: Literal["human", "json"] = "human"
    """What is printed on standard output."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(FormatOptions):
    """How a command reads its settings and reports."""

    config: Annotated[str | None, unset("FILE.yaml")] = None
    """Settings by name, as in the flags with underscores; flags given win, such as --no-invert over `invert: true`."""


_ARGUMENTS = {"local_files_only": "offline", "resize": "resize_mask", "from_index_mask": "index_mask"}
"""Arguments of the core that messages name -> the setting that stands for them."""
_ADVISED = ("resize", "truncate", "from_index_mask", "size", "strength")
"""Those that messages advise to give: where no flag stands for them, the advice is left out."""


def in_flags(message: str, flags: type | None) -> str:
    """A message of the core or of a run, with flags in the place of the settings' names in backticks.

    Files that stand for standard input and output are called that.

    Args:
        message: Names settings such as `negative_mask`, and `no_invert` for one that is switched off.
        flags: The command's dataclass; None leaves the message as it is. Other words in backticks stay.
    """
    known = {} if flags is None else flag_names(flags)
    message = in_words(message)
    known |= {argument: known[setting] for argument, setting in _ARGUMENTS.items() if setting in known}
    for argument in () if flags is None else _ADVISED:
        message = message if argument in known else without_advice(message, argument)
    return re.sub(r"`([a-z_]+)`", lambda found: known.get(found[1], found[0]), message)


def flag_names(flags: type) -> dict[str, str]:
    """Setting -> what it is called on the command line: its short flag, its long one, or what stands for its value."""
    hints = typing.get_type_hints(flags, include_extras=True)
    names = {}
    for field in fields(cast(Any, flags)):
        names[field.name] = _flag(field.name, getattr(hints[field.name], "__metadata__", ()))
        if hints[field.name] is bool:
            names[f"no_{field.name}"] = f"--no-{field.name.replace('_', '-')}"
    return names


def _flag(field: str, metadata: tuple[Any, ...]) -> str:
    about = next((entry for entry in metadata if hasattr(entry, "aliases")), None)
    if about is not None and Positional in metadata:
        return about.metavar
    if about is not None and about.aliases:
        return about.aliases[0]
    return f"--{getattr(about, 'name', None) or field}".replace("_", "-")
