"""From the controls of the page to the settings of a run, and to the commands that repeat and show it."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gencontrol.configuration import read_yaml
from gencontrol.errors import ConfigError, GencontrolError, InputError
from gencontrol.numbers import check_number
from gencontrol.runs.radiance import CreationSettings, EditSettings

MODES = ("edit", "replace", "remove", "recolour")
"""What can be done with a part."""
PAINTED = "/painted"
"""In the place of a part's name: what is painted on views."""
SYMMETRIES = ("none", "mirror", "quarter")
"""Of what is new."""
MOST_STEPS = 5000
"""Of one run: an hour and more on a CPU."""
LONGEST_PROMPT = 200
"""Letters."""
MOST_AWAY, LEAST_SIDE, MOST_SIDE = 1.0, 0.05, 2.0
"""World units: how far from the middle a box's own may lie, and its sides; a scene is the cube from -1 to 1."""
_PREVIEW_STEPS = 20
"""Steps between two previews; one takes as long as some three steps."""
_FEWEST_PREVIEWS = 4
"""Of a run that is shorter."""


@dataclass(frozen=True, kw_only=True)
class SpatialControls:
    """What is set on the page, by the names of its controls."""

    prompt: str = ""
    """What the scene, or the part, is to become."""
    start: str = ""
    """The name of what is changed, a run's or a sent scene's; empty makes a scene of nothing."""
    mode: str = "edit"
    """What happens to the part; one of `MODES`."""
    part: str = ""
    """A part of the scene by its name; empty takes the box, and `PAINTED` what is painted."""
    painted: str = ""
    """What is painted on views, as JSON; see `gencontrol.studio.spatial.painting`."""
    x: float = 0.0
    """Middle of the box, world units."""
    y: float = 0.0
    """The same, to the back."""
    z: float = 0.0
    """The same, upwards."""
    wide: float = 1.0
    """Side of the box along x, world units."""
    deep: float = 1.0
    """Along y."""
    high: float = 1.0
    """Along z."""
    symmetry: str = "none"
    """Of what is new; one of `SYMMETRIES`."""
    steps: int = 400
    """Guided steps."""
    seed: int = 0
    """The same seed gives the same scene."""

    @property
    def box(self) -> tuple[float, float, float, float, float, float]:
        """Centre and sides, as settings have it."""
        return (self.x, self.y, self.z, self.wide, self.deep, self.high)


SPATIAL_NAMES = tuple(field.name for field in fields(SpatialControls))
"""The controls, in the order of the page."""
BOX_NAMES = ("x", "y", "z", "wide", "deep", "high")
"""Those of the box."""


def read_spatial(values: Sequence[Any]) -> SpatialControls:
    """The controls' values, checked: a page may send anything.

    Raises:
        ConfigError: A value of another kind, or outside of its bounds.
    """
    usual = SpatialControls()
    named = zip(SPATIAL_NAMES, values, strict=True)
    controls = SpatialControls(**{name: _of_kind(name, value, getattr(usual, name)) for name, value in named})
    for name, known in (("mode", MODES), ("symmetry", SYMMETRIES)):
        if getattr(controls, name) not in known:
            raise ConfigError(f"`{name}`: expected one of {', '.join(known)}, got {getattr(controls, name)!r}.")
    if len(controls.prompt) > LONGEST_PROMPT:
        raise ConfigError(f"`prompt`: expected at most {LONGEST_PROMPT} letters, got {len(controls.prompt)}.")
    return controls


def _of_kind(name: str, value: Any, default: Any) -> Any:
    if value is None:
        return default
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ConfigError(f"`{name}`: expected text, got {value!r}.")
        return value.strip()
    least, most = bounds(name)
    check_number(value, name=f"`{name}`", at_least=least, at_most=most)
    if isinstance(default, int) and not float(value).is_integer():
        raise ConfigError(f"`{name}`: expected a whole number, got {value}.")
    return type(default)(value)


