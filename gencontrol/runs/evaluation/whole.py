"""Whether a tower still serves ordinary work: whole pictures, with alpha 1 everywhere, against plain CLIP."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.architectures import ARCHITECTURES, name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.images.reading import read_image
from gencontrol.models.registry import find_preset, resolve_encoder
from gencontrol.runs.classification.looks import read_templates
from gencontrol.runs.evaluation.items import Done, measure_items
from gencontrol.runs.evaluation.settings import EvaluationSettings, check_evaluation
from gencontrol.runs.evaluation.written import finish, kept_of, spread
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.machine.devices import choose_device, choose_dtype
from gencontrol.runs.notices import naming
from gencontrol.runs.opening import open_encoder
from gencontrol.tasks.protocols.imagenet_s import mean_over_classes, places, read_names
from gencontrol.tasks.protocols.whole import (
    Captioned,
    Classes,
    nearest_places,
    read_captioned,
    read_classes,
    recalls,
)
from gencontrol.tasks.templates import templates_for
from gencontrol.tasks.zero_shot import BATCH, zero_shot_weights

ENCODERS = ("alpha 1 everywhere", "plain CLIP")
"""Whose rows there are."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One encoder, measured; None for what there were no files of."""

    encoder: str
    """Of `ENCODERS`."""
    top1: float | None
    """Mean over classes of the share of pictures whose class comes first; [0, 1]."""
    top5: float | None
    """The same, of those whose class is among the first five."""
    to_text: tuple[float, ...] | None
    """Share of pictures one of whose captions is among the nearest 1, 5 and 10 of all; [0, 1] each."""
    to_image: tuple[float, ...] | None
    """Share of captions whose picture is among the nearest 1, 5 and 10 of all; [0, 1] each."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of a measurement."""

    rows: tuple[Row, ...]
    """By encoder."""
    classes: int
    """How many classes were told apart."""
    classified: int
    """Of how many pictures the class was asked for."""
    captioned: int
    """Among how many pictures a caption's was looked for."""
    captions: int
    """Among how many captions a picture's were looked for."""
    architecture: str
    """Of the encoder's vision tower."""


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One picture, and its class where that is asked for."""

    picture: Path
    category: int | None


def evaluate_whole(settings: EvaluationSettings) -> Evaluated | None:
    """Measure, and write a file of it; None in all processes but the first one.

    Raises:
        ConfigError: Settings that cannot be, or an encoder that no plain CLIP is known of.
        InputError: A data set that lacks files, or a file that is there already.
        CheckpointError: No such model, or broken weights.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_evaluation(settings)
    templates, path = read_templates(settings.templates), Path(settings.output)
    classes = read_classes(Path(settings.root)) if settings.root.strip() else None
    names = None if classes is None else _names(classes, settings)
    captioned = () if settings.captions is None else read_captioned(Path(settings.captions), split=settings.split)
    captioned = spread(captioned, settings.limit)
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)
    encoder = open_encoder(settings)
    towers = (encoder, open_plain(settings, encoder))
    templates = templates_for(encoder.tokenizer) if templates is None else templates
    weights = None if names is None else [zero_shot_weights(tower, names, templates=templates) for tower in towers]
    tasks = _tasks(classes, captioned, settings.limit)
    kept = kept_of(settings, {"templates": list(templates)})
    measured = measure_items(tasks, partial(_measured, towers, weights), kept)
    if measured is None:
        return None
    done = _summed(measured, tasks, towers, classes, captioned)
    finish(kept, done, settings, facts={"templates": list(templates), "accuracy": "mean over classes"})
    return done


def open_plain(settings: EvaluationSettings, encoder: AlphaCLIP) -> AlphaCLIP:
    """The plain CLIP beside an encoder, behind the same geometry.

    Raises:
        ConfigError: None is named, and none is known.
        CheckpointError: No such model.
    """
    preset = find_preset(settings.model)
    name = settings.clip
    if name is None and settings.alpha_clip is None and preset is not None and preset.alpha_folder is not None:
        # It comes with the one that its Alpha-CLIP was made from.
        name = settings.model
    if name is None:
        known = ARCHITECTURES.get(name_of(encoder.vision.config))
        name = None if known is None else known.base
    if name is None:
        raise ConfigError(
            f"`clip`: which plain CLIP an encoder of {name_of(encoder.vision.config)} was made from is not known: name "
            "its folder or hub id."
        )
    where, inside = resolve_encoder(name, has_alpha=False)
    device = choose_device(settings.device)
    plain = AlphaCLIP.from_clip(
        where, subfolder=inside, dtype=choose_dtype(settings.dtype, device), local_files_only=settings.offline
    )
    return plain.with_geometry(encoder.processor.geometry).to(device)


