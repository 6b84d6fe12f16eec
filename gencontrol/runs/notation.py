"""Settings that are small languages of their own: seeds, weights, numbers with commas, names with settings."""

import math
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.model import DefaultLook
from gencontrol.conditioning.sampling import MOST_PICTURES
from gencontrol.conditioning.strength import ENDS, StrengthSchedule, as_strength, check_strength, parse_schedule
from gencontrol.configuration import yaml_value
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import FocusStrategy, SumFocus, configured_focus, focus_strategy
from gencontrol.focus.registry import PLUS, looks_named
from gencontrol.numbers import HEAVIEST

DEFAULT_COUNT = 4
LARGEST_SEED = 2**63 - 1
"""torch.Generator.manual_seed takes 64 bits; signed ones, so that a seed stays one in JSON readers too."""
LARGEST_DRAWN = 2**32
"""Above every seed that is drawn: short enough to be typed again."""


def is_random(seed: int | str) -> bool:
    """Whether a seed is to be drawn: "random", or -1 as elsewhere."""
    return str(seed).strip().lower() in ("random", "-1")


def is_single(seed: int | str) -> bool:
    """Whether a seed is one, given or to be drawn, and no list of them."""
    return is_random(seed) or str(seed).strip().isdecimal()


def drawn_seed() -> int:
    """A seed that nobody has chosen."""
    return secrets.randbelow(LARGEST_DRAWN)


def parse_seeds(seed: int | str, count: int | None) -> tuple[int, ...]:
    """The seeds of a run, one picture each.

    Args:
        seed: One seed (the first of `count` in a row), or a list such as "1,2,3", "5-8" or "1,5-8".
        count: How many pictures; None is four for one seed, else as many as seeds are listed.

    Raises:
        ConfigError: Not a list of seeds, one whose length is not `count`, a seed that is too large, or more pictures
            than anybody can mean.
    """
    if count is not None:
        # Before anything is laid out: a number with some zeros too many would take the memory of the machine.
        _check_count(count, setting="number")
    parts = str(seed).split(",")
    if len(parts) == 1 and parts[0].strip().isdecimal():
        first = _seed(parts[0].strip())
        ranges = [range(first, first + (count or DEFAULT_COUNT))]
    else:
        ranges = [_seed_range(part.strip()) for part in parts]
    if any(seeds.stop > LARGEST_SEED + 1 for seeds in ranges):
        last = (
            f" as the first of {len(ranges[0])}" if len(ranges) == 1 and len(parts) == 1 and "-" not in parts[0] else ""
        )
        raise ConfigError(f"`seed`: expected different seeds from 0 to 2^63 - 1, got {seed}{last}.")
    # len() of a range fails above 2^63.
    listed = sum(seeds.stop - seeds.start for seeds in ranges)
    _check_count(listed, setting="seed")
    if count is not None and count != listed:
        text = f"`seed` {seed} lists {listed} seeds and `number` asks for {count}: leave one of them out."
        raise ConfigError(text)
    found = tuple(number for seeds in ranges for number in seeds)
    if len(set(found)) != len(found):
        raise ConfigError(f"`seed`: expected different seeds from 0 to 2^63 - 1, got {seed}.")
    return found


def _check_count(count: int, *, setting: str) -> None:
    if not 1 <= count <= MOST_PICTURES:
        bound = "at least 1" if count < 1 else f"at most {MOST_PICTURES:,} pictures of one input"
        raise ConfigError(f"`{setting}`: expected {bound}, got {count}.")


def _seed(digits: str) -> int:
    # Python refuses to read numbers of thousands of digits, and all of these are too large.
    return int(digits) if len(digits) <= 40 else 10 * LARGEST_SEED


def _seed_range(part: str) -> range:
    first, dash, last = part.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ConfigError(f"`seed`: expected seeds such as 7, or 1,2,3, or 5-8, got {part!r}.")
    seeds = range(_seed(first), _seed(last if dash else first) + 1)
    if not seeds:
        raise ConfigError(f"`seed`: {part} runs backwards.")
    return seeds


_NAMED = re.compile(r"([^=/\\.,:]+)=(.+)", re.DOTALL)
"""A name before what is pointed at; no file's path and no number looks so."""


def split_name(text: str) -> tuple[str, str]:
    """The name in "dog=dog.png", and what follows; no name where there is none, or where a file is called so."""
    found = _NAMED.fullmatch(text)
    if found is None or Path(text).exists():
        return "", text
    return found[1].strip(), found[2]


