"""Where a picture is written: as a PIL image, and as a file that is whole or not there."""

import io
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from gencontrol.errors import InputError, reason_of
from gencontrol.files import atomic_file
from gencontrol.images.picture import Picture, byte_planes
from gencontrol.kinds import checked
from gencontrol.sides import matched


@matched
def to_pil(picture: Picture | Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"] | None = None) -> Image.Image:
    """An RGB image, or RGBA with straight colours if there is an alpha.

    Args:
        picture: A picture, or its colours in [0, 1].
        alpha: Opacity in [0, 1]; takes the place of the picture's own.

    Raises:
        InputError: An alpha of another size, or NaN, for which no level stands.
    """
    # As they are stored: of a photograph in bytes no floats are made.
    rgb = picture.stored_rgb if isinstance(picture, Picture) else picture
    if alpha is None and isinstance(picture, Picture):
        alpha = picture.stored_alpha
    for plane, name in ((rgb, "The picture"), (alpha, "The alpha map")):
        if plane is not None and plane.is_floating_point() and bool(plane.isnan().any()):
            raise InputError(f"{name} holds NaN; expected values in [0, 1].")
    if alpha is not None and alpha.shape != rgb.shape[1:]:
        sizes = f"{alpha.shape[1]} x {alpha.shape[0]} and {rgb.shape[2]} x {rgb.shape[1]}"
        raise InputError(f"Expected an alpha map of the picture's size, got {sizes} (width x height).")
    levels = byte_planes(rgb)
    if alpha is not None:
        levels = torch.cat([levels, byte_planes(alpha)[None].to(levels)])
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().cpu().numpy())


@checked
def save_image(image: Image.Image, path: str | Path) -> None:
    """Write an image whole or not at all; the suffix names the format.

    Raises:
        InputError: An unknown suffix, a mode that the format has no room for, or an RGBA image in anything but PNG:
            WebP and others drop or change the colours under transparent pixels, and those are the context.
        OutputError: A full disk.
    """
    path = Path(path)
    if path.suffix.lower() not in Image.registered_extensions():
        raise InputError(f"{path}: unknown image format {path.suffix!r}; use .png.")
    if image.mode == "RGBA" and path.suffix.lower() != ".png":
        raise InputError(f"{path}: an image with alpha is written as PNG only, which keeps transparent colours.")
    content = io.BytesIO()
    # In memory, for Pillow's own way into a file does not notice that half of a JPEG did not fit on the disk.
    try:
        image.save(content, format=Image.registered_extensions()[path.suffix.lower()])
    except (OSError, ValueError, KeyError) as error:
        # Nothing is on a disk yet: it is the picture, or a format that is read alone.
        text = f"{path}: an image of mode {image.mode} and {image.width} x {image.height} pixels"
        raise InputError(f"{text} cannot be written so ({reason_of(error)}); make it RGB, or use .png.") from error
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.getvalue())
