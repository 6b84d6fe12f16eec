"""The module on disk: half-precision weights, their shape, and which encoder's cosines they saw."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import CheckpointError, ConfigError, reason_of
from gencontrol.finite import check_filled_weights, check_finite_weights
from gencontrol.kinds import checked
from gencontrol.models.shipped import RELATIONS, shipped_folder
from gencontrol.relations.learned.answers import HEADS
from gencontrol.relations.learned.inputs import FEATURES, PROBES
from gencontrol.relations.learned.module import ModuleConfig, RelationModule
from gencontrol.text_files import check_no_address, json_value

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def _made_for() -> dict[str, list[str]]:
    """What weights mean something for: other inputs or answers need other weights."""
    return {"heads": list(HEADS), "features": list(FEATURES), "probes": list(PROBES)}


@checked
def save_module(module: RelationModule, folder: Path, *, facts: Mapping[str, Any]) -> None:
    """Write a module into an existing folder.

    Args:
        module: Any.
        folder: Where to.
        facts: Plain values that are kept beside it: which encoder it saw, how it was trained.
    """
    state = {name: values.detach().cpu().half().contiguous() for name, values in module.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    described = {"module": to_mapping(module.config), "made_for": _made_for(), "facts": dict(facts)}
    (folder / CONFIG).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


@checked
def open_module(folder: Path | None = None) -> RelationModule:
    """Open a module for use, in float32; the shipped one unless a folder is named.

    Raises:
        CheckpointError: No such module, a damaged one, or one for other inputs or relations.
    """
    where = folder or shipped_folder(RELATIONS)
    check_no_address(where, what="the folder of a relation module", error=CheckpointError)
    try:
        described = json_value((where / CONFIG).read_text(encoding="utf-8"))
        state = load_file(where / WEIGHTS)
        config = from_mapping(ModuleConfig, described["module"], where=str(where / CONFIG))
        made_for = described["made_for"]
    except FileNotFoundError as error:
        # Safetensors' own error names no file.
        lacking = CONFIG if error.filename else WEIGHTS
        raise CheckpointError(f"No relation module in {where}: it has no {lacking}.") from None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, ConfigError) as error:
        raise CheckpointError(f"{where} is no relation module: {reason_of(error)}.") from error
    if made_for != _made_for():
        raise CheckpointError(f"{where} was trained for other inputs or relations than this version's; train it anew.")
    module = RelationModule(config)
    try:
        module.load_state_dict({name: values.float() for name, values in state.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{where} has other weights than its {CONFIG} says: {error}.") from error
    check_finite_weights(module, source=str(where))
    check_filled_weights(module, source=str(where))
    return module.requires_grad_(False).eval()


def has_shipped() -> bool:
    """Whether this build comes with a module."""
    return (shipped_folder(RELATIONS) / WEIGHTS).is_file()


def parameter_bytes(module: torch.nn.Module) -> int:
    """Bytes of the weights as they are saved, in half precision."""
    return sum(2 * p.numel() for p in module.state_dict().values())
