"""Which box an expression means: an encoder measured on RefCOCO, RefCOCO+ and RefCOCOg."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.architectures import name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import choose_focus
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.one_pass import embed_each
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.proposals.segmenter import BoxSegmenter, Segmenter
from gencontrol.proposals.segmenter_opening import open_segmenter
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha
from gencontrol.relations.grammar import names_in
from gencontrol.relations.naming import log_names
from gencontrol.relations.phrases import answerable, assigned
from gencontrol.relations.relating import MOST_REGIONS, SceneRelations, relate_embedded
from gencontrol.runs.classification.looks import looks_of_run
from gencontrol.runs.evaluation.items import measure_items
from gencontrol.runs.evaluation.settings import ANNOTATED, EvaluationSettings, check_evaluation
from gencontrol.runs.evaluation.written import finish, kept_of, spread
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.machine.devices import choose_device
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import naming
from gencontrol.runs.opening import open_encoder
from gencontrol.tasks.protocols.outlines import outline_alpha, within
from gencontrol.tasks.protocols.refcoco import Box, Reference, is_right, published, read_refcoco

WAYS = ("one text", "taken apart")
"""How a sentence is read: as the text tower takes it, or as names, places and relations (`relations.find_phrase`), and
as one text where it is not understood so."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to look and to read, measured."""

    focus: str
    """The way to look."""
    way: str
    """Of `WAYS`."""
    accuracy: float
    """Share of the sentences whose box is right, [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of a measurement."""

    rows: tuple[Row, ...]
    """By way to look, then by way to read."""
    references: int
    """How many things were looked for."""
    sentences: int
    """How many sentences about them."""
    understood: int
    """Of those, how many could be taken apart."""
    reachable: float
    """Share of the sentences for which one of the boxes would be right: what is possible."""
    architecture: str
    """Of the encoder's vision tower."""
    published: Mapping[str, float]
    """What is published of this split, in percent, with two encoders and a detector's boxes."""


def evaluate_refcoco(settings: EvaluationSettings) -> Evaluated | None:
    """Measure, and write a file of it; None in all processes but the first one.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A data set that lacks files, or a file that is there already.
        CheckpointError: No such model, or broken weights; annotations that are no plain list.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_evaluation(settings)
    focus, path, split = parse_focus(settings.focus), Path(settings.output), settings.split or "val"
    detections = None if settings.detections is None else Path(settings.detections)
    root = Path(settings.root)
    references = read_refcoco(root, name=settings.data, by=settings.by, split=split, detections=detections)
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)
    segmenter = _segmenter(settings)
    encoder = open_encoder(settings)
    chosen = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    looks = looks_of_run(encoder, settings.focus or chosen.name, chosen, compare=settings.compare)
    kept = kept_of(settings, {"looks": list(looks)})
    measured = measure_items(spread(references, settings.limit), partial(_measured, encoder, segmenter, looks), kept)
    if measured is None:
        return None
    done = summed(
        measured, looks=list(looks), architecture=name_of(encoder.vision.config), split=(settings.data, split)
    )
    finish(kept, done, settings, facts={"accuracy": "of sentences, intersection over union above 0.5"})
    return done


def _segmenter(settings: EvaluationSettings) -> Segmenter | None:
    """What makes masks of boxes; None takes the annotations' own.

    Raises:
        ConfigError: A detector's boxes have no masks of annotations.
        CheckpointError: No such model.
    """
    if settings.segmenter != ANNOTATED:
        how = {"local_files_only": settings.offline, "device": choose_device(settings.device)}
        return open_segmenter(settings.segmenter or "box", **how)
    if settings.detections is not None:
        raise ConfigError(
            "`segmenter` annotated is of the annotations' boxes: a detector's have no masks of their own."
        )
    return None


def summed(
    measured: Sequence[Mapping[str, Any]], *, looks: Sequence[str], architecture: str, split: tuple[str, str]
) -> Evaluated:
    """All references as one table.

    Args:
        measured: Of each reference, see `_measured`.
        looks: What ways to look are called.
        architecture: The encoder's.
        split: The data set and its split, of which figures are published.

    Raises:
        InputError: Nobody said anything.
    """
    sentences = sum(one["sentences"] for one in measured)
    if not sentences:
        raise InputError("None of the references has a sentence: there is nothing to measure.")
    ways = [(look, way) for look in looks for way in WAYS]
    right = torch.tensor([one["right"] for one in measured]).sum(dim=0).tolist()
    return Evaluated(
        rows=tuple(
            Row(focus=look, way=way, accuracy=hits / sentences) for (look, way), hits in zip(ways, right, strict=True)
        ),
        references=len(measured),
        sentences=sentences,
        understood=sum(one["understood"] for one in measured),
        reachable=sum(one["sentences"] for one in measured if one["reachable"]) / sentences,
        architecture=architecture,
        published=published(*split),
    )


@torch.no_grad()
def _measured(
    encoder: AlphaCLIP, segmenter: Segmenter | None, looks: Mapping[str, FocusStrategy], reference: Reference
) -> dict[str, Any]:
    """Of each way to look and to read, how many of a reference's sentences find its box."""
    boxes, sentences = reference.boxes[:MOST_REGIONS], reference.sentences
    right, understood = [0] * (len(looks) * len(WAYS)), 0
    if boxes:
        with naming(reference.picture, among=2):
            picture = Picture(rgb=read_image(reference.picture).rgb)
            outlines = reference.outlines if segmenter is None else None
            outlines = None if outlines is None else outlines[: len(boxes)]
            scene = candidates(picture, boxes, segmenter or BoxSegmenter(), outlines=outlines)
        found = []
        for look in looks.values():
            one, apart, understood = chosen_boxes(encoder, scene, sentences, look)
            found += [one, apart]
        right = [sum(n is not None and is_right(boxes[n], reference.target) for n in numbers) for numbers in found]
    reachable = any(is_right(box, reference.target) for box in boxes)
    return {"right": right, "sentences": len(sentences), "understood": understood, "reachable": reachable}


