"""What is set in the tab becomes settings, and commands that say the same."""

from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.radiance import CreationSettings, EditSettings
from gencontrol.studio.spatial.controls import (
    PAINTED,
    SPATIAL_NAMES,
    SpatialControls,
    as_nerf_command,
    as_viewer_command,
    bounds,
    label_of,
    preview_every,
    read_spatial,
    run_settings,
)

OUT = Path("out")


def values(**changed: Any) -> list[Any]:
    """Those of the page, as usual but for what is named."""
    usual = vars(SpatialControls())
    return [changed.get(name, usual[name]) for name in SPATIAL_NAMES]


def edited(**changed: Any) -> Any:
    return run_settings(SpatialControls(prompt="crown", **changed), scene=Path("a.safetensors"), output=OUT)


def test_values_are_taken_as_the_kinds_that_settings_have() -> None:
    read = read_spatial(values(prompt=" cactus ", steps=7.0, seed=None, x=-1, wide=2, start=None))
    assert (read.prompt, read.steps, read.seed, read.x, read.start) == ("cactus", 7, 0, -1.0, "")
    assert isinstance(read.steps, int) and isinstance(read.x, float)
    assert read.box == (-1.0, 0.0, 0.0, 2.0, 1.0, 1.0)
    assert SpatialControls(x=1.0, y=2.0, z=3.0, wide=4.0, deep=5.0, high=6.0).box == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mode": "fit"}, "`mode`: expected one of edit, replace, remove, recolour, got 'fit'"),
        ({"symmetry": "all"}, "`symmetry`: expected one of none, mirror, quarter"),
        ({"prompt": 3}, "`prompt`: expected text, got 3"),
        ({"prompt": "x" * 201}, "`prompt`: expected at most 200 letters, got 201"),
        ({"steps": 0}, "`steps`: expected .*1"),
        ({"steps": 5001}, "`steps`: expected .*at most 5,000, got 5001"),
        ({"steps": 2.5}, "`steps`: expected a whole number, got 2.5"),
        ({"seed": -1}, "`seed`: expected"),
        ({"seed": 2**32}, "`seed`: expected"),
        ({"x": 1.01}, "`x`: expected"),
        ({"z": -1.01}, "`z`: expected"),
        ({"wide": 0.04}, "`wide`: expected"),
        ({"high": 2.01}, "`high`: expected"),
        ({"deep": float("nan")}, "`deep`: expected"),
        ({"y": "0"}, "`y`: expected"),
        ({"start": ["a"]}, "`start`: expected text"),
    ],
)
def test_what_no_page_sends_is_refused(changed: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_spatial(values(**changed))


def test_bounds_are_those_of_the_scenes_cube() -> None:
    assert bounds("x") == bounds("y") == bounds("z") == (-1, 1)
    assert bounds("wide") == bounds("high") == (0.05, 2) and bounds("steps") == (1, 5000)
    assert read_spatial(values(prompt="x" * 200, x=1, y=-1, wide=0.05, deep=2, seed=2**32 - 1)).seed == 2**32 - 1


def test_of_nothing_a_scene_is_made() -> None:
    controls = SpatialControls(prompt="cactus", symmetry="mirror", steps=40, seed=3, part="ball", mode="remove")
    made = run_settings(controls, scene=None, output=OUT)
    expected = {"prompt": "cactus", "symmetry": "mirror", "steps": 40, "seed": 3, "preview_every": 10, "output": OUT}
    assert made == CreationSettings(**expected)


def test_a_part_is_named_or_is_the_box() -> None:
    named, boxed = edited(part="ball"), edited(x=0.5)
    assert (named.part, named.box, named.mode) == ("ball", None, "edit")
    assert (boxed.part, boxed.box, boxed.scene) == ("", (0.5, 0, 0, 1, 1, 1), Path("a.safetensors"))


def test_only_what_is_new_is_symmetric_and_nothing_becomes_of_what_is_removed() -> None:
    assert edited(symmetry="quarter", mode="replace").symmetry == "quarter"
    assert edited(symmetry="quarter", mode="recolour").symmetry == "none"
    assert edited(mode="remove").prompt == "" and edited(mode="recolour").prompt == "crown"


def test_without_a_prompt_a_part_can_only_be_removed() -> None:
    empty, scene = SpatialControls(), Path("a.safetensors")
    assert run_settings(SpatialControls(mode="remove"), scene=scene, output=OUT).prompt == ""
    for controls, start in ((empty, None), (empty, scene), (SpatialControls(mode="remove"), None)):
        with pytest.raises(InputError, match="`prompt` is empty"):
            run_settings(controls, scene=start, output=OUT)


def test_short_runs_have_previews_too() -> None:
    assert [preview_every(steps) for steps in (1, 3, 4, 8, 80, 84, 5000)] == [1, 1, 1, 2, 20, 20, 20]


def test_a_run_is_called_after_what_it_does() -> None:
    assert label_of(CreationSettings(prompt="cactus")) == "cactus"
    assert label_of(edited(part="ball")) == "ball: edit to crown"
    assert label_of(edited(mode="replace")) == "crown in the place of a box"
    assert label_of(edited(mode="remove", part="egg")) == "without egg"


def test_a_painted_part_is_a_list_that_says_what_it_becomes(tmp_path: Path) -> None:
    told, listed = [], tmp_path / "parts.yaml"

    def painted(prompt: str) -> Path:
        told.append(prompt)
        listed.write_text(f"parts:\n- {{name: x, prompt: '{prompt}'}}\n")
        return listed

    how = {"scene": Path("a.safetensors"), "output": OUT, "painted": painted}
    settings = run_settings(SpatialControls(prompt="crown", part=PAINTED, mode="recolour"), **how)
    assert isinstance(settings, EditSettings) and told == ["crown"]
    assert (settings.parts, settings.prompt, settings.part, settings.box) == (listed, "", "", None)
    assert label_of(settings) == "a painted part: recolour to crown"
    removed = run_settings(SpatialControls(prompt="crown", part=PAINTED, mode="remove"), **how)
    assert told == ["crown", ""] and label_of(removed) == "without a painted part"
    listed.write_text("nothing")
    assert label_of(settings) == "a painted part: recolour to something"
    # With nothing to start from, a part means nothing.
    assert run_settings(SpatialControls(prompt="crown", part=PAINTED), scene=None, output=OUT).parts is None


@pytest.mark.parametrize(
    "settings",
    [
        CreationSettings(prompt="it's a cat", steps=7, symmetry="quarter", seed=9),
        EditSettings(
            prompt="crown", scene=Path("my scene.safetensors"), box=(-0.5, 0.05, 0.0, 1.0, 0.35, 2.0), steps=4
        ),
        EditSettings(scene=Path("s.safetensors"), mode="remove", part="ball"),
        EditSettings(scene=Path("s.safetensors"), mode="recolour", parts=Path("a b/parts.yaml"), seed=2),
    ],
)
def test_the_command_says_the_same(settings: CreationSettings) -> None:
    import shlex

    from gencontrol.cli.nerf import COMMANDS
    from gencontrol.cli.parse import parse

    scene = str(settings.scene) if isinstance(settings, EditSettings) else ""
    parts = "" if settings.parts is None else str(settings.parts)
    words = shlex.split(as_nerf_command(settings, scene=scene, parts=parts, output="again"))
    assert words[:2] == ["gencontrol", "nerf"]
    flags = parse(COMMANDS[words[2]][0], words[3:], command=f"nerf {words[2]}", description="")
    assert vars(flags) == vars(settings) | {"output": Path("again")}


def test_the_viewer_is_given_the_runs_configuration() -> None:
    assert as_viewer_command("/a b/run") == "ns-viewer --load-config '/a b/run/config.yml'"
