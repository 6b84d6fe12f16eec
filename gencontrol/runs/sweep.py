"""One setting at several values: which they are, and the settings of the run at each."""

import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, cast

from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.configuration import from_mapping, nearest
from gencontrol.errors import ConfigError, GencontrolError
from gencontrol.focus import FOCUS
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.numbers import check_number
from gencontrol.runs.notation import parse_named, scalar, split_looks, split_weight
from gencontrol.runs.pointing import Pointing
from gencontrol.runs.referring.phrase_settings import PHRASED
from gencontrol.runs.settings import RECORDED, VariationSettings

MOST_VALUES = 100
"""Rows of one sheet: more than anybody looks through."""
SWEPT = RECORDED - PHRASED - {"model", "revision", "alpha_clip", "dtype", "resize_mask", "levels_curve"}
"""Settings that shape the picture without another model being opened."""
WEIGHT = "weight"
"""What the weight of the first region is called, which is said behind that region and is no setting of its own."""
LEVEL = "level"
"""The first region's; the others keep theirs, so that it is the dial of attention between them."""
_FORM = "NAME=START:STOP:COUNT, such as strength=0:1.5:4, or NAME=VALUE,VALUE"
_WEIGHED = ("mask", "index_mask", "box", "point")
"""Settings that show regions with weights, in the order in which regions are numbered."""


@dataclass(frozen=True, kw_only=True)
class SweptSettings:
    """A run's settings at one of the values."""

    label: str
    """What its row is called, such as "strength 0.5"; "" where nothing is swept."""
    tag: str
    """The same, as a part of file names."""
    settings: VariationSettings
    """The run's."""
    weighs: bool = False
    """Whether weights are swept, by which regions are mixed at equal ones too then."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a run's settings say before a host is asked."""

    swept: SweptSettings
    """The settings, and what they are called in a sweep."""
    seeds: tuple[int, ...]
    """One picture each."""
    focus: FocusStrategy | None
    """See `gencontrol.runs.plan.Plan`."""
    strength: StrengthSchedule
    """See `gencontrol.runs.plan.Plan`."""
    pointing: Pointing
    """The same object where settings point alike."""

    @property
    def settings(self) -> VariationSettings:
        """The settings alone."""
        return self.swept.settings


def read_sweep(settings: VariationSettings) -> tuple[SweptSettings, ...]:
    """The settings at every value that the setting `sweep` says; as they are where it says nothing.

    Whether a value is one that its setting takes is for those to say who read that setting.

    Raises:
        ConfigError: A sweep that cannot be read, of something that is no setting or opens another model, of fewer than
            two values or of two alike; or with `embeds_out`, a file of one value's embeddings.
    """
    if settings.sweep is None:
        return (SweptSettings(label="", tag="", settings=settings),)
    if settings.embeds_out is not None:
        raise ConfigError("`embeds_out` holds one run's embeddings, and `sweep` makes several: leave one of them out.")
    name, equals, values = settings.sweep.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not values.strip():
        raise ConfigError(f"`sweep`: expected {_FORM}, got {settings.sweep!r}.")
    part, _, option = name.partition(":")
    if part not in SWEPT | {WEIGHT, LEVEL} and not option:
        options = [f"{focus}:{field.name}" for focus, kind in FOCUS.items() for field in fields(cast(Any, kind))]
        known = nearest(name, [*SWEPT, WEIGHT, LEVEL, *options])
        raise ConfigError(f"`sweep`: {name!r} is no setting that can be swept{known}")
    texts = _range(values) if _is_number(name) and ":" in values else _listed(values)
    swept = [_at(settings, name, text.strip()) for text in texts]
    if len(swept) < 2 or len({value.tag for value in swept}) < len(swept):
        raise ConfigError(f"`sweep`: expected at least two different values, got {values}.")
    if len(swept) > MOST_VALUES:
        raise ConfigError(f"`sweep`: expected at most {MOST_VALUES} values, got {len(swept)}.")
    return tuple(swept)


@contextmanager
def naming_value(swept: SweptSettings) -> Iterator[None]:
    """Say that a value which the block refuses is one of the sweep's: nobody gave it in its setting's own name.

    Raises:
        GencontrolError: The block's, of its own class.
    """
    try:
        yield
    except GencontrolError as error:
        name = swept.label.partition(" ")[0].replace("-", "_")
        if not name or not str(error).startswith(f"`{name}`:"):
            raise
        raise type(error)(f"`sweep` {swept.label}: {error}") from error


def _at(settings: VariationSettings, name: str, text: str) -> SweptSettings:
    # A minus sign stays: -1 is not 1.
    tag = re.sub(r"[^\w.+-]+", "-", f"{name.replace('_', '-')}-{text}")
    label = f"{name.replace('_', '-')} {text}"
    swept = replace(settings, sweep=None, **_change(settings, name, text))
    if name == LEVEL and sum(swept.level):
        label += f", share {swept.level[0] / sum(swept.level):.0%}"
    return SweptSettings(label=label, tag=tag, settings=swept, weighs=name == WEIGHT)


