"""Files of embeddings: safetensors, with the inputs' names beside them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import safetensors
import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol import __version__
from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.errors import InputError, reason_of
from gencontrol.files import atomic_file
from gencontrol.finite import check_finite
from gencontrol.tensors import tensor_bytes
from gencontrol.text_files import check_regular, json_value

IMAGE, NEGATIVE = "image_embeds", "negative_image_embeds"
"""Names of the tensors; those of diffusers' arguments."""


@dataclass(frozen=True, kw_only=True)
class EmbedsFile:
    """What a file of embeddings holds: un-normalised projected embeddings, one row for each input."""

    image_embeds: Float[Tensor, "b d"]
    """Of the regions."""
    negative_image_embeds: Float[Tensor, "b d"] | None = None
    """Of what to keep away from."""
    names: tuple[str, ...] = ()
    """What the rows were made from; numbers where the file does not say."""
    encoder: tuple[str, ...] = ()
    """What the encoder that made them is called, and its `weights_mark`; none where the file does not say."""

    def row(self, index: int) -> RegionEmbeds:
        """One input's."""
        negative = self.negative_image_embeds
        return RegionEmbeds(
            image_embeds=self.image_embeds[index : index + 1],
            negative_image_embeds=None if negative is None else negative[index : index + 1],
        )


def join_rows(embeds: Sequence[RegionEmbeds], *, names: Sequence[str]) -> EmbedsFile:
    """Several inputs' embeddings as one file's content.

    Args:
        embeds: One or more, all with negative regions or all without.
        names: What they were made from.
    """
    negatives = [rows.negative_image_embeds for rows in embeds if rows.negative_image_embeds is not None]
    return EmbedsFile(
        image_embeds=torch.cat([rows.image_embeds for rows in embeds]),
        negative_image_embeds=torch.cat(negatives) if negatives else None,
        names=tuple(names),
    )


def on_cpu(embeds: RegionEmbeds) -> RegionEmbeds:
    """In main memory and float32, as files hold them."""
    given: dict[str, Any] = {field.name: getattr(embeds, field.name) for field in fields(embeds)}
    held: dict[str, Any] = {k: None if v is None else v.detach().float().cpu() for k, v in given.items()}
    return RegionEmbeds(**held)


def tensors_of(embeds: EmbedsFile) -> dict[str, Tensor]:
    """The tensors by the names that they have in a file."""
    tensors = {IMAGE: embeds.image_embeds}
    return tensors if embeds.negative_image_embeds is None else tensors | {NEGATIVE: embeds.negative_image_embeds}


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], *, exclusive: bool = False, **labels: Sequence[str]
) -> None:
    """Write a file of float32 tensors whole or not at all; `labels` say what the rows stand for.

    Raises:
        InputError: NaN or infinite values.
        OutputError: See `atomic_file`, which says too what `exclusive` does.
    """
    metadata = {"gencontrol": __version__} | {key: json.dumps(list(names)) for key, names in labels.items()}
    plain = {name: tensor.float() for name, tensor in tensors.items()}
    for name, tensor in plain.items():
        check_finite(tensor, name=name)
    with atomic_file(path, exclusive=exclusive) as temporary:
        temporary.write_bytes(tensor_bytes(plain, metadata))


def read_embeds(path: Path, *, width: int) -> EmbedsFile:
    """Read a file of embeddings.

    Args:
        path: What `write_tensors` wrote, or any safetensors file with (b, d) or (d,) `image_embeds`.
        width: What the host takes.

    Raises:
        InputError: No such file, another kind of file, another width, or values that are not finite.
    """
    check_regular(path, what="a file of embeddings")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys() if name in (IMAGE, NEGATIVE)}
            metadata = file.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} is not a safetensors file that can be read: {reason_of(error)}") from error
    if IMAGE not in tensors:
        raise InputError(f"{path} holds no tensor {IMAGE!r}: expected what `gencontrol embed` or `embeds_out` wrote.")
    rows = {name: _rows(tensor, width=width, name=f"{path}: {name}") for name, tensor in tensors.items()}
    if len({len(tensor) for tensor in rows.values()}) > 1:
        raise InputError(f"{path}: {NEGATIVE} has {len(rows[NEGATIVE])} rows, and {IMAGE} {len(rows[IMAGE])}.")
    return EmbedsFile(
        image_embeds=rows[IMAGE],
        negative_image_embeds=rows.get(NEGATIVE),
        names=_names(metadata, path, len(rows[IMAGE])),
        encoder=_encoder(metadata),
    )


def _rows(tensor: Tensor, *, width: int, name: str) -> Float[Tensor, "b d"]:
    if tensor.ndim == 0 or tensor.shape[-1] != width or not tensor.numel():
        raise InputError(f"{name} is {tuple(tensor.shape)}, but the model takes rows of width {width}.")
    if not tensor.is_floating_point():
        raise InputError(f"{name} holds whole numbers ({tensor.dtype}), which no encoder makes.")
    check_finite(tensor.float(), name=name)
    return tensor.reshape(-1, width).float()


def _encoder(metadata: dict[str, str]) -> tuple[str, ...]:
    """The two texts; a stranger's file may say anything there."""
    try:
        said = json_value(metadata.get("encoder", "[]"))
    except ValueError:
        return ()
    is_pair = isinstance(said, list) and len(said) == 2 and all(isinstance(text, str) for text in said)
    return tuple(said) if is_pair else ()


def _names(metadata: dict[str, str], path: Path, count: int) -> tuple[str, ...]:
    try:
        names = json_value(metadata.get("names", "[]"))
    except ValueError:
        names = []
    stems = [Path(str(name)).stem for name in names] if isinstance(names, list) else []
    if len(set(stems)) == count == len(stems):
        return tuple(stems)
    return (path.stem,) if count == 1 else tuple(f"{path.stem}-{i}" for i in range(count))
