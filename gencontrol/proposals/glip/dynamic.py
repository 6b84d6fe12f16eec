"""A dynamic convolution over neighbouring levels (Dai et al., arXiv 2106.08322; deformable: arXiv 1811.11168)."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import deform_conv2d

from gencontrol.proposals.glip.config import GlipConfig

_OFFSETS = 18
"""Of the 27 channels that steer a 3 x 3 kernel: a shift (y, x) for each place; the other nine are weights."""
_SQUEEZE = 4
"""How much narrower the activation's hidden layer is than the picture."""


class DynamicActivation(nn.Module):
    """The larger of two lines whose slopes the picture itself sets (Chen et al., arXiv 2003.10027)."""

    def __init__(self, channels: int):
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // _SQUEEZE)
        self.expand = nn.Linear(channels // _SQUEEZE, 4 * channels)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The same shape."""
        lines = functional.hardsigmoid(self.expand(functional.relu(self.squeeze(x.mean(dim=(2, 3))))))
        slope, height, other, below = lines[..., None, None].chunk(4, dim=1)
        return torch.maximum(x * (2 * slope) + height - 0.5, x * (2 * other - 1) + below - 0.5)


class DeformableConvolution(nn.Module):
    """A 3 x 3 convolution whose places are shifted and weighted, and a norm in 16 groups."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(16, channels)

    def forward(self, x: Float[Tensor, "b c _ _"], steering: Float[Tensor, "b 27 h w"], *, stride: int):
        """The convolved level, in the size that the stride makes of it; see `steered` for that of `steering`."""
        size = [(side - 1) // stride + 1 for side in x.shape[-2:]]
        shifts, weights = steered(steering[:, :_OFFSETS], size), steered(steering[:, _OFFSETS:].sigmoid(), size)
        # torchvision's has no half precision everywhere.
        wide = torch.promote_types(x.dtype, torch.float32)
        bias = None if self.conv.bias is None else self.conv.bias.to(wide)
        how = {"stride": (stride, stride), "padding": (1, 1), "mask": weights.to(wide)}
        read = deform_conv2d(x.to(wide), shifts.to(wide), self.conv.weight.to(wide), bias, **how)
        return self.norm(read.to(x.dtype))


def steered(values: Float[Tensor, "b k h w"], size: Sequence[int]) -> Float[Tensor, "b k _ _"]:
    """What a convolution of that size reads of shifts that were made for a larger one.

    The published CUDA kernel walks through them by its *own* output's rows and columns, and its weights are trained so:
    the first numbers of the flat array are read as if they had been laid out in the smaller size.

    Args:
        values: Shifts, or weights.
        size: (height, width), at most that of `values`.
    """
    channels = values.shape[1]
    return values.flatten(1)[:, : channels * size[0] * size[1]].unflatten(1, (channels, *size))


class DynamicConvolution(nn.Module):
    """Each level becomes the weighted mean of itself and its neighbours, convolved at places that it chooses itself."""

    def __init__(self, config: GlipConfig):
        super().__init__()
        c = config.channels
        self.parts = nn.ModuleList(DeformableConvolution(c) for _ in range(3))
        self.attention = nn.Conv2d(c, 1, 1)
        self.steering = nn.Conv2d(c, 27, 3, padding=1)
        self.activation = DynamicActivation(c)

    def forward(self, levels: Sequence[Float[Tensor, "b c _ _"]]) -> list[Float[Tensor, "b c _ _"]]:
        """The same levels, the finest first."""
        return [self._level(levels, place) for place in range(len(levels))]

    def _level(self, levels: Sequence[Float[Tensor, "b c _ _"]], place: int) -> Float[Tensor, "b c h w"]:
        own = levels[place]
        steering = self.steering(own)
        coarse, same, fine = (cast(DeformableConvolution, part) for part in self.parts)
        parts = [same(own, steering, stride=1)]
        if place > 0:
            parts.append(fine(levels[place - 1], steering, stride=2))
        if place + 1 < len(levels):
            above = coarse(levels[place + 1], steering, stride=1)
            parts.append(functional.interpolate(above, size=own.shape[-2:], mode="bilinear", align_corners=True))
        return self.activation(torch.stack([part * self._share(part) for part in parts]).mean(dim=0))

    def _share(self, part: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 1 1"]:
        return functional.hardsigmoid(functional.relu(self.attention(part.mean(dim=(2, 3), keepdim=True))))
