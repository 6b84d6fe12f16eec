"""The settings of a calibration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.runs.settings import EncoderSettings, check_named

FEWEST_STEPS, MOST_STEPS = 3, 1001
"""Values that are measured: a curve needs one between its ends, and more than a thousand say nothing new."""


@dataclass(frozen=True, kw_only=True)
class CalibrationSettings(EncoderSettings):
    """A curve of levels, fitted to an encoder on pictures and masks."""

    images: tuple[str, ...] = ()
    """Pictures, or folders of pictures."""
    masks: str = ""
    """A folder with a folder for each picture, of its name; in it, at least two masks, each called what it shows."""
    form: str = "a {}"
    """The text of a mask, with {} for what it is called."""
    way: Literal["auto", "one-pass", "passes"] = "auto"
    """What is fitted: one look at a map of levels, or the mixture of a look at each region; auto takes the better."""
    points: int = 21
    """Values that are given to each region in turn, from 0 to 1."""
    output: str = "levels-curve.json"
    """The file to write."""
    overwrite: bool = False
    """Write over a file that is there already."""


def check_calibration(settings: CalibrationSettings) -> None:
    """Refuse settings that cannot be, before any picture is read.

    Raises:
        ConfigError: Says which.
    """
    check_named(settings)
    if not settings.masks.strip():
        raise ConfigError("`masks`: name a folder that holds, for each picture, a folder of masks of its name.")
    if settings.form.count("{}") != 1 or settings.form.replace("{}", "").count("{"):
        raise ConfigError(f"`form`: expected a text with one {{}}, such as 'a photo of a {{}}', got {settings.form!r}.")
    if Path(settings.output).suffix.lower() not in ("", ".json"):
        name = f"{Path(settings.output).stem}.json"
        raise ConfigError(f"`output` {settings.output}: a curve is written as JSON; name it {name}.")
    check_number(settings.points, name="`points`", at_least=FEWEST_STEPS, at_most=MOST_STEPS)
