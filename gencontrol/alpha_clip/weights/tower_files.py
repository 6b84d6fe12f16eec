"""Which towers a single file of weights holds."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gencontrol.alpha_clip.weights.convert import join_attention_names
from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.alpha_clip.weights.tensor_files import read_state
from gencontrol.errors import CheckpointError


@dataclass(frozen=True, kw_only=True)
class TowerFile:
    """What one file of weights holds, under the published names."""

    vision: dict[str, Tensor]
    """The vision tower's weights; all of the file's, where no other tower is told apart."""
    text: dict[str, Tensor]
    """The text tower's; empty where there is none."""
    logit_scale: Tensor | None
    """Logarithm of the inverse temperature."""


def read_towers(path: Path, *, mmap: bool = False) -> TowerFile:
    """A file's towers: the vision tower alone, as the Alpha-CLIP authors save it, or behind `visual.`, as OpenAI does.

    Args:
        path: The file.
        mmap: See `read_state`.

    Raises:
        CheckpointError: See `read_state`; or two weights that come to one name.
    """
    state = join_attention_names(read_state(path, mmap=mmap))
    inside = {k.removeprefix("visual."): v for k, v in state.items() if k.startswith("visual.")}
    rest = {k: v for k, v in state.items() if not k.startswith("visual.")}
    if not inside:
        return TowerFile(vision=state, text={}, logit_scale=None)
    if "token_embedding.weight" in rest:
        scale = rest.pop("logit_scale", None)
        return TowerFile(vision=inside, text=rest, logit_scale=scale)
    twice = sorted(inside.keys() & rest.keys())
    if twice:
        raise CheckpointError(f"{path} holds two weights called {twice[0]} once the prefix `visual.` is off.")
    warnings.warn(f"{path}: the prefix `visual.` is taken off its weights' names.", CheckpointWarning, stacklevel=2)
    return TowerFile(vision=inside | rest, text={}, logit_scale=None)
