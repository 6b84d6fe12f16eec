"""Published files and folders of our own, strictly."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.errors import CheckpointError, InputError
from gencontrol.models.location import Location
from gencontrol.proposals.glip.model import Glip
from gencontrol.proposals.glip.opening import open_glip_file, open_glip_folder, save_glip


def _publish(case: Any, path: Path, **more: Any) -> Path:
    """As the authors' trainer saves: weights in `model`, from DistributedDataParallel, beside the optimizer's."""
    state = {f"module.{name}": value.half() for name, value in case.state.items()}
    state["module.rpn.head.cls_logits.weight"] = torch.zeros(80, 32, 1, 1)
    torch.save({"model": state | more, "iteration": 7, "optimizer": {"lr": 0.1}}, path)
    return path


def test_a_published_file(case: Any, authors_glip: Glip, tmp_path: Path) -> None:
    path = _publish(case, tmp_path / "glip.pth")
    with pytest.warns(CheckpointWarning, match="taken from its `model`"):
        model = open_glip_file(path, config=case.config, dtype=torch.float64)
    wanted = authors_glip.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    assert not model.training and model.config == case.config


@pytest.mark.filterwarnings("ignore::gencontrol.alpha_clip.weights.state_names.CheckpointWarning")
def test_a_file_that_does_not_fit(case: Any, tmp_path: Path) -> None:
    path = _publish(case, tmp_path / "glip.pth", **{"module.rpn.head.extra": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"1 unexpected: head\.extra"):
        open_glip_file(path, config=case.config)
    with pytest.raises(CheckpointError, match=r"none of the published GLIPs \(GLIP-T \(A\), .*needs its `GlipConfig`"):
        open_glip_file(path)
    nan = {"module.rpn.head.bias0": torch.tensor([float("nan")])}
    with pytest.raises(CheckpointError, match=r"NaN or infinite weights \(head\.bias0\)"):
        open_glip_file(_publish(case, tmp_path / "nan.pth", **nan), config=case.config)
    short = replace(case, state={name: value for name, value in case.state.items() if name != "rpn.head.bias0"})
    with pytest.raises(CheckpointError, match=r"1 missing: head\.bias0"):
        open_glip_file(_publish(short, tmp_path / "short.pth"), config=case.config)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"model": {"weight": Path}}, path)
    with pytest.raises(CheckpointError, match="holds pickled objects"):
        open_glip_file(path)
    with pytest.raises(CheckpointError, match="No file at"):
        open_glip_file(tmp_path / "none.pth")


def test_a_folder(detectors: ModuleType, tmp_path: Path) -> None:
    model = detectors.glip()
    save_glip(tmp_path / "glip", model, detectors.bert_tokenizer())
    opened = open_glip_folder(Location(name=str(tmp_path / "glip")))
    assert opened.config == model.config and not opened.training
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in opened.state_dict().items())
    save_glip(tmp_path / "glip", model.double(), detectors.bert_tokenizer())
    assert open_glip_folder(Location(name=str(tmp_path / "glip"))).head.bias0.dtype == torch.float32


def test_a_folder_with_other_things_is_kept(detectors: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match=r"diary\.txt"):
        save_glip(tmp_path, detectors.glip(), detectors.bert_tokenizer())


def test_folders_that_are_none(grounder_folder: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is no GLIP: expected a config\.json of model type 'glip'"):
        open_glip_folder(Location(name=str(grounder_folder("owl"))))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "glip", "blocks": 2}))
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors"):
        open_glip_folder(Location(name=str(tmp_path)))
    (tmp_path / "model.safetensors").write_bytes((grounder_folder("glip") / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "glip", "blokcs": 2}))
    with pytest.raises(CheckpointError, match="unknown key 'blokcs'; did you mean 'blocks'"):
        open_glip_folder(Location(name=str(tmp_path)))