def bounds(name: str) -> tuple[float | int, float | int]:
    """The least and the largest value of a control that has a number."""
    if name in BOX_NAMES:
        return (-MOST_AWAY, MOST_AWAY) if name in ("x", "y", "z") else (LEAST_SIDE, MOST_SIDE)
    return {"steps": (1, MOST_STEPS), "seed": (0, 2**32 - 1)}[name]


def run_settings(
    controls: SpatialControls, *, scene: Path | None, output: Path, painted: Callable[[str], Path] | None = None
) -> CreationSettings:
    """The settings of a run.

    Args:
        controls: What is set.
        scene: The file of what is changed; None makes a scene of nothing.
        output: Where it goes.
        painted: Given what it is to become, writes the list of what is painted; of a part that is.

    Raises:
        InputError: There is nothing that it is to become.
    """
    grows = scene is None or controls.mode == "replace"
    if not controls.prompt and (scene is None or controls.mode != "remove"):
        raise InputError("`prompt` is empty: say what it is to become, in a word or some.")
    common: dict[str, Any] = {
        "prompt": "" if scene is not None and controls.mode == "remove" else controls.prompt,
        "symmetry": controls.symmetry if grows else "none",
        "steps": controls.steps,
        "seed": controls.seed,
        "preview_every": preview_every(controls.steps),
        "output": output,
    }
    if scene is None:
        return CreationSettings(**common)
    mode: Any = controls.mode
    if painted is not None:
        # A list says itself what its parts become.
        return EditSettings(scene=scene, mode=mode, parts=painted(common["prompt"]), **{**common, "prompt": ""})
    where: dict[str, Any] = {"part": controls.part} if controls.part else {"box": controls.box}
    return EditSettings(scene=scene, mode=mode, **where, **common)


def preview_every(steps: int) -> int:
    """Steps from one preview to the next, for a run of so many."""
    return max(1, min(_PREVIEW_STEPS, steps // _FEWEST_PREVIEWS))


def label_of(settings: CreationSettings) -> str:
    """What a run is called in a list."""
    if not isinstance(settings, EditSettings):
        return settings.prompt
    part = settings.part or ("a box" if settings.parts is None else "a painted part")
    prompt = settings.prompt if settings.parts is None else _prompt_of(settings.parts)
    told = {"remove": f"without {part}", "replace": f"{prompt} in the place of {part}"}
    return told.get(settings.mode, f"{part}: {settings.mode} to {prompt}")


def _prompt_of(parts: Path) -> str:
    """What a list's part becomes; of a damaged one nothing is told, for the run itself says what is wrong."""
    try:
        return str(read_yaml(parts)["parts"][0]["prompt"])
    except (GencontrolError, KeyError, IndexError, TypeError):
        return "something"


def as_nerf_command(settings: CreationSettings, *, scene: str, parts: str, output: str) -> str:
    """A run as a line for a shell.

    Args:
        settings: The run's.
        scene: What the line calls the scene that is changed.
        parts: What it calls the list of what is painted.
        output: Where the line's run goes.
    """
    is_edit = isinstance(settings, EditSettings)
    words = ["gencontrol", "nerf", *(("edit", scene) if is_edit else ("new",))]
    usual: Mapping[str, Any] = vars(EditSettings() if is_edit else CreationSettings())
    for name, value in vars(settings).items():
        if name in ("scene", "output", "preview_every") or value == usual[name]:
            continue
        said = parts if name == "parts" else value
        words += [f"--{name.replace('_', '-')}", *map(_word, said if isinstance(said, tuple) else (said,))]
    return shlex.join([*words, "-o", output])


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_viewer_command(folder: str) -> str:
    """What opens a finished run in nerfstudio's viewer; `folder` is the run's own, where its config.yml lies."""
    return shlex.join(["ns-viewer", "--load-config", f"{folder}/config.yml"])
