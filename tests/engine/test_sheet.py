"""Which are shown, and how."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gencontrol.engine.sheet import Sample, _cell, draw_sheet


def line(number: int, **values: Any) -> dict[str, Any]:
    usual = {"picture": f"{number}.png", "phrase": "cat", "caption": "a cat", "box": [4, 6, 20, 22], "agreement": 0.3}
    return usual | {"image": "0.png", "mask": None, "rejected_because": ""} | values


def names(sample: Sample) -> list[str]:
    return [one["picture"] for one in sample.drawn()]


def test_the_same_ones_in_whatever_order_they_come() -> None:
    lines = [line(number) for number in range(100)]
    there, back, other = Sample(1, 8), Sample(1, 8), Sample(2, 8)
    for one, last in zip(lines, reversed(lines), strict=True):
        there.add(one)
        back.add(last)
        back.add(last)
        other.add(one)
    assert names(there) == names(back) and len(set(names(there))) == 8 and names(other) != names(there)
    assert len(Sample(0).drawn()) == 0


def test_masks_and_boxes_are_seen(sets: Any, tmp_path: Path) -> None:
    sets.save_pictures(tmp_path, 1)
    mask = np.zeros((40, 48), bool)
    mask[6:22, 4:20] = True
    Image.fromarray(mask).save(tmp_path / "m.png")
    dropped = [
        line(1, rejected_because="low agreement"),
        line(2, box=None),
        line(3, image=None),
        line(4, image="no.png"),
    ]
    shown = np.asarray(draw_sheet(tmp_path, [line(0, mask="m.png")], dropped)).astype(int)
    # What is outside of the mask is dark; a red line is around the box.
    flat = shown.reshape(-1, 3)
    assert (np.abs(flat - (230, 20, 20)).max(axis=1) < 6).sum() > 2000
    assert (np.abs(flat - round(0.35 * 128)).max(axis=1) < 3).sum() > 5000
    assert (np.abs(flat - (220, 30, 30)).max(axis=1) == 0).sum() > 100
    # One row of each kind, of one cell each: the three that cannot be shown are left out.
    assert shown.shape[1] < 2 * 176
    many = draw_sheet(tmp_path, [line(number, mask="m.png") for number in range(9)], [])
    assert many.width > 8 * 160 and many.height > 2 * 160


def test_nothing_to_show(tmp_path: Path) -> None:
    assert draw_sheet(tmp_path, [], [line(0, image=None)]).size[0] > 100


def test_a_cell_has_its_picture_in_the_middle_and_two_lines_below(tmp_path: Path) -> None:
    Image.new("RGB", (48, 40), (128, 128, 128)).save(tmp_path / "0.png")
    one = line(0, rejected_because="low agreement", agreement=0.126, box=[12, 0, 36, 40])
    cell = _cell(tmp_path, one)
    assert cell is not None and cell.size == (160, 194)
    seen = np.asarray(cell).astype(int)
    # 48 x 40 becomes 160 x 133, with as much white above as below.
    rows = np.nonzero((seen[:160] < 255).any(axis=(1, 2)))[0]
    assert (rows[0], rows[-1]) == (13, 145) and bool((seen[13:146] < 255).any(axis=2).all())
    red = np.argwhere((seen == (220, 30, 30)).all(axis=2))
    # The box's last column and row are within it.
    assert red.min(axis=0).tolist() == [13, 40] and red.max(axis=0).tolist() == [145, 119]
    assert bool((seen[80, 42:118] != (220, 30, 30)).any(axis=1).all()), "two pixels wide"
    first, second = (seen[start : start + 15].min(axis=(1, 2)) < 128 for start in (162, 177))
    assert first.any() and second.any()
    bare = _cell(tmp_path, line(0, agreement=None))
    assert bare is not None and np.asarray(bare)[178:].min() == 255 and np.asarray(bare)[162:177].min() < 128
    # The caption comes before the phrase, and 30 letters of either.
    as_phrase, as_caption = (_cell(tmp_path, line(0, phrase="a" * 30, caption=text)) for text in ("", "a" * 99))
    assert as_phrase is not None and as_caption is not None and as_phrase.tobytes() == as_caption.tobytes()


def test_a_picture_that_is_a_line_is_shown(tmp_path: Path) -> None:
    for number, size in enumerate(((999, 1), (1, 999))):
        Image.new("RGB", size, (0, 0, 255)).save(tmp_path / f"{number}.png")
        cell = _cell(tmp_path, line(0, image=f"{number}.png", box=[0, 0, 1, 1], rejected_because="x"))
        assert cell is not None and ((np.asarray(cell)[:160] < 255).any(axis=2)).sum() == 160


def test_what_is_drawn_of_many() -> None:
    sample = Sample(0)
    for number in range(99):
        sample.add(line(number))
    assert len(sample.drawn()) == 24
    few = Sample(0, 9)
    # Another phrase, box or picture is another line, and the same one twice is one.
    for one in (line(0), line(0, phrase="dog"), line(0, box=[0, 0, 1, 1]), line(1), line(0)):
        few.add(one)
    assert len(few.drawn()) == 4


def test_an_animation_is_shown_without_a_word(sets: Any, tmp_path: Path) -> None:
    frames = [sets.picture(), sets.picture((sets.GREEN, (0, 0, 9, 9)))]
    frames[0].save(tmp_path / "0.gif", save_all=True, append_images=frames[1:])
    # Warnings are errors here.
    assert _cell(tmp_path, line(0, image="0.gif")) is not None
