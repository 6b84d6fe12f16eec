"""The weights beside a tower on disk: a folder of their own inside the encoder's."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.one_pass.change import OnePass, OnePassConfig
from gencontrol.alpha_clip.weights.describe import check_shapes
from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import CheckpointError, ConfigError, reason_of
from gencontrol.finite import check_finite_weights
from gencontrol.models.fingerprint import ONE_PASS
from gencontrol.models.location import Location, read_json

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_one_pass(one_pass: OnePass, folder: Path) -> None:
    """Write the weights, in half precision, below an existing encoder's folder.

    Args:
        one_pass: Any.
        folder: The encoder's; they come to lie in its `one_pass`.

    Raises:
        CheckpointError: NaN or infinite weights.
    """
    check_finite_weights(one_pass, source="What one pass is made with")
    below = folder / ONE_PASS
    below.mkdir(exist_ok=True)
    state = {name: values.detach().cpu().half().contiguous() for name, values in one_pass.state_dict().items()}
    save_file(state, below / WEIGHTS)
    (below / CONFIG).write_text(json.dumps(to_mapping(one_pass.config), indent=2) + "\n", encoding="utf-8")


def find_one_pass(source: Location, tower: CLIPVisionConfig, *, dtype: torch.dtype | None = None) -> OnePass | None:
    """The weights beside a saved encoder; None where it has none.

    Args:
        source: The encoder.
        tower: Its vision tower's configuration.
        dtype: Of the weights; None is float32.

    Raises:
        CheckpointError: Broken ones, or ones of another tower.
    """
    # What is no folder, a published file say, has nothing beside it.
    if Path(source.name).is_file():
        return None
    config, weights = source.find(f"{ONE_PASS}/{CONFIG}"), source.find(f"{ONE_PASS}/{WEIGHTS}")
    if config is None or weights is None:
        return None
    return read_one_pass(config, weights, tower, dtype=dtype)


def read_one_pass(config: Path, weights: Path, tower: CLIPVisionConfig, *, dtype: torch.dtype | None = None) -> OnePass:
    """See `find_one_pass`.

    Args:
        config: The file of their shape.
        weights: The file of the weights.
        tower: See `find_one_pass`.
        dtype: See `find_one_pass`.

    Raises:
        CheckpointError: See `find_one_pass`.
    """
    try:
        shape = from_mapping(OnePassConfig, read_json(config), where=str(config))
        state = load_file(weights)
    except (ConfigError, SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{weights.parent} holds no weights for one pass: {reason_of(error)}") from error
    one_pass = OnePass(tower, shape)
    expected = {name: tuple(values.shape) for name, values in one_pass.state_dict().items()}
    found = {name: tuple(values.shape) for name, values in state.items()}
    check_shapes(found, expected, source=str(weights.parent), wanted="what one pass of this tower is made with")
    one_pass.load_state_dict({name: values.float() for name, values in state.items()})
    check_finite_weights(one_pass, source=str(weights.parent))
    return one_pass.to(dtype or torch.float32).eval()
