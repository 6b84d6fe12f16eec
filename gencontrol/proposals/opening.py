"""Opening grounders by name: what kind one is, its own files say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoImageProcessor, PreTrainedTokenizerBase

from gencontrol.alpha_clip.weights.pretrained import load_strictly, open_tokenizer
from gencontrol.alpha_clip.weights.tensor_files import SUFFIXES
from gencontrol.errors import CheckpointError, reason_of
from gencontrol.kinds import checked
from gencontrol.models.location import Location, absence, kind_text, no_model
from gencontrol.proposals.defaults import BERT, DEFAULT_GROUNDER
from gencontrol.proposals.detectors import DinoGrounder, OwlGrounder
from gencontrol.proposals.florence import FlorenceGrounder
from gencontrol.proposals.glip.grounder import GlipGrounder
from gencontrol.proposals.glip.opening import MODEL_TYPE, TOKENIZER, open_glip_file, open_glip_folder
from gencontrol.proposals.grounder import Grounder
from gencontrol.proposals.sam3 import Sam3Grounder


@checked
def open_grounder(
    model: str = DEFAULT_GROUNDER,
    *,
    revision: str | None = None,
    local_files_only: bool = False,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    tokenizer: str = BERT,
) -> Grounder:
    """Open a grounder.

    Args:
        model: A folder or hub id of Grounding DINO, MM-Grounding-DINO, OWLv2, Florence-2, SAM 3, or of a GLIP that
            `save_glip` wrote; or a file of a published GLIP.
        revision: Branch, tag or commit on the hub.
        local_files_only: Whether to look on this machine only.
        dtype: Of the weights; None is float32, which the deformable convolutions of GLIP want on a CPU.
        device: Where to compute.
        tokenizer: Folder or hub id of the tokenizer for a published GLIP, whose file has none.

    Raises:
        CheckpointError: Nothing there, another kind of model, or weights that do not fit.
    """
    if Path(model).is_file() or Path(model).suffix in SUFFIXES:
        glip = open_glip_file(Path(model), dtype=dtype).to(device)
        words = Location(name=tokenizer, local_files_only=local_files_only, names=()).settled()
        return GlipGrounder(glip, _tokenizer(words))
    source = Location(name=model, revision=revision, local_files_only=local_files_only, names=()).settled()
    kind = _kind(source)
    if kind == MODEL_TYPE:
        words = replace(source, subfolder=f"{source.subfolder}/{TOKENIZER}".strip("/"))
        return GlipGrounder(open_glip_folder(source, dtype=dtype).to(device), _tokenizer(words))
    if kind not in _KINDS:
        known = ", ".join([MODEL_TYPE, *_KINDS])
        raise CheckpointError(f"{model} is {kind_text(kind)}, and no grounder; expected one of {known}.")
    model_class, wrap = _KINDS[kind]
    return wrap(load_strictly(model_class(), source, dtype).to(device), source)


def _kind(source: Location) -> str | None:
    values = source.read("config.json")
    if values is None:
        raise CheckpointError(
            f"No grounder at {source.name!r}: there is no config.json{absence(source)}. Expected a folder or hub id, "
            f"such as {DEFAULT_GROUNDER}, or a published GLIP's file."
        )
    return values.get("model_type")


def _grounding_dino() -> Any:
    from transformers import GroundingDinoForObjectDetection

    return GroundingDinoForObjectDetection


def _mm_grounding_dino() -> Any:
    from transformers import MMGroundingDinoForObjectDetection

    return MMGroundingDinoForObjectDetection


def _owlv2() -> Any:
    from transformers import Owlv2ForObjectDetection

    return Owlv2ForObjectDetection


def _florence2() -> Any:
    from transformers import Florence2ForConditionalGeneration

    return Florence2ForConditionalGeneration


def _sam3() -> Any:
    from transformers import Sam3Model

    return Sam3Model


def _dino_of(model: Any, source: Location) -> Grounder:
    return DinoGrounder(model, _image_processor(source), _tokenizer(source))


def _owl_of(model: Any, source: Location) -> Grounder:
    return OwlGrounder(model, _image_processor(source), _tokenizer(source))


def _florence_of(model: Any, source: Location) -> Grounder:
    from transformers import Florence2Processor

    return FlorenceGrounder(model, open_processor(Florence2Processor, source))


def _sam3_of(model: Any, source: Location) -> Grounder:
    from transformers import Sam3Processor

    return Sam3Grounder(model, open_processor(Sam3Processor, source))


_KINDS: dict[str, tuple[Callable[[], Any], Callable[[Any, Location], Grounder]]] = {
    "grounding-dino": (_grounding_dino, _dino_of),
    "mm-grounding-dino": (_mm_grounding_dino, _dino_of),
    "owlv2": (_owlv2, _owl_of),
    "florence2": (_florence2, _florence_of),
    "sam3": (_sam3, _sam3_of),
    # As SAM 3 lies on the hub: beside what follows things through a film, which pictures do not need.
    "sam3_video": (_sam3, _sam3_of),
}
"""transformers' name of a kind of model -> its class, loaded on first use, and what makes a grounder of it."""


def open_processor(processor_class: Any, source: Location) -> Any:
    """How a saved model is given pictures and texts.

    Args:
        processor_class: One of transformers'.
        source: Where the model is.

    Raises:
        CheckpointError: Nothing there says it, or nothing that can be read.
    """
    try:
        return processor_class.from_pretrained(source.name, **source.lookup())
    except Exception as error:  # The tokenizers library raises bare ones, and so does a tokenizer that is not there.
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{source.name} does not say how pictures and texts are prepared: {reason}") from error


def _tokenizer(source: Location) -> PreTrainedTokenizerBase:
    # Asked without one of these files, transformers makes a tokenizer up that knows no word.
    if not any(source.find(file) for file in ("tokenizer.json", "vocab.json", "vocab.txt")):
        raise CheckpointError(f"{source.name} has no tokenizer{absence(source)}: a grounder needs one to read phrases.")
    return open_tokenizer(source)


def _image_processor(source: Location) -> Any:
    try:
        return AutoImageProcessor.from_pretrained(source.name, **source.lookup())
    except (OSError, ValueError) as error:
        if source.find("config.json") is None:
            raise no_model(source, error) from error
        raise CheckpointError(
            f"{source.name} does not say how pictures are prepared (preprocessor_config.json): {reason_of(error)}"
        ) from error
