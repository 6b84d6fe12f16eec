"""The Alpha-CLIP authors' checkpoints: a vision tower in a `.pth` file, to be put beside its base's text tower."""

import copy
import dataclasses
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPModel, CLIPVisionConfig

from gencontrol.alpha_clip.architectures import ARCHITECTURES, name_of, vision_config
from gencontrol.alpha_clip.towers import Parts, fill_vision
from gencontrol.alpha_clip.weights.build import load_clip
from gencontrol.alpha_clip.weights.convert import (
    join_attention_names,
    published_shapes,
    published_to_clip,
    strip_prefix,
)
from gencontrol.alpha_clip.weights.describe import Shapes, check_shapes, describe
from gencontrol.alpha_clip.weights.tensor_files import read_state
from gencontrol.errors import CheckpointError
from gencontrol.models.location import Location


def load_published(
    path: Path,
    *,
    base: CLIPModel | Location | None,
    revision: str | None,
    local_files_only: bool,
    dtype: torch.dtype | None,
) -> Parts:
    """Read a checkpoint and its base; see `AlphaCLIP.from_published`.

    The whole tower is taken from the checkpoint, projection included: the authors tuned it too, although their own
    image-variation demo drops it.
    """
    state = read_published(path)
    if base is None:
        hub_id = find_base({k: tuple(v.shape) for k, v in state.items()}, source=str(path))
        base = Location(name=hub_id, revision=revision, local_files_only=local_files_only)
    parts = load_clip(base, share=False, dtype=dtype or torch.float32, tokenizer=None, processor=None)
    config = copy.deepcopy(parts.vision.config)
    check_published(state, config, source=str(path))
    tower = {k: v.to(parts.vision.dtype) for k, v in published_to_clip(state).items()}
    return dataclasses.replace(parts, vision=fill_vision(config, tower))


def read_published(path: Path, *, mmap: bool = False) -> dict[str, Tensor]:
    """The checkpoint's tensors; a wrapper's `module.` prefix is taken off.

    Args:
        path: The checkpoint.
        mmap: See `read_state`.

    Raises:
        CheckpointError: A file that is missing, broken or holds more than tensors.
    """
    return join_attention_names(strip_prefix(read_state(path, mmap=mmap)))


def check_published(state: dict[str, Tensor], config: CLIPVisionConfig, *, source: str) -> None:
    """Compare the checkpoint with the tower it should fill.

    Raises:
        CheckpointError: Listing what differs, and what the file looks like instead.
    """
    shapes = {k: tuple(v.shape) for k, v in state.items()}
    wanted = f"the vision tower of a published Alpha-CLIP {name_of(config)}, as its base is"
    check_shapes(shapes, published_shapes(config), source=source, wanted=wanted)


def find_base(shapes: Shapes, *, source: str) -> str:
    """The hub id of the OpenAI CLIP that has the checkpoint's shape.

    Raises:
        CheckpointError: No OpenAI CLIP has; says what the file looks like.
    """
    for name, architecture in ARCHITECTURES.items():
        fits = published_shapes(vision_config(name)).items() <= dict(shapes).items()
        if architecture.base and fits:
            return architecture.base
    known = ", ".join(n for n, a in ARCHITECTURES.items() if a.base)
    raise CheckpointError(
        f"{source} is not a published Alpha-CLIP of a known shape ({known}): it looks like {describe(shapes)}. "
        "For another shape, say which CLIP it was trained from: base=..."
    )
