"""What a visitor has drawn and set, as the settings of a run; and a run's settings as the page shows them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.notation import LARGEST_SEED, is_random, split_weight
from gencontrol.runs.settings import VariationSettings
from gencontrol.studio.scene.marks import Drawn, paint
from gencontrol.studio.scene.names import safe_name
from gencontrol.studio.scene.sent import read_mask, write_alpha

MOST_AT_ONCE = 64
"""Pictures of one run of a visitor, all values of a sweep together being so many times that."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What stands beside the picture: settings of `gencontrol vary`, as the page gives them."""

    model: str = "tiny"
    """See `VariationSettings`, here and below."""
    alpha_clip: str = ""
    focus: str = ""
    fit: str = ""
    strength: float = 1.0
    schedule: str = ""
    number: int = 4
    seed: str = "0"
    steps: int = 25
    guidance: float | None = None
    scheduler: str = ""
    invert: bool = False
    feather: float = 0.0
    alpha_from_image: bool = False
    compare: bool = False
    sweep: str = ""


AMONG = ("what is in the picture", "the regions that are drawn")
"""Among what words are looked for: what a grounder proposes, or what one has shown."""
LONGEST_WORDS = 200
"""Letters of a phrase."""
NAMES = tuple(field.name for field in fields(Controls))
"""Of the controls, in the order in which the page gives their values."""
_EMPTY = frozenset({"alpha_clip", "focus", "fit", "schedule", "scheduler", "sweep"})
"""Controls that say nothing where they are empty."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A region as a file."""

    path: Path
    """The mask."""
    weight: float
    """See `gencontrol.regions.Region`."""
    level: float
    """The same."""
    negative: bool
    """Whether to keep away from it."""

    @property
    def text(self) -> str:
        """As the settings `mask` and `negative_mask` take it."""
        return str(self.path) if self.weight == 1 else f"{self.path}:{self.weight:g}"


def read_controls(values: Sequence[Any]) -> Controls:
    """The controls' values, of the types that records have: they tell 3 from 3.0.

    Raises:
        ConfigError: A value of another type: not what the page sends.
    """
    usual = Controls()
    named = zip(NAMES, values, strict=True)
    return Controls(**{name: _of_kind(name, value, getattr(usual, name)) for name, value in named})


def _of_kind(name: str, value: Any, default: Any) -> Any:
    if value is None:
        return default
    if default is None and isinstance(value, str):
        # A field that may be empty is one of text: gradio's for numbers puts 0 in the place of nothing.
        return _number(name, value.strip())
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, str) and (isinstance(value, str) or is_number):
        return str(value).strip()
    if isinstance(default, bool) and isinstance(value, bool):
        return value
    if not is_number or isinstance(default, str | bool):
        raise ConfigError(f"`{name}`: expected another kind of value, got {value!r}.")
    if not isinstance(default, int):
        return float(value)
    if not float(value).is_integer():
        raise ConfigError(f"`{name}`: expected a whole number, got {value}.")
    return int(value)


