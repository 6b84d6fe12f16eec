"""What a visitor has drawn and set becomes settings."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.configuration import from_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.settings import VariationSettings
from gencontrol.studio.scene.asking import (
    AMONG,
    NAMES,
    Controls,
    Written,
    controls_of,
    finding,
    read_controls,
    settings_of,
    write_regions,
)
from gencontrol.studio.scene.marks import Drawn, Mark

BOX = Mark(tool="box", points=((2, 2), (10, 12)))


def written(name: str, **more: Any) -> Written:
    return Written(path=Path(name), **{"weight": 1.0, "level": 1.0, "negative": False} | more)


def said(*regions: Written, **changed: Any) -> dict[str, Any]:
    controls = read_controls([changed.get(name, getattr(Controls(), name)) for name in NAMES])
    return settings_of(controls, Path("a.png"), regions, output=Path("out"))


def test_controls_are_settings() -> None:
    assert set(NAMES) <= {field.name for field in fields(VariationSettings)}


def test_what_is_as_usual_is_left_out() -> None:
    assert said() == {"images": ["a.png"], "number": 4, "output": "out"}


def test_what_is_set_is_said_in_the_kind_that_records_have() -> None:
    found = said(strength=2, guidance=3, steps=30.0, number=2.0, seed="7", focus="crop", invert=True, feather=1)
    usual = {"images": ["a.png"], "output": "out"}
    assert found == usual | {
        "strength": 2.0,
        "guidance": 3.0,
        "steps": 30,
        "number": 2,
        "seed": 7,
        "focus": "crop",
        "invert": True,
        "feather": 1.0,
    }
    assert [type(found[name]) for name in ("strength", "guidance", "steps", "seed")] == [float, float, int, int]
    assert from_mapping(VariationSettings, found).strength == 2.0


def test_regions_go_by_weight_level_and_sign() -> None:
    regions = written("a", weight=2.0, level=0.5), written("b"), written("c", negative=True, weight=0.25)
    assert said(*regions) == {
        "images": ["a.png"],
        "mask": ["a:2", "b"],
        "negative_mask": ["c:0.25"],
        "level": [0.5, 1.0],
        "number": 4,
        "output": "out",
    }
    assert said(regions[0], alpha_from_image=True)["level"] == [0.5, 1.0]
    assert "level" not in said(regions[0]) and "level" not in said(regions[1], regions[1])


def test_a_schedule_takes_the_place_of_the_strength_and_a_list_of_seeds_that_of_the_number() -> None:
    assert "strength" not in said(strength=1.5, schedule="1:0.3")
    assert said(seed="1,2", number=4) == {"images": ["a.png"], "seed": "1,2", "output": "out"}
    assert said(seed="-1", number=2) == {"images": ["a.png"], "seed": "random", "number": 2, "output": "out"}


def test_one_visitor_does_not_keep_the_machine() -> None:
    assert said(number=64)["number"] == 64
    with pytest.raises(ConfigError, match="`number`: the page draws at most 64 pictures at once, got 65"):
        said(number=65)


def test_controls_of_another_kind_are_refused(values: Any) -> None:
    assert read_controls(values(guidance=None, seed=5)).seed == "5"
    for wrong in ({"strength": "x"}, {"invert": 1}, {"focus": ["crop"]}, {"strength": True}, {"focus": True}):
        (name,) = wrong
        with pytest.raises(ConfigError, match=f"`{name}`: expected another kind of value"):
            read_controls(values(**wrong))
    for wrong in (2.5, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="`steps`: expected a whole number"):
            read_controls(values(steps=wrong))


def test_guidance_is_text_that_may_be_empty(values: Any) -> None:
    assert [read_controls(values(guidance=text)).guidance for text in ("", "  ", " 2.5 ", 3)] == [None, None, 2.5, 3.0]
    with pytest.raises(ConfigError, match=r"`guidance`: expected a number, or nothing for the model's own, got 7,5\."):
        read_controls(values(guidance="7,5"))


def test_a_record_sets_the_controls_and_what_it_does_not_say_is_as_usual() -> None:
    found = controls_of({"strength": 1.5, "schedule": None, "seed": 9, "number": 1, "fit": None, "threshold": 0.5})
    assert found == Controls(strength=1.5, seed="9", number=1)


def test_a_region_is_written_once_under_its_name_in_16_bits(tmp_path: Path) -> None:
    drawn = Drawn(name="the cat's/ear", marks=(BOX,), weight=2.0)
    first, again = (write_regions([drawn], (20, 30), masks={}, folder=tmp_path) for _ in range(2))
    assert first == again and first[0].weight == 2.0
    assert first[0].path.name == "ear.png" and len(list(tmp_path.iterdir())) == 1
    levels = np.asarray(Image.open(first[0].path))
    assert levels.dtype == np.uint16 and levels[2:12, 2:10].min() == 65535 and levels.astype(int).sum() == 80 * 65535
    other = Drawn(name="ear", marks=(BOX, BOX))
    assert write_regions([other], (20, 30), masks={}, folder=tmp_path)[0].path != first[0].path


def test_a_mask_is_taken_as_it_is_until_something_is_drawn_on_it(tmp_path: Path, mask: Path) -> None:
    plain = Drawn(name="left", mask="m")
    assert write_regions([plain], (48, 64), masks={"m": mask}, folder=tmp_path / "r")[0].path == mask
    more = Drawn(name="left", mask="m", marks=(Mark(tool="box", points=((40, 0), (50, 48))),))
    (path,) = (found.path for found in write_regions([more], (48, 64), masks={"m": mask}, folder=tmp_path / "r"))
    marked = np.asarray(Image.open(path)) > 0
    assert marked[:, :32].all() and marked[:, 40:50].all() and marked.sum() == 42 * 48


def test_a_region_without_anything_left_or_without_its_mask_is_refused(tmp_path: Path) -> None:
    rubbed = Drawn(name="cat", marks=(BOX, Mark(tool="eraser", points=((6, 7),), radius=30)))
    with pytest.raises(InputError, match="cat: nothing is left of it"):
        write_regions([rubbed], (20, 30), masks={}, folder=tmp_path)
    with pytest.raises(InputError, match="region 1: its mask is not there any more"):
        write_regions([Drawn(name=" ", mask="gone")], (20, 30), masks={}, folder=tmp_path)


def test_words_are_looked_for_in_the_picture_or_among_what_is_drawn() -> None:
    drawn = {"images": ["a.png"], "mask": ["one.png:2", "other.png"], "model": "tiny", "strength": 0.5, "output": "o"}
    drawn |= {"offline": True, "level": [1, 0.5], "negative_mask": ["n.png"], "focus": "crop"}
    kept = {"images": ["a.png"], "model": "tiny", "offline": True, "phrase": ["the crown"]}
    assert finding(drawn, "the crown", among=AMONG[0], grounder="") == kept
    assert finding(drawn, "the crown", among=AMONG[0], grounder="g") == kept | {"grounder": "g"}
    among = finding(drawn, "the crown", among=AMONG[1], grounder="g")
    assert among == kept | {"mask": ["one.png", "other.png"]}
    with pytest.raises(InputError, match="Draw two regions or more to choose from"):
        finding(drawn | {"mask": ["one.png"]}, "the crown", among=AMONG[1], grounder="")
    for words in ("", "  ", "x" * 201):
        with pytest.raises(InputError, match="expected 1 to 200 letters"):
            finding(drawn, words, among=AMONG[0], grounder="")
    assert finding(drawn, "x" * 200, among=AMONG[0], grounder="")["phrase"] == ["x" * 200]
