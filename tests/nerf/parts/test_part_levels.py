"""Levels of parts are shares of one guidance."""

from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.nerf.parts.part_levels import share_guidance
from gencontrol.nerf.parts.part_lists import read_parts
from gencontrol.nerf.parts.parts import Part
from gencontrol.schedules import constant


def parts(*prompts: str, weight: float = 1.0) -> list[Part]:
    return [Part(name=f"p{i}", prompt=prompt, weight=constant(weight)) for i, prompt in enumerate(prompts)]


def weights(levels: list[Any], *prompts: str) -> list[tuple[Any, ...]]:
    return [part.weight.points for part in share_guidance(parts(*prompts), levels, where="x")]


def test_only_the_ratios_of_levels_count() -> None:
    assert weights([0.75, 0.25], "cat", "dog") == [((0, 0.75),), ((0, 0.25),)]
    assert weights([0.6, 0.2], "cat", "dog") == [((0, pytest.approx(0.75)),), ((0, pytest.approx(0.25)),)]
    assert weights([1, 0], "cat", "dog") == [((0, 1.0),), ((0, 0.0),)]
    assert weights([0.1], "cat") == [((0, 1.0),)]


def test_a_part_without_a_prompt_keeps_its_weight_and_takes_no_share() -> None:
    assert weights([0.2, None], "cat", "") == [((0, 1.0),), ((0, 1.0),)]


def test_without_levels_weights_stay() -> None:
    given = parts("cat", "dog", weight=0.3)
    assert share_guidance(given, [None, None], where="x") == tuple(given)


@pytest.mark.parametrize(
    ("levels", "prompts", "message"),
    [
        ([0.5, None], ("cat", "dog"), r"^x: a level is a share among the parts with prompts, and 'p1' lacks one\.$"),
        ([0.5, 0.5], ("cat", ""), "'p1' has one, and no prompt"),
        ([0, 0.0], ("cat", "dog"), "^x: every part has level 0, so nothing is steered"),
        ([1.5, 1], ("cat", "dog"), r"x: the level of 'p0': expected 0 or more and at most 1, got 1\.5"),
        ([0.5, -0.1], ("cat", "dog"), r"the level of 'p1': expected 0 or more .* got -0\.1"),
        ([float("nan"), 1], ("cat", "dog"), "the level of 'p0': expected .* got nan"),
        (["much", 1], ("cat", "dog"), "the level of 'p0': expected .* got much"),
        ([True, 1], ("cat", "dog"), "the level of 'p0': expected .* got True"),
    ],
)
def test_levels_without_a_meaning_are_refused(levels: list[Any], prompts: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        share_guidance(parts(*prompts), levels, where="x")


def test_a_list_of_parts_may_give_levels(tmp_path: Path) -> None:
    file = tmp_path / "parts.yaml"
    one, two = "- {name: a, prompt: cat, level: 0.3", "- {name: b, prompt: dog, level: 0.1"
    file.write_text(f"parts:\n{one}}}\n{two}}}\n", encoding="utf-8")
    assert [part.weight.points[0][1] for part in read_parts(file)] == pytest.approx([0.75, 0.25])
    file.write_text(f"parts:\n{one}, weight: 2}}\n{two}}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"parts\[0\]: give a weight, or a level .*, not both"):
        read_parts(file)
