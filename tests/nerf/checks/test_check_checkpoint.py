"""A checkpoint to go on from: found, or refused in one line."""

import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gencontrol.errors import CheckpointError, ConfigError, InputError

pytest.importorskip("nerfstudio")
pytestmark = pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins


def config(**given: Any) -> Any:
    none = dict.fromkeys(("load_dir", "load_step", "load_checkpoint"))
    return SimpleNamespace(**(none | {"relative_model_dir": Path("nerfstudio_models")} | given))


def checkpoints(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_the_newest_or_the_named_step_is_taken(tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_checkpoint import checkpoint_file

    folder = checkpoints(tmp_path / "a", "step-000000005.ckpt", "step-000000040.ckpt")
    assert checkpoint_file(config()) is None
    newest = config(load_dir=folder)
    assert checkpoint_file(newest) == folder / "step-000000040.ckpt" and newest.load_step is None
    assert checkpoint_file(config(load_dir=folder, load_step=5)) == folder / "step-000000005.ckpt"
    file = folder / "step-000000005.ckpt"
    assert checkpoint_file(config(load_checkpoint=file)) == file


def test_other_files_in_the_folder_are_passed_by(tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_checkpoint import checkpoint_file

    given = config(load_dir=checkpoints(tmp_path, "step-000000005.ckpt", ".DS_Store"))
    assert checkpoint_file(given) == tmp_path / "step-000000005.ckpt"
    assert given.load_step == 5  # nerfstudio would read a number in the other's name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"load_dir": "nowhere"}, "`load_dir`: there is no folder .*nowhere"),
        ({"load_dir": "run"}, "`load_dir`: .*run holds no checkpoints: name .*nerfstudio_models"),
        ({"load_dir": "empty"}, r"empty holds no checkpoints; expected step-NUMBER\.ckpt"),
        ({"load_dir": "run/nerfstudio_models", "load_step": 6}, "has no step 6; it has 5, 40"),
        ({"load_checkpoint": "pipe"}, "pipe is a pipe; expected a checkpoint"),
        ({"load_checkpoint": "empty"}, "empty is a folder; expected a checkpoint"),
        ({"load_checkpoint": "nowhere"}, "No file at .*nowhere; expected a checkpoint"),
    ],
)
def test_what_is_not_there_is_named(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_checkpoint import checkpoint_file

    checkpoints(tmp_path / "run" / "nerfstudio_models", "step-000000005.ckpt", "step-000000040.ckpt")
    checkpoints(tmp_path / "empty", "step-5.txt")
    os.mkfifo(tmp_path / "pipe")
    paths = {name: tmp_path / value if isinstance(value, str) else value for name, value in given.items()}
    with pytest.raises(InputError, match=message):
        checkpoint_file(config(**paths))


def test_what_cannot_be_loaded_is_one_line_and_our_own_errors_go_on() -> None:
    from gencontrol.nerf.checks.check_checkpoint import loading_checkpoint

    file = Path("step-000000005.ckpt")
    with (
        pytest.raises(CheckpointError, match=r"^step-000000005\.ckpt cannot be read as a checkpoint .*: sizes differ$"),
        loading_checkpoint(file),
    ):
        raise RuntimeError("sizes differ\nby much")
    with (
        pytest.raises(CheckpointError, match=r"settings: damaged, or no weights of torch's$"),
        loading_checkpoint(file),
    ):
        raise pickle.UnpicklingError("set weights_only to False")
    with pytest.raises(CheckpointError, match=r"EOFError$"), loading_checkpoint(file):
        raise EOFError
    with pytest.raises(ConfigError, match=r"^ours$"), loading_checkpoint(file):
        raise ConfigError("ours")
