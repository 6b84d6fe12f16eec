"""The parts that a run steers, and what of them is refused before time is spent."""

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

EGG = (0.6, -0.1, -0.2, 0.5)


def test_a_highlight_outside_the_scene_is_refused_at_once(make) -> None:
    from gencontrol.errors import InputError

    with pytest.raises(InputError, match="encloses nothing of the scene"):
        make(prompt="x", sphere=(3.0, 0.0, 0.0, 0.5))


def test_a_part_of_the_scene_is_highlighted_by_its_name(make, scene_file: Path, tmp_path: Path) -> None:
    from gencontrol.errors import ConfigError, InputError
    from gencontrol.nerf.parts.shapes import Ellipsoid, grown
    from gencontrol.nerf.still_life.world import still_life

    model = make(prompt="red cat", mode="edit", scene=scene_file, part="egg")
    (part,) = model.parts
    # The scene's lattice has its nodes 2 / 15 apart.
    egg = still_life().things[2].body
    assert isinstance(egg, Ellipsoid)
    assert part.name == "egg" and part.shape == grown(egg, 2 / 15)
    exact = make(prompt="red cat", mode="edit", scene=scene_file, part="egg", grow=0.0)
    assert exact.parts[0].shape == egg
    with pytest.raises(InputError, match="no part 'eg'; did you mean 'egg'"):
        make(prompt="red cat", mode="edit", scene=scene_file, part="eg")
    with pytest.raises(ConfigError, match="not both"):
        make(prompt="red cat", mode="edit", scene=scene_file, part="egg", sphere=EGG)


def test_what_is_not_there_is_said_before_the_first_step(make, tmp_path: Path) -> None:
    from gencontrol.errors import InputError

    for settings in ({"parts": tmp_path / "no.yaml"}, {"mode": "edit", "prompt": "cat", "scene": tmp_path / "no"}):
        model = make(**settings)
        with pytest.raises(InputError, match=r"nothing to train: the (scene|parts) .*no.* cannot be found"):
            model.begin_training()


def test_removing_or_recolouring_nothing_is_refused_before_the_first_step(make, scene_file: Path) -> None:
    from gencontrol.errors import InputError

    empty = (0.0, 0.0, 0.8, 0.1)
    for settings in ({"mode": "remove"}, {"mode": "recolour", "prompt": "red cat"}):
        with pytest.raises(InputError, match="holds nothing of the scene"):
            make(scene=scene_file, sphere=empty, **settings).begin_training()
    make(scene=scene_file, sphere=EGG, mode="remove").begin_training()
    make(scene=scene_file, sphere=empty, mode="edit", prompt="red cat").begin_training()  # something may be added


def test_removing_everything_is_refused_before_the_first_step(make, scene_file: Path) -> None:
    from gencontrol.errors import ConfigError

    with pytest.raises(
        ConfigError, match="'part' has no highlight, so the mode 'remove' would take the whole scene away"
    ):
        make(scene=scene_file, mode="remove").begin_training()
    with pytest.raises(ConfigError, match="the mode 'replace' would take the whole scene away"):
        make(scene=scene_file, mode="replace", prompt="red cat").begin_training()
    make(scene=scene_file, mode="recolour", prompt="red cat").begin_training()  # the whole scene may be recoloured


@pytest.mark.parametrize(
    ("prompt", "message"), [("red catt", "nearest: cat"), (" ".join(["red"] * 40), "42 tokens long.*shorten it")]
)
def test_a_prompt_that_the_encoder_cannot_take_is_refused_before_the_first_step(
    make, prompt: str, message: str
) -> None:
    from gencontrol.errors import InputError

    with pytest.raises(InputError, match=message):
        make(prompt=prompt).begin_training()


def test_a_thing_that_is_removed_by_its_name_leaves_no_shell(make, tmp_path: Path) -> None:
    from gencontrol.nerf.field.scene import save_scene
    from gencontrol.nerf.parts.shapes import Sphere
    from gencontrol.nerf.still_life.world import bake, still_life

    save_scene(bake(still_life(ground=False), 48), tmp_path / "scene.safetensors")
    ball = still_life().things[0].body
    assert isinstance(ball, Sphere)

    def densest(**settings: Any) -> float:
        model = make(mode="remove", scene=tmp_path / "scene.safetensors", part="ball", resolution="0:24", **settings)
        # All that a removal may take.
        model.field.change.data[0] = 40.0
        offsets = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)) - 0.5
        near = offsets[offsets.norm(dim=1) < 0.36] + torch.tensor(ball.centre)
        return model.scene()(near)[0].max().item()

    # A density of 1 hides a thirtieth of what lies behind it over a lattice spacing.
    assert densest() < 1.0
    assert densest(grow=0.0) > 5.0


