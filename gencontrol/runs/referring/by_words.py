"""Pointing by words: what a phrase means becomes a region, as a mask or a box does."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import CheckpointError, ConfigError, GencontrolError, InputError
from gencontrol.focus.boxes import part_box
from gencontrol.images.picture import Picture
from gencontrol.proposals.defaults import DEFAULT_GROUNDER
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations.phrases import answerable
from gencontrol.runs.files.matching import matching_file
from gencontrol.runs.files.records import pack, unpack
from gencontrol.runs.notices import warn
from gencontrol.runs.opening import open_encoder
from gencontrol.runs.referring.phrase_settings import CANDIDATES, check_phrases
from gencontrol.runs.referring.proposing import Proposer, open_proposer
from gencontrol.runs.relating.label_maps import read_label_map
from gencontrol.runs.settings import EncoderSettings, RegionSettings
from gencontrol.tasks.refer import Referral, refer

Pointer = Callable[[Picture, Path], Region]
"""Gives the region of a picture that lies at a path."""


@dataclass(frozen=True, kw_only=True)
class Worded:
    """Pointers to what phrases mean."""

    pointers: tuple[Pointer, ...]
    """One for each phrase; a picture is looked at once, however often its region is asked for."""
    let_go: Callable[[], None]
    """Frees the models that look; they are loaded again for another picture."""


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What finds out what phrases mean, open."""

    encoder: AlphaCLIP
    propose: Proposer | None
    """None where candidates are given."""


def nothing_held() -> None:
    """Frees nothing: masks and boxes hold nothing."""


def by_words(settings: RegionSettings, given: Sequence[Pointer], *, prefix: str = "") -> Worded:
    """Pointers to what the phrases of settings mean; models are loaded with the first picture.

    The answer does not hang on how the region is looked at afterwards: the encoder looks in its own way.

    Args:
        settings: With at least one phrase, and the settings of an encoder if those are the run's.
        given: What the other settings point at, which are the candidates; none has a grounder propose them.
        prefix: What messages put before the settings' names that point.

    Raises:
        ConfigError: Settings that do not say among what a phrase is looked for, or no encoder that could tell.
        InputError: A phrase that is not understood.
    """
    check_phrases(settings, prefix=prefix)
    for text in settings.phrase:
        answerable(text)
    if settings.phrase_model is None and not isinstance(settings, EncoderSettings):
        raise ConfigError(
            f"`{prefix}phrase` is told by an encoder with a text tower, and the model here has none: name one as "
            "`phrase_model`, such as tiny or openai/clip-vit-large-patch14."
        )
    opened = functools.cache(functools.partial(_open, settings))
    known: dict[tuple[str, Path, tuple[int, int]], Any] = {}

    def point(text: str, picture: Picture, path: Path) -> Region:
        place = (text, path, picture.size)
        if place not in known:
            plain = Picture(rgb=picture.stored_rgb)
            found = _meant(opened(), _candidates(settings, given, plain, path), plain, text)
            # As a record holds it: small, and the same when it is asked for again.
            known[place] = pack(replace(found, weight=1.0, label=text))
        return unpack([known[place]], source=path)[0]

    return Worded(pointers=tuple(functools.partial(point, text) for text in settings.phrase), let_go=opened.cache_clear)


def _candidates(settings: RegionSettings, given: Sequence[Pointer], picture: Picture, path: Path) -> Scene | None:
    """The regions that are given; None where there are none."""
    regions = [point(picture, path) for point in given]
    if settings.label_map is not None:
        where = matching_file(Path(settings.label_map), path)
        regions += read_label_map(where, size=picture.size, resize=settings.resize_mask)
    return Scene(picture=picture, regions=tuple(regions)) if regions else None


def _open(settings: RegionSettings) -> _Reader:
    """Warns of the grounder that is taken where none is named, since it may have to be fetched."""
    given = any(getattr(settings, name) for name in CANDIDATES)
    return _Reader(encoder=phrase_encoder(settings), propose=None if given else _proposer(settings))


def _proposer(settings: Any) -> Proposer:
    how = {"device": settings.device, "offline": settings.offline}
    if settings.grounder is not None:
        return open_proposer(settings, settings.grounder, **how)
    warn(f"no `grounder` is named, so {DEFAULT_GROUNDER} proposes what a `phrase` may mean (690 MB).")
    try:
        return open_proposer(settings, DEFAULT_GROUNDER, **how)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error} Name a `grounder` that is on this machine, or give candidates for the phrase (`label_map`, or "
            "several of `mask` or `box`)."
        ) from error


def phrase_encoder(settings: Any) -> AlphaCLIP:
    """The encoder that is named for phrases, or else the run's.

    Args:
        settings: Of a run, with those of phrases and of an encoder.

    Raises:
        InputError: One without a text tower.
        CheckpointError: No such model, or weights that do not fit.
    """
    named = settings.phrase_model is not None
    own = EncoderSettings(dtype=settings.dtype, device=settings.device, offline=settings.offline)
    how = {name: getattr(settings, name) for name in ("model", "revision", "alpha_clip", "fit")}
    asked = replace(own, **({"model": settings.phrase_model} if named else how))
    try:
        encoder = open_encoder(asked)
    except GencontrolError as error:
        mend = "" if named else " For a `phrase`, an encoder can also be named as `phrase_model`."
        raise type(error)(f"{error}{mend}") from error
    if encoder.text is None or encoder.tokenizer is None:
        raise InputError(
            f"The encoder of {asked.alpha_clip or asked.model} has no text tower, and so cannot tell what a `phrase` "
            "means: name another as `phrase_model`, such as tiny or openai/clip-vit-large-patch14."
        )
    return encoder


def _meant(reader: _Reader, scene: Scene | None, picture: Picture, text: str) -> Region:
    if scene is None:
        assert reader.propose is not None
        scene = reader.propose(picture, text)
    return answered(reader.encoder, scene, text).region


_OTHER_WAYS = (
    "give other candidates (`label_map`, a `grounder` with a lower `score`), or point with `mask` or `box`; "
    "`gencontrol refer` lists them all"
)


def answered(encoder: AlphaCLIP, scene: Scene, text: str, *, otherwise: str = _OTHER_WAYS) -> Referral:
    """What a phrase means among candidates. Warns of what was found, and how likely it is none of them.

    Args:
        encoder: With a text tower.
        scene: The picture and the candidates.
        text: The phrase.
        otherwise: What else can be done where this is asked, for the message.

    Raises:
        InputError: It means none of them rather than one; names the next step.
    """
    found = refer(encoder, scene, text)
    number = int(found.probabilities.argmax())
    told = f"{_told(found, number)}; none of these: {found.none:.0%}"
    if found.best is None:
        count = len(scene.regions)
        among = "the only candidate" if count == 1 else f"any of the {count} candidates"
        raise InputError(f'"{text}" hardly means {among} (best: {told}): say it otherwise, {otherwise}.')
    warn(f'"{text}" is {told}.')
    return found


def _told(found: Referral, number: int) -> str:
    box = ",".join(str(side) for side in part_box(found.scene.regions[number].alpha))
    return f"{found.labels[number]} at {box} ({float(found.probabilities[number]):.0%})"
