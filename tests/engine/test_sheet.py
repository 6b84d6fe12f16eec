"""Which are shown, and how."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gencontrol.engine.sheet import Sample, draw_sheet


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
