"""A runner that gives the exit code and what was printed."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.alpha_clip.weights.convert import published_shapes
from gencontrol.cli.main import main


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a command came to."""

    code: int
    """Exit code."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""


Run = Callable[..., Printed]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `gencontrol` in this process."""

    def run_command(*arguments: object) -> Printed:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Printed(code=code, out=captured.out, err=captured.err)

    return run_command


@pytest.fixture(scope="session")
def owl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small OWLv2."""
    path = Path(__file__).parents[1] / "proposals" / "_detectors.py"
    spec = spec_from_file_location("ground_detectors", path)
    assert spec is not None and spec.loader is not None
    builders: ModuleType = module_from_spec(spec)
    spec.loader.exec_module(builders)
    return builders.save_owl(tmp_path_factory.mktemp("grounders") / "owl")


@pytest.fixture
def published(tiny: ModuleType, tmp_path: Path) -> Path:
    """A checkpoint in the Alpha-CLIP authors' layout, of the tiny encoder's shape, with random weights."""
    generator = torch.Generator().manual_seed(3)
    shapes = published_shapes(tiny.clip_config(channels=4).vision_config)
    path = tmp_path / "published.pth"
    torch.save({key: 0.2 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}, path)
    return path


@pytest.fixture
def vary(run: Run, scene: Path, tiny_folder: Path) -> Run:
    """Vary photo.png in two steps; files go to the scene's folder `out`."""

    def vary_scene(*arguments: object, image: str | None = "photo.png") -> Printed:
        picture = [] if image is None else [scene / image]
        given = [str(a) for a in arguments]
        output = [] if "-o" in given else ["-o", scene / "out"]
        count = [] if {"-n", "--seed", "--from"} & set(given) else ["-n", 1]
        return run("vary", *picture, "--model", tiny_folder, "--steps", 2, *count, *output, *given)

    return vary_scene


@pytest.fixture
def pixels():
    """A function that reads a picture's colours, 0 to 255."""

    def pixels_of(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB")).astype(int)

    return pixels_of


@pytest.fixture
def size_of():
    """A function that gives a picture's width and height."""

    def size(path: Path) -> tuple[int, int]:
        with Image.open(path) as image:
            return image.size

    return size


@pytest.fixture
def differ(pixels: Any):
    """A function that says whether two pictures differ."""

    def differ_by(first: Path, second: Path) -> bool:
        # A batch of another size may round differently by a level or two.
        return bool(np.abs(pixels(first) - pixels(second)).max() > 3)

    return differ_by
