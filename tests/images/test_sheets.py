"""Sheets: where each picture and each label lies, to the pixel."""

import numpy as np
import pytest
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.images.sheets import GAP, contact_sheet

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.new("RGB", size, colour)


def box_of(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) around the pixels of a colour, x1 and y1 exclusive."""
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def ink(sheet: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Whether anything darker than paper is written in a part of the sheet."""
    return bool((np.asarray(sheet.crop(box).convert("L")) < 128).any())


def test_pictures_lie_in_rows_and_columns_with_gaps() -> None:
    rows = [[plain(RED), plain(BLUE)], [plain(BLUE), plain(RED)]]
    sheet = contact_sheet(rows, row_labels=["", ""], column_labels=[])
    assert GAP == 8
    assert sheet.mode == "RGB" and sheet.size == (8 + 2 * (64 + 8), 8 + 2 * (48 + 8))
    top = sheet.crop((0, 0, sheet.width, 60))
    assert box_of(top, RED) == (8, 8, 72, 56)
    assert box_of(top, BLUE) == (80, 8, 144, 56)
    bottom = sheet.crop((0, 60, sheet.width, sheet.height))
    assert box_of(bottom, BLUE) == (8, 4, 72, 52)
    assert sheet.getpixel((4, 4)) == WHITE and sheet.getpixel((76, 30)) == WHITE


def test_labels_take_a_line_above_rows_and_below_columns() -> None:
    bare = contact_sheet([[plain(RED)]], row_labels=[""], column_labels=[])
    rows = contact_sheet([[plain(RED)]], row_labels=["row"], column_labels=[])
    columns = contact_sheet([[plain(RED)]], row_labels=[""], column_labels=["col"])
    line = rows.height - bare.height
    assert line > 12 and columns.height - bare.height == line
    assert box_of(rows, RED) == (8, 8 + line, 72, 56 + line)
    assert ink(rows, (8, 8, 72, 8 + line)) and rows.width == bare.width
    assert box_of(columns, RED) == (8, 8, 72, 56)
    assert ink(columns, (8, 56, 72, 56 + line))


def test_only_rows_with_a_label_take_its_line() -> None:
    rows = [[plain(RED)], [plain(BLUE)]]
    both, second, none = (
        contact_sheet(rows, row_labels=labels, column_labels=[]) for labels in (["a", "b"], ["", "b"], ["", ""])
    )
    assert both.height - second.height == second.height - none.height > 0
    assert box_of(second, RED)[1] == 8


def test_a_long_row_label_widens_the_sheet() -> None:
    sheet = contact_sheet([[plain(RED)]], row_labels=["a label longer than one picture is wide"], column_labels=[])
    assert sheet.width > 8 + 72
    assert not ink(sheet, (sheet.width - GAP, 0, sheet.width, sheet.height))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((32, 48), (24, 8, 56, 56)),  # as high as the cell, in its middle
        ((128, 48), (8, 20, 72, 44)),  # halved to its width
        ((16, 12), (8, 8, 72, 56)),  # small ones are enlarged
    ],
)
def test_a_picture_is_scaled_to_fit_the_first_ones_cell(
    size: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    sheet = contact_sheet([[plain(BLUE)], [plain(RED, size)]], row_labels=["", ""], column_labels=[])
    assert box_of(sheet.crop((0, 56, sheet.width, sheet.height)), RED) == expected


def test_a_column_label_is_cut_to_its_picture_and_no_shorter() -> None:
    for count in (40, 41):  # so an even and an odd number of letters are cut off
        labels = ["", "l" * count]
        sheet = contact_sheet([[plain(RED), plain(BLUE)]], row_labels=[""], column_labels=labels)
        assert not ink(sheet, (144, 56, sheet.width, sheet.height))
        assert ink(sheet, (140, 56, 144, sheet.height))  # a letter less would end before


def test_an_ellipsis_says_that_some_is_left_out() -> None:
    picture = [[plain(RED)]]
    whole, cut = (
        np.asarray(contact_sheet(picture, row_labels=[""], column_labels=[label])) for label in ("m", "m" + " " * 99)
    )
    assert not np.array_equal(whole, cut)


def test_a_sheet_puts_every_picture_in_its_cell() -> None:
    colours = [["red", "lime"], ["blue"]]
    rows = [[Image.new("RGB", (60, 40), colour) for colour in row] for row in colours]
    sheet = contact_sheet(rows, row_labels=["", "second"], column_labels=[])
    assert sheet.width == 3 * GAP + 2 * 60
    assert sheet.getpixel((GAP, GAP)) == (255, 0, 0)
    assert sheet.getpixel((2 * GAP + 60, GAP)) == (0, 255, 0)
    assert sheet.getpixel((GAP, sheet.height - GAP - 1)) == (0, 0, 255)
    assert sheet.getpixel((GAP - 1, GAP)) == (255, 255, 255)


def test_a_sheet_scales_pictures_of_another_shape_into_the_cell() -> None:
    rows = [[Image.new("RGB", (60, 40), "red"), Image.new("RGBA", (200, 400), "blue")]]
    sheet = contact_sheet(rows, row_labels=[""], column_labels=["one", "a label much too long for its cell"])
    middle = 2 * GAP + 60 + 30
    assert sheet.getpixel((middle, GAP + 20)) == (0, 0, 255)
    assert sheet.getpixel((middle - 15, GAP + 20)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("rows", "labels", "columns", "message"),
    [
        ([], [], [], "at least one picture"),
        ([[], [(2, 2)]], ["a", "b"], [], "at least one picture"),
        ([[(2, 2), (0, 2)]], ["a"], [], "without pixels"),
        ([[(2, 2)]], ["a", "b"], [], "row_labels: expected one for each of 1 rows, got 2"),
        ([[(2, 2)], [(2, 2)] * 2], ["a", "b"], ["c"], "column_labels: expected one for each of 2 columns, or none; 1"),
    ],
)
def test_what_cannot_be_laid_out(
    rows: list[list[tuple[int, int]]], labels: list[str], columns: list[str], message: str
) -> None:
    pictures = [[Image.new("RGB", size) for size in row] for row in rows]
    with pytest.raises(InputError, match=message):
        contact_sheet(pictures, row_labels=labels, column_labels=columns)
