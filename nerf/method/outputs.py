"""Between renderings and nerfstudio's dictionaries of outputs, whose pictures are (h, w, c) over a background."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.images.colour import Colour
from gencontrol.nerf.rays.rendering import Rendering


def to_outputs(seen: Rendering, names: tuple[str, ...], *, background: Colour) -> dict[str, Any]:
    """Colour over the background, opacity, depth, and the alpha of the first part and of each by name.

    Args:
        seen: (r) rays.
        names: Of the parts, in the rendering's order.
        background: sRGB, [0, 1].
    """
    behind = seen.colour.new_tensor(background)
    return {
        "rgb": seen.colour + (1 - seen.opacity)[:, None] * behind,
        "accumulation": seen.opacity[:, None],
        "depth": seen.depth[:, None],
        "alpha": seen.parts[:, :1],
    } | {f"alpha_{name}": seen.parts[:, i : i + 1] for i, name in enumerate(names)}


def from_outputs(outputs: dict[str, Tensor], names: tuple[str, ...], *, background: Colour) -> Rendering:
    """One view's outputs, (h, w, c), as the rendering (1, h, w) that they came from."""
    opacity = outputs["accumulation"][..., 0][None]
    behind = opacity.new_tensor(background)
    parts = torch.cat([outputs[f"alpha_{name}"] for name in names], dim=-1)[None]
    colour = outputs["rgb"][None] - (1 - opacity)[..., None] * behind
    return Rendering(colour=colour, opacity=opacity, depth=outputs["depth"][..., 0][None], parts=parts)


def to_rgba(outputs: dict[str, Tensor], name: str, *, background: Colour) -> Float[Tensor, "h w 4"]:
    """Straight colour and opacity, the background taken out."""
    opacity = outputs["accumulation"]
    behind = outputs["rgb"].new_tensor(background)
    colour = (outputs[name] - (1 - opacity) * behind) / opacity.clamp(min=1e-6)
    return torch.cat([colour.clamp(0, 1), opacity], dim=-1)


def psnr(
    truth: Float[Tensor, "h w c"],
    outputs: dict[str, Any],
    *,
    background: Colour,
    in_front_of: Float[Tensor, " 3"] | None = None,
) -> float:
    """Decibels between a rendering and a picture.

    Args:
        truth: Straight RGBA, compared over the background, or RGB.
        outputs: From `to_outputs`, as (h, w, c) pictures.
        background: What the rendering is over.
        in_front_of: Colour that an RGB picture was taken in front of; the rendering's background if it is not known.
    """
    rgb = outputs["rgb"]
    truth, behind = truth.to(rgb), rgb.new_tensor(background)
    if truth.shape[-1] == 4:
        truth = truth[..., :3] * truth[..., 3:] + (1 - truth[..., 3:]) * behind
    elif in_front_of is not None:
        rgb = rgb + (1 - outputs["accumulation"]) * (in_front_of.to(rgb) - behind)
    return -10 * (truth - rgb).square().mean().log10().item()
