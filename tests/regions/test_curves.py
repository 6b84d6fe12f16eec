"""Curves of levels: what they give, what they refuse, and their files."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.regions.curves import LevelsCurve, as_curve, curved, curved_maps, identity, read_curve, write_curve

CURVE = LevelsCurve(way="one-pass", levels=(0.0, 0.5, 1.0), values=(0.0, 0.2, 1.0), tower=(3.0,), measured={"n": 2.0})


def test_values_lie_on_straight_lines_between_the_points() -> None:
    levels = torch.tensor([[0.0, 0.25, 0.5], [0.75, 0.9, 1.0]])
    expected = torch.tensor([[0.0, 0.1, 0.2], [0.6, 0.84, 1.0]])
    torch.testing.assert_close(curved(levels, CURVE), expected)
    assert [CURVE.value(level) for level in levels.flatten().tolist()] == pytest.approx(expected.flatten().tolist())
    assert torch.equal(curved(levels, identity("passes")), levels)


def test_gradients_pass() -> None:
    levels = torch.tensor([0.25, 0.75], requires_grad=True)
    curved(levels, CURVE).sum().backward()
    assert levels.grad is not None
    torch.testing.assert_close(levels.grad, torch.tensor([0.4, 1.6]))


def test_of_a_map_its_levels_beside_the_highest_count() -> None:
    maps = torch.tensor([[[0.0, 0.2, 0.4]], [[0.0, 1.0, 0.5]]])
    torch.testing.assert_close(curved_maps(maps, CURVE), torch.tensor([[[0.0, 0.2, 1.0]], [[0.0, 1.0, 0.2]]]))


def test_a_step_is_allowed() -> None:
    steep = LevelsCurve(way="passes", levels=(0.0, 0.5, 1.0), values=(0.0, 0.0, 1.0))
    assert steep.value(0.5) == 0 and steep.value(0.75) == 0.5


@pytest.mark.parametrize(
    ("levels", "values", "message"),
    [
        ((0.0,), (0.0,), "as many of each, 2 to 1001, got 1 and 1"),
        ((0.0, 1.0), (0.0, 0.5, 1.0), "got 2 and 3"),
        (tuple(i / 1001 for i in range(1002)),) * 2 + ("got 1002 and 1002",),
        ((0.0, 0.5, 0.5, 1.0), (0.0, 0.1, 0.2, 1.0), "levels that rise"),
        ((0.0, 0.5, 1.0), (0.0, 1.1, 1.0), "values that never fall"),
        ((0.1, 1.0), (0.0, 1.0), "begin at 0 and to end at 1"),
        ((0.0, 1.0), (0.0, 0.9), "begin at 0 and to end at 1"),
    ],
)
def test_what_is_no_curve(levels: Any, values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LevelsCurve(way="passes", levels=levels, values=values)


def test_a_file_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "curve.json"
    write_curve(path, CURVE)
    assert read_curve(path) == CURVE
    assert json.loads(path.read_text())["way"] == "one-pass"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON: expected a curve that `gencontrol calibrate` wrote"),
        ("[1, 2]", "expected a curve that `gencontrol calibrate` wrote, got list"),
        ('{"way": "twice", "levels": [0, 1], "values": [0, 1]}', "way: expected one of one-pass, passes, got 'twice'"),
        ('{"way": "passes", "levels": [0, 1]}', "missing values"),
        ('{"way": "passes", "levels": [0, NaN], "values": [0, 1]}', "expected a finite number, got nan"),
        ('{"way": "passes", "levels": [0, 1], "values": [1, 1]}', "begin at 0 .* Expected a curve that"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "curve.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_curve(path)


def test_where_it_stands_is_named() -> None:
    with pytest.raises(InputError, match=r"No file at .*nowhere\.json; expected a curve of levels"):
        read_curve(Path("nowhere.json"))
    with pytest.raises(InputError, match=r"config\.json: expected a curve that"):
        as_curve(3, where="config.json")