def _change(settings: VariationSettings, name: str, text: str) -> dict[str, Any]:
    if name == WEIGHT:
        return _weighed(settings, text)
    if name == LEVEL:
        return {LEVEL: _levelled(settings, text)}
    strategy, colon, option = name.partition(":")
    if colon:
        return {"focus": _focus(settings.focus, strategy, option, text)}
    value = scalar(text, where=f"`sweep` {name}") if _hints()[name].isdisjoint({str}) else text
    # As in files of settings: types are checked, and words are told from numbers.
    return {name: getattr(from_mapping(VariationSettings, {name: value}, where="`sweep`"), name)}


def _weighed(settings: VariationSettings, text: str) -> dict[str, Any]:
    """The first region with another weight, which is nothing to a region by itself."""
    shown = _shown(settings)
    if len(shown) + settings.alpha_from_image < 2 or not shown:
        raise ConfigError(
            "`sweep` weight: weights are of one region beside others: show two with `mask`, `index_mask`, `box` or "
            "`point`; the first one's is swept."
        )
    _number(text)
    name = shown[0][0]
    first, *others = getattr(settings, name)
    return {name: (f"{split_weight(first, setting=name)[0]}:{text}", *others)}


def _shown(settings: VariationSettings) -> list[tuple[str, str]]:
    """The settings that show regions with weights, and what each shows, in the order of the regions."""
    return [(name, value) for name in _WEIGHED for value in getattr(settings, name)]


def _levelled(settings: VariationSettings, text: str) -> tuple[float, ...]:
    """The regions' levels with the first at a value; the others at theirs, or at 1."""
    count = len(_shown(settings)) + settings.alpha_from_image
    if count < 2:
        raise ConfigError(
            "`sweep` level: a level is a share beside other regions: show two with `mask`, `index_mask`, `box`, "
            "`point` or `alpha_from_image`; the first one's is swept."
        )
    others = settings.level[1:] or (1.0,) * (count - 1)
    if not any(others):
        raise ConfigError("`sweep` level: the other regions have level 0, so there is nothing to share with.")
    return (_number(text), *others)


def _focus(given: str | None, strategy: str, option: str, text: str) -> str:
    """A strategy with one of its settings at a value, and the others as they are given; in a sum, one of its looks."""
    looks = [] if given is None else split_looks(given)
    named = [parse_named(look, setting="focus") for look in looks]
    at = next((index for index, (name, _) in enumerate(named) if name == strategy), None)
    kept = {} if at is None else {key: value for key, value in named[at][1].items() if key != option}
    swept = f"{strategy}:{','.join(f'{key}={value}' for key, value in (kept | {option: text}).items())}"
    return swept if at is None else "+".join([*looks[:at], swept, *looks[at + 1 :]])


def _range(text: str) -> list[str]:
    """START:STOP:COUNT as numbers in equal steps, with the six digits that anybody would type."""
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].strip().isdecimal():
        raise ConfigError(f"`sweep`: expected {_FORM}, got {text!r}.")
    start, stop = _number(parts[0]), _number(parts[1])
    # Before anything is laid out.
    check_number(int(parts[2][:9]), name="`sweep`", at_least=2, at_most=MOST_VALUES, unit="values")
    count = int(parts[2])
    return [f"{start + (stop - start) * index / (count - 1):.6g}" for index in range(count)]


def _listed(text: str) -> list[str]:
    """Values with commas between them; "crop:margin=0.1,fill=blur,alpha" are two, for settings have no colon."""
    values: list[str] = []
    for part in text.split(","):
        if values and "=" in part and ":" not in part:
            values[-1] += f",{part}"
        else:
            values.append(part)
    if not all(value.strip() for value in values):
        raise ConfigError(f"`sweep`: expected {_FORM}, got {text!r}.")
    return values


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"`sweep`: expected a number, got {text!r}.") from None
    check_number(value, name="`sweep`")
    return value


def _is_number(name: str) -> bool:
    """Whether a name's values are numbers; a strategy's settings may be."""
    return ":" in name or name in (WEIGHT, LEVEL) or not _hints()[name].isdisjoint({int, float})


def _hints() -> Mapping[str, frozenset[Any]]:
    """Setting -> the types that it may have; names that are listed count as text."""
    hints = typing.get_type_hints(VariationSettings)
    return MappingProxyType({name: frozenset(_types(hints[name])) for name in SWEPT})


def _types(hint: Any) -> Sequence[Any]:
    if typing.get_origin(hint) is typing.Literal:
        return (str,)
    return [kind for option in typing.get_args(hint) for kind in _types(option)] or [hint]