def candidates(
    picture: Picture, boxes: Sequence[Box], segmenter: Segmenter, *, outlines: Sequence[Any] | None = None
) -> Scene:
    """A picture with a region for every box: its mask, or the box itself where there is none in it.

    Args:
        picture: The picture.
        boxes: What might be meant; may stick out of it.
        segmenter: What makes masks.
        outlines: The annotations' own masks, instead.

    Raises:
        InputError: Run lengths of another size.
    """
    size = picture.size
    if outlines is not None:
        maps = [outline_alpha(outline, box, size) for outline, box in zip(outlines, boxes, strict=True)]
    else:
        inside = torch.tensor([within(box, size) for box in boxes], dtype=torch.float32)
        found = segmenter.segment(picture, inside).masks.float()
        maps = [
            mask if mask.any() else box_alpha(within(box, size), size) for mask, box in zip(found, boxes, strict=True)
        ]
    return Scene(picture=picture, regions=tuple(Region(alpha=alpha) for alpha in maps))


def chosen_boxes(
    encoder: AlphaCLIP, scene: Scene, sentences: Sequence[str], focus: FocusStrategy
) -> tuple[list[int | None], list[int | None], int]:
    """Which region each sentence means: read as one text, and taken apart; and how many could be. None where a text has
    words that the encoder does not know, which is wrong.

    Args:
        encoder: With a text tower.
        scene: The picture and the candidates.
        sentences: What is said.
        focus: How the encoder is made to look.
    """
    alphas = torch.stack([region.alpha for region in scene.regions]).to(encoder.device)
    rgb = colours_for(focus, scene.picture).to(encoder.device)
    embeds = embed_each(focus, encoder, rgb, alphas).float()
    related = _related(encoder, scene, embeds)
    one, apart, understood = [], [], 0
    for sentence in sentences:
        whole = _as_one_text(encoder, embeds, sentence)
        shares = None if related is None else _taken_apart(encoder, embeds, related, sentence)
        one.append(whole)
        apart.append(whole if shares is None else int(shares.argmax()))
        understood += shares is not None
    return one, apart, understood


def _as_one_text(encoder: AlphaCLIP, embeds: Float[Tensor, "k d"], sentence: str) -> int | None:
    try:
        texts = encoder.encode_text([sentence], truncate=True).float()
    except InputError:
        return None
    return int(functional.cosine_similarity(embeds, texts).argmax())


def _related(encoder: AlphaCLIP, scene: Scene, embeds: Tensor) -> SceneRelations | None:
    """How candidates stand to each other; None where there is but one. What is odd about boxes of files is not told."""
    if len(scene.regions) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RegionWarning)
        return relate_embedded(encoder, scene, embeds)


def _taken_apart(
    encoder: AlphaCLIP, embeds: Tensor, related: SceneRelations, sentence: str
) -> Float[Tensor, " k"] | None:
    """Probability of every region to be meant; None for a sentence that is not understood."""
    try:
        phrase = answerable(sentence, answered=related.relations)
        return assigned(phrase, related, log_names(encoder, embeds, names_in(phrase), truncate=True)).subjects
    except InputError:
        return None
