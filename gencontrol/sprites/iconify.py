"""Iconify's JSON: SVG bodies by name, with aliases. Format: the IconifyJSON type of Iconify's documentation."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from gencontrol.errors import InputError, MissingDependencyError, reason_of
from gencontrol.text_files import json_value


@dataclass(frozen=True, kw_only=True)
class IconSet:
    """The icons of one set."""

    icons: Mapping[str, Mapping[str, Any]]
    """Slug without hyphens -> Iconify icon with its size and body."""
    categories: Mapping[str, str]
    """Slug -> category; empty for sets that carry none."""


def read_icons(tarball: Path) -> IconSet:
    """Read the icons and the categories of an Iconify npm tarball.

    Raises:
        InputError: The file is not such a tarball.
    """
    try:
        with tarfile.open(tarball) as archive:
            icons = _member(archive, "package/icons.json")
            metadata = _member(archive, "package/metadata.json")
    except (tarfile.TarError, OSError, KeyError, ValueError) as error:
        raise InputError(f"{tarball} is not an Iconify package: {reason_of(error)}.") from error
    categories = {slug: group for group, slugs in metadata.get("categories", {}).items() for slug in slugs}
    return IconSet(icons=_by_plain_slug(icons), categories=categories)


def plain_slug(slug: str) -> str:
    """The slug without hyphens: sets agree on slugs but for those."""
    return slug.replace("-", "")


def to_svg(icon: Mapping[str, Any], size: int) -> str:
    """The icon as an SVG document of `size` by `size` pixels."""
    box = f"{icon['left']} {icon['top']} {icon['width']} {icon['height']}"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}" width="{size}" height="{size}">{icon["body"]}</svg>'
    )


def rasterise(icon: Mapping[str, Any], size: int) -> UInt8[np.ndarray, "size size 4"]:
    """The icon in RGBA, straight (not premultiplied), its drawn part centred and filling the square.

    Sets leave different margins around their drawings; without them "size" means the same for every style.
    """
    try:
        import resvg_py
    except ImportError:
        raise MissingDependencyError(
            "Sprites are rasterised with resvg-py: run `pip install 'gencontrol[train]'`."
        ) from None
    large = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=to_svg(icon, 2 * size)))))
    return _fill_square(np.asarray(large.convert("RGBA")), size)


def _fill_square(pixels: UInt8[np.ndarray, "h w 4"], size: int) -> UInt8[np.ndarray, "size size 4"]:
    rows, columns = np.nonzero(pixels[..., 3] > 8)
    if rows.size == 0:
        raise InputError("The icon draws nothing.")
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    height, width = bottom - top, right - left
    side = max(height, width)
    square = np.zeros((side, side, 4), np.float32)
    y, x = (side - height) // 2, (side - width) // 2
    part = pixels[top:bottom, left:right].astype(np.float32)
    square[y : y + height, x : x + width] = part
    return _resize_straight(square, size)


def _resize_straight(pixels: np.ndarray, size: int) -> UInt8[np.ndarray, "size size 4"]:
    # Colours are weighted by opacity while they are averaged, and divided by it afterwards, plane by plane.
    alpha = pixels[..., 3:] / 255
    planes = np.concatenate([pixels[..., :3] * alpha, pixels[..., 3:]], axis=-1)
    resized = np.stack([_resize_plane(planes[..., c], size) for c in range(4)], axis=-1)
    opacity = np.maximum(resized[..., 3:] / 255, 1e-6)
    colour = np.where(resized[..., 3:] > 0, resized[..., :3] / opacity, 0)
    return np.concatenate([colour, resized[..., 3:]], axis=-1).round().clip(0, 255).astype(np.uint8)


def _resize_plane(plane: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(plane, mode="F").resize((size, size), Image.Resampling.BOX))


def _member(archive: tarfile.TarFile, name: str) -> dict[str, Any]:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(f"{name} is no file")
    values = json_value(file.read())
    if not isinstance(values, dict):
        raise ValueError(f"{name} holds no mapping")
    return values


def _by_plain_slug(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    # An alias that turns or flips its parent is a different picture, and no concept of ours is one.
    default = {key: data.get(key, fallback) for key, fallback in _DEFAULT_BOX.items()}
    icons = {slug: default | icon for slug, icon in data["icons"].items()}
    for slug, alias in data.get("aliases", {}).items():
        if set(alias) == {"parent"} and alias["parent"] in icons:
            icons.setdefault(slug, icons[alias["parent"]])
    return {plain_slug(slug): icon for slug, icon in icons.items()}


_DEFAULT_BOX = {"left": 0, "top": 0, "width": 16, "height": 16}
