"""Sheets of labelled pictures."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from gencontrol.errors import InputError
from gencontrol.kinds import checked

GAP = 8
"""Pixels between pictures and around the sheet."""
PAPER, INK = (255, 255, 255), (0, 0, 0)


@checked
def contact_sheet(
    rows: Sequence[Sequence[Image.Image]], *, row_labels: Sequence[str], column_labels: Sequence[str]
) -> Image.Image:
    """Lay pictures out in labelled rows and columns; each is scaled to fit a cell of the first one's size.

    Args:
        rows: Pictures; rows may differ in length.
        row_labels: One for each row, written above it; an empty one takes no room.
        column_labels: One for each column, written below each picture; may be empty.

    Raises:
        InputError: No picture to begin with, one without pixels, or labels of another number.
    """
    _check(rows, row_labels, column_labels)
    cell = rows[0][0].size
    font = ImageFont.load_default(size=max(12, cell[0] // 14))
    line = int(font.getbbox("Ag")[3] * 1.3)
    head = [line if label else 0 for label in row_labels]
    foot = line if column_labels else 0
    columns = max(len(row) for row in rows)
    width = max(GAP + columns * (cell[0] + GAP), *(int(font.getlength(text)) + 2 * GAP for text in row_labels))
    height = GAP + sum(h + cell[1] + foot + GAP for h in head)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = GAP
    for row, label, above in zip(rows, row_labels, head, strict=True):
        draw.text((GAP, top), label, fill=INK, font=font)
        top += above
        for index, image in enumerate(row):
            left = GAP + index * (cell[0] + GAP)
            _paste(sheet, image, left, top, cell)
            if column_labels:
                text = _shortened(column_labels[index], font, cell[0])
                draw.text((left, top + cell[1]), text, fill=INK, font=font)
        top += cell[1] + foot + GAP
    return sheet


def _check(rows: Sequence[Sequence[Image.Image]], row_labels: Sequence[str], column_labels: Sequence[str]) -> None:
    if not rows or not rows[0]:
        raise InputError("A sheet needs at least one picture, whose size its cells have, in its first row.")
    if not all(image.width and image.height for row in rows for image in row):
        raise InputError("A picture without pixels cannot be laid out.")
    if len(row_labels) != len(rows):
        raise InputError(f"row_labels: expected one for each of {len(rows)} rows, got {len(row_labels)}.")
    columns = max(map(len, rows))
    if column_labels and len(column_labels) < columns:
        raise InputError(
            f"column_labels: expected one for each of {columns} columns, or none; {len(column_labels)} came."
        )


def _paste(sheet: Image.Image, image: Image.Image, left: int, top: int, cell: tuple[int, int]) -> None:
    """Scale a picture to fit the cell, centred."""
    scale = min(cell[0] / image.width, cell[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    fitted = image.convert("RGB") if size == image.size else image.convert("RGB").resize(size)
    sheet.paste(fitted, (left + (cell[0] - size[0]) // 2, top + (cell[1] - size[1]) // 2))


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """As much of the text as fits the width, with an ellipsis if some does not."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
