"""Texts on the command line, and numbers that JSON can hold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_a_text_given_twice(run: Run, scene: Path, tiny_folder: Path) -> None:
    texts = ("-t", "a cat", "-t", "a cat", "-t", "a dog")
    done = run("score", scene / "photo.png", "--model", tiny_folder, "--mask", scene / "red.png", *texts)
    assert done.code == 1 and "-t 'a cat' is given twice: give each text once" in done.err and not done.out


def test_long_texts(run: Run, scene: Path, tiny_folder: Path) -> None:
    asked = ("score", scene / "photo.png", "--model", tiny_folder, "-t", "a " * 30, "-t", "a cat")
    refused = run(*asked)
    assert refused.code == 1 and "shorten it, or give --truncate" in refused.err
    done = run(*asked, "--truncate", "--format", "json")
    (row,) = json.loads(done.out, parse_constant=lambda name: 1 / 0)
    assert len(row["scores"]) == 2


def test_the_published_fit(run: Run, scene: Path, tiny_folder: Path) -> None:
    asked = ("score", scene / "photo.png", "--model", tiny_folder, "--mask", scene / "red.png", "--format", "json")
    rows = [json.loads(run(*asked, "-t", "a cat", *fit).out) for fit in ((), ("--fit", "published"))]
    assert rows[0] != rows[1]
