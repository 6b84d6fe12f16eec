"""nerfstudio's commands end in one line where an error of ours ends them."""

import sys
from pathlib import Path
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
