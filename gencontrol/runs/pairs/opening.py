"""Opening what makes pairs: the data set, and the models that look at it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import choose_focus
from gencontrol.engine.agreement import Agreement
from gencontrol.engine.licences import licence_of
from gencontrol.engine.makers import ClassMaker, GroundingMaker, Maker
from gencontrol.engine.rules import Rules
from gencontrol.engine.sources.classes import read_class_names
from gencontrol.engine.sources.opening import open_data_set
from gencontrol.engine.sources.source import Source
from gencontrol.engine.wording import CaptionerWording, PhraseWording, TemplateWording, Wording
from gencontrol.errors import InputError
from gencontrol.models.fingerprint import fingerprint
from gencontrol.models.location import Location
from gencontrol.models.registry import resolve
from gencontrol.proposals.grounder import Grounder
from gencontrol.proposals.opening import open_grounder
from gencontrol.proposals.segmenter_opening import WITHOUT_WEIGHTS, open_segmenter
from gencontrol.runs.classification.looks import read_templates
from gencontrol.runs.machine.devices import choose_device
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import quiet_loading
from gencontrol.runs.opening import encoder_location, open_encoder
from gencontrol.runs.pairs.settings import (
    GIVEN,
    ONE_PART,
    PHRASES,
    SOME_BOXES,
    TEMPLATES,
    PairsSettings,
    captioner_of,
    grounder_of,
    is_by_class,
)
from gencontrol.tasks.captioners import open_captioner
from gencontrol.tasks.templates import SINGLE, templates_for


def open_source(settings: PairsSettings) -> Source:
    """The data set.

    Raises:
        InputError: Files that are not there, or with nothing in them.
    """
    return open_data_set(
        Path(settings.pictures),
        shard=settings.shard,
        captions=None if settings.captions is None else Path(settings.captions),
        annotations=None if settings.annotations is None else Path(settings.annotations),
        names=None if settings.names is None else read_class_names(Path(settings.names)),
    )


def rules_of(settings: PairsSettings) -> Rules:
    """What stays.

    Raises:
        ConfigError: A number out of range.
    """
    names = ("score", "most", "overlap", "least_area", "most_area", "least_side", "contrast", "agreement")
    usual = ONE_PART if is_by_class(settings) else SOME_BOXES
    each = usual if settings.each is None else settings.each
    return Rules(each=each, **{name: getattr(settings, name) for name in names})


def open_maker(settings: PairsSettings) -> Maker:
    """The models, where they are to compute, and the rules.

    Raises:
        ConfigError: No device is called so, no such focus or templates.
        InputError: No such device, or an encoder that reads no text.
        CheckpointError: No such model, or weights that do not fit.
        PairingError: The focus `alpha` with a plain CLIP.
    """
    rules, templates = rules_of(settings), read_templates(settings.templates)
    quiet_loading()
    how: dict[str, Any] = {"local_files_only": settings.offline, "device": choose_device(settings.device)}
    is_grounding = not is_by_class(settings)
    # Before the encoder, which is the one that has a default that is there.
    grounder = _grounder(settings, how) if is_grounding else None
    segmenter = open_segmenter(settings.segmenter, **how)
    agreement = _agreement(settings) if settings.filter else None
    if templates is None:
        templates = SINGLE if agreement is None else templates_for(agreement.encoder.tokenizer)
    wording = _wording(settings, templates, how)
    if is_grounding:
        return GroundingMaker(
            grounder=grounder,
            segmenter=segmenter,
            agreement=agreement,
            wording=wording,
            rules=rules,
            own_masks=settings.own_masks,
        )
    assert agreement is not None
    return ClassMaker(segmenter=segmenter, agreement=agreement, templates=templates, wording=wording, rules=rules)


def _grounder(settings: PairsSettings, how: Mapping[str, Any]) -> Grounder | None:
    name = grounder_of(settings)
    return None if name == GIVEN else open_grounder(name, tokenizer=settings.tokenizer, **how)


def _agreement(settings: PairsSettings) -> Agreement:
    encoder: AlphaCLIP = open_encoder(settings)
    if encoder.tokenizer is None:
        raise InputError(
            f"The encoder of {settings.alpha_clip or settings.model} reads no text, so it cannot say what agrees: give "
            "one with a text tower, or `no_filter`."
        )
    focus = choose_focus(parse_focus(settings.focus), has_alpha=encoder.has_alpha, default=encoder.default_focus)
    return Agreement(encoder, focus)


def _wording(settings: PairsSettings, templates: tuple[str, ...], how: Mapping[str, Any]) -> Wording:
    name = captioner_of(settings)
    if name == PHRASES:
        return PhraseWording()
    if name == TEMPLATES:
        return TemplateWording(templates, seed=settings.seed)
    return CaptionerWording(open_captioner(name, **how))


def models_told(settings: PairsSettings) -> dict[str, dict[str, str]]:
    """What each model is, for the header: its name, its licence, and what tells its weights from others'."""
    named = {"segmenter": settings.segmenter, "captioner": captioner_of(settings)}
    if not is_by_class(settings):
        named["grounder"] = grounder_of(settings)
    without = {*WITHOUT_WEIGHTS, PHRASES, TEMPLATES, GIVEN}
    local = settings.offline
    places = {
        role: Location(name=str(resolve(name)), local_files_only=local, names=tuple(without))
        for role, name in named.items()
        if name not in without
    }
    told = {role: {"name": name, "licence": "no weights"} for role, name in named.items() if name in without}
    told |= {role: _told(named[role], place, place) for role, place in places.items()}
    if settings.filter:
        name = settings.alpha_clip or settings.model
        told["encoder"] = _told(name, Location(name=name, local_files_only=local), encoder_location(settings))
    return dict(sorted(told.items()))


def _told(name: str, card: Location, weights: Location) -> dict[str, str]:
    return {"name": name, "licence": licence_of(card), "fingerprint": fingerprint(weights)}
