"""The settings that change over a run, read from their text."""

from gencontrol.errors import ConfigError
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.schedules import Schedule, as_schedule, text_of, value_at

# Four values a node and Adam's two moments of each: six gigabytes.
_MOST_NODES = 512
_WEIGHTS = (
    "guidance",
    "contrast",
    "transmittance",
    "entropy",
    "density_variation",
    "colour_variation",
    "fit_colour_variation",
    "removal",
    "relation",
)


def schedules_of(config: SteeredModelConfig) -> dict[str, Schedule]:
    """Every weight's schedule, by the name of its field without `_weight`.

    Raises:
        ConfigError: A schedule that cannot be read, or a weight below 0.
    """
    schedules = {name: read_schedule(config, f"{name}_weight") for name in _WEIGHTS}
    for name, schedule in schedules.items():
        if min(value for _, value in schedule.points) < 0:
            raise ConfigError(
                f"`{name}_weight` must be at least 0, since the loss is one to make small; got {text_of(schedule)}."
            )
    ceilings = {name: read_schedule(config, name) for name in ("transmittance_ceiling", "replace_ceiling")}
    return schedules | ceilings


def resolution_at(config: SteeredModelConfig, step: int | float) -> int:
    """Nodes along a side of the trained lattice at a step."""
    schedule = read_schedule(config, "resolution")
    held = Schedule(points=schedule.points, curve="hold")
    resolution = round(value_at(held, step))
    if resolution < 4:
        raise ConfigError(f"`resolution`: a lattice needs at least 4 nodes a side; got {resolution} at step {step}.")
    if resolution > _MOST_NODES:
        raise ConfigError(
            f"`resolution`: a lattice has at most {_MOST_NODES} nodes a side; got {resolution} at step {step}."
        )
    return resolution


def read_schedule(config: SteeredModelConfig, name: str) -> Schedule:
    """The schedule in a setting.

    Raises:
        ConfigError: It cannot be read; the message names the setting.
    """
    try:
        return as_schedule(getattr(config, name))
    except ConfigError as error:
        raise ConfigError(f"`{name}`: {error}") from error
