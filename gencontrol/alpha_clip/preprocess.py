"""From colour and an alpha map to the four channels that the tower takes: one geometry, one normalisation."""

import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPImageProcessor

from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import CheckpointError
from gencontrol.images.picture import Colours
from gencontrol.numbers import check_number
from gencontrol.regions.geometry import Geometry, fit_planes, of_alpha

# How the published checkpoints were trained to see alpha: SunzeY/AlphaCLIP, train/dataset/alpha_grit.py.
ALPHA_MEAN, ALPHA_STD = 0.5, 0.26
# OpenAI CLIP's statistics of its training pictures; OpenCLIP's plain ViTs use the same.
RGB_MEAN = (0.48145466, 0.4578275, 0.40821073)
RGB_STD = (0.26862954, 0.26130258, 0.27577711)

# PIL's codes, which the stock processor's JSON uses.
_RESAMPLE = {"bicubic": 3, "bilinear": 2}


@dataclass(frozen=True, kw_only=True)
class AlphaCLIPProcessor:
    """Brings image and alpha map through the same geometry and normalises them."""

    geometry: Geometry = field(default_factory=Geometry)
    """Size and fit of the model's input."""
    image_mean: tuple[float, float, float, float] = (*RGB_MEAN, ALPHA_MEAN)
    """Mean of red, green, blue and alpha in [0, 1]."""
    image_std: tuple[float, float, float, float] = (*RGB_STD, ALPHA_STD)
    """Standard deviation of red, green, blue and alpha in [0, 1]."""

    def __call__(self, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b 4 s s"]:
        """Fit and normalise; differentiable in both.

        Args:
            rgb: sRGB colour, straight (not premultiplied by alpha); [0, 1], or bytes.
            alpha: 1 where to look, 0 elsewhere; [0, 1]; not normalised.

        Returns:
            Pixel values; padding is black with alpha 0 before normalisation.
        """
        # Fitted apart: together they would be a copy of both at full size.
        fitted = fit_planes(rgb, self.geometry), fit_planes(alpha[:, None], of_alpha(self.geometry))
        return self.normalize(torch.cat(fitted, dim=1))

    def normalize(self, planes: Float[Tensor, "*b 4 s s"]) -> Float[Tensor, "*b 4 s s"]:
        """Shift and scale colour and alpha, [0, 1], that have the model's size already."""
        mean = planes.new_tensor(self.image_mean)[:, None, None]
        std = planes.new_tensor(self.image_std)[:, None, None]
        return (planes - mean) / std

    def denormalize(self, pixels: Float[Tensor, "*b 4 s s"]) -> Float[Tensor, "*b 4 s s"]:
        """Colour and alpha in [0, 1] of what `normalize` made, for people to look at."""
        mean = pixels.new_tensor(self.image_mean)[:, None, None]
        std = pixels.new_tensor(self.image_std)[:, None, None]
        return pixels * std + mean

    def with_geometry(self, geometry: Geometry) -> "AlphaCLIPProcessor":
        """The same normalisation behind another geometry."""
        return dataclasses.replace(self, geometry=geometry)

    def to_stock(self) -> CLIPImageProcessor:
        """The stock processor that does the same to a square RGBA picture of the model's size.

        Stock transformers knows no padding to a square, so other pictures are squashed by it where the fit is `pad`.
        The exact geometry is kept under the key `gencontrol`, which the stock class ignores.
        """
        size = self.geometry.size
        crop = self.geometry.fit in ("crop", "published")
        settings: dict[str, Any] = {"gencontrol": {"geometry": to_mapping(self.geometry)}}
        return CLIPImageProcessor(
            do_convert_rgb=False,
            image_mean=list(self.image_mean),
            image_std=list(self.image_std),
            size={"shortest_edge": size} if crop else {"height": size, "width": size},
            crop_size={"height": size, "width": size},
            do_center_crop=crop,
            resample=_RESAMPLE[self.geometry.interpolation],
            **settings,
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `preprocessor_config.json`, which stock transformers opens as a CLIPImageProcessor."""
        self.to_stock().save_pretrained(folder)

    @classmethod
    def from_stock(cls, stock: dict[str, Any], *, size: int) -> "AlphaCLIPProcessor":
        """Read a stock processor's settings; three channels get the alpha channel's statistics.

        Args:
            stock: What `preprocessor_config.json` holds.
            size: The tower's input size, which wins over the file's: another there is told with a
                `CheckpointWarning`, since the file may be another tower's.

        Raises:
            CheckpointError: Means or deviations of neither three nor four channels.
            ConfigError: A `gencontrol` entry with unknown keys.
        """
        own = stock.get("gencontrol", {})
        if not isinstance(own, dict):
            raise CheckpointError(f"preprocessor_config.json: gencontrol is {own!r}; expected a mapping.")
        geometry = from_mapping(Geometry, own.get("geometry", {"size": size}), where="preprocessor_config.json")
        said = own.get("geometry", {}).get("size", _side_of(stock))
        if said not in (None, size):
            warnings.warn(
                f"preprocessor_config.json makes inputs of {said} px, and the vision tower takes {size} px: pictures "
                "are brought to these. If the file is another tower's, mind its image_mean and image_std.",
                CheckpointWarning,
                stacklevel=2,
            )
        return cls(
            geometry=dataclasses.replace(geometry, size=size),
            image_mean=_four(stock.get("image_mean", RGB_MEAN), ALPHA_MEAN, "image_mean"),
            image_std=_four(stock.get("image_std", RGB_STD), ALPHA_STD, "image_std"),
        )


def _side_of(stock: Mapping[str, Any]) -> int | None:
    """The side of the squares that a stock processor makes; None where it makes none, or does not say."""
    side = stock.get("crop_size" if stock.get("do_center_crop") else "size")
    if isinstance(side, Mapping):
        return side["height"] if side.keys() >= {"height", "width"} and side["height"] == side["width"] else None
    return side if isinstance(side, int) else None


def _four(values: Any, alpha: float, key: str) -> tuple[float, float, float, float]:
    if not isinstance(values, list | tuple):
        raise CheckpointError(f"preprocessor_config.json: {key} is {values!r}; expected numbers for 3 or 4 channels.")
    channels = [*values, alpha] if len(values) == 3 else list(values)
    if len(channels) != 4:
        raise CheckpointError(f"preprocessor_config.json: {key} has {len(values)} channels; expected 3 or 4.")
    above = 0 if key == "image_std" else None
    for value in channels:
        check_number(value, name=f"preprocessor_config.json: {key}", above=above, error=CheckpointError)
    red, green, blue, last = map(float, channels)
    return red, green, blue, last
