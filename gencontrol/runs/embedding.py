"""Embeddings of pictures' regions, to a file, without a pipeline."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.calibrated import set_curve
from gencontrol.conditioning.each_region import embed_each_region, region_labels
from gencontrol.conditioning.embed import choose_focus, embed_regions, seen_through
from gencontrol.conditioning.embedding_files import EmbedsFile, join_rows, tensors_of, write_tensors
from gencontrol.focus import FocusStrategy
from gencontrol.models.fingerprint import weights_mark
from gencontrol.pipelines.encoders import locate
from gencontrol.pipelines.pairing import check_pairing
from gencontrol.regions.geometry import Fit, Geometry
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.files.outputs import check_embeds_name
from gencontrol.runs.idle import warn_of_idle
from gencontrol.runs.notation import parse_focus, parse_strength
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.opening import encoder_location, open_encoder
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.scenes import RecordedScene, list_pictures, read_scenes
from gencontrol.runs.settings import EmbeddingSettings, check_named


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Several pictures' embeddings: of each as a run is conditioned on it, and of each of its regions."""

    pictures: EmbedsFile
    """One row for each picture."""
    labels: tuple[str, ...]
    """"picture: region" for each row of `regions`."""
    regions: Float[Tensor, "k d"]
    """Un-normalised, of each region by itself."""


def write_embeddings(settings: EmbeddingSettings) -> dict[str, tuple[int, ...]]:
    """Embed pictures, their regions and texts, and write them.

    Returns:
        The shapes of the tensors that were written, by name.

    Raises:
        ConfigError: No picture, a setting that cannot be read, or a number that cannot be.
        InputError: A picture, mask or text that cannot be used, or a file that is there already.
        CheckpointError: No such model, or broken weights.
        PairingError: An encoder that does not fit the model, or the focus `alpha` with one that ignores alpha.
    """
    path = Path(settings.output)
    check_named(settings)
    strength, focus = parse_strength(settings.strength).start, parse_focus(settings.focus)
    pointing = read_pointing(settings, negative_mask=settings.negative_mask)
    pictures = list_pictures(settings.images, recursive=settings.recursive)
    check_new_file(path, inputs_of(settings, pictures, use="to embed"), overwrite=settings.overwrite)
    check_embeds_name(settings.output, setting="output")
    scenes = read_scenes(settings.images, pointing, recursive=settings.recursive)
    warn_of_idle([settings], shown=bool(pointing.pointers))
    if settings.truncate and not settings.text:
        warn("no text is given, so `truncate` can do nothing.")
    encoder = open_encoder(settings)
    if pointing.curve is not None:
        set_curve(encoder.vision, pointing.curve)
    where = {"revision": settings.revision, "local_files_only": settings.offline}
    geometry = geometry_for(encoder, settings.model, where=where, fit=settings.fit)
    with torch.inference_mode():
        embedded = embed_scenes(encoder, geometry, scenes, focus=focus, strength=strength)
        tensors = tensors_of(embedded.pictures) | {"region_embeds": embedded.regions}
        if settings.text:
            tensors["text_embeds"] = encoder.encode_text(list(settings.text), truncate=settings.truncate)
    made_by = (settings.alpha_clip or settings.model, weights_mark(encoder_location(settings)))
    labels = {"names": embedded.pictures.names, "regions": embedded.labels, "texts": settings.text, "encoder": made_by}
    write_tensors(path, tensors, exclusive=not settings.overwrite, **labels)
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def embed_scenes(
    encoder: AlphaCLIP,
    geometry: Geometry,
    scenes: Iterable[RecordedScene],
    *,
    focus: FocusStrategy | None = None,
    strength: float = 1.0,
) -> Embedded:
    """Embed scenes as a run of variations does, and each of their regions by itself.

    Args:
        encoder: The encoder.
        geometry: How it is to see the pictures.
        scenes: At least one.
        focus: See `embed_regions`.
        strength: See `embed_regions`; each region by itself is at strength 1.

    Raises:
        InputError: A region that the encoder's centre crop leaves out (little of it left is a `RegionWarning`).
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    focus = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    view = seen_through(encoder, geometry)
    rows, names, labels, regions = [], [], [], []
    for recorded in scenes:
        name, scene = recorded.path.name, recorded.scene
        with naming(recorded.path, among=recorded.among):
            rows.append(embed_regions(encoder, geometry, scene, focus=focus, strength=strength))
            regions.append(embed_each_region(view, scene, focus=focus))
        names.append(name)
        labels += [f"{name}: {label}" for label in region_labels(scene)]
    return Embedded(pictures=join_rows(rows, names=names), labels=tuple(labels), regions=torch.cat(regions))


def geometry_for(encoder: AlphaCLIP, model: str, *, where: dict[str, object], fit: Fit | None = None) -> Geometry:
    """How a model's pictures reach the encoder: the host's way, or the encoder's own if the model is no pipeline.

    Args:
        encoder: What is to embed.
        model: Preset, folder or hub id.
        where: `revision` and `local_files_only`.
        fit: What takes the place of a host's fit; None keeps it.

    Raises:
        CheckpointError: Nothing there.
        PairingError: A pipeline that is no host, or an encoder that does not fit it.
    """
    place, _ = locate(model, None, where)
    if place.read("model_index.json") is None:
        return encoder.processor.geometry
    geometry = check_pairing(place, encoder).geometry
    return geometry if fit is None else replace(geometry, fit=fit)
