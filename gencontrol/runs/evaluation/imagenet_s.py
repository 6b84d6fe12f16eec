"""An encoder measured on ImageNet-S."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gencontrol.alpha_clip.architectures import name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import choose_focus
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.regions.geometry import Fit
from gencontrol.runs.classification.looks import looks_of_run, read_templates
from gencontrol.runs.evaluation.items import Kept, measure_items
from gencontrol.runs.evaluation.settings import EvaluationSettings, check_evaluation
from gencontrol.runs.evaluation.written import finish, kept_of, spread
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.opening import open_encoder
from gencontrol.tasks.classify import classified
from gencontrol.tasks.protocols.imagenet_s import (
    NAMES,
    PUBLISHED,
    ImageNetS,
    Sample,
    mean_over_classes,
    places,
    read_folder,
    read_ids,
    read_names,
)
from gencontrol.tasks.templates import templates_for
from gencontrol.tasks.zero_shot import zero_shot_weights

FITS: tuple[Fit, ...] = ("crop", "pad")
"""How picture and mask become square: as published, and as Alpha-CLIP was trained."""
WHOLE = "whole picture"
"""The row of an encoder that is shown no region."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to look, measured."""

    focus: str
    """The way to look."""
    fit: str
    """How picture and mask became square."""
    top1: float
    """Mean over classes of the share of pictures whose class comes first; [0, 1]."""
    top5: float
    """The same, of those whose class is among the first five."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of a measurement."""

    rows: tuple[Row, ...]
    """By way to look, then by fit."""
    pictures: int
    """How many were measured on."""
    classes: int
    """How many classes were told apart."""
    without_mask: int
    """Pictures that were left out, since no pixel of their mask is of their class."""
    architecture: str
    """Of the encoder's vision tower."""
    published: Mapping[str, tuple[float, float]]
    """What is published of this architecture on 919 classes: top-1 and top-5 in percent."""


def evaluate_imagenet_s(settings: EvaluationSettings) -> Evaluated | None:
    """Measure, and write a file of it; None in all processes but the first one.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A data set that lacks files or names, or a file that is there already.
        CheckpointError: No such model, or broken weights.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_evaluation(settings)
    focus, templates = parse_focus(settings.focus), read_templates(settings.templates)
    data, path = read_folder(Path(settings.root), split=settings.split or "validation"), Path(settings.output)
    names = read_names(_names_file(settings), data.synsets)
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)
    encoder = open_encoder(settings)
    templates = templates_for(encoder.tokenizer) if templates is None else templates
    weights = zero_shot_weights(encoder, names, templates=templates)
    chosen = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    looks = looks_of_run(encoder, settings.focus or chosen.name, chosen, compare=settings.compare)
    fits = FITS if settings.fit is None else (settings.fit,)
    kept = kept_of(settings, {"templates": list(templates), "looks": list(looks)})
    done = measure(encoder, data, weights, kept, looks=looks, fits=fits, limit=settings.limit)
    if done is not None:
        facts = {"templates": list(templates), "accuracy": "mean over classes"}
        finish(kept, done, settings, facts=facts)
    return done


def _names_file(settings: EvaluationSettings) -> Path:
    if settings.names is not None:
        return Path(settings.names)
    found = [Path(settings.root) / name for name in NAMES if (Path(settings.root) / name).is_file()]
    if not found:
        raise InputError(
            f"{settings.root} has no file that names its synsets ({', '.join(NAMES)}): give one as `names`, such as "
            "ImageNet's own, with lines such as 'n01440764 tench, Tinca tinca'."
        )
    return found[0]


def measure(
    encoder: AlphaCLIP,
    data: ImageNetS,
    weights: Float[Tensor, "c d"],
    kept: Kept,
    *,
    looks: Mapping[str, FocusStrategy],
    fits: Sequence[Fit] = FITS,
    limit: int | None = None,
) -> Evaluated | None:
    """Measure each way to look, and the whole picture beside it, behind each geometry.

    Args:
        encoder: The encoder.
        data: Pictures and masks.
        weights: Of each class, in the order of the categories (see `zero_shot_weights`).
        kept: What is kept meanwhile.
        looks: What ways to look are called.
        fits: How picture and mask become square.
        limit: Take this many pictures only, spread over all.

    Raises:
        InputError: A picture or mask that cannot be read, or of another size; or no mask that shows its class.
    """
    samples = spread(data.samples, limit)
    views = [_behind(encoder, fit) for fit in fits]
    measured = measure_items(samples, lambda sample: _ranks(sample, views, weights, looks), kept)
    if measured is None:
        return None
    found = [one for one in measured if one["category"] is not None]
    if not found:
        raise InputError(f"None of {len(samples)} masks shows its class: these are no masks of ImageNet-S.")
    right = torch.tensor([one["category"] for one in found])
    ways = list(product((*looks, WHOLE), fits))
    ranks = torch.tensor([one["ranks"] for one in found])
    architecture = name_of(encoder.vision.config)
    return Evaluated(
        rows=tuple(_row(name, fit, ranks[:, i], right) for i, (name, fit) in enumerate(ways)),
        pictures=len(right),
        classes=len(data.synsets),
        without_mask=len(samples) - len(right),
        architecture=architecture,
        published=PUBLISHED.get(architecture, {}),
    )


@torch.no_grad()
def _ranks(
    sample: Sample, views: Sequence[AlphaCLIP], weights: Tensor, looks: Mapping[str, FocusStrategy]
) -> dict[str, Any]:
    """Of each way to look and fit, which place the right class takes, from 1; no category where none of it is seen."""
    with naming(sample.picture, among=2):
        picture, alpha = _read(sample)
    if not alpha.any():
        warn(f"{sample.mask} has no pixel of its class {sample.category}: the picture is left out.")
        return {"category": None}
    right, ranks = torch.tensor([sample.category - 1]), []
    for name in (*looks, WHOLE):
        for view in views:
            embeds = _look(view, picture, alpha, looks.get(name))
            cosines = classified(view, embeds, weights, labels=("",)).cosines.cpu()
            ranks.append(int(places(cosines, right)))
    return {"category": sample.category - 1, "ranks": ranks}


def _behind(encoder: AlphaCLIP, fit: Fit) -> AlphaCLIP:
    return encoder.with_geometry(replace(encoder.processor.geometry, fit=fit))


def _read(sample: Sample) -> tuple[Picture, Float[Tensor, "h w"]]:
    """A picture with the map of what counts."""
    picture = Picture(rgb=read_image(sample.picture).stored_rgb)
    ids = read_ids(sample.mask)
    if tuple(ids.shape) != picture.size:
        raise InputError(
            f"{sample.mask} is {ids.shape[1]} x {ids.shape[0]}, and its picture {picture.size[1]} x "
            f"{picture.size[0]} (width x height)."
        )
    return picture, (ids == sample.category).float()


def _look(
    view: AlphaCLIP, picture: Picture, alpha: Float[Tensor, "h w"], focus: FocusStrategy | None
) -> Float[Tensor, "1 d"]:
    if focus is None:
        return view.encode_image(picture)
    rgb = colours_for(focus, picture).to(view.device)
    return focus.embed(view, rgb, alpha[None].to(view.device))


def _row(name: str, fit: Fit, ranks: Int[Tensor, " n"], right: Int[Tensor, " n"]) -> Row:
    top = [mean_over_classes(ranks <= k, right) for k in (1, 5)]
    return Row(focus=name, fit=fit, top1=top[0], top5=top[1])
