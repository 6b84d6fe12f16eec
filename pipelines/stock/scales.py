"""Weights of references on hosts that take none with a call: their adapter's scale, and it as before afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from gencontrol.errors import InputError
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.references.reference import RegionReference


def by_scale(host: ReferenceHost, references: Sequence[RegionReference]) -> tuple[list[RegionReference], float]:
    """References without weights, and the scale that stands for them, where a host has an adapter and takes none.

    Args:
        host: The record.
        references: Of one output.

    Returns:
        The references as they are and 1.0, where weights go with a call.

    Raises:
        InputError: Different weights: an adapter has one scale for all.
    """
    if host.weights or host.adapter is None or not references:
        return list(references), 1.0
    weights = {reference.weight for reference in references}
    if len(weights) > 1:
        raise InputError(
            f"weight: {host.name} weighs all references alike, by its adapter's scale; got several weights."
        )
    return [replace(reference, weight=1.0) for reference in references], weights.pop()


def scaled_layers(denoiser: Any) -> list[Any]:
    """The layers of the adapters in a denoiser, each with its `scale`."""
    return [layer for layer in denoiser.attn_processors.values() if hasattr(layer, "to_k_ip")]


@contextmanager
def scaled(denoiser: Any, weight: float) -> Iterator[None]:
    """An adapter's scale times `weight` within the block.

    Args:
        denoiser: With the adapter in it.
        weight: 1 is as it is.
    """
    layers = scaled_layers(denoiser) if weight != 1 else []
    before = [layer.scale for layer in layers]
    for layer, scale in zip(layers, before, strict=True):
        layer.scale = [weight * each for each in scale] if isinstance(scale, list) else weight * scale
    try:
        yield
    finally:
        for layer, scale in zip(layers, before, strict=True):
            layer.scale = scale
