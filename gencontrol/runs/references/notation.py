"""A further reference in one text: its path, and what binds to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gencontrol.errors import ConfigError
from gencontrol.runs.settings import RegionSettings

_REPEATED = ("mask", "index_mask", "box", "point", "level", "negative_mask")
_ONCE = ("feather", "focus", "strength", "weight", "canvas", "schedule")
_NUMBERS = ("feather", "strength", "weight")
# A comma ends a value where a key follows, and only there: boxes, and names of files, have commas of their own.
_NEXT = re.compile(rf",\s*({'|'.join((*_REPEATED, *_ONCE))})=")
_QUOTED = re.compile(r'"[^"]*"')
_KEY = re.compile(r",\s*([a-z_]+)=")


@dataclass(frozen=True, kw_only=True)
class ReferenceText:
    """What the setting `reference` says."""

    pointing: RegionSettings
    """The picture and its regions."""
    negative_mask: tuple[str, ...] = ()
    """What of it to keep away from."""
    focus: str | None = None
    """How an encoder is made to look."""
    strength: float = 1.0
    """See `RegionReference`."""
    weight: float = 1.0
    """See `RegionReference`."""
    canvas: str | None = None
    """The path of its canvas mask."""
    schedule: str | None = None
    """Its weight over the steps."""

    @property
    def path(self) -> Path:
        """Of the picture."""
        return Path(self.pointing.images[0])


def parse_reference(text: str) -> ReferenceText:
    """Read PATH,KEY=VALUE,...; a path or value that holds `,KEY=` itself is put into double quotes.

    Raises:
        ConfigError: No path, an unknown key, one that is given twice, or a value that is empty or no number.
    """
    path, values = _split(text)
    if not path:
        raise ConfigError(f"`reference` {text!r}: expected the path of a picture first.")
    for key, given in values.items():
        if key in _ONCE and len(given) > 1:
            raise ConfigError(f"`reference` {text}: {key} is given {len(given)} times.")
        if not all(given):
            raise ConfigError(f"`reference` {text}: {key} is empty: leave it out, or say what it is to be.")
    one = {key: given[0] for key, given in values.items() if key in _ONCE}
    numbers = {key: _number(value, key, text) for key, value in one.items() if key in _NUMBERS}
    return ReferenceText(
        pointing=RegionSettings(
            images=(path,),
            mask=values.get("mask", ()),
            index_mask=values.get("index_mask", ()),
            box=values.get("box", ()),
            point=values.get("point", ()),
            level=tuple(_number(value, "level", text) for value in values.get("level", ())),
            feather=numbers.get("feather", 0.0),
        ),
        negative_mask=values.get("negative_mask", ()),
        focus=one.get("focus"),
        strength=numbers.get("strength", 1.0),
        weight=numbers.get("weight", 1.0),
        canvas=one.get("canvas"),
        schedule=one.get("schedule"),
    )


def _split(text: str) -> tuple[str, Mapping[str, tuple[str, ...]]]:
    """The path, and the values of each key."""
    # What is quoted stands aside while the text is cut, behind a sign that no text from a shell can hold.
    quoted = _QUOTED.findall(text)
    plain = _QUOTED.sub("\0", text)
    head, *rest = _NEXT.split(plain)
    pieces = iter(quoted)

    def whole(piece: str) -> str:
        return re.sub("\0", lambda _: next(pieces)[1:-1], piece).strip()

    _check_keys(text, head)
    path, values = whole(head), dict[str, tuple[str, ...]]()
    for key, value in zip(rest[::2], rest[1::2], strict=True):
        if key != "focus":
            # A focus has settings of its own, which look the same: zoom:closeness=0.5,margin=0.1.
            _check_keys(text, value)
        values[key] = (*values.get(key, ()), whole(value))
    return path, values


def _check_keys(text: str, piece: str) -> None:
    found = _KEY.search(piece)
    if found:
        known = ", ".join((*_REPEATED, *_ONCE))
        raise ConfigError(
            f"`reference` {text}: no key {found[1]!r}; known are {known}. A name that holds ,{found[1]}= itself goes "
            "into double quotes."
        )


def _number(value: str, key: str, text: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"`reference` {text}: {key}: expected a number, got {value!r}.") from None
