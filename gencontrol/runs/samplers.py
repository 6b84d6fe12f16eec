"""Samplers by the short names that people know them by."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


_FEW = 20
"""Steps up to which a sampler is tried out: those of a higher order need some before they can look back at them."""


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


@contextmanager
def sampled_by(pipeline: Any, name: str | None) -> Iterator[None]:
    """Within the block a pipeline has another sampler, with the noise schedule of its own.

    Args:
        pipeline: An opened one.
        name: A key of `SAMPLERS`; None keeps its own.
    """
    own = pipeline.scheduler
    if name is not None:
        pipeline.scheduler = make_sampler(name, own.config)
    try:
        yield
    finally:
        pipeline.scheduler = own


def check_steps(name: str | None, config: Mapping[str, Any], steps: int) -> None:
    """Refuse a number of steps that the sampler cannot take.

    Raises:
        ConfigError: Says why, or from how many on it can.
    """
    error = _failure(name, config, steps)
    if error is None:
        return
    enough = next((more for more in range(steps + 1, _FEW + 1) if _failure(name, config, more) is None), None)
    most = config.get("num_train_timesteps")
    reason = str(error) if enough is None else f"give {enough} or more."
    if isinstance(most, int) and steps > most and _failure(name, config, most) is None:
        reason = f"give {most} or fewer, as many as the model was trained with."
    raise ConfigError(f"`steps`: the sampler {name or config['_class_name']} cannot take {steps}: {reason}") from error


def _failure(name: str | None, config: Mapping[str, Any], steps: int) -> Exception | None:
    """What a sampler says against a number of steps; a few of them are taken, on a picture of one number."""
    # The settings check names of samplers, and are read before there is anything to compute.
    import torch

    try:
        sampler = make_sampler(name, config)
        sampler.set_timesteps(steps)
        sample = torch.zeros(1, 1, 1, 1)
        for step in sampler.timesteps if steps <= _FEW else ():
            noise = torch.zeros_like(sampler.scale_model_input(sample, step))
            if "learned" in str(sampler.config.get("variance_type")):
                # Its denoiser gives the variance behind the noise.
                noise = torch.cat([noise, noise], dim=1)
            sample = sampler.step(noise, step, sample).prev_sample
    except Exception as error:
        # Each of diffusers' samplers has its own way to fail at numbers that it was not made for.
        return error
    return None
