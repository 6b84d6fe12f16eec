"""Pipelines beside a host's own: Redux's prior embeds pictures, and Kandinsky's make embeddings of texts."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines.components import check_components, open_components, refused, trusting
from gencontrol.pipelines.hosts.host import SavedPipeline, read_saved
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.streams import seeded

REDUX = "FluxPriorReduxPipeline"
"""The class of Redux's prior."""
_OF_TEXTS: Mapping[str, str] = MappingProxyType(
    {"KandinskyPipeline": "KandinskyPriorPipeline", "KandinskyV22Pipeline": "KandinskyV22PriorPipeline"}
)
"""A host's first class -> that of the prior which reads texts for it."""
_READS = ("text_encoder", "tokenizer")
_LOOKS = ("image_encoder", "image_processor")
"""Parts of such a prior that look at pictures: gigabytes that no text needs."""


def is_mixed(host: ReferenceHost, *, prompt: str | None, text_share: float | None) -> bool:
    """Whether a text goes through the host's prior and is mixed with the references' embedding.

    Args:
        host: The record.
        prompt: The text, if there is one.
        text_share: How much of the mixture is the text's; None is the usual share on hosts whose calls read no text
            themselves, and no mixture on others.
    """
    return host.mixes_text and bool(prompt) and (text_share is not None or host.call.prompt == "none")


def check_text_prior(host: ReferenceHost, place: Location) -> None:
    """Compare a saved prior with its host by the files of settings, before any weight is loaded.

    Args:
        host: The record, with the width that these parts have.
        place: Where the prior is.

    Raises:
        CheckpointError: A prior that was saved without what reads texts, or a component that is not there.
        PairingError: A pipeline of another class, or embeddings of another width.
    """
    saved, kind = read_saved(place), _OF_TEXTS[host.pipelines[0]]
    if saved.class_name != kind:
        raise PairingError(f"{place.name} is a {saved.class_name or 'pipeline of no class'}, not a {kind}.")
    missing = [name for name in (*_READS, "prior") if saved.index.get(name) in (None, [None, None])]
    if missing:
        raise CheckpointError(
            f"{place.name} was saved without {' and '.join(missing)}, so that it makes no embedding of a text: leave "
            "`prompt` out, or name a whole prior."
        )
    width = check_components(saved, _LOOKS)["prior"].get("embedding_dim")
    if width != host.width:
        raise PairingError(f"{host.name} takes an embedding of width {host.width}; {place.name} makes one of {width}.")


def open_text_prior(host: ReferenceHost, place: Location, dtype: torch.dtype) -> Any:
    """What makes embeddings of texts for a host, without what looks at pictures.

    Raises:
        CheckpointError: Weights that are not there, or are broken.
    """
    prior = open_prior(read_saved(place), _OF_TEXTS[host.pipelines[0]], dtype, given=dict.fromkeys(_LOOKS))
    # A few steps of a small network, before the bar of the pictures.
    prior.set_progress_bar_config(disable=True)
    return prior


def open_prior(saved: SavedPipeline, kind: str, dtype: torch.dtype, given: Mapping[str, Any] | None = None) -> Any:
    """A stock pipeline that is asked for embeddings.

    Args:
        saved: Where it is.
        kind: Its class.
        dtype: Of the weights.
        given: Components that are not taken from it.

    Raises:
        CheckpointError: Weights that are not there, or are broken.
    """
    place, own = saved.location, dict(given or {})
    how: dict[str, Any] = {"local_files_only": place.local_files_only, "use_safetensors": True}
    if place.revision is not None:
        how["revision"] = place.revision
    networks = own | open_components(saved, {**how, **own}, dtypes=dtype)
    with refused(place.name), trusting():
        return getattr(import_module("diffusers"), kind).from_pretrained(place.name, dtype=dtype, **how, **networks)


@torch.no_grad()
def embed_text(prior: Any, text: str) -> Float[Tensor, "1 d"]:
    """What a prior makes of a text, drawn with a seed of its own: the same for all pictures of a text.

    Args:
        prior: A stock Kandinsky prior; one without a vision tower serves.
        text: What it reads.
    """
    # Beside a text to keep away from, empty here as it is by default, the stock call asks no vision tower for what
    # guidance departs from. Each has its generator, so that the first is as it is alone.
    return prior(text, negative_prompt="", generator=[seeded(0), seeded(0)]).image_embeds
