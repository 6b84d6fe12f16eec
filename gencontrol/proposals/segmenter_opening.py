"""Opening segmenters by name."""

from collections.abc import Callable
from typing import Any

import torch

from gencontrol.alpha_clip.weights.pretrained import load_strictly
from gencontrol.errors import CheckpointError, reason_of
from gencontrol.kinds import checked
from gencontrol.models.location import Location, absence, kind_text
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.proposals.sam import SamSegmenter
from gencontrol.proposals.segmenter import BoxSegmenter, Segmenter

WITHOUT_WEIGHTS: dict[str, Callable[[], Segmenter]] = {"grabcut": GrabCutSegmenter, "box": BoxSegmenter}
"""Name -> a segmenter that needs no model."""


@checked
def open_segmenter(
    model: str = "grabcut",
    *,
    revision: str | None = None,
    local_files_only: bool = False,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Segmenter:
    """Open a segmenter.

    Args:
        model: `grabcut`, which goes by colours and edges and needs no weights; `box`, which takes the box for the mask;
            or a folder or hub id of SAM, SAM-HQ, SAM 2 or SAM 3.
        revision: Branch, tag or commit on the hub.
        local_files_only: Whether to look on this machine only.
        dtype: Of the weights; None is float32.
        device: Where to compute.

    Raises:
        CheckpointError: Nothing there, another kind of model, or weights that do not fit.
    """
    if model in WITHOUT_WEIGHTS:
        return WITHOUT_WEIGHTS[model]()
    names = tuple(WITHOUT_WEIGHTS)
    source = Location(name=model, revision=revision, local_files_only=local_files_only, names=names).settled()
    values = source.read("config.json")
    if values is None:
        raise CheckpointError(
            f"No segmenter at {model!r}: there is no config.json{absence(source)}. Expected "
            f"{', '.join(WITHOUT_WEIGHTS)}, or a folder or hub id, such as facebook/sam-vit-base."
        )
    kind = values.get("model_type")
    if kind not in _KINDS:
        raise CheckpointError(f"{model} is {kind_text(kind)}, and no segmenter; expected {', '.join(_KINDS)}.")
    model_class, processor_class = _KINDS[kind]()
    segmenter = load_strictly(model_class, source, dtype).to(device)
    try:
        return SamSegmenter(segmenter, processor_class.from_pretrained(source.name, **source.lookup()))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{model} does not say how pictures are prepared: {reason_of(error)}") from error


def _sam() -> tuple[Any, Any]:
    from transformers import SamModel, SamProcessor

    return SamModel, SamProcessor


def _sam_hq() -> tuple[Any, Any]:
    from transformers import SamHQModel, SamHQProcessor

    return SamHQModel, SamHQProcessor


def _sam2() -> tuple[Any, Any]:
    from transformers import Sam2Model, Sam2Processor

    return Sam2Model, Sam2Processor


def _sam3() -> tuple[Any, Any]:
    from transformers import Sam3TrackerModel, Sam3TrackerProcessor

    return Sam3TrackerModel, Sam3TrackerProcessor


_KINDS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "sam": _sam,
    "sam_hq": _sam_hq,
    "sam2": _sam2,
    # As SAM 2 lies on the hub: with what remembers the frames of a film, which pictures do not need.
    "sam2_video": _sam2,
    "sam3_tracker": _sam3,
    # As SAM 3 lies on the hub; its own `sam3` finds phrases, and takes no box for one thing.
    "sam3_video": _sam3,
}
"""transformers' name of a kind of model -> its class and its processor's, loaded on first use."""
