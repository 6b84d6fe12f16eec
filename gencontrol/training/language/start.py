"""A head to start from: what a shallower one has learned, under blocks that begin as nothing.

Names are what takes long to learn, and a single block learns them several times as fast as four. The blocks that are
put before it add nothing at first, so the deeper head begins by saying what the shallow one says.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from gencontrol.errors import CheckpointError
from gencontrol.tasks.llava.head import LanguageHead, open_head
from gencontrol.tasks.llava.opening import read_config

_BLOCK = re.compile(r"(language_model\.layers\.)(\d+)(\..*)")
_OUTPUTS = ("self_attn.o_proj.weight", "mlp.down_proj.weight")
"""What a block adds comes through these."""


@torch.no_grad()
def start_from(head: LanguageHead, folder: str) -> None:
    """Give a head the weights of an exported one of as many blocks or fewer, in place.

    Args:
        head: Its blocks before those of the other keep their weights, but for their outputs, which become 0.
        folder: What `gencontrol train language` exported.

    Raises:
        CheckpointError: No such head, or one of another width, or with more blocks.
    """
    other = open_head(Path(folder), read_config(folder)).state_dict()
    mine = head.state_dict()
    more = blocks_of(mine) - blocks_of(other)
    found = moved(other, more)
    for name, values in found.items():
        if more < 0 or name not in mine or mine[name].shape != values.shape:
            raise CheckpointError(
                f"{folder}: its {name} does not fit: expected a head of the same width and vocabulary, and at most "
                f"{blocks_of(mine)} blocks."
            )
    nothing = {
        f"language_model.layers.{block}.{output}": torch.zeros_like(mine[f"language_model.layers.{block}.{output}"])
        for block in range(more)
        for output in _OUTPUTS
    }
    head.load_state_dict(mine | nothing | found)


def blocks_of(state: Mapping[str, Tensor]) -> int:
    """How many blocks a head's weights have."""
    return 1 + max(int(match[2]) for match in map(_BLOCK.fullmatch, state) if match)


def moved(state: Mapping[str, Tensor], places: int) -> dict[str, Tensor]:
    """The same weights with every block so many places later."""
    return {_BLOCK.sub(lambda match: f"{match[1]}{int(match[2]) + places}{match[3]}", n): v for n, v in state.items()}
