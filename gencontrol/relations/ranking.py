"""Pictures in the order in which they show what was asked for, such as "a crown above a pumpkin"; some not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.regions.scene import Scene
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.phrases import answerable, find_phrase
from gencontrol.relations.relating import SceneRelations, relate
from gencontrol.relations.vocabulary import ANSWERED, MOVING


@dataclass(frozen=True, kw_only=True)
class RankedPicture:
    """One of several pictures, and how well it shows a phrase."""

    place: int
    """Where it was among those that were given, from 0."""
    fits: float
    """Probability that the phrase is true of it, see `PhraseAnswer.fits`; 0 where it has fewer than two regions."""
    accepted: bool
    """Whether that is as much as was asked for."""


@checked
def rank_pictures(
    encoder: AlphaCLIP,
    pictures: Sequence[Scene],
    phrase: str,
    *,
    at_least: float = 0.5,
    focus: FocusStrategy | None = None,
    related: Sequence[SceneRelations] | None = None,
    module: RelationModule | None = None,
) -> tuple[RankedPicture, ...]:
    """Order pictures, the best first, by how surely they show a phrase such as "crown above pumpkin".

    Both count: that the regions are what the phrase names, and that they stand so to each other. A picture in which
    fewer than two regions were found shows no relation: it is rejected, and comes last.

    Args:
        encoder: With a text tower.
        pictures: Each with its regions, such as those that a grounder or a segmenter found in it, or the parts of the
            canvas that its references were bound to.
        phrase: See `grammar.parse_phrase`.
        at_least: Probability from which a picture is accepted, [0, 1].
        focus: How the encoder is made to look.
        related: How the regions of each picture stand to each other, where that is known, of `relate`.
        module: Of `open_module`: that answers otherwise; rules unless given.

    Raises:
        InputError: No pictures; a phrase that is not understood, has words that the encoder does not know, or has a
            relation that nothing answers; or another number of `related` than of pictures.
        ConfigError: A bound outside of [0, 1].
    """
    check_number(at_least, name="at_least", at_least=0, at_most=1)
    if not pictures:
        raise InputError("rank_pictures: expected at least one picture, got none.")
    if related is not None and len(related) != len(pictures):
        raise InputError(f"rank_pictures: expected {len(pictures)} `related`, one a picture, got {len(related)}.")
    check_rankable(phrase, related, learned=module is not None)
    known = related or [None] * len(pictures)
    found = []
    for place, (scene, relations) in enumerate(zip(pictures, known, strict=True)):
        enough = len(scene.regions) > 1
        if enough and relations is None and module is not None:
            relations = relate(encoder, scene, focus=focus, module=module)
        fits = find_phrase(encoder, scene, phrase, focus=focus, related=relations).fits if enough else 0.0
        found.append(RankedPicture(place=place, fits=fits, accepted=enough and fits >= at_least))
    return tuple(sorted(found, key=lambda one: -one.fits))


@checked
def check_rankable(phrase: str, related: Sequence[SceneRelations] | None = None, *, learned: bool = False) -> None:
    """Refuse a phrase also where no picture has two regions to try it on, and one that relates nothing.

    Args:
        phrase: See `rank_pictures`.
        related: See `rank_pictures`.
        learned: Whether a module answers.

    Raises:
        InputError: See `rank_pictures`.
    """
    pictured = tuple(name for name in RELATIONS if name not in MOVING) if learned else ANSWERED
    read = answerable(phrase, answered=related[0].relations if related else pictured)
    if read.clause is None:
        raise InputError(
            f"rank_pictures: {phrase!r} says of no two things how they stand: expected such as 'crown above pumpkin'."
        )
