"""Samplers by the short names that people know them by."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError

SCHEDULERS: Mapping[str, tuple[str, dict[str, Any]]] = MappingProxyType(
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


def check_scheduler(name: str) -> None:
    """Refuse an unknown name.

    Raises:
        ConfigError: Names the nearest.
    """
    if name not in SCHEDULERS:
        raise ConfigError(f"--scheduler: there is no {name!r}{nearest(name, SCHEDULERS)}")


def make_scheduler(name: str, current: Any) -> Any:
    """A scheduler of that name with the noise schedule of the current one."""
    import diffusers

    check_scheduler(name)
    class_name, settings = SCHEDULERS[name]
    return getattr(diffusers, class_name).from_config(current.config, **settings)
