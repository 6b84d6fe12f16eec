"""The encoder that `--model` and `--alpha-clip` mean, for commands that need no host."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.runs.devices import choose_device, choose_dtype
from gencontrol.cli.options import EncoderOptions
from gencontrol.cli.report import quiet_loading
from gencontrol.models.registry import resolve
from gencontrol.pipelines.opening import locate
from gencontrol.pipelines.pairing import Location


def open_encoder(options: EncoderOptions) -> AlphaCLIP:
    """Load the encoder and put it where it is to run.

    `--alpha-clip` wins; then the model itself, if it is an encoder; then the encoder that a pipeline comes with; then
    the pipeline's own.

    Raises:
        InputError: No such device.
        CheckpointError: Nothing there, or broken weights.
    """
    device = choose_device(options.device)
    quiet_loading()
    encoder = _load(options, dtype=choose_dtype(options.dtype, device)).to(device)
    if options.fit is None:
        return encoder
    return encoder.with_geometry(dataclasses.replace(encoder.processor.geometry, fit=options.fit))


def _load(options: EncoderOptions, *, dtype: torch.dtype) -> AlphaCLIP:
    how: dict[str, Any] = {"dtype": dtype, "local_files_only": options.offline}
    if options.alpha_clip is not None and Path(options.alpha_clip).is_file():
        return AlphaCLIP.from_published(options.alpha_clip, **how)
    if options.alpha_clip is not None:
        return AlphaCLIP.from_pretrained(resolve(options.alpha_clip), **how)
    name = str(resolve(options.model))
    own = Location(name=name, revision=options.revision, local_files_only=options.offline)
    if own.read("config.json") is not None:
        return AlphaCLIP.from_clip(name, revision=options.revision, **how)
    _, companion = locate(options.model, "auto", {"local_files_only": options.offline})
    if isinstance(companion, Location):
        return AlphaCLIP.from_pretrained(companion.name, **how)
    return AlphaCLIP.from_clip(name, subfolder="image_encoder", revision=options.revision, **how)
