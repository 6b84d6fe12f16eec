"""A host that tells of each of its steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a host's call."""

    pipeline: Any
    """The host."""
    call: int
    """Which call of the run it is, from 1."""
    number: int
    """Which step of the call is done, from 1."""
    among: int
    """Steps of the call."""
    latents: Float[Tensor, "b c h w"]
    """By now."""

    @torch.no_grad()
    def pictures(self) -> list[Image.Image]:
        """The latents decoded as they are, noise included: what shows early where things come to lie."""
        vae = self.pipeline.vae
        latents = self.latents.to(vae.dtype) / vae.config.scaling_factor
        decoded = vae.decode(latents, return_dict=False)[0].float()
        return self.pipeline.image_processor.postprocess(decoded.nan_to_num(), output_type="pil")


class Watched:
    """Stands for a host wherever one is called, and tells of each step; all else is the host's own."""

    def __init__(self, pipeline: Any, at_step: Callable[[Step], None]):
        """`at_step` may raise, which ends the call."""
        self.__dict__.update(_pipeline=pipeline, _at_step=at_step, _calls=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._pipeline, name, value)

    def __call__(self, **arguments: Any) -> Any:
        """Call the host; see its own `__call__`."""
        call = self.__dict__["_calls"] = self._calls + 1

        def at_step_end(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            among = max(pipeline.num_timesteps, step + 1)
            told = {"pipeline": pipeline, "call": call, "number": step + 1, "among": among}
            self._at_step(Step(**told, latents=tensors["latents"]))
            return {}

        return self._pipeline(**arguments, callback_on_step_end=at_step_end)
