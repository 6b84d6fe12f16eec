"""Painting into a hole with a host that knows no holes: after each step what lies outside is the photograph again.

The photograph's latents are noised as far as the step that follows has it, so that what is painted in the hole comes to
fit to them (Lugmayr et al., "RePaint", CVPR 2022, arXiv 2201.09865; Avrahami et al., "Blended Latent Diffusion",
SIGGRAPH 2023, arXiv 2206.02779). Everything goes through the stock call's `callback_on_step_end`.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

OnStepEnd = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


@torch.no_grad()
def latents_of(pipeline: Any, picture: Float[Tensor, "3 h w"]) -> Float[Tensor, "1 c h2 w2"]:
    """What the host's autoencoder makes of a picture in [0, 1], in the denoiser's scale."""
    vae = pipeline.vae
    pixels = (2 * picture[None] - 1).to(pipeline._execution_device, vae.dtype)
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    return (vae.encode(pixels).latent_dist.mode() - shift) * vae.config.scaling_factor


def touched(hole: Float[Tensor, "h w"], size: tuple[int, int]) -> Float[Tensor, "1 1 h2 w2"]:
    """Which of the latents have any of the hole in them, 1 or 0."""
    return (functional.adaptive_max_pool2d(hole[None, None], size) > 0).float()


def composing(
    latents: Float[Tensor, "1 c h w"], inside: Float[Tensor, "1 1 h w"], noise: Float[Tensor, "n c h w"]
) -> OnStepEnd:
    """A callback that keeps the latents outside of the hole to the photograph's.

    Args:
        latents: The photograph's, see `latents_of`.
        inside: 1 where the hole is, see `touched`.
        noise: That the run started from, so that what is kept is on its way from it.
    """

    def on_step_end(pipeline: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        drawn = values["latents"]
        steps = pipeline.scheduler.timesteps
        kept = latents.to(drawn).expand_as(drawn)
        if step + 1 < len(steps):
            times = steps[step + 1].expand(len(drawn)) if steps[step + 1].ndim == 0 else steps[step + 1]
            kept = pipeline.scheduler.add_noise(kept, noise.to(drawn), times)
        return {"latents": torch.where(inside.to(drawn) > 0, drawn, kept)}

    return on_step_end
