"""The names that regions are told apart by: a file of them, or ImageNet's."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.text_files import read_text

IMAGENET = "imagenet"
"""What ImageNet's class names are called."""


@checked
def read_labels(path: Path) -> tuple[str, ...]:
    """The labels in a file, one a line; blank lines and blanks around a label play no part.

    Raises:
        InputError: No such file, no label in it, or one that is there twice.
    """
    lines = read_text(path, what="a file with a label on each line").splitlines()
    labels = {number: " ".join(line.split()) for number, line in enumerate(lines, start=1) if line.strip()}
    if not labels:
        raise InputError(f"{path} holds no label: expected one on each line.")
    first: dict[str, int] = {}
    for number, label in labels.items():
        before = first.setdefault(label.casefold(), number)
        if before != number:
            raise InputError(
                f"{path}: {label!r} stands in line {before} and again in line {number}: leave one out, since shares "
                "add up to 1."
            )
    return tuple(labels.values())


def imagenet_labels() -> tuple[str, ...]:
    """ImageNet's class names as CLIP's authors and OpenCLIP's cleaned them, in the order of the classes.

    Two pairs of the 1,000 classes have one name each (missile, sunglasses), and texts cannot tell them apart: such a
    name is there once, so these are 998.
    """
    from open_clip import zero_shot_metadata

    return tuple(dict.fromkeys(zero_shot_metadata.IMAGENET_CLASSNAMES))


@checked
def check_labels(labels: Sequence[str]) -> None:
    """Refuse labels that cannot be told apart, or are empty.

    Raises:
        InputError: No label, or the first that cannot be used.
    """
    if not labels:
        raise InputError("labels: expected at least one, got none.")
    counts = Counter(" ".join(label.casefold().split()) for label in labels)
    if "" in counts:
        raise InputError("labels: one is empty: leave it out.")
    twice = next((label for label in labels if counts[" ".join(label.casefold().split())] > 1), None)
    if twice is not None:
        raise InputError(f"labels: {twice!r} is given twice: give each label once, since their shares add up to 1.")
