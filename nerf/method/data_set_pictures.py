"""The pictures of a data set: how they are read, with masks as their alpha, and what they are over."""

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, UInt8
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.colour import Colour
from gencontrol.nerf.checks.data_set_checks import check_bounds, check_data_set, opened
from gencontrol.nerf.method.config import SteeredDataManagerConfig
from gencontrol.nerf.method.crop import crop_outputs
from gencontrol.regions.mask_planes import mask_plane
from gencontrol.regions.masks import fit_to_image, from_mask
from gencontrol.text_files import check_regular

Backdrop = Callable[[Tensor], Tensor]
"""Unit directions (n, 3), world -> what is behind the scene there, sRGB (n, 3), [0, 1]."""
# Distance from the named background, per channel, from which a pixel shows something.
_DIFFERS = 0.1
# Bytes of alpha from which a pixel counts as opaque; rounding and resizing leave some below 255.
_OPAQUE = 250
# Characters of a parser's own message: some name every file that they miss.
_LONGEST = 300
# What a cut-out is shown over where its parser names nothing: as renderings are by default.
_WHITE = (1.0, 1.0, 1.0)
# What parsers raise about a folder that is not what they read; most of them assert.
_PARSER_ERRORS = (AssertionError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError)


class Pictures(InputDataset):
    """nerfstudio's data set; masks are its pictures' alpha, and pictures also tell what they were taken in front of."""

    in_front_of: Colour | None = None
    """Colour that the pictures stand in front of, [0, 1]; None for pictures with an alpha channel."""
    backdrop: Backdrop | None = None
    """What the pictures of a cropped capture show behind the crop; none for others."""

    def __init__(self, outputs: DataparserOutputs):
        """Hold what a parser found; masks are part of the pictures from here on."""
        self._masks = outputs.mask_filenames
        # nerfstudio's tools show and compare three channels: `ns-render` takes four for features, in false colours.
        behind = torch.tensor(_WHITE) if outputs.alpha_color is None else outputs.alpha_color
        super().__init__(dataclasses.replace(outputs, mask_filenames=None, alpha_color=behind))

    def get_numpy_image(self, image_idx: int) -> npt.NDArray[np.uint8]:
        """Bytes (h, w, 3 or 4): straight RGBA where there is an alpha channel or a mask, and no plain colour behind."""
        pixels = read_pixels(self.image_filenames[image_idx])
        if self._masks is not None:
            pixels = with_mask(pixels, self._masks[image_idx])
        if self.in_front_of is None or pixels.shape[2] == 3:
            return pixels
        flat = torch.from_numpy(pixels).reshape(-1, 4)
        seen = over(flat, torch.tensor(self.in_front_of).expand(len(flat), 3))
        return (seen * 255).round().byte().reshape(*pixels.shape[:2], 3).numpy()

    def get_metadata(self, data: dict[str, Any]) -> dict[str, Any]:
        """What an evaluation has beside a picture: what is behind it, one colour or one a pixel."""
        if self.backdrop is not None and data["image"].shape[2] == 3:
            rays = self.cameras.generate_rays(camera_indices=data["image_idx"]).directions
            with torch.no_grad():
                return {"in_front_of": self.backdrop(rays.reshape(-1, 3)).reshape(rays.shape).cpu()}
        behind = self.in_front_of if self.in_front_of is not None else self._dataparser_outputs.alpha_color
        return {} if behind is None else {"in_front_of": torch.as_tensor(behind, dtype=torch.float32)}


class Views(InputDataset):
    """Views of a creation, which has no pictures: what nerfstudio's tools look from."""

    def __init__(self, cameras: Cameras):
        """Hold the cameras, under names that files of renderings can have."""
        box = SceneBox(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))
        names = [Path("views") / f"view_{index:05d}.png" for index in range(len(cameras))]
        super().__init__(DataparserOutputs(image_filenames=names, cameras=cameras, scene_box=box))

    def get_numpy_image(self, image_idx: int) -> npt.NDArray[np.uint8]:
        """One grey pixel: of another size than the views, so that no rendering is compared with it."""
        return np.full((1, 1, 3), 127, np.uint8)


