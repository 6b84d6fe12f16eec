"""Opening and saving a GLIP: published files, and folders of our own; no weight is left to chance."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from gencontrol.alpha_clip.towers import shapes_of
from gencontrol.alpha_clip.weights.describe import check_shapes, check_weights
from gencontrol.alpha_clip.weights.tensor_files import read_state
from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.files import atomic_folder
from gencontrol.models.location import Location
from gencontrol.proposals.glip.config import CONFIGS, GlipConfig
from gencontrol.proposals.glip.model import Glip
from gencontrol.proposals.glip.weights import config_of, from_published

MODEL_TYPE = "glip"
"""What a folder's config.json says."""
TOKENIZER = "tokenizer"
"""Folder inside that of a GLIP."""
_OURS = ("config.json", "model.safetensors", f"{TOKENIZER}/", "README.md")


def open_glip_file(path: Path, *, config: GlipConfig | None = None, dtype: torch.dtype | None = None) -> Glip:
    """Open a published checkpoint, such as `glip_tiny_model_o365_goldg.pth`, without running anything in it.

    Args:
        path: The file.
        config: Its sizes; None is those of the published model that it looks like.
        dtype: Of the weights; None is float32.

    Raises:
        CheckpointError: No such file, a damaged one, one with objects other than tensors, no GLIP, or weights that are
            missing, left over or of another shape.
    """
    state = read_state(path)
    config = config or config_of(state, CONFIGS)
    if config is None:
        raise CheckpointError(
            f"{path} is none of the published GLIPs ({', '.join(CONFIGS)}): one of other sizes needs its `GlipConfig`."
        )
    return _loaded(config, from_published(state), source=str(path), dtype=dtype)


def open_glip_folder(source: Location, *, dtype: torch.dtype | None = None) -> Glip:
    """Open what `save_glip` wrote.

    Args:
        source: A folder, or a place on the hub.
        dtype: Of the weights; None is float32.

    Raises:
        CheckpointError: Nothing there, another kind of model, or weights that do not fit.
    """
    values, path = source.read("config.json"), source.find("model.safetensors")
    if values is None or values.get("model_type") != MODEL_TYPE:
        raise CheckpointError(f"{source.name} is no GLIP: expected a config.json of model type {MODEL_TYPE!r}.")
    if path is None:
        raise CheckpointError(f"{source.name} has no model.safetensors: it holds settings and no weights.")
    settings = {key: value for key, value in values.items() if key != "model_type"}
    try:
        config = from_mapping(GlipConfig, settings, where=f"{source.name}: config.json")
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    return _loaded(config, read_state(path), source=source.name, dtype=dtype)


def save_glip(folder: Path, model: Glip, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write a folder that `gencontrol.proposals.open_grounder` opens; an earlier save in it is replaced.

    Raises:
        InputError: A folder that holds other things.
        OutputError: A full disk, or a folder that may not be written in.
    """
    with atomic_folder(folder, ours=_OURS) as temporary:
        text = json.dumps({"model_type": MODEL_TYPE, **to_mapping(model.config)}, indent=2)
        (temporary / "config.json").write_text(text + "\n", encoding="utf-8")
        weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(weights, temporary / "model.safetensors", metadata={"format": "pt"})
        # In a folder of its own: beside a config.json that is none of transformers', its tokenizers complain.
        tokenizer.save_pretrained(temporary / TOKENIZER)


def _loaded(config: GlipConfig, state: dict[str, Tensor], *, source: str, dtype: torch.dtype | None) -> Glip:
    model: Any = Glip(config)
    wanted = f"the GLIP of its settings ({config.blocks} blocks, {'with' if config.early_fusion else 'without'} fusion)"
    found = {name: tuple(value.shape) for name, value in state.items()}
    check_shapes(found, shapes_of(model), source=source, wanted=wanted)
    check_weights(state, source=source)
    model.load_state_dict(state)
    return model.to(dtype or torch.float32).eval()
