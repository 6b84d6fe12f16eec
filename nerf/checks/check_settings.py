"""Settings that contradict each other, or that nothing can be made with, are refused before time is spent."""

import math

from gencontrol.errors import ConfigError
from gencontrol.images.colour import check_colour
from gencontrol.nerf.limits import SEEDS, check_limits
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.method.schedules import read_schedule, resolution_at

# What a machine can hold, or a file name can count, bounds the large ones; the rest is what the word means.
_LIMITS = {
    "samples": (2, 4096),
    "eval_samples": (2, 4096),
    "hash_resolution": (4, 512),
    "skip_every": (1, math.inf),
    "eval_num_rays_per_chunk": (1, math.inf),
    "preview_every": (0, math.inf),
    "turntable_frames": (0, 99999),
    "turntable_size": (1, 4096),
    "seed": SEEDS,
    "ball_peak": (-100, 100),
}
_LENGTHS = ("softness", "ball_radius", "grow")


def check_settings(config: SteeredModelConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigError: Saying which, and what to give instead.
    """
    if config.mode in ("create", "fit") and config.scene is not None:
        raise ConfigError(
            f"`scene` is given, but the `mode` is {config.mode!r}: choose edit, replace, remove or recolour."
        )
    alone = [f"`{name}`" for name in ("prompt", "box", "sphere", "part") if getattr(config, name)]
    if config.parts is not None and alone:
        # By what is given alone: not every command has flags for the others.
        raise ConfigError(f"Give {' and '.join(alone)}, or a file of `parts`, not both: the file says all of that.")
    if config.part is not None and config.scene is None:
        raise ConfigError("A highlight by name (`part`) needs the scene that has it: name `scene` too.")
    if config.grow is not None and config.part is None and config.parts is None:
        raise ConfigError("`grow` enlarges a part that is named (`part`, `parts`): give a larger `box` or `sphere`.")
    if config.mode in ("create", "edit", "replace", "recolour") and not ((config.prompt or "").strip() or config.parts):
        raise ConfigError(f"The mode {config.mode!r} needs a prompt: give `prompt` TEXT, or `parts` FILE.")
    if config.symmetry != "none" and config.mode not in ("create", "replace"):
        raise ConfigError(
            f"`symmetry` {config.symmetry!r} is for what grows anew (create, replace); the mode {config.mode!r} starts "
            "from what is there, which says itself what is symmetric: leave it at none."
        )
    if config.stop_alpha_gradient and config.mode in ("replace", "remove"):
        raise ConfigError(
            f"`stop_alpha_gradient` would stop what the mode {config.mode!r} works by, which is the part's alpha: "
            "leave it off."
        )
    if config.free and config.mode in ("replace", "remove"):
        raise ConfigError(
            f"The mode {config.mode!r} without the highlight's bound would take everything away: leave `free` off."
        )
    if config.relations and config.mode in ("fit", "remove", "recolour"):
        raise ConfigError(
            f"`relations` place what changes its shape (create, edit, replace); the mode {config.mode!r} moves "
            "nothing: leave them out."
        )
    _check_numbers(config)


def _check_numbers(config: SteeredModelConfig) -> None:
    for name in _LENGTHS:
        value = getattr(config, name)
        if not 0 <= (value or 0.0) <= 1:
            raise ConfigError(f"`{name}` must lie in [0, 1] world units; got {value}.")
    if not (0 < config.ball_sharpness < math.inf and 0 < config.contrast_scale < math.inf):
        raise ConfigError(
            "`ball_sharpness` and `contrast_scale` must be above 0; got "
            f"{config.ball_sharpness}, {config.contrast_scale}."
        )
    check_colour(config.background, name="`background`")
    check_limits(config, _LIMITS)
    for step, _ in read_schedule(config, "resolution").points:
        resolution_at(config, int(step))
