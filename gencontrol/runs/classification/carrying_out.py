"""From settings to the labels of regions, and to a file of them."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.calibrated import set_curve
from gencontrol.conditioning.embed import choose_focus
from gencontrol.errors import ConfigError
from gencontrol.files import atomic_file
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.runs.classification.cache import cached_weights
from gencontrol.runs.classification.looks import looks_of_run, read_templates
from gencontrol.runs.classification.settings import ClassificationSettings, check_classification
from gencontrol.runs.files.inputs import Input, inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.files.spooled import stream_or_path
from gencontrol.runs.idle import warn_of_idle
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import naming
from gencontrol.runs.opening import open_encoder
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.scenes import RecordedScene, list_pictures, read_scenes
from gencontrol.tasks.classify import classify
from gencontrol.tasks.labels import IMAGENET, imagenet_labels, read_labels
from gencontrol.tasks.templates import templates_for
from gencontrol.tasks.zero_shot import Guess, top_k


@dataclass(frozen=True, kw_only=True)
class Classified:
    """The labels of one region of one picture, in one way to look at it."""

    image: str
    """The picture's file."""
    region: str
    """What the region is called."""
    focus: str
    """The way to look."""
    guesses: tuple[Guess, ...]
    """The best labels, best first."""


def classify_pictures(settings: ClassificationSettings) -> list[Classified]:
    """Classify the regions of all pictures, and write a file of it if one is asked for.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A picture, mask, label or template that cannot be used, or a file that is there already.
        CheckpointError: No such model, or broken weights.
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_classification(settings)
    labels = imagenet_labels() if settings.labels == IMAGENET else read_labels(Path(settings.labels))
    templates = read_templates(settings.templates)
    focus, pointing = parse_focus(settings.focus), read_pointing(settings)
    _check_files(settings)
    scenes = read_scenes(settings.images, pointing, recursive=settings.recursive)
    warn_of_idle([settings], shown=bool(pointing.pointers))
    encoder = open_encoder(settings)
    if pointing.curve is not None:
        set_curve(encoder.vision, pointing.curve)
    cache = None if settings.cache is None else Path(settings.cache)
    templates = templates_for(encoder.tokenizer) if templates is None else templates
    weights = cached_weights(cache, encoder, labels, templates, truncate=settings.truncate)
    chosen = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    looks = looks_of_run(encoder, settings.focus or chosen.name, chosen, compare=settings.compare)
    rows = [
        row for scene in scenes for row in _classified(encoder, scene, weights, labels, looks=looks, k=settings.top)
    ]
    if settings.output is not None:
        write_results(Path(settings.output), rows, exclusive=not settings.overwrite)
    return rows


def _check_files(settings: ClassificationSettings) -> None:
    inputs = inputs_of(settings, list_pictures(settings.images, recursive=settings.recursive), use="to classify")
    cache = None if settings.cache is None else Path(settings.cache)
    if settings.output is not None:
        kept = [] if cache is None else [Input(path=cache, what="the cache")]
        check_new_file(Path(settings.output), [*inputs, *kept], overwrite=settings.overwrite)
    if cache is not None:
        # What lies there is taken up, and written anew.
        check_new_file(cache, inputs, overwrite=True, setting="cache")


def _classified(
    encoder: AlphaCLIP,
    recorded: RecordedScene,
    weights: Float[Tensor, "t d"],
    labels: Sequence[str],
    *,
    looks: dict[str, FocusStrategy],
    k: int,
) -> Iterator[Classified]:
    """Each region in each way to look, region by region."""
    image = stream_or_path(recorded.path)
    with torch.no_grad(), naming(recorded.path, among=recorded.among):
        if len(looks) > 1 and not recorded.scene.regions:
            raise ConfigError("`compare`: show a region to compare (`mask`, `box`, `point`, `alpha_from_image`).")
        results = {name: classify(encoder, recorded.scene, weights, focus=focus) for name, focus in looks.items()}
    best = {name: top_k(result, labels, k) for name, result in results.items()}
    for row, region in enumerate(next(iter(results.values())).regions):
        for name, guesses in best.items():
            yield Classified(image=image, region=region, focus=name, guesses=guesses[row])


def write_results(path: Path, rows: Sequence[Classified], *, exclusive: bool = True) -> None:
    """Write a table, a line for each label (.csv), or a list of regions (.json).

    Raises:
        OutputError: See `atomic_file`, which says too what `exclusive` does.
    """
    text = _csv(rows) if path.suffix.lower() == ".csv" else json.dumps([asdict(row) for row in rows], indent=2)
    with atomic_file(path, exclusive=exclusive) as temporary:
        temporary.write_bytes(f"{text.rstrip()}\n".encode("utf-8", "surrogateescape"))


def _csv(rows: Sequence[Classified]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "region", "focus", "rank", "label", "share", "cosine"))
    for row in rows:
        for rank, guess in enumerate(row.guesses, start=1):
            figures = (f"{guess.share:.6f}", f"{guess.cosine:.6f}")
            writer.writerow((row.image, row.region, row.focus, rank, guess.label, *figures))
    return text.getvalue()
