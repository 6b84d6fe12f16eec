"""Whether a data set's cameras are those of its pictures, and whether the scene's cube holds what they show.

Wrong intrinsics or poses give no error of their own: the fit only looks bad, after all of its time.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from nerfstudio.cameras.cameras import CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.reading import check_file
from gencontrol.nerf.rays.cameras import are_turns
from gencontrol.nerf.rays.rendering import cube_span
from gencontrol.streams import seeded

# Pixels of each picture that are asked whether they look into the cube: enough for a share to a few per cent.
_PROBES = 256
# Share of the pixels that show something and look past the cube, above which it is said, and above which refused.
_CROPPED, _OUTSIDE = 0.02, 0.5
# Pixels that a camera's size may be off: parsers round when they scale.
_ROUNDING = 1
# Opening angles in degrees that a pinhole camera can have.
_NARROWEST, _WIDEST = 0.5, 170.0
# Share of the picture's side that the principal point may be off its middle before it is said.
_OFF_CENTRE = 0.25
_INTRINSICS = "the intrinsics (w, h, fl_x, fl_y, cx, cy) must be those of the picture as the file is"
BOUNDS_ADVICE = (
    "the scene must lie in [-1, 1] on each axis. Name the box that it lies in, in the data set's units: "
    "`crop` X Y Z SX SY SZ (or have ns-train scale and centre the poses, by flags after the "
    "parser's name where it has them: `--auto-scale-poses True --center-method focus --scale-factor 2`)."
)


def check_data_set(outputs: DataparserOutputs, *, split: str) -> None:
    """Refuse a split without pictures, and cameras that are not those of their pictures.

    Args:
        outputs: What a parser found.
        split: Its name, for messages.

    Raises:
        InputError: Naming the first picture whose camera is wrong.
    """
    files = outputs.image_filenames
    if not files:
        raise InputError(
            f"The data set has no pictures in its split {split!r}: training, and evaluation (val, test), need one each."
        )
    check_poses(outputs.cameras, files)
    check_intrinsics(outputs.cameras, files)
    check_sizes(outputs.cameras, files)


def check_poses(cameras: Any, files: list[Path]) -> None:
    """Refuse poses that are no place and direction of a camera.

    Raises:
        InputError: A pose that is not finite, flat or mirrored.
    """
    poses = cameras.camera_to_worlds
    finite = poses.isfinite().flatten(1).all(dim=1)
    _refuse(~finite, files, "the pose of its camera (transform_matrix) holds numbers that are not finite.")
    _refuse(
        ~are_turns(poses),
        files,
        "the pose of its camera (transform_matrix) is flat or mirrored: expected a rotation, camera to world, x right, "
        "y up, looking along -z.",
    )


def check_intrinsics(cameras: Any, files: list[Path]) -> None:
    """Refuse focal lengths, principal points and distortions that no picture of their size can have.

    Raises:
        InputError: Naming the first picture.
    """
    numbers = torch.cat([getattr(cameras, name).double() for name in ("fx", "fy", "cx", "cy")], dim=1)
    _refuse(~numbers.isfinite().all(dim=1), files, "the intrinsics of its camera are not finite.")
    if cameras.distortion_params is not None:
        bent = ~cameras.distortion_params.isfinite().all(dim=1)
        _refuse(bent, files, "the distortion of its camera (k1, k2, k3, k4, p1, p2) is not finite.")
    focal, centre = numbers[:, :2], numbers[:, 2:]
    _refuse((focal <= 0).any(dim=1), files, "the focal length of its camera (fl_x, fl_y) must be above 0 pixels.")
    size = torch.cat([cameras.width, cameras.height], dim=1).double()
    _refuse(
        ((centre <= 0) | (centre >= size)).any(dim=1),
        files,
        f"the principal point of its camera (cx, cy) lies outside of the picture: {_INTRINSICS}.",
    )
    pinhole = cameras.camera_type[:, 0] == CameraType.PERSPECTIVE.value
    angle = (2 * (size / (2 * focal)).atan()).rad2deg()
    unlikely = pinhole & ((angle < _NARROWEST) | (angle > _WIDEST)).any(dim=1)
    _refuse(
        unlikely,
        files,
        "the focal length of its camera (fl_x, fl_y) gives an opening angle outside of "
        f"{_NARROWEST} to {_WIDEST} degrees: {_INTRINSICS}.",
    )
    off = ((centre / size - 0.5).abs() > _OFF_CENTRE).any(dim=1)
    if off.any():
        warnings.warn(
            f"The principal point (cx, cy) is far from the middle of {files[int(off.nonzero()[0])]}: unless that is "
            f"a piece of a larger picture, {_INTRINSICS}.",
            stacklevel=2,
        )


def check_sizes(cameras: Any, files: list[Path]) -> None:
    """Refuse cameras of another size than their picture's file; only its head is read.

    Raises:
        InputError: Another size, or a file that is missing or no picture.
    """
    for file, width, height in zip(files, cameras.width[:, 0].tolist(), cameras.height[:, 0].tolist(), strict=True):
        with opened(file) as image:
            found = image.size
        if max(abs(found[0] - width), abs(found[1] - height)) > _ROUNDING:
            swapped = " Width and height are swapped: was the picture turned?" if found == (height, width) else ""
            raise InputError(
                f"{file} is {found[0]} x {found[1]} pixels, and its camera {width} x {height}: {_INTRINSICS}. Scale "
                f"them with the picture, or give the pictures that they were measured on.{swapped}"
            )


@contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """A picture of a data set, opened by Pillow as its camera saw it: not turned by its EXIF rotation.

    Raises:
        InputError: Nothing there, a folder, a pipe or a device; no picture, or none that can be read.
    """
    try:
        check_file(file)
        with Image.open(file) as image:
            yield image
    except UnidentifiedImageError:
        raise InputError(f"{file}, a picture of the data set, is not an image in a format that Pillow reads.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}, a picture of the data set, cannot be read: {str(error).rstrip('.')}.") from error


def check_bounds(cameras: Any, shown: Tensor) -> None:
    """Say when the cube crops what pictures show, and refuse when it misses it.

    Args:
        cameras: nerfstudio's, one a picture.
        shown: (n, h, w), true where a pixel shows something.

    Raises:
        InputError: Most of what is shown lies outside the cube, or most cameras stand within.
    """
    generator = seeded(0)
    places = [mask.nonzero() for mask in shown]
    picks = [p[torch.randint(len(p), (min(_PROBES, len(p)),), generator=generator)] for p in places if len(p)]
    index = [torch.full((min(_PROBES, len(p)),), i) for i, p in enumerate(places) if len(p)]
    if not picks:
        raise InputError("The data set's pictures show nothing: every pixel is transparent or plain background.")
    rays = cameras.to("cpu").generate_rays(camera_indices=torch.cat(index)[:, None], coords=torch.cat(picks) + 0.5)
    within = (cameras.camera_to_worlds[..., :3, 3].abs() < 1).all(dim=-1).sum().item()
    near, far = cube_span(rays.origins, rays.directions)
    missed = (far <= near).float().mean().item()
    # No ray from within can miss the cube, so that nothing would be said, and whatever is behind is cut off.
    if within > _OUTSIDE * len(cameras):
        raise InputError(f"{within} of {len(cameras)} cameras stand inside the scene's cube: {BOUNDS_ADVICE}")
    if within:
        warnings.warn(
            f"{within} of {len(cameras)} cameras stand inside the scene's cube: {BOUNDS_ADVICE}", stacklevel=2
        )
    if missed > _OUTSIDE:
        raise InputError(f"{missed:.0%} of what the pictures show lies outside the scene's cube: {BOUNDS_ADVICE}")
    if missed > _CROPPED:
        warnings.warn(f"{missed:.0%} of what the pictures show is cropped away: {BOUNDS_ADVICE}", stacklevel=2)


def _refuse(wrong: Tensor, files: list[Path], what: str) -> None:
    if wrong.any():
        places = wrong.nonzero()[:, 0].tolist()
        others = f" ({len(places)} of {len(files)} pictures)" if len(places) > 1 else ""
        raise InputError(f"{files[places[0]]}: {what}{others}")
