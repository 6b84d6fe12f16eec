"""From settings to what a LLaVA says about regions, and to a file of it."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.each_region import region_labels
from gencontrol.errors import ConfigError, PairingError
from gencontrol.files import atomic_file
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.runs.answers.opening import open_answerer
from gencontrol.runs.answers.settings import AnswerSettings, check_answers
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.files.spooled import stream_or_path
from gencontrol.runs.idle import warn_of_no_phrase
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import naming
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.scenes import RecordedScene, list_pictures, read_scenes
from gencontrol.tasks.llava.answering import Decoding, Tell, answers, check_focus, region_pixels
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.prompts import check_question
from gencontrol.text_files import json_bytes

Entry = TypeVar("Entry")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is said about one region of one picture."""

    image: str
    """The picture's file."""
    region: str
    """What the region is called."""
    question: str
    """What was asked."""
    answer: str
    """What was said."""


def answer_pictures(
    settings: AnswerSettings, question: str | None = None, *, tell: Callable[[str, str], Tell] | None = None
) -> list[Answer]:
    """Ask about the regions of all pictures, and write a file of it if one is asked for.

    Args:
        settings: Which pictures, which regions, which model.
        question: What is asked; None asks for a caption.
        tell: Where answers are streamed, is given the picture and the region, and gives what is told the pieces.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A picture, mask or question that cannot be used, or a file that is there already.
        CheckpointError: No such model, another kind of tower, or weights that do not fit.
        PairingError: An Alpha-CLIP of another shape, or a model that ignores alpha where the region is shown by it.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_answers(settings)
    if question is not None and not question.strip():
        raise ConfigError("`question` is empty: ask something, such as 'What is it made of?'.")
    focus, decoding = parse_focus(settings.focus), decoding_of(settings)
    check_focus(focus)
    pointing = read_pointing(settings)
    warn_of_no_phrase([settings])
    _check_files(settings)
    scenes = read_scenes(settings.images, pointing, recursive=settings.recursive)
    llava = open_answerer(settings)
    check_looks(llava, focus)
    asked = llava.caption_question if question is None else question
    check_question(llava, asked)
    rows = list(_answered(llava, scenes, asked, focus=focus, decoding=decoding, tell=tell))
    if settings.output is not None:
        write_answers(Path(settings.output), rows, exclusive=not settings.overwrite)
    return rows


def decoding_of(settings: AnswerSettings) -> Decoding:
    """How words are chosen, by the settings."""
    return Decoding(
        max_tokens=settings.max_tokens,
        temperature=float(settings.temperature),
        top_p=float(settings.top_p),
        seed=settings.seed,
        batch=settings.batch,
    )


def check_looks(llava: RegionLlava, focus: FocusStrategy | None) -> None:
    """Refuse to show a region by its alpha map to a model that ignores it.

    Raises:
        PairingError: Says how to mend it.
    """
    if (focus is None or focus.name == "alpha") and not _sees_alpha(llava):
        raise PairingError(
            "This LLaVA ignores alpha, since its tower's alpha weights are zero: give an Alpha-CLIP as `alpha_clip` "
            "(clip_l14_336_grit1m_fultune_8xe.pth for LLaVA-1.5), or another `focus`, such as zoom or crop."
        )


def _sees_alpha(llava: RegionLlava) -> bool:
    # Weights that are offloaded layer by layer cannot be looked at.
    return any(p.device.type == "meta" for p in llava.model.parameters()) or llava.has_alpha


def _check_files(settings: AnswerSettings) -> None:
    if settings.output is None:
        return
    path = Path(settings.output)
    pictures = list_pictures(settings.images, recursive=settings.recursive)
    check_new_file(path, inputs_of(settings, pictures, use="to ask about"), overwrite=settings.overwrite)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """One region as the tower is given it."""

    image: str
    region: str
    pixels: Float[Tensor, "1 4 s s"]


def _answered(
    llava: RegionLlava,
    scenes: Iterator[RecordedScene],
    question: str,
    *,
    focus: FocusStrategy | None,
    decoding: Decoding,
    tell: Callable[[str, str], Tell] | None,
) -> Iterator[Answer]:
    """Batches run over the borders of pictures."""
    for part in _batches(_shown(llava, scenes, focus), 1 if tell else decoding.batch):
        pixels = torch.cat([one.pixels for one in part])
        told = None if tell is None else tell(part[0].image, part[0].region)
        said = answers(llava, pixels, [question] * len(part), decoding=decoding, tell=told)
        for one, answer in zip(part, said, strict=True):
            yield Answer(image=one.image, region=one.region, question=question, answer=answer)


def _shown(llava: RegionLlava, scenes: Iterator[RecordedScene], focus: FocusStrategy | None) -> Iterator[_Shown]:
    for recorded in scenes:
        with naming(recorded.path, among=recorded.among):
            pixels = region_pixels(llava, recorded.scene, focus=focus)
        for region, each in zip(region_labels(recorded.scene), pixels.split(1), strict=True):
            yield _Shown(image=stream_or_path(recorded.path), region=region, pixels=each)


def _batches(entries: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    while part := list(islice(entries, size)):
        yield part


def write_answers(path: Path, rows: Sequence[Answer], *, exclusive: bool = True) -> None:
    """Write a table (.csv) or a list (.json) of answers.

    Raises:
        OutputError: See `atomic_file`, which says too what `exclusive` does.
    """
    listed: list[dict[str, Any]] = [asdict(row) for row in rows]
    content = json_bytes(listed)
    if path.suffix.lower() == ".csv":
        table = io.StringIO()
        writer = csv.DictWriter(table, fieldnames=[field.name for field in fields(Answer)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
        # Names of files as they are, whatever their encoding.
        content = f"{table.getvalue().rstrip()}\n".encode("utf-8", "surrogateescape")
    with atomic_file(path, exclusive=exclusive) as temporary:
        temporary.write_bytes(content)
