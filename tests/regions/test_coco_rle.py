"""COCO's run lengths against what pycocotools 2.0.10 writes, and against their definition."""

import numpy as np
import pytest

from gencontrol.errors import InputError
from gencontrol.regions.coco_rle import decode_rle, encode_rle


def boxes() -> np.ndarray:
    mask = np.zeros((37, 23), dtype=bool)
    mask[5:20, 3:9] = mask[30:, 15:] = mask[0, 0] = True
    return mask


def with_a_hole() -> np.ndarray:
    mask = np.zeros((200, 300), dtype=bool)
    mask[:, 100:] = True
    mask[50:60, 150:160] = False
    return mask


# pycocotools.mask.encode(numpy.asfortranarray(mask.astype(numpy.uint8)))["counts"]
ENCODED = [
    (boxes(), "01c3>SM000000000g7HaH0000000000000"),
    (with_a_hole(), "Pac0Rj9:l[F00000000000000000^Yk0"),
    (np.ones((200, 300), dtype=bool), "0Pcj1"),
    (np.random.default_rng(0).random((9, 11)) > 0.6, "01112OO1OO021N0000O01002OO1O04OL010O0012ON20N010O010O052N1"),
]


@pytest.mark.parametrize(("mask", "text"), ENCODED)
def test_compressed_text_is_what_pycocotools_wrote(mask: np.ndarray, text: str) -> None:
    assert np.array_equal(decode_rle(mask.shape, text), mask)
    assert np.array_equal(decode_rle(list(mask.shape), text.encode()), mask)


def test_lists_are_runs_down_the_columns_outside_first() -> None:
    assert decode_rle([2, 3], [1, 3, 2]).tolist() == [[False, True, False], [True, True, False]]
    assert decode_rle([2, 3], [0, 6]).all() and not decode_rle([2, 3], [6]).any()


@pytest.mark.parametrize("mask", [mask for mask, _ in ENCODED])
def test_what_is_encoded_is_decoded(mask: np.ndarray) -> None:
    found = encode_rle(mask)
    assert np.array_equal(decode_rle(found["size"], found["counts"]), mask)


def test_encoded_runs_begin_outside_and_go_down_the_columns() -> None:
    mask = np.array([[False, True, False], [True, True, False]])
    assert encode_rle(mask) == {"size": [2, 3], "counts": [1, 3, 2]}
    assert encode_rle(np.ones((2, 3), dtype=bool))["counts"] == [0, 6]
    assert encode_rle(np.zeros((2, 3), dtype=bool))["counts"] == [6]


@pytest.mark.parametrize(
    ("size", "counts"),
    [([2, 3], [1, "x"]), ([2], [6]), (None, [6]), ([2, 3], 6), ([2, 3], "é"), ([2, 3], "0P"), ([2, 3], "")],
)
def test_what_is_no_run_lengths(size: object, counts: object) -> None:
    with pytest.raises(
        InputError, match=r"'counts' as a list or as compressed text; these cannot be read|fill 0 pixels"
    ):
        decode_rle(size, counts)


@pytest.mark.parametrize(
    ("size", "counts", "least"), [([2, 3], [7, -1], -1), ([256, 256], [0, -10, 65546], -10), ([-2, 3], [0], -2)]
)
def test_a_length_below_nothing_is_named(size: list[int], counts: list[int], least: int) -> None:
    with pytest.raises(InputError, match=f"numbers of pixels, 0 or more; {least} is among them"):
        decode_rle(size, counts)


@pytest.mark.parametrize("counts", [[1, 3], [1, 3, 3]])
def test_runs_that_do_not_fill_the_size(counts: list[int]) -> None:
    with pytest.raises(InputError, match=rf"fill {sum(counts)} pixels, and its size is 3 x 2 \(width x height\)"):
        decode_rle([2, 3], counts)


def test_a_mask_of_any_size_is_not_laid_out() -> None:
    with pytest.raises(InputError, match=r"are of 100000 x 1000000 pixels .* at most 268,435,456 pixels: scale"):
        decode_rle([1_000_000, 100_000], [0, 10**11])


@pytest.mark.parametrize(("size", "counts"), [([2, 2], [1.5, 2.5]), (["2", 2], [1, 3]), ([2, 2], [True, 3])])
def test_parts_of_a_pixel_and_texts_are_no_lengths(size: object, counts: object) -> None:
    with pytest.raises(InputError, match="these cannot be read"):
        decode_rle(size, counts)
    # Whole numbers that floats hold are, as JSON of other languages has them.
    assert decode_rle([2.0, 2], [1, 3.0]).sum() == 3