def _names(classes: Classes, settings: EvaluationSettings) -> tuple[str, ...]:
    """What classes are called: by a file, or as their folders are."""
    if settings.names is not None:
        return read_names(Path(settings.names), classes.folders)
    return tuple(folder.replace("_", " ") for folder in classes.folders)


def _tasks(classes: Classes | None, captioned: Sequence[Captioned], limit: int | None) -> list[_Task]:
    judged = () if classes is None else spread(classes.pictures, limit)
    listed = [_Task(picture=picture, category=category) for picture, category in judged]
    return listed + [_Task(picture=one.picture, category=None) for one in captioned]


@torch.no_grad()
def _measured(towers: Sequence[AlphaCLIP], weights: Sequence[Tensor] | None, task: _Task) -> Done:
    """Of each encoder, which place the class takes, or the picture's embedding."""
    with naming(task.picture, among=2):
        picture = read_image(task.picture)
        embeds = [tower.encode_image(picture, normalize=True).float().cpu() for tower in towers]
    if task.category is None:
        return {"embeds": [_packed(one[0]) for one in embeds]}
    assert weights is not None
    right = torch.tensor([task.category])
    return {"ranks": [int(places(one @ of.cpu().T, right)) for one, of in zip(embeds, weights, strict=True)]}


def _packed(embed: Float[Tensor, " d"]) -> str:
    """An embedding as a line of a file can hold it, without loss."""
    return base64.b64encode(embed.numpy().astype("<f4").tobytes()).decode()


def _unpacked(text: str) -> Float[Tensor, " d"]:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), dtype="<f4").copy())


def _summed(
    measured: Sequence[Done],
    tasks: Sequence[_Task],
    towers: Sequence[AlphaCLIP],
    classes: Classes | None,
    captioned: Sequence[Captioned],
) -> Evaluated:
    rows = []
    right = torch.tensor([task.category for task in tasks if task.category is not None])
    for number, (name, tower) in enumerate(zip(ENCODERS, towers, strict=True)):
        ranks = torch.tensor([one["ranks"][number] for one in measured if "ranks" in one])
        embeds = [_unpacked(one["embeds"][number]) for one in measured if "embeds" in one]
        found = _retrieved(tower, embeds, captioned) if embeds else {"to_text": None, "to_image": None}
        top = [mean_over_classes(ranks <= k, right) if len(ranks) else None for k in (1, 5)]
        rows.append(Row(encoder=name, top1=top[0], top5=top[1], **found))
    return Evaluated(
        rows=tuple(rows),
        classes=0 if classes is None else len(classes.folders),
        classified=len(right),
        captioned=len(captioned),
        captions=sum(len(one.texts) for one in captioned),
        architecture=name_of(towers[0].vision.config),
    )


@torch.no_grad()
def _retrieved(tower: AlphaCLIP, embeds: Sequence[Tensor], captioned: Sequence[Captioned]) -> Mapping[str, Any]:
    """Recalls from pictures to captions and back."""
    owners = [number for number, one in enumerate(captioned) for _ in one.texts]
    listed = [text for one in captioned for text in one.texts]
    batches = [listed[start : start + BATCH] for start in range(0, len(listed), BATCH)]
    texts = torch.cat([tower.encode_text(part, truncate=True).float().cpu() for part in batches])
    images = torch.stack(list(embeds))
    of_picture: list[list[int]] = [[] for _ in captioned]
    for text, owner in enumerate(owners):
        of_picture[owner].append(text)
    return {
        "to_text": recalls(nearest_places(images, texts, of_picture)),
        "to_image": recalls(nearest_places(texts, images, [[owner] for owner in owners])),
    }
