"""A sheet with some of what was kept, and some of what was dropped."""

import hashlib
import heapq
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gencontrol.errors import InputError
from gencontrol.images.picture import PictureWarning
from gencontrol.images.reading import read_image
from gencontrol.images.sheets import contact_sheet
from gencontrol.images.writing import to_pil

SHOWN, COLUMNS = 24, 8
"""Pictures of either kind, and of a row."""
_CELL, _FOOT = 160, 34
_RED = (220, 30, 30)
_DIM = 0.35
"""What is left of the colours outside of a mask."""


class Sample:
    """A few of many, drawn by a seed: the same ones in whatever order they come."""

    def __init__(self, seed: int, count: int = SHOWN):
        """Take the seed, and how many."""
        self.seed = seed
        self.count = count
        self._held: list[tuple[int, str, dict[str, Any]]] = []

    def add(self, line: Mapping[str, Any]) -> None:
        """Offer one."""
        key = f"{self.seed}/{line['picture']}/{line['phrase']}/{line['box']}"
        # The least numbers stay; heapq keeps its least at hand, which has to be the largest.
        number = -int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        if any(number == held for held, *_ in self._held):
            return
        heapq.heappush(self._held, (number, key, dict(line)))
        if len(self._held) > self.count:
            heapq.heappop(self._held)

    def drawn(self) -> list[dict[str, Any]]:
        """Those that stayed."""
        return [line for *_, line in sorted(self._held, key=lambda entry: entry[:2])]


def draw_sheet(folder: Path, kept: Sequence[Mapping[str, Any]], dropped: Sequence[Mapping[str, Any]]) -> Image.Image:
    """Draw them: what was kept with its mask and text, what was dropped with its box and why.

    Args:
        folder: Of the pairs, from which pictures and masks are named.
        kept: Lines of candidates.
        dropped: The same; those without a picture or a box are left out.
    """
    rows, labels = [], []
    for title, lines in (("kept", kept), ("dropped", dropped)):
        cells = [cell for cell in (_cell(folder, line) for line in lines) if cell is not None]
        for start in range(0, len(cells), COLUMNS):
            rows.append(cells[start : start + COLUMNS])
            labels.append("" if start else title)
    if not rows:
        rows, labels = [[Image.new("RGB", (_CELL, _CELL + _FOOT), "white")]], ["nothing to show"]
    return contact_sheet(rows, row_labels=labels, column_labels=())


def _cell(folder: Path, line: Mapping[str, Any]) -> Image.Image | None:
    """One picture over two lines of text; None where it cannot be shown."""
    if line["image"] is None or line["box"] is None:
        return None
    try:
        with warnings.catch_warnings():
            # Of an animation the first frame is what was looked at.
            warnings.simplefilter("ignore", PictureWarning)
            image = to_pil(read_image(folder / line["image"])).convert("RGB")
        mask = None if line["mask"] is None else to_pil(read_image(folder / line["mask"])).convert("L")
    except InputError:
        return None
    cell = Image.new("RGB", (_CELL, _CELL + _FOOT), "white")
    shown = _marked(image, mask, line["box"])
    cell.paste(shown, ((_CELL - shown.width) // 2, (_CELL - shown.height) // 2))
    draw, font = ImageDraw.Draw(cell), ImageFont.load_default(size=11)
    agreement = "" if line["agreement"] is None else f" {line['agreement']:.2f}"
    texts = (line["caption"] or line["phrase"], f"{line['rejected_because']}{agreement}".strip())
    for number, text in enumerate(texts):
        draw.text((2, _CELL + 2 + 15 * number), text[:30], fill=(0, 0, 0), font=font)
    return cell


def _marked(image: Image.Image, mask: Image.Image | None, box: Sequence[float | int]) -> Image.Image:
    scale = min(_CELL / image.width, _CELL / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    shown = image.resize(size)
    if mask is not None:
        seen = np.asarray(mask.resize(size), dtype=np.float32)[:, :, None] / 255
        shown = Image.fromarray((np.asarray(shown) * (_DIM + (1 - _DIM) * seen)).round().astype(np.uint8))
        return shown
    x0, y0, x1, y1 = (side * scale for side in box)
    ImageDraw.Draw(shown).rectangle((x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)), outline=_RED, width=2)
    return shown
