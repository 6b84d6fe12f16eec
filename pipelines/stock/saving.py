"""Saving a host's stock pipeline: without its adapter, of which diffusers would leave keys in the denoiser's file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.files import atomic_folder
from gencontrol.kinds import checked
from gencontrol.pipelines.stock.fitting import find_file
from gencontrol.pipelines.stock.layouts import read_adapter
from gencontrol.pipelines.stock.opening import OpenedHost, load_adapter, unload_adapter
from gencontrol.pipelines.stock.scales import scaled_layers

_INDEX = "model_index.json"


@checked
def save_pipeline(opened: OpenedHost, folder: str | Path) -> None:
    """Write the stock pipeline as it is without an adapter: whole or not at all; afterwards it is as before.

    Args:
        opened: See `open_reference_host`.
        folder: New, or of an earlier save, which is replaced. `open_reference_host` takes it as `base`.

    Raises:
        CheckpointError: The adapter's file is not there any more.
        InputError: A folder that holds something else; or a LoRA in a part of the pipeline.
        OutputError: It cannot be written.
    """
    _check_plain(opened.pipeline)
    parts = [name for name in opened.pipeline.components if getattr(opened.pipeline, name, None) is not None]
    with without_adapter(opened), atomic_folder(Path(folder), ours=(_INDEX, *(f"{name}/" for name in parts))) as there:
        opened.pipeline.save_pretrained(there)


def _check_plain(pipeline: Any) -> None:
    """Refuse LoRAs: diffusers would write them, and the weights that they stand on, under names that it does not read.

    Raises:
        InputError: Names the parts that have one, and says how to keep it.
    """
    parts = [name for name, part in pipeline.components.items() if getattr(part, "peft_config", None)]
    if parts:
        raise InputError(
            f"A LoRA is loaded into {', '.join(parts)}, and what is saved with it cannot be opened: call the "
            "pipeline's `fuse_lora()` if it is to stay, then `unload_lora_weights()`, and save again."
        )


@contextmanager
def without_adapter(opened: OpenedHost) -> Iterator[None]:
    """The stock pipeline within the block; afterwards the adapter is in it again, with the scales that it had.

    One that had been taken out before stays out.

    Raises:
        CheckpointError: The adapter's file is not there any more; it is left in.
    """
    part = opened.fitted.sources.adapter
    if part is None or part.file is None or not opened.holds_adapter:
        yield
        return
    weights = read_adapter(find_file(part.location, part.file))
    scales = [layer.scale for layer in scaled_layers(opened.denoiser)]
    unload_adapter(opened)
    try:
        yield
    finally:
        load_adapter(opened.pipeline, weights)
        for layer, scale in zip(scaled_layers(opened.denoiser), scales, strict=True):
            layer.scale = scale