def read_split(parser: Any, split: str, config: SteeredDataManagerConfig) -> Pictures:
    """One split of a data set, cropped if that is asked for, checked as far as it can be without reading pixels.

    Args:
        parser: nerfstudio's, set up.
        split: Such as train.
        config: Settings of the data.

    Raises:
        InputError: The parser cannot read the folder, or its cameras are not those of its pictures.
    """
    if config.data is not None and config.data.exists() and not config.data.is_dir():
        check_regular(config.data, what="a data set (its folder, or its transforms.json)")
    try:
        outputs = parser.get_dataparser_outputs(split=split)
    except _PARSER_ERRORS as error:
        kind = type(config.dataparser).__name__.removesuffix("DataParserConfig")
        raise InputError(f"{config.data} cannot be read as a data set of the kind {kind}: {_said(error)}") from error
    check_data_set(outputs, split=split)
    pictures = Pictures(outputs if config.crop is None else crop_outputs(outputs, config.crop))
    pictures.in_front_of = config.in_front_of
    return pictures


def _said(error: Exception) -> str:
    """What a parser raised, in words, and not at the length of a list of all files."""
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"there is no {error.filename}"
    if isinstance(error, KeyError):
        return f"it lacks {', '.join(map(repr, error.args)) or 'a key'}"
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]} ... ({len(said) - _LONGEST} more characters)"


def load_pictures(dataset: InputDataset, config: SteeredDataManagerConfig) -> UInt8[Tensor, "n h w c"]:
    """All pictures, straight RGBA or RGB, in bytes: a data set of floats would take four times the memory.

    Raises:
        InputError: Pictures of several sizes, without alpha and no colour to stand for what is behind, or of something
            outside the scene's cube.
    """
    pictures = [torch.from_numpy(dataset.get_numpy_image(i)) for i in range(len(dataset))]
    if len({picture.shape for picture in pictures}) > 1:
        raise InputError("The data set's pictures differ in size or channels: bring them to one size first.")
    stacked = torch.stack(pictures)
    opaque = stacked.shape[-1] == 3 or bool((stacked[..., 3] >= _OPAQUE).all())
    if not opaque:
        _warn_of_opaque(stacked)
        check_bounds(dataset.cameras, stacked[..., 3] > 127)
        return stacked
    if config.crop is not None:
        return stacked[..., :3].contiguous()
    if config.in_front_of is None:
        alpha = "no alpha channel" if stacked.shape[-1] == 3 else "an alpha channel that is opaque everywhere"
        raise InputError(
            f"The data set's pictures have {alpha}, so the scene has no bound. Cut the object out (RGBA, or a "
            "mask_path for each picture in transforms.json), name the plain colour that it stands in front of: "
            "`in_front_of` 1 1 1, or the box that is to be cropped out of what surrounds it: `crop` X Y Z SX SY SZ."
        )
    behind = torch.tensor(config.in_front_of)
    check_bounds(dataset.cameras, torch.stack([(p / 255 - behind).abs().amax(dim=-1) > _DIFFERS for p in stacked]))
    return stacked


def over(pixels: UInt8[Tensor, "n c"], behind: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Pixels over a background, [0, 1]; RGB is opaque: what is compared is the picture itself."""
    values = pixels / 255
    return values if values.shape[1] == 3 else values[:, :3] * values[:, 3:] + (1 - values[:, 3:]) * behind


def read_pixels(file: Path) -> npt.NDArray[np.uint8]:
    """A picture's bytes, (h, w, 3 or 4), as its camera saw them: unlike elsewhere, not turned by its EXIF rotation.

    Raises:
        InputError: It cannot be read.
    """
    with opened(file) as image:
        if image.mode.startswith("I;16"):
            grey = (np.asarray(image, dtype=np.uint16) / 257).round().astype(np.uint8)
            return grey[..., None].repeat(3, axis=2)
        return np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def with_mask(pixels: npt.NDArray[np.uint8], file: Path) -> npt.NDArray[np.uint8]:
    """Pixels with a mask as their alpha, times what alpha they have; a black one is of a picture without the thing.

    Raises:
        InputError: The mask cannot be read, or has another size.
    """
    size = (pixels.shape[0], pixels.shape[1])
    try:
        plane, _ = mask_plane(file)
        mask = from_mask(file, size=size).alpha if plane.any() else fit_to_image(plane, size, resize=False)
    except InputError as error:
        raise InputError(f"{file}, a mask of the data set: {error}") from error
    alpha = mask.numpy() * (pixels[..., 3] if pixels.shape[2] == 4 else 255)
    return np.concatenate([pixels[..., :3], alpha.round().astype(np.uint8)[..., None]], axis=2)


def _warn_of_opaque(pictures: UInt8[Tensor, "n h w 4"]) -> None:
    whole = (pictures[..., 3] >= _OPAQUE).flatten(1).all(dim=1)
    if whole.any():
        warnings.warn(
            f"{int(whole.sum())} of {len(pictures)} pictures of the data set are opaque everywhere (the first is "
            f"number {int(whole.nonzero()[0])}), so that all they show counts as the thing: cut it out there too.",
            stacklevel=3,
        )
