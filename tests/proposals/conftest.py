"""Small grounders in folders."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


def load_beside(name: str) -> ModuleType:
    """Import a helper file of this folder: under importlib mode, test folders are not on the path."""
    spec = spec_from_file_location(f"proposals_{Path(name).stem}", Path(__file__).with_name(name))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def detectors() -> ModuleType:
    """The builders of tests/proposals/_detectors.py."""
    return load_beside("_detectors.py")


@pytest.fixture(scope="session")
def grounder_folder(detectors: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that gives the folder of a kind of grounder: glip, dino, mm or owl; read it, do not write in it."""
    root = tmp_path_factory.mktemp("grounders")

    def of(kind: str) -> Path:
        folder = root / kind
        if not folder.is_dir():
            save = {
                "glip": detectors.save_small_glip,
                "dino": lambda path: detectors.save_dino(path, mm=False),
                "mm": lambda path: detectors.save_dino(path, mm=True),
                "owl": detectors.save_owl,
            }
            save[kind](folder)
        return folder

    return of


@pytest.fixture(scope="session")
def segmenter_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that gives the folder of a sam, sam_hq, sam2 or sam2_video; read it, do not write in it."""
    builders, root = load_beside("_segmenters.py"), tmp_path_factory.mktemp("segmenters")

    def of(kind: str) -> Path:
        folder = root / kind
        return folder if folder.is_dir() else builders.save(folder, kind)

    return of
