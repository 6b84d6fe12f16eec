"""What is said of how things stand: an encoder and relations measured on VSR, What'sUp, SugarCrepe and ARO."""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from gencontrol.alpha_clip.architectures import name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import choose_focus
from gencontrol.errors import InputError
from gencontrol.focus.one_pass import embed_each
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.regions.region import RegionWarning
from gencontrol.regions.scene import Scene
from gencontrol.relations.grammar import Thing, names_in, parse_phrase
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.learned.opening import open_module
from gencontrol.relations.phrases import assigned
from gencontrol.relations.relating import SceneRelations, relate_embedded
from gencontrol.runs.evaluation.found_regions import Finder, finder_of, is_called
from gencontrol.runs.evaluation.items import Done, measure_items
from gencontrol.runs.evaluation.settings import EvaluationSettings, check_evaluation
from gencontrol.runs.evaluation.statement_scores import MODULE, ONE_TEXT, RULES, Evaluated, summed
from gencontrol.runs.evaluation.written import finish, kept_of, spread
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import naming
from gencontrol.runs.opening import open_encoder
from gencontrol.tasks.protocols.outlines import within
from gencontrol.tasks.protocols.statements import Statement, read_statements

_NEVER = -30.0
"""Log-probability that a thing is what it is not called."""


def evaluate_statements(settings: EvaluationSettings) -> Evaluated | None:
    """Measure, and write a file of it; None in all processes but the first one.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A data set that lacks files, or a file that is there already.
        CheckpointError: No such model, module or grounder, or broken weights.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_evaluation(settings)
    focus, path, root = parse_focus(settings.focus), Path(settings.output), Path(settings.root)
    statements = spread(read_statements(root, name=settings.data, part=settings.split), settings.limit)
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)
    module = open_module(None if settings.module is None else Path(settings.module))
    finder = finder_of(settings)
    encoder = open_encoder(settings)
    chosen = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    kept = kept_of(settings, {"regions": finder.told})
    measured = measure_items(statements, partial(judged, encoder, module, finder, chosen), kept)
    if measured is None:
        return None
    done = summed(measured, statements, regions=finder.told, architecture=name_of(encoder.vision.config))
    finish(kept, done, settings, facts={"accuracy": "of statements; a tie is wrong", "focus": chosen.name})
    return done


@torch.no_grad()
def judged(
    encoder: AlphaCLIP, module: RelationModule, finder: Finder, focus: FocusStrategy, statement: Statement
) -> Done:
    """How well each caption of a statement fits by each way; None where a way has no answer.

    Args:
        encoder: With a text tower.
        module: That answers for relations.
        finder: Of the regions.
        focus: How the encoder is made to look at regions.
        statement: What is said.
    """
    with naming(statement.picture, among=2):
        whole = Picture(rgb=read_image(statement.picture).rgb)
    picture = shown(whole, statement)
    phrases = [_phrase(caption) for caption in statement.captions]
    found: dict[str, Any] = {ONE_TEXT: _as_one_text(encoder, picture, statement.captions)}
    names = list(dict.fromkeys(name for one in phrases if one is not None for name in names_in(one)))
    scene = finder.find(statement, whole, picture, names) if names else None
    for way in (RULES, MODULE):
        found[way] = [None] * len(phrases)
    if scene is not None and len(scene.regions) > 1:
        with warnings.catch_warnings():
            # What is odd about regions of files is not told of each.
            warnings.simplefilter("ignore", RegionWarning)
            alphas = torch.stack([region.alpha for region in scene.regions]).to(encoder.device)
            embeds = embed_each(focus, encoder, colours_for(focus, picture).to(encoder.device), alphas).float()
            related = {way: relate_embedded(encoder, scene, embeds, module=by) for way, by in _by(module).items()}
        for way, relations in related.items():
            found[way] = [_fits(one, relations, scene, finder) for one in phrases]
    return found | {"understood": all(one is not None for one in phrases), "regions": _count(scene)}


def _by(module: RelationModule) -> dict[str, RelationModule | None]:
    return {RULES: None, MODULE: module}


def _count(scene: Scene | None) -> int:
    return 0 if scene is None else len(scene.regions)


def shown(whole: Picture, statement: Statement) -> Picture:
    """The part of a picture that a statement is about: all of it, unless there is a window."""
    if statement.window is None:
        return whole
    x0, y0, x1, y1 = map(round, within(statement.window, whole.size))
    return Picture(rgb=whole.rgb[:, y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)].clone())


def _phrase(caption: str) -> Thing | None:
    """A caption taken apart; None where it is not understood, or relates nothing."""
    try:
        read = parse_phrase(caption)
    except InputError:
        return None
    return None if read.clause is None else read


def _as_one_text(encoder: AlphaCLIP, picture: Picture, captions: Sequence[str]) -> list[float] | None:
    """Cosines with the picture; None for one caption alone, which is nearer to nothing, or for words not known."""
    if len(captions) == 1:
        return None
    try:
        texts = encoder.encode_text(list(captions), truncate=True).float()
    except InputError:
        return None
    return functional.cosine_similarity(encoder.encode_image(picture).float(), texts).tolist()


def _fits(phrase: Thing | None, related: SceneRelations, scene: Scene, finder: Finder) -> float | None:
    """Probability that a phrase is true of a scene whose regions are what they are called."""
    if phrase is None or not all(finder.knows(name) for name in names_in(phrase)):
        return None
    if _unanswered(phrase, related):
        return None
    labels = [region.label for region in scene.regions]
    said = [[0.0 if is_called(label, name) else _NEVER for name in names_in(phrase)] for label in labels]
    return assigned(phrase, related, torch.tensor(said)).fits


def _unanswered(phrase: Thing, related: SceneRelations) -> bool:
    """Whether it has a relation that the way does not answer."""
    if phrase.clause is None:
        return False
    known = (*related.relations, "between")
    return phrase.clause.relation not in known or any(_unanswered(other, related) for other in phrase.clause.objects)
