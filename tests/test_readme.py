"""The README's code blocks run, and what it links to is there. On random weights: what is tested is the text."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from PIL import Image

from gencontrol.cli.main import available, main
from gencontrol.models import registry
from gencontrol.nerf.parts.shapes import Sphere, membership
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.still_life.world import bake, photograph, still_life

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the checkout to relative paths, with random weights as `tiny`."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "files", lambda package: tiny_folder.parent)
    return tmp_path


def test_there_are_blocks() -> None:
    assert {language for language, _ in BLOCKS} == {"bash", "python", "yaml"}


def check_parts_file(code: str, folder: Path) -> None:
    """The list of parts is read, with masks that show the ball of a scene."""
    from gencontrol.nerf.parts.part_lists import read_parts

    scene = bake(still_life(), 48)
    (folder / "parts.yaml").write_text(code, encoding="utf-8")
    azimuths = {found: float(angle) for found, angle in re.findall(r"file: (\S+), azimuth: (\d+)", code)}
    for name, azimuth in azimuths.items():
        camera = orbit_cameras(torch.tensor([azimuth]), torch.tensor([20.0]), (48, 48), orbit=Orbit())
        shown = photograph(still_life(), camera).masks[0, 0] > 0.5
        Image.fromarray((shown * 255).byte().numpy()).save(folder / name)
    (part,) = read_parts(folder / "parts.yaml", base=scene)
    ball = scene.parts["ball"]
    assert isinstance(ball, Sphere)
    places = torch.tensor([ball.centre, (0.9, 0.9, 0.9)])
    assert part.name == "hat" and part.prompt == "crown"
    assert membership(part.shape, places).tolist() == [1, 0]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(number: int, checkout: Path) -> None:
    language, code = BLOCKS[number]
    if language == "yaml":
        check_parts_file(code, checkout)
        return
    if language == "python":
        exec(compile(code, f"README.md block {number}", "exec"), {"__name__": "readme"})
        return
    for line in code.strip().splitlines():
        command, *arguments = shlex.split(line)
        assert command == "gencontrol"
        assert main(arguments) == 0, line


def test_flags_that_the_text_names_exist(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"`(--[a-z-]+)", README)) - {"--help"}
    listed = ""
    for command in "vary edit score classify ask evaluate ground embed convert data train assemble".split():
        main([command, "--help"])
        listed += capsys.readouterr().out
    for command in ("edit", "render", "export", "scene"):
        main(["nerf", command, "--help"])
        listed += capsys.readouterr().out
    assert {flag for flag in named if flag not in listed} == set()


def test_commands_that_the_text_names_exist() -> None:
    named = set(re.findall(r"`gencontrol ([a-z]+)", README))
    assert named <= set(available())


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_make_targets_that_the_text_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`|^    make ([a-z-]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target[0] or target[1]}:", makefile, flags=re.MULTILINE)
