"""A reference in one text: commas end values only where a key follows."""

from pathlib import Path

import pytest

from gencontrol.errors import ConfigError
from gencontrol.runs.references.notation import ReferenceText, parse_reference
from gencontrol.runs.settings import RegionSettings


def test_a_path_alone() -> None:
    made = parse_reference("2.png")
    assert made == ReferenceText(pointing=RegionSettings(images=("2.png",)))
    assert made.path == Path("2.png")


def test_everything_that_binds() -> None:
    text = (
        "2.png,mask=hat.png:0.5,mask=b.png,index_mask=c.png=3,box=10%,20%,60%,80%:2,point=3,4,mask=d.png,level=1,level=0.5,"
        "negative_mask=n.png,feather=1.5,focus=zoom:closeness=0.5,margin=0.1,strength=0.7,weight=0.6,canvas=left.png,"
        "schedule=0:1 0.5:0.2"
    )
    assert parse_reference(text) == ReferenceText(
        pointing=RegionSettings(
            images=("2.png",),
            mask=("hat.png:0.5", "b.png", "d.png"),
            index_mask=("c.png=3",),
            box=("10%,20%,60%,80%:2",),
            point=("3,4",),
            level=(1.0, 0.5),
            feather=1.5,
        ),
        negative_mask=("n.png",),
        focus="zoom:closeness=0.5,margin=0.1",
        strength=0.7,
        weight=0.6,
        canvas="left.png",
        schedule="0:1 0.5:0.2",
    )


def test_commas_in_names() -> None:
    made = parse_reference("cups, red.png,mask=a,b.png, canvas=left, right.png")
    assert made.pointing.images == ("cups, red.png",)
    assert made.pointing.mask == ("a,b.png",) and made.canvas == "left, right.png"


def test_quotes_for_names_that_hold_a_key() -> None:
    made = parse_reference('"a,mask=b.png",mask="c,weight=2.png":0.5,canvas="x,y=z.png",weight=0.5')
    assert made.pointing.images == ("a,mask=b.png",)
    assert made.pointing.mask == ("c,weight=2.png:0.5",)
    assert made.canvas == "x,y=z.png" and made.weight == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`reference` '': expected the path of a picture first"),
        (",mask=a.png", "expected the path of a picture first"),
        (
            "2.png,wieght=0.5",
            "no key 'wieght'; known are mask, index_mask, box, point, level, negative_mask, feather, focus",
        ),
        ("2.png,mask=a.png,wieght=0.5", "no key 'wieght'; .* holds ,wieght= itself goes into double quotes"),
        ("2.png,weight=0.5,weight=1", "weight is given 2 times"),
        ("2.png,canvas=", "canvas is empty: leave it out"),
        ("2.png,mask=a.png,mask=", "mask is empty"),
        ("2.png,weight=heavy", "weight: expected a number, got 'heavy'"),
        ("2.png,strength=1:0", "strength: expected a number, got '1:0'"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_reference(text)
