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
def grounder_folder(
    detectors: ModuleType, further: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A function that gives the folder of a kind of grounder: glip, dino, mm, owl, florence, sam3 or sam3_video.

    Read it, do not write in it.
    """
    root = tmp_path_factory.mktemp("grounders")

    def of(kind: str) -> Path:
        folder = root / kind
        if not folder.is_dir():
            save = {
                "glip": detectors.save_small_glip,
                "dino": lambda path: detectors.save_dino(path, mm=False),
                "mm": lambda path: detectors.save_dino(path, mm=True),
                "owl": detectors.save_owl,
                "florence": further.save_florence,
                "sam3": lambda path: further.save_sam3(path, "sam3"),
                "sam3_video": lambda path: further.save_sam3(path, "sam3_video"),
            }
            save[kind](folder)
        return folder

    return of


@pytest.fixture(scope="session")
def further() -> ModuleType:
    """The builders of tests/proposals/_further.py."""
    return load_beside("_further.py")


@pytest.fixture(scope="session")
def segmenter_folder(further: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that gives the folder of a sam, sam_hq, sam2, sam2_video, sam3_tracker or sam3_video.

    Read it, do not write in it.
    """
    builders, root = load_beside("_segmenters.py"), tmp_path_factory.mktemp("segmenters")

    def of(kind: str) -> Path:
        folder = root / kind
        save = further.save_sam3 if kind.startswith("sam3") else builders.save
        return folder if folder.is_dir() else save(folder, kind)

    return of
