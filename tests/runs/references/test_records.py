"""What a record says of references is read back as it was."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.runs.references.bound import read_canvas, read_reference
from gencontrol.runs.references.notation import parse_reference
from gencontrol.runs.references.records import describe_references, read_recorded


def record_of(pictures: Path) -> dict[str, Any]:
    there = pictures / "2.png"
    text = f"{there},mask={pictures / 'hat.png'}:0.5,negative_mask={pictures / 'hat.png'},feather=2,focus=crop,"
    bound = read_reference(
        parse_reference(text + f"strength=0.7,weight=0.6,schedule=1:0,canvas={pictures / 'left.png'}")
    )
    return describe_references(read_canvas(str(pictures / "left.png")), [bound])


def test_there_and_back(pictures: Path) -> None:
    record = record_of(pictures)
    canvas, (bound,) = read_recorded(record, source=pictures / "out.png")
    text = f"{pictures / '2.png'},mask={pictures / 'hat.png'}:0.5,negative_mask={pictures / 'hat.png'},feather=2,"
    text += f"focus=crop,strength=0.7,weight=0.6,schedule=1:0,canvas={pictures / 'left.png'}"
    first = read_reference(parse_reference(text))
    assert canvas is not None and bound.terms.canvas is not None and first.terms.canvas is not None
    assert torch.equal(canvas.alpha, bound.terms.canvas.alpha)
    assert torch.equal(bound.terms.canvas.alpha, first.terms.canvas.alpha)
    assert bound.feather == first.feather
    for name in ("focus", "strength", "weight", "schedule"):
        assert getattr(bound.terms, name) == getattr(first.terms, name)
    for made, expected in (
        (bound.recorded.scene.regions, first.recorded.scene.regions),
        (bound.recorded.pointed, first.recorded.pointed),
        (bound.recorded.scene.negative_regions, first.recorded.scene.negative_regions),
    ):
        (one,), (other,) = made, expected
        assert torch.equal(one.alpha, other.alpha) and (one.weight, one.label) == (other.weight, other.label)


def test_a_record_without_references_has_none(tmp_path: Path) -> None:
    assert read_recorded({}, source=tmp_path / "a.png") == (None, [])
    assert describe_references(None, []) == {"canvas_mask": None, "references": []}


def test_a_picture_that_moved_or_changed(pictures: Path, tmp_path: Path) -> None:
    record = record_of(pictures)
    beside = pictures / "beside"
    beside.mkdir()
    (pictures / "2.png").rename(beside / "2.png")
    _, (bound,) = read_recorded(record, source=beside / "out.png")
    assert bound.recorded.path == beside / "2.png"
    with pytest.raises(InputError, match=r"2\.png, which is not there: give its new place as `reference`"):
        read_recorded(record, source=pictures / "out.png")
    (pictures / "red.png").rename(pictures / "2.png")
    with pytest.raises(InputError, match=r"2\.png, which has changed since"):
        read_recorded(record, source=pictures / "out.png")


@pytest.mark.parametrize(
    "broken",
    [{"references": [{}]}, {"references": 3}, {"canvas_mask": 3}, {"references": [3]}, {"references": [{"image": 3}]}],
)
def test_a_broken_record(broken: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: .*gencontrol record"):
        read_recorded(broken, source=tmp_path / "a.png")


def test_a_weight_that_cannot_be(pictures: Path) -> None:
    record = record_of(pictures)
    record["references"][0]["weight"] = "heavy"
    with pytest.raises(InputError, match=r"a\.png: its gencontrol record is broken"):
        read_recorded(record, source=pictures / "a.png")
