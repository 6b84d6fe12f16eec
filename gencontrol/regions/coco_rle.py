"""Masks as COCO's annotations and SAM's tools write them: lengths of runs, down the columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from gencontrol.errors import InputError

_LARGEST = 2**28
"""Pixels: above every photograph, and a quarter of a gigabyte. A few characters may say a mask of any size."""


def decode_rle(size: Any, counts: Any) -> Bool[np.ndarray, "h w"]:
    """The mask of run lengths, as pycocotools' `mask.decode` gives it.

    Args:
        size: (height, width).
        counts: Lengths of runs, of pixels outside first, then inside, and so on, column after column: a list, or
            COCO's compressed text (str or bytes).

    Raises:
        InputError: Anything else, or runs that do not fill the size.
    """
    try:
        height, width = (_whole(side) for side in size)
        runs = _decompress(counts) if isinstance(counts, (str, bytes)) else [_whole(run) for run in counts]
    except (TypeError, ValueError, IndexError, OverflowError):
        raise InputError(
            "Expected COCO's run lengths, 'size' as [height, width] and 'counts' as a list or as compressed text; "
            "these cannot be read."
        ) from None
    least = min(height, width, *runs)
    if least < 0:
        raise InputError(f"A mask's size and run lengths are numbers of pixels, 0 or more; {least} is among them.")
    if sum(runs) != height * width:
        raise InputError(
            f"The run lengths of a mask fill {sum(runs)} pixels, and its size is {width} x {height} (width x height)."
        )
    if height * width > _LARGEST:
        raise InputError(
            f"The run lengths of a mask are of {width} x {height} pixels (width x height); expected at most "
            f"{_LARGEST:,} pixels: scale it down first."
        )
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T


def encode_rle(mask: Bool[np.ndarray, "h w"]) -> dict[str, list[int]]:
    """A mask as COCO's annotations hold it uncompressed: `size`, and the lengths of runs, outside first."""
    flat = np.concatenate([[False], mask.T.ravel()])
    turns = np.flatnonzero(flat[1:] != flat[:-1])
    runs = np.diff(np.concatenate([[0], turns, [mask.size]]))
    return {"size": list(mask.shape), "counts": runs.tolist()}


def _whole(number: Any) -> int:
    """A whole number as one, whatever holds it; a text of digits and a part of a pixel are none.

    Raises:
        TypeError: Something else.
    """
    if isinstance(number, (bool, str, bytes)) or int(number) != number:
        raise TypeError(number)
    return int(number)


def _decompress(counts: str | bytes) -> Sequence[int]:
    """COCO's text: numbers in groups of five bits, least first, and from the third on less the last but one.

    After rleFrString of cocoapi's maskApi.c (Dollár and Lin 2014, BSD licence).
    """
    codes = [code - 48 for code in (counts.encode("ascii") if isinstance(counts, str) else counts)]
    runs: list[int] = []
    place = 0
    while place < len(codes):
        run = shift = 0
        more = True
        while more:
            code = codes[place]
            run |= (code & 31) << shift
            more, place, shift = bool(code & 32), place + 1, shift + 5
            if not more and code & 16:
                run -= 1 << shift
        runs.append(run + runs[-2] if len(runs) > 2 else run)
    return runs
