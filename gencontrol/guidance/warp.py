"""Random changes of viewpoint in the picture plane: perspective, crop and translation as one resampling."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional as F

_CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


def random_homographies(
    count: int, *, perspective: float, window: tuple[float, float], translation: float, generator: Generator
) -> Float[Tensor, "n 3 3"]:
    """Draw maps from output to input coordinates, both in [-1, 1] (x right, y down).

    Args:
        count: How many.
        perspective: How far a corner may move inwards, as a fraction of half the side, [0, 1); the distribution of
            torchvision's RandomPerspective.
        window: Smallest and largest side of the random square window, as fractions of the picture's side; one above 1
            shows what lies around the picture.
        translation: Largest shift, as a fraction of the side.
        generator: On the CPU.
    """
    corners = torch.tensor(_CORNERS)
    inwards = torch.rand(count, 4, 2, generator=generator) * perspective
    moved = corners * (1 - inwards)
    scale = window[1] - torch.rand(count, generator=generator) * (window[1] - window[0])
    centre = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - scale)[:, None]
    shift = (2 * torch.rand(count, 2, generator=generator) - 1) * 2 * translation
    return homography(corners.expand(count, 4, 2), moved) @ _window(scale, centre + shift)


def homography(source: Float[Tensor, "n 4 2"], target: Float[Tensor, "n 4 2"]) -> Float[Tensor, "n 3 3"]:
    """The projective map that takes four points to four others (direct linear transform, bottom right entry 1)."""
    x, y = source.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    u, v = target.unbind(-1)
    top = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1)
    bottom = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1)
    solved = torch.linalg.solve(torch.cat([top, bottom], dim=1), torch.cat([u, v], dim=1))
    return torch.cat([solved, one[:, :1]], dim=1).reshape(-1, 3, 3)


def warp(planes: Float[Tensor, "n c h w"], maps: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n c h w"]:
    """Resample every plane alike, bilinearly; what comes from outside the picture is 0.

    Differentiable in the planes. Premultiplied colour, opacity and alpha may go through together: 0 is "nothing there"
    for each of them.
    """
    maps = maps.to(planes)
    height, width = planes.shape[-2:]
    # Pixel centres, as grid_sample counts them with align_corners=False.
    y = (torch.arange(height, device=planes.device, dtype=planes.dtype) * 2 + 1) / height - 1
    x = (torch.arange(width, device=planes.device, dtype=planes.dtype) * 2 + 1) / width - 1
    points = torch.stack([x.expand(height, width), y[:, None].expand(height, width), torch.ones_like(planes[0, 0])], -1)
    mapped = torch.einsum("nij,hwj->nhwi", maps, points)
    grid = mapped[..., :2] / mapped[..., 2:]
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _window(scale: Float[Tensor, " n"], centre: Float[Tensor, "n 2"]) -> Float[Tensor, "n 3 3"]:
    maps = torch.diag_embed(torch.stack([scale, scale, torch.ones_like(scale)], dim=1))
    maps[:, :2, 2] = centre
    return maps
