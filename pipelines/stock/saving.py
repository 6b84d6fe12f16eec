"""Saving a host's stock pipeline: without its adapter, of which diffusers would leave keys in the denoiser's file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        InputError: A folder that holds something else.
        OutputError: It cannot be written.
    """
    parts = [name for name in opened.pipeline.components if getattr(opened.pipeline, name, None) is not None]
    with without_adapter(opened), atomic_folder(Path(folder), ours=(_INDEX, *(f"{name}/" for name in parts))) as there:
        opened.pipeline.save_pretrained(there)


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
