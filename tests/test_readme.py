"""Code blocks of the README and the documentation run, and what they link to is there.

On random weights, but for pages that need what `tiny` knows: what is tested is the text.
"""

import re
import shlex
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import tyro
from PIL import Image

from gencontrol.cli.main import available, main
from gencontrol.models import registry
from gencontrol.nerf.parts.shapes import Sphere, membership
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.still_life.world import bake, photograph, still_life

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
BLOCKS = [
    (name, language, code)
    for name, text in TEXTS.items()
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
]
WHOLE = "\n".join(TEXTS.values())
INDENTED = {
    name: lines
    for name, text in TEXTS.items()
    if (lines := re.findall(r"^ {4}(gencontrol .*)$", text.replace("\\\n", " "), flags=re.MULTILINE))
}
"""Page -> commands that are shown, and not run: they take models, files and hours that are not here."""
KNOWING = {
    f"docs/{name}.md" for name in ("pointing/phrase", "tasks/ask", "tasks/caption", "tasks/classify", "tasks/refer")
}
"""Pages whose commands have to know names: with random weights nothing is what a phrase means."""


@pytest.fixture
def checkout(page: str, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the checkout to relative paths, mostly with random weights as `tiny`."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    if page not in KNOWING:
        monkeypatch.setattr(registry, "files", lambda package: tiny_folder.parent)
    return tmp_path


def test_pages_that_need_to_know_names_are_there() -> None:
    assert {name for name, language, _ in BLOCKS if language == "bash"} >= KNOWING


def test_there_are_blocks() -> None:
    assert {language for _, language, _ in BLOCKS} == {"bash", "python", "yaml"}
    assert {"README.md", "docs/start.md", "docs/masks.md", "docs/recipes.md"} <= {name for name, _, _ in BLOCKS}


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


@pytest.mark.parametrize("page", sorted({name for name, _, _ in BLOCKS}))
def test_blocks_run_in_their_order(page: str, checkout: Path) -> None:
    for language, code in [(language, code) for name, language, code in BLOCKS if name == page]:
        if language == "yaml":
            check_parts_file(code, checkout)
        elif language == "python":
            exec(compile(code, page, "exec"), {"__name__": "readme"})
        else:
            run_lines(code)


def run_lines(code: str) -> None:
    """Run each line of a block as a command."""
    for line in code.strip().splitlines():
        command, *arguments = shlex.split(line)
        assert command == "gencontrol"
        assert main(arguments) == 0, line


class Parsed(BaseException):
    """Raised in the place of the work: the line is understood."""


@pytest.mark.parametrize("page", sorted(INDENTED))
def test_lines_that_are_only_shown_are_understood(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parse = tyro.cli

    def parse_only(*arguments: Any, **settings: Any) -> None:
        parse(*arguments, **settings)
        raise Parsed

    monkeypatch.setattr(tyro, "cli", parse_only)
    monkeypatch.chdir(tmp_path)
    for line in INDENTED[page]:
        # What a picture's record says is read before the flags are.
        _, *arguments = shlex.split(re.sub(r" --from \S+\.png", "", line), comments=True)
        with pytest.raises(Parsed):
            raise SystemExit(f"{line}: {main(arguments)}")


def test_flags_that_the_text_names_exist(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"`(--[a-z-]+)", WHOLE)) - {"--help"}
    listed = ""
    commands = "vary edit score classify ask evaluate ground embed convert data train assemble studio serve relate"
    for command in commands.split():
        main([command, "--help"])
        listed += capsys.readouterr().out
    main(["data", "pairs", "--help"])
    listed += capsys.readouterr().out
    for command in ("edit", "render", "export", "scene"):
        main(["nerf", command, "--help"])
        listed += capsys.readouterr().out
    assert {flag for flag in named if flag not in listed} == set()


def test_commands_that_the_text_names_exist() -> None:
    named = set(re.findall(r"`gencontrol ([a-z]+)", WHOLE))
    assert named <= set(available())


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", TEXTS[name]):
        assert (folder / link).exists(), link
    for path in re.findall(r'^--8<-- "([^":]+)', TEXTS[name], flags=re.MULTILINE):
        assert (ROOT / path).is_file(), path
    for import_name in re.findall(r"^::: (\S+)$", TEXTS[name], flags=re.MULTILINE):
        assert resolved(import_name), import_name


def resolved(name: str) -> object:
    """What a dotted name stands for: a module, or something in one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def test_every_page_is_in_the_navigation_and_every_picture_is_shown() -> None:
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for name in TEXTS:
        assert name == "README.md" or f"- {name.removeprefix('docs/')}\n" in config + "\n", name
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name}" in WHOLE, picture.name


def test_the_picture_of_the_house_is_that_of_its_floors(house_picture: ModuleType) -> None:
    drawn = house_picture
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert drawn.PICTURE.read_text(encoding="utf-8") == drawn.picture(text)
    assert drawn.floors(text)[-4] == [["engine", "training"], ["pipelines"], ["nerf"]]
    # Each floor is a row, the command line the highest.
    rows = {word: int(top) for top, word in re.findall(r'y="(\d+)" fill="#004d40">([^<]+)', drawn.picture(text))}
    assert rows["cli"] < rows["runs"] < rows["nerf"] == rows["pipelines"] < rows["focus"] < rows["images"]


def test_make_targets_that_the_text_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`|^    make ([a-z-]+)", WHOLE, flags=re.MULTILINE):
        assert re.search(rf"^{target[0] or target[1]}:", makefile, flags=re.MULTILINE)
