"""What a LLaVA says of regions against what people wrote of them, in RefCOCO's files or Visual Genome's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.registry import FOCUS
from gencontrol.focus.strategy import ByView, FocusStrategy
from gencontrol.images.reading import read_image
from gencontrol.proposals.segmenter import Segmenter
from gencontrol.proposals.segmenter_opening import open_segmenter
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.answers.carrying_out import check_looks
from gencontrol.runs.answers.opening import open_answerer
from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.runs.evaluation.items import Done, measure_items
from gencontrol.runs.evaluation.refcoco import candidates
from gencontrol.runs.evaluation.settings import ANNOTATED, EvaluationSettings, check_evaluation
from gencontrol.runs.evaluation.written import finish, kept_of, spread
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.machine.devices import choose_device
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import naming
from gencontrol.tasks.ask import caption_regions
from gencontrol.tasks.llava.answering import Decoding, check_focus
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.protocols.caption_scores import caption_scores
from gencontrol.tasks.protocols.meteor import check_meteor, meteor
from gencontrol.tasks.protocols.outlines import outline_alpha
from gencontrol.tasks.protocols.region_captions import PUBLISHED, Written, read_region_captions, source_of

WHOLE = "whole picture"
"""The row of a model that is shown no region."""
WORDS = "cut by gencontrol's own rules after the Penn Treebank's"
"""How captions became words."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to look, measured; scores as in the papers, CIDEr-D [0, 10] and the others [0, 1]."""

    focus: str
    """The way to look."""
    cider_d: float
    """See `CaptionScores`."""
    bleu: tuple[float, ...]
    """See `CaptionScores`."""
    rouge_l: float
    """See `CaptionScores`."""
    meteor: float | None
    """None where no program was given."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of a measurement."""

    rows: tuple[Row, ...]
    """By way to look; the whole picture last."""
    things: int
    """How many were described."""
    texts: int
    """How many texts of people they were compared with."""
    source: str
    """Whose texts."""
    words: str
    """How captions became words."""
    published: Mapping[str, Mapping[str, float]]
    """What is published, times 100."""


def evaluate_region_caption(settings: EvaluationSettings) -> Evaluated | None:
    """Measure, and write a file of it with all captions; None in all processes but the first one.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A data set that lacks files, no METEOR, or a file that is there already.
        CheckpointError: No LLaVA, or broken weights; annotations that are no plain list.
        PairingError: An Alpha-CLIP of another shape, or a model that ignores alpha where regions are shown by it.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_evaluation(settings)
    focus = parse_focus(settings.focus)
    check_focus(focus)
    root, path = Path(settings.root), Path(settings.output)
    jar = None if settings.meteor is None else Path(settings.meteor)
    if jar is not None:
        check_meteor(jar)
    source = source_of(root, settings.source)
    things = spread(read_region_captions(root, source=source, by=settings.by, split=settings.split), settings.limit)
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)
    llava = open_answerer(_answering(settings))
    looks = looks_of(llava, focus, called=settings.focus, compare=settings.compare)
    kept = kept_of(settings, {"looks": list(looks)})
    decoding = Decoding(max_tokens=settings.max_tokens)
    said = measure_items(things, partial(_said, llava, _segmenter(settings), looks, decoding), kept)
    if said is None:
        return None
    done = _scored(said, things, looks=list(looks), source=source, jar=jar)
    finish(kept, done, settings, facts={"said": _listed(said, things, list(looks)), "scores": _FACTS})
    return done


_FACTS = "as pycocoevalcap 1.2 reckons them; its CIDEr is CIDEr-D"


def _answering(settings: EvaluationSettings) -> AnswerSettings:
    return AnswerSettings(
        model=settings.model,
        alpha_clip=settings.alpha_clip,
        revision=settings.revision,
        fit=settings.fit,
        dtype=settings.dtype,
        device=settings.device,
        offline=settings.offline,
    )


def _segmenter(settings: EvaluationSettings) -> Segmenter | None:
    """What makes masks of boxes; None takes the annotations' own, and boxes where there are none."""
    if settings.segmenter in (None, ANNOTATED):
        return None
    return open_segmenter(settings.segmenter, local_files_only=settings.offline, device=choose_device(settings.device))


def looks_of(
    llava: RegionLlava, focus: FocusStrategy | None, *, called: str | None, compare: bool
) -> dict[str, FocusStrategy | None]:
    """What each way to look is called, the whole picture last; None shows no region.

    Args:
        llava: Without alpha weights it is not asked to look by alpha.
        focus: The way that the settings name; None is by alpha.
        called: What it is called.
        compare: Whether to take all others that LLaVA can be shown.

    Raises:
        PairingError: See `check_looks`.
    """
    check_looks(llava, focus)
    chosen = AlphaFocus() if focus is None else focus
    looks: dict[str, FocusStrategy | None] = {called or chosen.name: chosen}
    if compare:
        names = [name for name, kind in FOCUS.items() if issubclass(kind, ByView)]
        looks |= {name: FOCUS[name]() for name in names if name not in looks and (name != "alpha" or llava.has_alpha)}
    return looks | {WHOLE: None}


def _said(
    llava: RegionLlava,
    segmenter: Segmenter | None,
    looks: Mapping[str, FocusStrategy | None],
    decoding: Decoding,
    thing: Written,
) -> Done:
    """What the model says of a thing, by every way to look."""
    with naming(thing.picture, among=2):
        picture = read_image(thing.picture)
        if segmenter is None:
            region = Region(alpha=outline_alpha(thing.outline, thing.box, picture.size))
            scene = Scene(picture=picture, regions=(region,))
        else:
            scene = candidates(picture, [thing.box], segmenter)
        bare = replace(scene, regions=())
        said = [
            caption_regions(llava, bare if focus is None else scene, focus=focus, decoding=decoding)[0]
            for focus in looks.values()
        ]
    return {"said": said}


def _scored(
    said: Sequence[Done], things: Sequence[Written], *, looks: Sequence[str], source: str, jar: Path | None
) -> Evaluated:
    written = [thing.texts for thing in things]
    rows = []
    for place, look in enumerate(looks):
        captions = [one["said"][place] for one in said]
        scores = caption_scores(captions, written)
        rows.append(
            Row(
                focus=look,
                cider_d=scores.cider_d,
                bleu=scores.bleu,
                rouge_l=scores.rouge_l,
                meteor=None if jar is None else meteor(captions, written, jar=jar),
            )
        )
    return Evaluated(
        rows=tuple(rows),
        things=len(things),
        texts=sum(map(len, written)),
        source=source,
        words=WORDS,
        published=PUBLISHED.get(source, {}),
    )


def _listed(said: Sequence[Done], things: Sequence[Written], looks: Sequence[str]) -> list[dict[str, Any]]:
    """Every caption beside what people wrote."""
    return [
        {
            "picture": str(thing.picture),
            "box": list(thing.box),
            "said": dict(zip(looks, one["said"], strict=True)),
            "written": list(thing.texts),
        }
        for one, thing in zip(said, things, strict=True)
    ]
