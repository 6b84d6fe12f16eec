"""The command and the Python that are shown make the same bytes again."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from gencontrol.cli.main import main
from gencontrol.cli.vary import read_flags
from gencontrol.studio.page.sessions import Session
from gencontrol.studio.page.studio import Studio, repeating
from gencontrol.studio.scene.repeating import as_command, as_python

REGIONS: list[dict[str, Any]] = [
    {"name": "left", "weight": 2, "marks": [{"tool": "box", "points": [[2, 2], [30, 40]]}]},
    {"name": "a dot", "marks": [{"tool": "point", "points": [[50, 20]], "radius": 9}]},
    {"name": "no", "negative": True, "marks": [{"tool": "brush", "points": [[40, 40], [60, 44]], "radius": 4}]},
]
LEVELS = [{**REGIONS[0], "weight": 1, "level": 0.5}, *REGIONS[1:]]
RUNS: list[dict[str, Any]] = [
    {"scene": LEVELS, "number": 2},
    {"number": 2, "strength": 1.25, "guidance": 2},
    {"seed": "5,9", "schedule": "1:0.3", "focus": "crop", "fit": "squash", "scheduler": "euler"},
    {"sweep": "weight=0.5,3", "seed": "3"},
    {"feather": 2, "sweep": "strength=0:1:2", "seed": "random", "number": 1},
]


@pytest.mark.parametrize("changed", RUNS)
@pytest.mark.filterwarnings("ignore::gencontrol.regions.region.RegionWarning")
def test_both_make_the_same_bytes_again(
    changed: dict[str, Any],
    studio: Studio,
    session: Session,
    values: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = json.dumps(changed.get("scene", REGIONS))
    assert list(studio.vary(session, scene, values(**changed)))[-1].message["kind"] == "done"
    assert len(session.made) == 2
    command, python = repeating(session.made[-1])
    for way in ("command", "python"):
        (tmp_path / way).mkdir()
        monkeypatch.chdir(tmp_path / way)
        if way == "command":
            program, *arguments = shlex.split(command)
            assert program == "gencontrol" and main(arguments) == 0
        else:
            exec(compile(python, "as python", "exec"), {})
        for made in session.made:
            assert (tmp_path / way / "again" / made.path.name).read_bytes() == made.path.read_bytes()


def test_a_command_is_quoted_and_read_as_it_was_meant() -> None:
    settings = {"images": ["my photo's.png"], "mask": ["a b.png:2", "$HOME"], "invert": True, "strength": 0.5}
    command = as_command({**settings, "number": 3, "output": "out dir", "level": [0.5, 1.0], "compare": False})
    flags, _ = read_flags(shlex.split(command)[2:])
    assert flags.images == ("my photo's.png",) and flags.mask == ("a b.png:2", "$HOME")
    assert (flags.invert, flags.strength, flags.number, flags.output) == (True, 0.5, 3, "out dir")
    assert flags.level == (0.5, 1.0) and not flags.compare


def test_python_says_tuples_where_settings_have_them() -> None:
    code = as_python({"images": ["a'b.png"], "seed": 3})
    assert '    images=("a\'b.png",),\n    seed=3,\n)' in code