def _number(name: str, text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise ConfigError(f"`{name}`: expected a number, or nothing for the model's own, got {text}.") from error


def write_regions(
    regions: Sequence[Drawn], size: tuple[int, int], *, masks: Mapping[str, Path], folder: Path
) -> tuple[Written, ...]:
    """Regions as files, each in a folder that its content names: the same region is the same file again.

    Args:
        regions: What is drawn.
        size: Of the picture, (height, width).
        masks: What may lie beneath, by the names that the regions have for it.
        folder: Where the files go.

    Raises:
        InputError: A region on which nothing is left, or a mask that the page does not have any more.
    """
    return tuple(_write_region(number, region, size, masks, folder) for number, region in enumerate(regions, start=1))


def _write_region(
    number: int, region: Drawn, size: tuple[int, int], masks: Mapping[str, Path], folder: Path
) -> Written:
    name = region.name.strip() or f"region {number}"
    if region.mask is not None and region.mask not in masks:
        raise InputError(f"{name}: its mask is not there any more: give it again.")
    said = {"weight": region.weight, "level": region.level, "negative": region.negative}
    if region.mask is not None and not region.marks:
        # As it was sent or recalled, to the bit.
        return Written(path=masks[region.mask], **said)
    content = [asdict(mark) for mark in region.marks], str(masks.get(region.mask or "", "")), size
    mark = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
    path = folder / mark / f"{safe_name(name, otherwise='region')}.png"
    if not path.is_file():
        beneath = None if region.mask is None else read_mask(masks[region.mask], size, resize=False)
        alpha = paint(region.marks, size, beneath=beneath)
        if not bool(alpha.any()):
            raise InputError(f"{name}: nothing is left of it: draw on it, or take it away.")
        write_alpha(alpha, path)
    return Written(path=path, **said)


def settings_of(controls: Controls, picture: Path, regions: Sequence[Written], *, output: Path) -> dict[str, Any]:
    """The settings of a run by name, as a file of settings has them; what is as usual is left out.

    Args:
        controls: What is set.
        picture: The picture.
        regions: Of the picture, in files.
        output: Where pictures go.

    Raises:
        ConfigError: More pictures than one visitor may ask for at once.
    """
    usual, shown = VariationSettings(), [region for region in regions if not region.negative]
    said: dict[str, Any] = {"images": [str(picture)]}
    if shown:
        said["mask"] = [region.text for region in shown]
    negative = [region.text for region in regions if region.negative]
    if negative:
        said["negative_mask"] = negative
    for name in NAMES:
        value = getattr(controls, name)
        if name in _EMPTY and not value:
            continue
        said[name] = value
    if any(region.level != 1 for region in shown) and len(shown) + controls.alpha_from_image > 1:
        said["level"] = [region.level for region in shown] + [1.0] * controls.alpha_from_image
    if said.get("schedule"):
        # Of the two, the page has always some strength.
        said.pop("strength")
    if not said["seed"].isdecimal() and not is_random(said["seed"]):
        # A list of seeds says how many there are.
        said.pop("number")
    elif is_random(said["seed"]):
        said["seed"] = "random"
    elif len(said["seed"]) <= len(str(LARGEST_SEED)):
        said["seed"] = int(said["seed"])
    if said.get("number", 0) > MOST_AT_ONCE:
        raise ConfigError(f"`number`: the page draws at most {MOST_AT_ONCE} pictures at once, got {said['number']}.")
    kept = {name: value for name, value in said.items() if value is not None and value != getattr(usual, name)}
    return kept | {"output": str(output)}


def controls_of(settings: Mapping[str, Any]) -> Controls:
    """What the controls show of settings that a record holds; those that no control has are left out.

    Raises:
        ConfigError: A value that a control cannot show.
    """
    return read_controls([settings.get(name) for name in NAMES])


def finding(settings: Mapping[str, Any], words: str, *, among: str, grounder: str) -> dict[str, Any]:
    """The settings that find what words mean, as `phrase` does.

    Args:
        settings: Of a run, by name.
        words: The phrase.
        among: One of `AMONG`.
        grounder: What proposes candidates; empty takes the usual one. Nothing is proposed among what is drawn.

    Raises:
        InputError: No words, or too many; fewer than two regions to choose from.
    """
    if not words.strip() or len(words) > LONGEST_WORDS:
        raise InputError(f"`phrase`: expected 1 to {LONGEST_WORDS} letters, such as the crown right of the pumpkin.")
    kept = {name: settings[name] for name in ("images", "model", "alpha_clip", "fit", "offline") if name in settings}
    if among == AMONG[0]:
        return kept | {"phrase": [words]} | ({"grounder": grounder} if grounder else {})
    # What a phrase means does not hang on how much a region counts.
    masks = [split_weight(text, setting="mask")[0] for text in settings.get("mask", ())]
    if len(masks) < 2:
        raise InputError("Draw two regions or more to choose from; or look for the words in the picture.")
    return kept | {"phrase": [words], "mask": masks}
