"""nerfstudio's commands end in one line where an error of ours ends them."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gencontrol.errors import ConfigError, InputError

pytest.importorskip("nerfstudio")

pytestmark = pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins


@pytest.mark.parametrize("command", ["/usr/bin/ns-train", "ns-export", "C:/tools/ns-render.exe"])
def test_a_command_ends_in_one_line(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gencontrol.nerf.trainer import ending_in_one_line

    monkeypatch.setattr(sys, "argv", [command, "alphaclip-nerf"])
    monkeypatch.delenv("GENCONTROL_DEBUG", raising=False)
    with pytest.raises(SystemExit) as end, ending_in_one_line():
        raise InputError("No scene at x.\nName another.")
    assert end.value.code == f"{Path(command).stem}: No scene at x. Name another."
    assert isinstance(end.value.__cause__, InputError)


def test_elsewhere_and_when_asked_the_error_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from gencontrol.nerf.trainer import ending_in_one_line

    for name in ("gencontrol", "python", "mens-train", ""):
        monkeypatch.setattr(sys, "argv", [name])
        with pytest.raises(InputError, match="No scene"), ending_in_one_line():
            raise InputError("No scene")
    monkeypatch.setattr(sys, "argv", ["ns-train"])
    with pytest.raises(ValueError, match="not ours"), ending_in_one_line():
        raise ValueError("not ours")
    monkeypatch.setenv("GENCONTROL_DEBUG", "1")
    with pytest.raises(InputError, match="No scene"), ending_in_one_line():
        raise InputError("No scene")


@pytest.mark.parametrize("method", ["setup", "train"])
def test_the_trainer_ends_so_in_both_its_parts(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nerfstudio.engine.trainer import Trainer

    from gencontrol.nerf.trainer import SteeredTrainer

    given: list[Any] = []

    def failing(self: Any, *arguments: Any) -> None:
        given.extend(arguments)
        raise ConfigError("no prompt")

    monkeypatch.setattr(Trainer, method, failing)
    monkeypatch.setattr(sys, "argv", ["ns-train"])
    trainer = SteeredTrainer.__new__(SteeredTrainer)
    with pytest.raises(SystemExit, match=r"^ns-train: no prompt$"):
        trainer.setup("test") if method == "setup" else trainer.train()
    assert given == (["test"] if method == "setup" else [])
    monkeypatch.setattr(Trainer, method, lambda self, *arguments: arguments)
    assert trainer.train() == () if method == "train" else trainer.setup() is None


def test_the_method_takes_this_trainer_and_its_tools_end_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from gencontrol.nerf.method import entry
    from gencontrol.nerf.trainer import SteeredTrainer

    config = entry.trainer_config()
    assert config._target is SteeredTrainer and entry.hash_config()._target is SteeredTrainer
    config.pipeline.model.mode = "edit"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ConfigError, match="The mode 'edit' needs a prompt"):
        config.pipeline.setup(device="cpu")
    monkeypatch.setattr(sys, "argv", ["ns-export"])
    with pytest.raises(SystemExit, match=r"^ns-export: The mode 'edit' needs a prompt"):
        config.pipeline.setup(device="cpu")


def small(folder: Path, **model: Any) -> Any:
    """Settings of a run of two steps on the CPU, that writes to a folder."""
    from gencontrol.nerf.method import entry

    config: Any = entry.trainer_config()
    config.output_dir, config.experiment_name, config.machine.device_type = folder, "a", "cpu"
    config.max_num_iterations, config.steps_per_save, config.steps_per_eval_image = 2, 1, 0
    settings = {"resolution": "0:8", "preview_every": 0, "turntable_frames": 0, "prompt": "red cat"} | model
    for name, value in settings.items():
        setattr(config.pipeline.model, name, value)
    data = config.pipeline.datamanager
    data.size, data.eval_size, data.eval_views = 16, 16, 2
    return config


def launch(config: Any) -> None:
    """Run nerfstudio's launcher; its writers, and the random numbers, are left as they were."""
    import torch
    from nerfstudio.scripts.train import main
    from nerfstudio.utils import writer

    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        for name, empty in (("EVENT_WRITERS", []), ("EVENT_STORAGE", []), ("GLOBAL_BUFFER", {})):
            patch.setattr(writer, name, empty)
        main(config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "remove"}, "'remove' would take the whole scene away"),
        ({"mode": "edit", "sphere": (0.0, 0.0, 9.0, 0.1)}, "encloses nothing of the scene"),
        ({"mode": "edit", "prompt": "zzqxk"}, "does not know"),
        ({"mode": "edit", "scene": Path("nowhere")}, "There is nothing to train: the scene nowhere"),
        ({"softness": 3.0}, r"`softness` must lie in \[0, 1\]"),
    ],
)
def test_a_run_that_is_refused_leaves_no_folder_and_prints_nothing(
    settings: dict[str, Any],
    message: str,
    scene_file: Path,
    tiny_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from gencontrol.errors import GencontrolError

    given = ({"scene": scene_file} if "mode" in settings else {}) | settings
    with pytest.raises(GencontrolError, match=message):
        launch(small(tmp_path / "runs", encoders=(str(tiny_folder),), **given))
    assert list(tmp_path.iterdir()) == []
    assert "Config" not in capsys.readouterr().out


def test_a_checkpoint_that_does_not_fit_is_refused_before_there_is_a_folder(tiny_folder: Path, tmp_path: Path) -> None:
    from gencontrol.errors import CheckpointError

    (tmp_path / "step-000000003.ckpt").write_bytes(b"no zip")
    config = small(tmp_path / "runs", encoders=(str(tiny_folder),))
    config.load_dir = tmp_path
    with pytest.raises(CheckpointError, match=r"step-000000003\.ckpt cannot be read as a checkpoint"):
        launch(config)
    assert not (tmp_path / "runs").exists()


def test_runs_of_one_second_have_a_folder_each(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nerfstudio.configs import experiment_config

    class Still:
        @staticmethod
        def now() -> Any:
            return SimpleNamespace(strftime=lambda form: "noon")

    monkeypatch.setattr(experiment_config, "datetime", Still)
    configs = [small(tmp_path, encoders=(str(tiny_folder),)) for _ in range(2)]
    for config in configs:
        launch(config)
    runs = tmp_path / "a" / "alphaclip-nerf"
    assert [config.get_base_dir() for config in configs] == [runs / "noon", runs / "noon-2"]
    for folder in runs.iterdir():
        assert {"config.yml", "scene.safetensors"} <= {path.name for path in folder.iterdir()}
        assert f"timestamp: {folder.name}" in (folder / "config.yml").read_text(encoding="utf-8")
    assert capsys.readouterr().out.count("SteeredTrainerConfig(") == 2


def test_a_folder_is_nobody_elses_also_where_many_ask_at_once(tmp_path: Path) -> None:
    from gencontrol.nerf.trainer import new_folder

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: new_folder(tmp_path / "a" / "run"), range(40)))
    assert {path.name for path in made} == {"run", *(f"run-{number}" for number in range(2, 41))}
    assert all(path.is_dir() for path in made)


