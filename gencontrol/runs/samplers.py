"""Samplers by the short names that people know them by."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError

SAMPLERS: Mapping[str, tuple[str, dict[str, Any]]] = MappingProxyType(
    {
        "ddim": ("DDIMScheduler", {}),
        "ddpm": ("DDPMScheduler", {}),
        "deis": ("DEISMultistepScheduler", {}),
        "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
        "dpm++-karras": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}),
        "euler": ("EulerDiscreteScheduler", {}),
        "euler-a": ("EulerAncestralDiscreteScheduler", {}),
        "heun": ("HeunDiscreteScheduler", {}),
        "lms": ("LMSDiscreteScheduler", {}),
        "pndm": ("PNDMScheduler", {}),
        "unipc": ("UniPCMultistepScheduler", {}),
    }
)
"""Short name -> diffusers class, and the settings that differ from the checkpoint's."""


def check_sampler(name: str) -> None:
    """Refuse an unknown name.

    Raises:
        ConfigError: Names the nearest.
    """
    if name not in SAMPLERS:
        raise ConfigError(f"`scheduler`: there is no {name!r}{nearest(name, SAMPLERS)}")


def make_sampler(name: str | None, config: Mapping[str, Any]) -> Any:
    """A sampler (diffusers: scheduler) with the noise schedule of a saved one.

    Args:
        name: A key of `SAMPLERS`; None is the saved one's own class.
        config: The saved one's configuration.
    """
    import diffusers

    class_name, settings = (config["_class_name"], {}) if name is None else SAMPLERS[name]
    return getattr(diffusers, class_name).from_config(dict(config), **settings)


def check_steps(name: str | None, config: Mapping[str, Any], steps: int) -> None:
    """Refuse a number of steps that the sampler cannot take.

    Raises:
        ConfigError: Says why.
    """
    try:
        make_sampler(name, config).set_timesteps(steps)
    except (ValueError, IndexError) as error:
        sampler = name or config["_class_name"]
        raise ConfigError(f"`steps`: the sampler {sampler} cannot take {steps}: {error}") from error
