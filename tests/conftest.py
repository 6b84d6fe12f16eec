"""Fixtures that every package's tests share."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from PIL import Image, ImageDraw

from gencontrol.sprites.store import SpriteStore, open_store, prepare_store


def load_beside(path: Path, *, name: str = "") -> ModuleType:
    """Import a helper file by path: under importlib mode, test folders are not on the path."""
    spec = importlib.util.spec_from_file_location(name or path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# The checkout is not on the path: there, `import nerf` would give a second copy of a part of gencontrol.
load_beside(Path(__file__).parents[1] / "benchmarks" / "__init__.py", name="benchmarks")


@pytest.fixture(scope="session")
def house() -> ModuleType:
    """The checks of tests/_house.py."""
    return load_beside(Path(__file__).with_name("_house.py"))


@pytest.fixture(scope="session")
def mutants() -> ModuleType:
    """The search of tests/_mutants.py."""
    return load_beside(Path(__file__).with_name("_mutants.py"))


@pytest.fixture(scope="session")
def house_picture() -> ModuleType:
    """The drawing of tests/_house_picture.py."""
    return load_beside(Path(__file__).with_name("_house_picture.py"))


@pytest.fixture(scope="session")
def elsewhere() -> ModuleType:
    """The second device of tests/_second_device.py."""
    return load_beside(Path(__file__).with_name("_second_device.py"))


@pytest.fixture(scope="session")
def notebooks() -> ModuleType:
    """The runs of tests/_notebooks.py."""
    return load_beside(Path(__file__).with_name("_notebooks.py"))


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The builders of tests/_tiny.py."""
    return load_beside(Path(__file__).with_name("_tiny.py"))


@pytest.fixture(scope="session")
def tiny_folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random-weight folder in the layout of the embedded model `tiny`; read it, do not write in it."""
    return tiny.save_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def unclip_folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random-weight Stable unCLIP folder, as stock diffusers saves it; read it, do not write in it."""
    return tiny.save_unclip_folder(tmp_path_factory.mktemp("models") / "unclip")


@pytest.fixture(scope="session")
def reference_builders() -> ModuleType:
    """The builders of tests/pipelines/references/_hosts.py."""
    return load_beside(Path(__file__).with_name("pipelines") / "references" / "_hosts.py", name="_reference_hosts")


@pytest.fixture(scope="session")
def reference_folder(
    tiny: ModuleType, reference_builders: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A function that gives a host's folder: `base/`, `adapter.safetensors`, `image_encoder/`; do not write in it."""
    beside = Path(__file__).with_name("pipelines")
    folders = load_beside(beside / "stock" / "_folders.py", name="_stock_folders")
    further = load_beside(beside / "references" / "_further_hosts.py", name="_reference_further_hosts")
    root = tmp_path_factory.mktemp("hosts")

    def of(name: str) -> Path:
        folder = root / name
        if folder.is_dir():
            return folder
        alone = {"flux-ip": folders.save_flux, "flux-redux": folders.save_redux, "flux-kontext": folders.save_kontext}
        alone |= {"kolors-ip-plus": folders.save_kolors}
        if name in alone:
            return alone[name](folder, reference_builders)
        if name in ("flux2-klein", "karlo"):
            save = folders.save_karlo if name == "karlo" else folders.save_klein
            return save(folder, reference_builders, further)
        if name == "sd35-ip":
            return folders.save_stable_diffusion_3(folder, reference_builders, further, tiny.tokenizer())
        if name.startswith("kandinsky"):
            return folders.save_kandinsky(folder, reference_builders, further, name=name)
        if name.startswith("holes-"):
            known = name.removeprefix("holes-")
            return folders.save_inpainting(folder, reference_builders, tiny.tokenizer(), name=known)
        return folders.save_host(folder, reference_builders, tiny.tokenizer(), name=name)

    return of


@pytest.fixture(scope="session")
def llava_builders() -> ModuleType:
    """The builders of tests/tasks/llava/_llava.py."""
    return load_beside(Path(__file__).with_name("tasks") / "llava" / "_llava.py")


@pytest.fixture(scope="session")
def llava_folder(tiny: ModuleType, llava_builders: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random-weight LLaVA of three channels, in llava-hf's layout; read it, do not write in it."""
    return llava_builders.save_folder(tmp_path_factory.mktemp("models") / "llava", tiny)


@pytest.fixture(scope="session")
def sprite_world() -> ModuleType:
    """The builders of tests/sprites/_world.py."""
    return load_beside(Path(__file__).with_name("sprites") / "_world.py")


@pytest.fixture(scope="session")
def sprite_tarballs(sprite_world: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Style -> Iconify tarball of plain shapes."""
    return sprite_world.write_tarballs(tmp_path_factory.mktemp("tarballs"))


@pytest.fixture(scope="session")
def sprite_file(
    sprite_world: ModuleType, sprite_tarballs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A prepared store of plain shapes at 32 pixels."""
    path = tmp_path_factory.mktemp("sprites") / "sprites.npz"
    prepare_store(sprite_tarballs, sprite_world.concepts(), path, size=32)
    return path


@pytest.fixture(scope="session")
def sprite_store(sprite_file: Path) -> SpriteStore:
    """The same, opened."""
    return open_store(sprite_file)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with `photo.png` (80 x 64, a red disc and a blue box), a mask of each, both as classes, and a cut-out.

    The cut-out is RGBA, of the disc; in `classes.png` the disc is 3, and the box 7.
    """
    shapes = {"red": ("ellipse", (8, 16, 36, 44)), "blue": ("rectangle", (48, 20, 72, 52))}
    photo = Image.effect_noise((80, 64), 60).convert("RGB")
    for colour, (shape, box) in shapes.items():
        mask = Image.new("L", photo.size)
        for image, fill in ((photo, colour), (mask, 255)):
            getattr(ImageDraw.Draw(image), shape)(box, fill=fill)
        mask.save(tmp_path / f"{colour}.png")
    photo.save(tmp_path / "photo.png")
    classes = Image.new("L", photo.size)
    for (shape, box), number in zip(shapes.values(), (3, 7), strict=True):
        getattr(ImageDraw.Draw(classes), shape)(box, fill=number)
    classes.save(tmp_path / "classes.png")
    with Image.open(tmp_path / "red.png") as mask:
        photo.putalpha(mask)
    photo.save(tmp_path / "cutout.png")
    return tmp_path


@pytest.fixture(scope="session")
def unchecked() -> Callable[..., Any]:
    """A function that makes a record past the type checks that the tests run under, as a user without them would."""

    def make(kind: type, **fields: Any) -> Any:
        record = object.__new__(kind)
        for name, value in fields.items():
            object.__setattr__(record, name, value)
        cast(Any, record).__post_init__()
        return record

    return make
