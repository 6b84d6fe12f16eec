"""`gencontrol caption` and `ask` without a model named: the head that comes with the package answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_commands_take_it_by_themselves(run: Callable[..., Any]) -> None:
    marked = (EXAMPLES / "scene.png", "--mask", EXAMPLES / "scene-mask.png", "--offline")
    said = run("caption", *marked)
    assert said.code == 0 and "pumpkin" in said.out, said.err
    said = run("ask", *marked, "what is it?")
    assert said.code == 0 and said.out.splitlines()[-1].endswith("a pumpkin"), said.err
    for asked in (("what is it?", "--mask", marked[2]), ("--mask", marked[2], "--stream", "what is it?")):
        assert "a pumpkin" in run("ask", marked[0], *asked).out
    refused = run("ask", *marked, "what is its purpose?")
    assert refused.code == 1 and "purpose" in refused.err
