"""Which file of a folder of masks belongs to a picture."""

from pathlib import Path

from gencontrol.errors import InputError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""What counts as a picture in a folder; a file that is named may have any suffix."""


def matching_file(mask: Path, picture: Path) -> Path:
    """The mask itself, or the file of a folder of masks that has the picture's name, in folders of the same names.

    Args:
        mask: A file or a folder.
        picture: Whose mask is wanted.

    Raises:
        InputError: A folder that holds no such file, or several.
    """
    if not mask.is_dir():
        return mask
    folders = picture.parent.parts
    within = (mask.joinpath(*folders[start:]) for start in range(len(folders) + 1))
    # An absolute path joined to the folder would be the picture's own folder.
    folder = next(f for f in within if f.is_dir() and f.is_relative_to(mask))
    named = sorted(p for p in folder.iterdir() if p.stem == picture.stem)
    found = [p for p in named if p.suffix.lower() in SUFFIXES] or [p for p in named if p.suffix.lower() == ".npy"]
    if len(found) != 1:
        what = "several masks" if found else "no mask"
        raise InputError(f"{picture}: {what} named {picture.stem} in the folder {folder}; expected one.")
    return found[0]