@pytest.mark.parametrize(
    ("mode", "prompts", "message"),
    [
        ("create", [""], "'create' needs a prompt for one of its parts; there is none for part0"),
        ("recolour", ["", ""], "for one of its parts; there is none for part0, part1"),
        ("replace", ["red cat", ""], "'replace' needs a prompt for each of its parts; there is none for part1"),
    ],
)
def test_parts_that_nothing_would_steer_are_refused_before_the_first_step(
    make, scene_file: Path, tmp_path: Path, mode: str, prompts: list[str], message: str
) -> None:
    from gencontrol.errors import ConfigError

    scene = None if mode == "create" else scene_file
    with pytest.raises(ConfigError, match=message):
        make(mode=mode, scene=scene, parts=write_parts(tmp_path, prompts)).begin_training()


def test_a_run_goes_on_whose_prompt_the_viewer_has_taken_out(make, scene_file: Path, tmp_path: Path) -> None:
    settings = {"mode": "replace", "scene": scene_file, "parts": write_parts(tmp_path, ["red cat", "red cat"])}
    saved, opened = make(**settings), make(**settings)
    saved.change_part("part1", {"prompt": ""})
    opened.load_state_dict(saved.state_dict())
    opened.begin_training()
    assert [part.prompt for part in opened.parts] == ["red cat", ""]


def test_a_run_goes_on_whose_highlight_the_viewer_has_moved_to_an_empty_place(make, scene_file: Path) -> None:
    from gencontrol.nerf.parts.shapes import Sphere

    settings = {"mode": "recolour", "scene": scene_file, "sphere": EGG, "prompt": "red cat"}
    saved, opened = make(**settings), make(**settings)
    saved.change_part("part", {"shape": Sphere(centre=(0.0, 0.0, 0.8), radius=0.1)})
    opened.load_state_dict(saved.state_dict())
    opened.begin_training()
    assert opened.parts == saved.parts != make(**settings).parts


@pytest.mark.parametrize("mode", ["create", "edit", "recolour"])
def test_what_a_fit_leaves_without_a_prompt_is_still_asked_for_one(make, mode: str) -> None:
    from gencontrol.errors import ConfigError

    opened = make(mode=mode, prompt="red cat", sphere=EGG)
    opened.load_state_dict(make(mode="fit").state_dict())
    with pytest.raises(ConfigError, match=f"mode '{mode}' needs a prompt for one of its parts; there is none for part"):
        opened.begin_training()


def write_parts(folder: Path, prompts: list[str]) -> Path:
    part = "- {{name: part{0}, prompt: '{1}', highlight: {{sphere: {{centre: [0.6, -0.1, -0.2], radius: 0.5}}}}}}"
    lines = [part.format(i, prompt) for i, prompt in enumerate(prompts)]
    (folder / "parts.yaml").write_text("\n".join(["parts:", *lines]), encoding="utf-8")
    return folder / "parts.yaml"


@pytest.mark.parametrize(("density", "seen"), [(0.9, False), (1.1, True)])
def test_what_can_hardly_be_seen_is_nothing(density: float, seen: bool) -> None:
    """A density of 1 a world unit is a tenth opaque over 0.1: from there on there is something to take away."""
    from gencontrol.errors import InputError
    from gencontrol.nerf.field.grid import DENSITY_SCALE
    from gencontrol.nerf.method.steered_parts import check_not_empty
    from gencontrol.nerf.parts.parts import Part
    from gencontrol.nerf.parts.shapes import Sphere

    parts = (Part(name="egg", prompt="", shape=Sphere(centre=(0.0, 0.0, 0.0), radius=0.5)),)
    raw = torch.tensor(density / DENSITY_SCALE).expm1().log()
    lattice = raw.expand(4, 8, 8, 8)
    if seen:
        check_not_empty(parts, lattice)
        return
    with pytest.raises(InputError, match="holds nothing of the scene"):
        check_not_empty(parts, lattice)
