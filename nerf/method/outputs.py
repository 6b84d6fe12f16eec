"""Between renderings and nerfstudio's dictionaries of outputs, whose pictures are (h, w, c) over a background."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from gencontrol.images.colour import Colour
from gencontrol.nerf.rays.rendering import Rendering

STOPPED = 0.5
"""Opacity from which a ray has a depth: the same half that nerfstudio's median depth and its point clouds take."""


def to_outputs(
    seen: Rendering, names: tuple[str, ...], *, background: Colour, beyond: Float[Tensor, " r"]
) -> dict[str, Any]:
    """Colour over the background, opacity, depth, and the alpha of the first part and of each by name.

    Depth is as nerfstudio's tools take it: the mean distance of what a ray sees, world units along the ray; and behind
    everything where it sees through, so that meshing takes the space on its way for empty.

    Args:
        seen: (r) rays.
        names: Of the parts, in the rendering's order.
        background: sRGB, [0, 1].
        beyond: A distance behind everything along each ray, world units.
    """
    behind = seen.colour.new_tensor(background)
    return {
        "rgb": seen.colour + (1 - seen.opacity)[:, None] * behind,
        "accumulation": seen.opacity[:, None],
        "depth": mean_depth(seen, beyond)[:, None],
        "alpha": seen.parts[:, :1],
    } | {f"alpha_{name}": seen.parts[:, i : i + 1] for i, name in enumerate(names)}


def from_outputs(outputs: dict[str, Tensor], names: tuple[str, ...], *, background: Colour) -> Rendering:
    """One view's outputs, (h, w, c), as the rendering (1, h, w) that they came from; depth 0 where it saw through."""
    opacity = outputs["accumulation"].squeeze(-1)[None]
    behind = opacity.new_tensor(background)
    parts = torch.cat([outputs[f"alpha_{name}"] for name in names], dim=-1)[None]
    colour = outputs["rgb"][None] - (1 - opacity)[..., None] * behind
    depth = torch.where(opacity >= STOPPED, outputs["depth"].squeeze(-1)[None] * opacity, 0.0)
    return Rendering(colour=colour, opacity=opacity, depth=depth, parts=parts)


def mean_depth(seen: Rendering, beyond: Float[Tensor, " r"]) -> Float[Tensor, " r"]:
    """Depth divided by opacity where a ray is stopped, `beyond` where it sees through."""
    return torch.where(seen.opacity >= STOPPED, seen.depth / seen.opacity.clamp(min=STOPPED), beyond)


def beyond_cube(origins: Float[Tensor, "r 3"]) -> Float[Tensor, " r"]:
    """A distance from each origin that is behind all of the cube [-1, 1] on each axis, whatever the direction."""
    return origins.norm(dim=-1) + math.sqrt(3)


def to_normals(slope: Float[Tensor, "r 3"], opacity: Float[Tensor, " r"]) -> Float[Tensor, "r 3"]:
    """Unit normals as nerfstudio has them, in [0, 1] with one half for 0, which is what a ray that sees through has.

    Args:
        slope: Of density, where each ray is stopped.
        opacity: Of each ray: there is a slope of almost nothing too, and no surface.
    """
    normals = torch.where((opacity >= STOPPED)[:, None], F.normalize(slope, dim=-1), 0.0)
    return (1 - normals) / 2


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
    in_front_of: Float[Tensor, "*hw 3"] | None = None,
) -> float:
    """Decibels between a rendering and a picture.

    Args:
        truth: Straight RGBA, compared over the background, or RGB.
        outputs: From `to_outputs`, as (h, w, c) pictures.
        background: What the rendering is over.
        in_front_of: Colour that an RGB picture was taken in front of, or one a pixel; the rendering's background if it
            is not known.
    """
    rgb = outputs["rgb"]
    truth, behind = truth.to(rgb), rgb.new_tensor(background)
    if truth.shape[-1] == 4:
        truth = truth[..., :3] * truth[..., 3:] + (1 - truth[..., 3:]) * behind
    elif in_front_of is not None:
        rgb = rgb + (1 - outputs["accumulation"]) * (in_front_of.to(rgb) - behind)
    return -10 * (truth - rgb).square().mean().log10().item()
