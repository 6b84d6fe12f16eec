"""A sheet that shows what the encoder is shown: views, the alpha channel, the part's outline."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torchvision.utils import make_grid

from gencontrol.nerf.rays.rendering import Rendering

_ORANGE = (1.0, 0.45, 0.0)


def preview_sheet(seen: Rendering, *, background: float = 1.0) -> Float[Tensor, "3 h w"]:
    """One column a view; rows: the picture with each part's outline, the whole opacity, and each part's alpha.

    Args:
        seen: (b, h, w) rays, with the parts that are to be shown.
        background: Grey behind the picture, [0, 1].

    Returns:
        [0, 1].
    """
    picture = seen.colour.permute(0, 3, 1, 2) + (1 - seen.opacity)[:, None] * background
    planes = [seen.opacity, *seen.parts.unbind(-1)]
    rows = [draw_outline(picture, seen.parts), *(_grey(plane) for plane in planes)]
    return make_grid(torch.cat(rows).clamp(0, 1).cpu(), nrow=len(picture), padding=1, pad_value=0.5)


def draw_outline(picture: Float[Tensor, "b 3 h w"], parts: Float[Tensor, "b h w k"]) -> Float[Tensor, "b 3 h w"]:
    """Mark in orange the pixels where a part's alpha crosses one half."""
    inside = (parts >= 0.5).to(picture).permute(0, 3, 1, 2)
    rim = (F.max_pool2d(inside, 3, stride=1, padding=1) - inside).amax(dim=1, keepdim=True) if inside.shape[1] else None
    if rim is None:
        return picture
    return torch.where(rim > 0, picture.new_tensor(_ORANGE)[:, None, None], picture)


def _grey(plane: Float[Tensor, "b h w"]) -> Float[Tensor, "b 3 h w"]:
    return plane[:, None].expand(-1, 3, -1, -1)
