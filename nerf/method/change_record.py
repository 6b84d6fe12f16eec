"""What the values of a checkpoint mean: with other settings they would be another scene."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gencontrol.errors import CheckpointError
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.text_files import json_value

CHANGE_RECORD = "change_of"
"""Buffer of a model that says what it has changed, or made: see `ChangeRecord`."""
EARLIER_VERSION = (
    "The checkpoint is one of an earlier version of gencontrol, which did not store what it means: train it again."
)


@dataclass(frozen=True, kw_only=True)
class ChangeRecord:
    """What a checkpoint's values mean: with other settings the same values are another scene."""

    mode: str
    """The mode they were made in."""
    begun: int
    """Their first step: 0, or the one after a fit; schedules of weights count from there."""
    representation: str
    """What they are values of: a lattice or a hash grid."""
    symmetry: str
    """Of the creation, or of the replacement."""
    free: bool
    """Whether the highlight does not bound a change."""
    softness: float
    """Width of the soft edge of a highlight that does, world units; otherwise 0."""
    ball_radius: float
    """Of the ball that a hash grid's creation is added to at every look, world units; otherwise 0, as the next two."""
    ball_sharpness: float
    """Its fall."""
    ball_peak: float
    """Its raw density."""


def change_record(config: SteeredModelConfig, *, begun: int) -> ChangeRecord:
    """What a change with these settings means; settings that its mode does not read are left at nothing."""
    created = config.mode == "create"
    on_ball = created and config.representation == "hash"
    return ChangeRecord(
        mode=config.mode,
        begun=begun,
        representation=config.representation,
        symmetry=config.symmetry,
        free=config.free and not created,
        softness=0.0 if created or config.free else config.softness,
        ball_radius=config.ball_radius if on_ball else 0.0,
        ball_sharpness=config.ball_sharpness if on_ball else 0.0,
        ball_peak=config.ball_peak if on_ball else 0.0,
    )


def store_change_record(module: torch.nn.Module, change: ChangeRecord) -> None:
    """Register it as a buffer on the module's device."""
    stored = pack(json.dumps(dataclasses.asdict(change)))
    module.register_buffer(CHANGE_RECORD, stored.to(next(module.parameters()).device))


def stored_change_record(module: torch.nn.Module) -> ChangeRecord | None:
    """What `store_change_record` registered; None before an edit has begun, and for a fit.

    Raises:
        CheckpointError: An earlier version stored it.
    """
    buffers = dict(module.named_buffers(recurse=False))
    if CHANGE_RECORD not in buffers:
        return None
    try:
        return ChangeRecord(**unpack(buffers[CHANGE_RECORD]))
    except TypeError as error:
        raise CheckpointError(EARLIER_VERSION) from error


def continues_change(module: torch.nn.Module, mode: str) -> bool:
    """Whether a change or creation that is stored was made in this mode, and not in another one or by a fit."""
    change = stored_change_record(module)
    return change is not None and change.mode == mode


def renew_change_record(module: torch.nn.Module, config: SteeredModelConfig) -> None:
    """Say anew what the values mean where a creation goes on from a fit, or a fit or its edit from a creation."""
    change = stored_change_record(module)
    if config.mode == "create" and change is None:
        store_change_record(module, change_record(config, begun=0))
    elif config.mode != "create" and change is not None and change.mode == "create":
        delattr(module, CHANGE_RECORD)


def pack(text: str) -> Tensor:
    """A text as bytes in a tensor, so that a checkpoint can hold it."""
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def unpack(stored: Tensor) -> Any:
    """The JSON value of `pack`ed text."""
    return json_value(bytes(stored.tolist()).decode())
