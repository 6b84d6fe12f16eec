"""Labels' embeddings kept in a file, with a mark of what they were made from."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import safetensors
import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol import __version__
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError, reason_of
from gencontrol.files import atomic_file
from gencontrol.tasks.zero_shot import zero_shot_weights
from gencontrol.tensors import tensor_bytes

TENSOR, MARK = "label_embeds", "made_from"
_SAMPLE = 64
"""Numbers of each weight that tell text towers apart: training changes all of a weight."""


def cached_weights(
    path: Path | None, encoder: AlphaCLIP, labels: Sequence[str], templates: Sequence[str], *, truncate: bool = False
) -> Float[Tensor, "t d"]:
    """`zero_shot_weights`, from a file if they are in it, else made and written there.

    Args:
        path: The file; None keeps nothing.
        encoder: See `zero_shot_weights`.
        labels: See `zero_shot_weights`.
        templates: See `zero_shot_weights`.
        truncate: See `zero_shot_weights`.

    Raises:
        InputError: A file that is no such cache, or what `zero_shot_weights` refuses.
        OutputError: See `atomic_file`.
    """
    if path is None:
        return zero_shot_weights(encoder, labels, templates=templates, truncate=truncate)
    mark = made_from(encoder, labels, templates, truncate=truncate)
    kept = read_cache(path) if path.exists() else None
    if kept is not None and kept[1] == mark:
        return kept[0].to(encoder.device)
    weights = zero_shot_weights(encoder, labels, templates=templates, truncate=truncate)
    metadata = {"gencontrol": __version__, MARK: mark, "labels": json.dumps(list(labels))}
    with atomic_file(path) as temporary:
        temporary.write_bytes(tensor_bytes({TENSOR: weights.cpu()}, metadata))
    return weights


def read_cache(path: Path) -> tuple[Float[Tensor, "t d"], str]:
    """What a cache holds, and the mark of what it was made from.

    Raises:
        InputError: Another kind of file.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if TENSOR in file.keys() and MARK in metadata:
                return file.get_tensor(TENSOR), metadata[MARK]
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(
            f"`cache` {path} is no file of labels' embeddings, and it is kept: {reason_of(error)}"
        ) from error
    raise InputError(f"`cache` {path} is no file of labels' embeddings, and it is kept: name another one.")


def made_from(encoder: AlphaCLIP, labels: Sequence[str], templates: Sequence[str], *, truncate: bool) -> str:
    """A digest of all that labels' embeddings depend on."""
    words = None if encoder.tokenizer is None else len(encoder.tokenizer)
    told = hashlib.sha256(json.dumps([list(labels), list(templates), truncate, words]).encode())
    for name, weight in () if encoder.text is None else encoder.text.state_dict().items():
        told.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        flat = weight.detach().flatten()
        # Spread over the weight: of an embedding's table, the first rows alone may never be trained.
        sample = flat[:: max(len(flat) // _SAMPLE, 1)].to("cpu", torch.float32)
        told.update(sample.contiguous().numpy().tobytes())
    return told.hexdigest()