def test_a_named_run_is_where_it_was_asked_to_be(tmp_path: Path) -> None:
    config = small(tmp_path)
    config.timestamp = "mine"
    for _ in range(2):
        config.set_timestamp()
        assert config.open_folder() == tmp_path / "a" / "alphaclip-nerf" / "mine"
    assert [path.name for path in (tmp_path / "a" / "alphaclip-nerf").iterdir()] == ["mine"]


def test_processes_that_train_together_get_one_name_from_their_launcher(tmp_path: Path) -> None:
    from gencontrol.nerf.trainer import UNNAMED

    alone, together = small(tmp_path), small(tmp_path)
    together.machine.num_machines = 2
    for config in (alone, together):
        config.set_timestamp()
    assert alone.timestamp == UNNAMED != together.timestamp


def test_a_commands_line_is_in_its_flags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["ns-train"])
    with pytest.raises(SystemExit, match=r"^ns-train: --pipeline\.model\.softness must lie in"):
        small(tmp_path, softness=2.0).set_timestamp()


def test_settings_that_the_optimiser_refuses_are_one_line(tiny_folder: Path, tmp_path: Path) -> None:
    config = small(tmp_path / "runs", encoders=(str(tiny_folder),))
    config.optimizers["field"]["optimizer"].eps = -1.0
    with pytest.raises(ConfigError, match=r"\(--optimizers\.field\.optimizer\): Invalid epsilon value: -1\.0\."):
        launch(config)
    assert not (tmp_path / "runs").exists()