def split_weight(text: str, *, setting: str) -> tuple[str, float]:
    """Split "VALUE:WEIGHT"; the weight is 1 where none is given. A path that exists is never split.

    Raises:
        ConfigError: A weight that is not above 0; the message names the setting.
    """
    value, colon, weight = text.rpartition(":")
    if not colon or not value or _is_there(text):
        return text, 1.0
    try:
        number = float(weight)
    except ValueError:
        return text, 1.0
    if not 0 < number <= HEAVIEST:
        more = f" and at most {HEAVIEST:g}" if number > HEAVIEST else ""
        raise ConfigError(f"`{setting}` {text}: expected a weight above 0{more}, got {weight}.")
    return value, number


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:
        # Longer than a name can be.
        return False


def parse_numbers(
    text: str, *, setting: str, form: str, counts: Sequence[int], given: str | None = None
) -> tuple[float, ...]:
    """Numbers with commas between them; `form` and `counts` say what is expected.

    Args:
        text: The numbers.
        setting: Whose they are.
        form: What is expected, in words.
        counts: How many there may be.
        given: What stood there, where `text` was made of it.

    Raises:
        ConfigError: Something else.
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in counts:
        raise ConfigError(f"`{setting}`: expected {form}, got {given or text!r}.")
    if not all(map(math.isfinite, numbers)):
        raise ConfigError(f"`{setting}`: expected {form}, all of them finite, got {given or text!r}.")
    return numbers


def parse_named(text: str, *, setting: str) -> tuple[str, dict[str, Any]]:
    """Split "name:key=value,key=value" into the name and its settings, values read as YAML scalars.

    Raises:
        ConfigError: A setting without "=" or given twice, or a value that YAML cannot read.
    """
    name, _, rest = text.partition(":")
    settings: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not (equals and value.strip()):
            raise ConfigError(f"`{setting}` {text}: expected settings such as {name}:key=value, got {part!r}.")
        if key.strip() in settings:
            raise ConfigError(f"`{setting}` {text}: {key.strip()} is given twice: leave one of them out.")
        settings[key.strip()] = scalar(value, where=f"`{setting}` {text}")
    return name, settings


def scalar(text: str, *, where: str) -> Any:
    """A number, a word or a truth value as YAML reads them; a colour that begins with # is text.

    Raises:
        ConfigError: What YAML cannot read; the message begins with `where`.
    """
    if text.startswith("#"):
        # A colour, where YAML would see a comment.
        return text
    try:
        return yaml_value(text)
    except ValueError:
        raise ConfigError(f"{where}: {text!r} is neither a number nor a name.") from None


def write_focus(look: DefaultLook) -> str:
    """A focus strategy's name and settings, or those of several that are added, as the setting `focus` takes them.

    Args:
        look: What an encoder's configuration says; see `AlphaCLIP.default_focus`.

    Raises:
        CheckpointError: It names no strategy, or settings that the strategy has not.
    """
    configured_focus(look)
    return PLUS.join(map(_write_look, looks_named(look)))


def _write_look(look: Mapping[str, Any]) -> str:
    settings = [f"{key}={value}" for key, value in look.items() if key != "name"]
    return f"{look['name']}:{','.join(settings)}" if settings else str(look["name"])


def parse_focus(text: str | None) -> FocusStrategy | None:
    """The strategy that the setting `focus` names, or the sum of several; None leaves it to the encoder.

    Raises:
        ConfigError: No such strategy or setting, or a sum of one look with itself.
    """
    if text is None:
        return None
    named = [parse_named(part, setting="focus") for part in split_looks(text)]
    looks = tuple(focus_strategy(name, **settings) for name, settings in named)
    return looks[0] if len(looks) == 1 else SumFocus(looks=looks)


def split_looks(text: str) -> list[str]:
    """The looks that "zoom:closeness=0.5+crop" adds, as they are written; the plus of a number, as in 1e+3, is none."""
    return [part.strip() for part in re.split(r"\+(?!\d)", text)]


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


def check_weights(schedule: str | None) -> None:
    """Refuse what is no weight over the steps, which is written as a strength is, and has no region at its end.

    Raises:
        ConfigError: A schedule that cannot be read.
    """
    try:
        parse_strength(1.0, schedule)
    except ConfigError as error:
        raise ConfigError(str(error).replace(ENDS, "")) from error
