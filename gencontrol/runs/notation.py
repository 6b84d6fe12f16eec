"""Settings that are small languages of their own: seeds, weights, numbers with commas, names with settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gencontrol.conditioning.strength import StrengthSchedule, as_strength, check_strength, parse_schedule
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import FocusStrategy, focus_strategy

DEFAULT_COUNT = 4
LARGEST_SEED = 2**63 - 1
"""torch.Generator.manual_seed takes 64 bits; signed ones, so that a seed stays one in JSON readers too."""


def parse_seeds(seed: int | str, count: int | None) -> tuple[int, ...]:
    """The seeds of a run, one picture each.

    Args:
        seed: One seed (the first of `count` in a row), or a list such as "1,2,3", "5-8" or "1,5-8".
        count: How many pictures; None is four for one seed, else as many as seeds are listed.

    Raises:
        ConfigError: Not a list of seeds, or one whose length is not `count`.
    """
    if count is not None and count < 1:
        raise ConfigError(f"`number`: expected at least 1, got {count}.")
    parts = str(seed).split(",")
    if len(parts) == 1 and parts[0].strip().isdecimal():
        first = int(parts[0])
        seeds = tuple(range(first, first + (count or DEFAULT_COUNT)))
    else:
        seeds = tuple(s for part in parts for s in _seed_range(part.strip()))
        if count is not None and count != len(seeds):
            text = f"`seed` {seed} lists {len(seeds)} seeds and `number` asks for {count}: leave one of them out."
            raise ConfigError(text)
    if len(set(seeds)) != len(seeds) or max(seeds) > LARGEST_SEED:
        raise ConfigError(f"`seed`: expected different seeds from 0 to 2^63 - 1, got {seed}.")
    return seeds


def _seed_range(part: str) -> range:
    first, dash, last = part.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ConfigError(f"`seed`: expected seeds such as 7, or 1,2,3, or 5-8, got {part!r}.")
    seeds = range(int(first), int(last if dash else first) + 1)
    if not seeds:
        raise ConfigError(f"`seed`: {part} runs backwards.")
    return seeds


def split_weight(text: str, *, setting: str) -> tuple[str, float]:
    """Split "VALUE:WEIGHT"; the weight is 1 where none is given. A path that exists is never split.

    Raises:
        ConfigError: A weight that is not above 0; the message names the setting.
    """
    value, colon, weight = text.rpartition(":")
    if not colon or not value or Path(text).exists():
        return text, 1.0
    try:
        number = float(weight)
    except ValueError:
        return text, 1.0
    if not 0 < number < float("inf"):
        raise ConfigError(f"`{setting}` {text}: expected a weight above 0, got {weight}.")
    return value, number


def parse_numbers(text: str, *, setting: str, form: str, counts: Sequence[int]) -> tuple[float, ...]:
    """Numbers with commas between them; `form` and `counts` say what is expected.

    Raises:
        ConfigError: Something else.
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in counts:
        raise ConfigError(f"`{setting}`: expected {form}, got {text!r}.")
    return numbers


def parse_named(text: str, *, setting: str) -> tuple[str, dict[str, Any]]:
    """Split "name:key=value,key=value" into the name and its settings, values read as YAML scalars.

    Raises:
        ConfigError: A setting without "=", or a value that YAML cannot read.
    """
    name, _, rest = text.partition(":")
    settings = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"`{setting}` {text}: expected settings such as {name}:key=value, got {part!r}.")
        settings[key.strip()] = _scalar(value, where=f"`{setting}` {text}")
    return name, settings


def _scalar(text: str, *, where: str) -> Any:
    if text.startswith("#"):
        # A colour, where YAML would see a comment.
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{where}: {text!r} is neither a number nor a name.") from None


def parse_focus(text: str | None) -> FocusStrategy | None:
    """The strategy that the setting `focus` names; None leaves it to the encoder.

    Raises:
        ConfigError: No such strategy or setting.
    """
    if text is None:
        return None
    name, settings = parse_named(text, setting="focus")
    return focus_strategy(name, **settings)


def parse_strength(strength: float, schedule: str | None = None) -> StrengthSchedule:
    """How much the regions count over the steps: the setting `schedule` if there is one, else always `strength`.

    Raises:
        ConfigError: A strength outside [0, 2], or a schedule that cannot be read.
    """
    try:
        if schedule is not None:
            return parse_schedule(schedule)
        check_strength(strength, name="`strength`")
    except InputError as error:
        raise ConfigError(str(error) if schedule is None else f"`schedule`: {error}") from error
    return as_strength(strength)
