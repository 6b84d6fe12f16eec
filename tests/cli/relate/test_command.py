"""`gencontrol relate`: named regions in, relations out."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.cli.flags import flag_names
from gencontrol.cli.main import main
from gencontrol.cli.relate.command import RelateFlags
from gencontrol.runs.relating.settings import RelatingSettings

Relate = Callable[..., Any]


@pytest.fixture
def relate(scene: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> Relate:
    """Ask about the disc and the box of photo.png."""

    def ask(*flags: object, masks: bool = True) -> Any:
        shown = ("--mask", f"disc={scene / 'red.png'}", "--box", "case=48,20,73,53") if masks else ()
        given = ("relate", scene / "photo.png", "--model", tiny_folder, *shown, *flags)
        capsys.readouterr()
        code = main([str(text) for text in given])
        return code, *capsys.readouterr()

    return ask


def test_a_table_for_people_and_values_for_programs(relate: Relate) -> None:
    code, out, err = relate()
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0].split() == ["subject", "relation", "object", "probability"]
    assert any(line.split()[:4] == ["disc", "left", "of", "case"] for line in lines)
    code, out, _ = relate("--format", "json", "-t", "a cat left of a dog")
    told = json.loads(out)
    assert told["regions"] == ["disc", "case"] and told["graph"] is None
    forward, backward = (pair["probabilities"] for pair in told["pairs"])
    assert forward["left of"] > 0.9 and backward["left of"] < 0.1 and backward["right of"] > 0.9
    (phrase,) = told["phrases"]
    total = phrase["none"] + sum(one["probability"] for one in phrase["assignments"])
    assert phrase["relation"] == "left of" and total == pytest.approx(1, abs=1e-4)


def test_phrases_have_a_table_of_their_own(relate: Relate) -> None:
    code, out, _ = relate("-t", "a cat left of a dog", "--at-least", 1, "--core", "rules")
    assert code == 0 and out.startswith("no relation has a probability of 1 or more\n")
    assert out.splitlines()[2].split() == ["text", "subject", "relation", "object", "probability"]
    assert "none of these" in out.splitlines()[-1]


def test_a_graph(relate: Relate, scene: Path) -> None:
    code, out, _ = relate("--graph", scene / "g.png")
    assert code == 0 and out.endswith(f"wrote {scene / 'g.png'}\n")
    with Image.open(scene / "g.png") as drawn:
        assert drawn.size == (80 * 8, 64 * 8)
    code, _, err = relate("--graph", scene / "g.png")
    assert code == 1 and "exists already: give --overwrite, or another --graph." in err
    assert relate("--graph", scene / "g.png", "--overwrite")[0] == 0


def test_a_map_of_classes(relate: Relate, scene: Path) -> None:
    _, out, _ = relate("--label-map", scene / "classes.png", "--format", "json", masks=False)
    assert json.loads(out)["regions"] == ["class 3", "class 7"]


def test_what_is_refused_in_one_line(relate: Relate, scene: Path) -> None:
    said = {
        "need at least two regions, and there is none": relate(masks=False),
        "there is 1: show one more": relate("--mask", scene / "red.png", masks=False),
        "'of the dog' is not understood": relate("-t", "the cup of the dog"),
        "a trained module would have to answer it": relate("--core", "rules", "-t", "a dog riding a cat"),
        "'zebra'": relate("-t", "a zebra left of a cat"),
        "--box: expected X0,Y0,X1,Y1": relate("--box", "cup=1,2"),
        "--at-least: expected 0 or more and at most 1, got 3": relate("--at-least", 3),
        "none.png": relate("--mask", f"dog={scene / 'none.png'}"),
    }
    for text, (code, out, err) in said.items():
        assert code and not out and err.count("\n") == 1, (text, err)
        assert text in err, (text, err)


def test_standard_streams_are_none_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["relate", "-"]) == 2 and "reads and writes files: name them" in capsys.readouterr().err


def test_flags_are_the_settings_and_no_others() -> None:
    flags, settings = ({f.name: f.default for f in dataclasses.fields(c)} for c in (RelateFlags, RelatingSettings))
    assert flags.keys() - {"format", "config"} == settings.keys()
    assert {name: flags[name] for name in settings} == settings


def test_help_has_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["relate", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Also draw the picture with named arrows" in printed
    for name, flag in flag_names(RelateFlags).items():
        assert flag in printed, name
