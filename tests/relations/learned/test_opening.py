"""The module on disk."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from gencontrol.errors import CheckpointError
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.inputs import RelationInputs, relation_inputs
from gencontrol.relations.learned.module import CORES, RelationModule
from gencontrol.relations.learned.opening import (
    CONFIG,
    WEIGHTS,
    has_shipped,
    open_module,
    parameter_bytes,
    save_module,
)


@pytest.fixture
def folder(module: RelationModule, tmp_path: Path) -> Path:
    save_module(module, tmp_path, facts={"encoder": "tiny"})
    return tmp_path


def test_what_is_saved_answers_alike(module: RelationModule, folder: Path, seen: Callable[..., RelationInputs]) -> None:
    again = open_module(folder)
    assert again.config == module.config and not again.training
    for core in module.config.cores:
        wanted = module(seen(3), (core,))[core].logits
        assert_close(again(seen(3), (core,))[core].logits, wanted, atol=2e-3, rtol=2e-2)
    assert json.loads((folder / CONFIG).read_text())["facts"] == {"encoder": "tiny"}
    # Half precision, and a header.
    assert parameter_bytes(module) < (folder / WEIGHTS).stat().st_size < parameter_bytes(module) + 20_000


def test_what_is_no_module(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"No relation module in .*none: it has no config.json"):
        open_module(tmp_path / "none")
    described = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(described | {"made_for": {}}))
    with pytest.raises(CheckpointError, match="was trained for other inputs or relations than this version's"):
        open_module(folder)
    described["module"]["width"] = 24
    (folder / CONFIG).write_text(json.dumps(described))
    with pytest.raises(CheckpointError, match=r"has other weights than its config\.json says"):
        open_module(folder)
    (folder / CONFIG).write_text("{")
    with pytest.raises(CheckpointError, match="is no relation module"):
        open_module(folder)
    (folder / CONFIG).write_text(json.dumps(described))
    (folder / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="is no relation module"):
        open_module(folder)


def test_settings_nested_too_deeply(folder: Path) -> None:
    (folder / CONFIG).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(CheckpointError, match="is no relation module: it is nested too deeply"):
        open_module(folder)


@pytest.mark.parametrize(("level", "message"), [(0.0, "were never filled"), (torch.nan, "NaN or infinite weights")])
def test_weights_that_no_training_leaves(folder: Path, level: float, message: str) -> None:
    state = load_file(folder / WEIGHTS)
    save_file({name: torch.full_like(values, level) for name, values in state.items()}, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match=message):
        open_module(folder)


def test_a_module_is_not_fetched() -> None:
    with pytest.raises(CheckpointError, match=r"^https://a\.example/m is an address; expected the folder of"):
        open_module(Path("https://a.example/m"))


def test_the_shipped_module_tells_places_and_answers_by_the_core_that_did_best() -> None:
    assert has_shipped()
    module = open_module()
    assert module.config.core == "gru" and set(module.config.cores) == set(CORES)
    maps = torch.zeros(1, 2, 64, 64)
    maps[0, 0, 24:40, 4:20] = maps[0, 1, 14:50, 28:62] = 1
    said = module(relation_inputs(maps, torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))), CORES)
    for answers in said.values():
        found = answers.logits.sigmoid()[0]
        for name, forward, backward in (("left of", 1, 0), ("right of", 0, 1), ("bigger than", 0, 1), ("inside", 0, 0)):
            column = found[..., RELATIONS.index(name)]
            assert round(float(column[0, 1])) == forward and round(float(column[1, 0])) == backward, name


def test_a_folder_with_settings_alone(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(CheckpointError, match=rf"^No relation module in {tmp_path}: it has no {WEIGHTS}\.$"):
        open_module(tmp_path)
