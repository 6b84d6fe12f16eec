"""What the settings of a run alone say to be wrong is refused before anything is opened or made."""

from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import ConfigError, InputError

pytest.importorskip("nerfstudio")
pytestmark = pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins


def config(folder: Path, **model: Any) -> Any:
    from gencontrol.nerf.method.entry import trainer_config

    made: Any = trainer_config()
    made.output_dir, made.machine.device_type = folder, "cpu"
    for name, value in ({"prompt": "red cat"} | model).items():
        setattr(made.pipeline.model, name, value)
    return made


def change(config: Any, path: str, value: Any) -> Any:
    *groups, name = path.split(".")
    owner = config
    for group in groups:
        owner = getattr(owner, group)
    setattr(owner, name, value)
    return config


def test_settings_that_work_pass_and_make_nothing(tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_config import check_config

    check_config(config(tmp_path / "runs"))
    check_config(change(config(tmp_path / "runs"), "max_num_iterations", 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("max_num_iterations", 0, "A run needs at least one step; got `steps` 0"),
        ("machine.seed", -1, "`machine.seed` must be at least 0; got -1"),
        ("timestamp", "", "`timestamp`: expected the name of a folder for the run, got ''"),
        ("timestamp", "a/b", "`timestamp`: expected the name of a folder"),
        ("timestamp", "..", "`timestamp`: expected the name of a folder"),
        ("pipeline.model.prompt", " ", "'create' needs a prompt"),
        ("pipeline.model.entropy_weight", "-1", "`entropy_weight` must be at least 0"),
        ("pipeline.datamanager.views", 0, "`views` must be at least 1"),
        ("pipeline.datamanager.seed", -1, "`pipeline.datamanager.seed` must be at least 0; got -1"),
    ],
)
def test_each_kind_of_setting_is_looked_at(setting: str, value: Any, message: str, tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_config import check_config

    with pytest.raises(ConfigError, match=message):
        check_config(change(config(tmp_path), setting, value))


@pytest.mark.parametrize("rate", [float("nan"), 0.0, -0.1, 101.0])
def test_a_learning_rate_that_trains_nothing_is_refused(rate: float, tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_config import check_config

    wrong = config(tmp_path)
    wrong.optimizers["field"]["optimizer"].lr = rate
    with pytest.raises(ConfigError, match="`learning_rate`: expected 1e-09 or more and at most 100, got"):
        check_config(wrong)
    wrong.optimizers["field"]["optimizer"].lr = 100.0
    check_config(wrong)


def test_a_folder_for_runs_that_is_a_file_is_refused(tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_config import check_config

    (tmp_path / "runs").touch()
    with pytest.raises(InputError, match="runs is a file; expected the name of a folder"):
        check_config(config(tmp_path / "runs"))


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gencontrol.nerf.checks.check_config import check_config

    for there in (True, False):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: there)
        wanted = change(config(tmp_path), "machine.device_type", "cuda")
        if there:
            check_config(wanted)
            continue
        with pytest.raises(ConfigError, match=r"`machine\.device_type` is cuda, and there is none here .*: give cpu"):
            check_config(wanted)


def test_a_scene_that_is_not_there_is_refused_unless_a_checkpoint_may_bring_it(tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_config import check_config

    gone = config(tmp_path, mode="edit", scene=Path("nowhere"))
    with pytest.raises(InputError, match="There is nothing to train: the scene nowhere cannot be found"):
        check_config(gone)
    check_config(change(gone, "load_dir", tmp_path))
    check_config(change(change(gone, "load_dir", None), "load_checkpoint", tmp_path / "x.ckpt"))
