"""Opening captioners by name: what kind one is, its own files say."""

from collections.abc import Callable
from typing import Any

import torch

from gencontrol.alpha_clip.weights.pretrained import load_strictly
from gencontrol.errors import CheckpointError
from gencontrol.kinds import checked
from gencontrol.models.location import Location, absence, kind_text
from gencontrol.proposals.blip import BlipCaptioner
from gencontrol.proposals.captioner import Captioner, TemplateCaptioner
from gencontrol.proposals.opening import open_processor

TEMPLATES = "templates"
"""The captioner that needs no model."""


@checked
def open_captioner(
    model: str = TEMPLATES,
    *,
    revision: str | None = None,
    local_files_only: bool = False,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Captioner:
    """Open a captioner that sees no alpha; `gencontrol.tasks.captioners` opens a LLaVA that does, too.

    Args:
        model: `templates`, which puts a region's name into a sentence; or a folder or hub id of BLIP or BLIP-2.
        revision: Branch, tag or commit on the hub.
        local_files_only: Whether to look on this machine only.
        dtype: Of the weights; None is float32.
        device: Where to compute.

    Raises:
        CheckpointError: Nothing there, another kind of model, or weights that do not fit.
    """
    if model == TEMPLATES:
        return TemplateCaptioner()
    source = Location(name=model, revision=revision, local_files_only=local_files_only, names=(TEMPLATES,)).settled()
    kind = kind_of(source)
    if kind not in _KINDS:
        raise CheckpointError(
            f"{model} is {kind_text(kind)}, and no captioner; expected {', '.join(_KINDS)}, or {TEMPLATES}."
        )
    model_class, processor_class = _KINDS[kind]()
    opened = load_strictly(model_class, source, dtype).to(device)
    return BlipCaptioner(opened, open_processor(processor_class, source))


def kind_of(source: Location) -> str | None:
    """What transformers calls a saved model's kind.

    Raises:
        CheckpointError: No model is there.
    """
    values = source.read("config.json")
    if values is None:
        raise CheckpointError(
            f"No captioner at {source.name!r}: there is no config.json{absence(source)}. Expected {TEMPLATES}, or a "
            "folder or hub id, such as Salesforce/blip-image-captioning-base."
        )
    return values.get("model_type")


def _blip() -> tuple[Any, Any]:
    from transformers import BlipForConditionalGeneration, BlipProcessor

    return BlipForConditionalGeneration, BlipProcessor


def _blip2() -> tuple[Any, Any]:
    from transformers import Blip2ForConditionalGeneration, Blip2Processor

    return Blip2ForConditionalGeneration, Blip2Processor


_KINDS: dict[str, Callable[[], tuple[Any, Any]]] = {"blip": _blip, "blip-2": _blip2}
"""transformers' name of a kind of model -> its class and its processor's, loaded on first use."""
