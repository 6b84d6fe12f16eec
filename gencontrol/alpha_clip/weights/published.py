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
from gencontrol.alpha_clip.weights.convert import published_shapes, published_to_clip
from gencontrol.alpha_clip.weights.describe import Shapes, check_shapes, check_weights, describe
from gencontrol.alpha_clip.weights.openai import load_clip_file
from gencontrol.alpha_clip.weights.tower_files import read_towers
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
    image-variation demo drops it. A file of both towers is its own base.
    """
    towers = read_towers(path)
    state = towers.vision
    if base is None and towers.text and "conv1_alpha.weight" in state:
        return load_clip_file(path, dtype=dtype)
    if base is None:
        hub_id = find_base({k: tuple(v.shape) for k, v in state.items()}, source=str(path))
        base = Location(name=hub_id, revision=revision, local_files_only=local_files_only).settled()
    parts = load_clip(base, share=False, dtype=dtype or torch.float32, tokenizer=None, processor=None)
    config = copy.deepcopy(parts.vision.config)
    check_published(state, config, source=str(path))
    check_weights(state, source=str(path))
    tower = {k: v.to(parts.vision.dtype) for k, v in published_to_clip(state).items()}
    return dataclasses.replace(parts, vision=fill_vision(config, tower))


def read_published(path: Path, *, mmap: bool = False) -> dict[str, Tensor]:
    """The vision tower's tensors in a checkpoint; what is wrapped around them is taken off.

    Args:
        path: The checkpoint.
        mmap: See `read_state`.

    Raises:
        CheckpointError: A file that is missing, broken or holds more than tensors.
    """
    return read_towers(path, mmap=mmap).vision


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
    if "conv1.weight" in shapes and "conv1_alpha.weight" not in shapes:
        raise CheckpointError(
            f"{source} is not a published Alpha-CLIP: it looks like {describe(shapes)}. AlphaCLIP.from_clip opens it "
            "and gives it an alpha channel of zero weights."
        )
    raise CheckpointError(
        f"{source} is not a published Alpha-CLIP of a known shape ({known}): it looks like {describe(shapes)}. "
        "For another shape, say which CLIP it was trained from: `base`, of AlphaCLIP.from_published and "
        "gencontrol convert."
    )
