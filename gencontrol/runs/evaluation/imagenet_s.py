"""An encoder measured on ImageNet-S."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from rich.console import Console
from rich.progress import track
from torch import Tensor

from gencontrol import __version__
from gencontrol.alpha_clip.architectures import name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import choose_focus
from gencontrol.errors import InputError
from gencontrol.files import atomic_file
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.regions.geometry import Fit
from gencontrol.runs.classification.looks import looks_of_run, read_templates
from gencontrol.runs.evaluation.settings import EvaluationSettings, check_evaluation
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import is_watched, naming, warn
from gencontrol.runs.opening import open_encoder
from gencontrol.tasks.classify import classified
from gencontrol.tasks.protocols.imagenet_s import (
    NAMES,
    PUBLISHED,
    ImageNetS,
    Sample,
    hits,
    mean_over_classes,
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


def evaluate_imagenet_s(settings: EvaluationSettings) -> Evaluated:
    """Measure, and write a file of it.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A data set that lacks files or names, or a file that is there already.
        CheckpointError: No such model, or broken weights.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_evaluation(settings)
    focus, templates = parse_focus(settings.focus), read_templates(settings.templates)
    data, path = read_folder(Path(settings.root), split=settings.split), Path(settings.output)
    names = read_names(_names_file(settings), data.synsets)
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)
    encoder = open_encoder(settings)
    templates = templates_for(encoder.tokenizer) if templates is None else templates
    weights = zero_shot_weights(encoder, names, templates=templates)
    chosen = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    looks = looks_of_run(encoder, settings.focus or chosen.name, chosen, compare=settings.compare)
    fits = FITS if settings.fit is None else (settings.fit,)
    done = measure(encoder, data, weights, looks=looks, fits=fits, limit=settings.limit)
    _write(path, done, settings, templates=templates)
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


@torch.no_grad()
def measure(
    encoder: AlphaCLIP,
    data: ImageNetS,
    weights: Float[Tensor, "c d"],
    *,
    looks: Mapping[str, FocusStrategy],
    fits: Sequence[Fit] = FITS,
    limit: int | None = None,
) -> Evaluated:
    """Measure each way to look, and the whole picture beside it, behind each geometry.

    Args:
        encoder: The encoder.
        data: Pictures and masks.
        weights: Of each class, in the order of the categories (see `zero_shot_weights`).
        looks: What ways to look are called.
        fits: How picture and mask become square.
        limit: Take this many pictures only, spread over all.

    Raises:
        InputError: A picture or mask that cannot be read, or of another size; or no mask that shows its class.
    """
    step = 1 if limit is None else max(len(data.samples) // limit, 1)
    samples = data.samples[::step][:limit]
    views = {fit: _behind(encoder, fit) for fit in fits}
    cosines: dict[tuple[str, Fit], list[Tensor]] = {(name, fit): [] for name in (*looks, WHOLE) for fit in fits}
    categories: list[int] = []
    for sample, picture, alpha in _read(samples):
        categories.append(sample.category - 1)
        for (name, fit), found in cosines.items():
            embeds = _look(views[fit], picture, alpha, looks.get(name))
            found.append(classified(encoder, embeds, weights, labels=("",)).cosines.cpu())
    if not categories:
        raise InputError(f"None of {len(samples)} masks shows its class: these are no masks of ImageNet-S.")
    right = torch.tensor(categories)
    rows = [_row(name, fit, torch.cat(found), right) for (name, fit), found in cosines.items()]
    architecture = name_of(encoder.vision.config)
    return Evaluated(
        rows=tuple(rows),
        pictures=len(right),
        classes=len(data.synsets),
        without_mask=len(samples) - len(right),
        architecture=architecture,
        published=PUBLISHED.get(architecture, {}),
    )


def _behind(encoder: AlphaCLIP, fit: Fit) -> AlphaCLIP:
    return encoder.with_geometry(replace(encoder.processor.geometry, fit=fit))


def _read(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Picture, Float[Tensor, "h w"]]]:
    """Pictures with the maps of what counts; those whose mask does not show it are left out."""
    seen = track(samples, description="pictures", console=Console(stderr=True), disable=not is_watched())
    for sample in seen:
        with naming(sample.picture, among=len(samples)):
            picture = Picture(rgb=read_image(sample.picture).stored_rgb)
            ids = read_ids(sample.mask)
            if tuple(ids.shape) != picture.size:
                raise InputError(
                    f"{sample.mask} is {ids.shape[1]} x {ids.shape[0]}, and its picture {picture.size[1]} x "
                    f"{picture.size[0]} (width x height)."
                )
            alpha = (ids == sample.category).float()
        if alpha.any():
            yield sample, picture, alpha
        else:
            warn(f"{sample.mask} has no pixel of its class {sample.category}: the picture is left out.")


def _look(
    view: AlphaCLIP, picture: Picture, alpha: Float[Tensor, "h w"], focus: FocusStrategy | None
) -> Float[Tensor, "1 d"]:
    if focus is None:
        return view.encode_image(picture)
    rgb = colours_for(focus, picture).to(view.device)
    return focus.embed(view, rgb, alpha[None].to(view.device))


def _row(name: str, fit: Fit, cosines: Float[Tensor, "n c"], right: Int[Tensor, " n"]) -> Row:
    top = [mean_over_classes(hits(cosines, right, k=k), right) for k in (1, 5)]
    return Row(focus=name, fit=fit, top1=top[0], top5=top[1])


def _write(path: Path, done: Evaluated, settings: EvaluationSettings, *, templates: Sequence[str]) -> None:
    packages = ("torch", "transformers", "pillow", "numpy")
    record: dict[str, Any] = {
        "gencontrol": __version__,
        "versions": {name: version(name) for name in packages},
        "settings": asdict(settings),
        "templates": list(templates),
        "accuracy": "mean over classes",
        **asdict(done),
    }
    with atomic_file(path, exclusive=not settings.overwrite) as temporary:
        temporary.write_bytes(
            f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode("utf-8", "surrogateescape")
        )
