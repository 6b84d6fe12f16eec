"""Which part of a picture a phrase means, "the red cup on the table": from candidates, and where those come from."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.ops import nms

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.errors import InputError
from gencontrol.focus.boxes import Box, part_box
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Picture
from gencontrol.kinds import checked
from gencontrol.proposals.defaults import MOST
from gencontrol.proposals.grounder import Grounder, chosen
from gencontrol.proposals.segmenter import Segmenter
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations.grammar import Thing, names_in
from gencontrol.relations.naming import log_names
from gencontrol.relations.phrases import answerable, find_phrase
from gencontrol.relations.relating import MOST_REGIONS, distinct_labels
from gencontrol.relations.vocabulary import ANYTHING

SAME = 0.8
"""Intersection over union above which two proposed boxes are one thing, whatever phrases they were found for."""


@dataclass(frozen=True, kw_only=True)
class Referral:
    """Which of a picture's regions a phrase means."""

    text: str
    """The phrase."""
    scene: Scene
    """The picture and the candidates."""
    labels: tuple[str, ...]
    """The candidates' names, each once."""
    probabilities: Float[Tensor, " k"]
    """Of each candidate to be what is meant; with `none` they add up to 1."""
    none: float
    """That it is none of them."""

    @property
    def best(self) -> int | None:
        """The number of the likeliest candidate; None where "none of them" is likelier."""
        number = int(self.probabilities.argmax())
        return number if float(self.probabilities[number]) >= self.none else None

    @property
    def region(self) -> Region:
        """What is meant.

        Raises:
            InputError: Likelier none of the candidates.
        """
        if self.best is None:
            raise InputError(
                f'"{self.text}" means none of the candidates rather than one of them ({self.none:.0%}): say it '
                "otherwise, or give others."
            )
        return self.scene.regions[self.best]

    @property
    def box(self) -> Box:
        """Of what is meant: x0, y0, x1, y1 in pixels, x1 and y1 outside.

        Raises:
            InputError: See `region`.
        """
        return part_box(self.region.alpha)


@torch.no_grad()
@checked
def refer(encoder: AlphaCLIP, scene: Scene, text: str, *, focus: FocusStrategy | None = None) -> Referral:
    """Say which of a picture's regions a phrase means.

    The text tower is asked for names alone, which it can tell; places ("the second cup from the left"), sizes and
    relations ("left of the dog") are answered by the regions' own masks: see `gencontrol.relations.find_phrase`.

    Args:
        encoder: With a text tower.
        scene: The picture and the candidates, at least one.
        text: A phrase about one thing.
        focus: How the encoder is made to look; None is its alpha channel if it has been trained, else attention.

    Raises:
        InputError: No candidate; a phrase that is not understood, or with words that the encoder does not know.
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    if not scene.regions:
        raise InputError("There is no candidate: show regions, or let a grounder propose them.")
    labels = distinct_labels(scene)
    if len(scene.regions) > 1:
        answer = find_phrase(encoder, scene, text, focus=focus)
        return Referral(text=text, scene=scene, labels=labels, probabilities=answer.subjects, none=answer.none)
    phrase = answerable(text, names=[region.label for region in scene.regions if region.label])
    fits = _lone(encoder, scene, phrase, focus)
    return Referral(text=text, scene=scene, labels=labels, probabilities=fits, none=1 - float(fits[0]))


def _lone(encoder: AlphaCLIP, scene: Scene, phrase: Thing, focus: FocusStrategy | None) -> Float[Tensor, " 1"]:
    """Probability that the only candidate is meant: that it has the name, where nothing else is asked of it."""
    embeds = embed_each_region(encoder, scene, focus=focus)
    named = log_names(encoder, embeds, names_in(phrase)[:1])[:, 0].exp()
    # It is the first from either end; it cannot be the second, nor stand to another.
    alone = phrase.clause is None and (phrase.superlative is None or phrase.superlative.place == 1)
    return named if alone else torch.zeros_like(named)


@checked
def propose(
    picture: Picture,
    text: str,
    *,
    grounder: Grounder,
    segmenter: Segmenter,
    threshold: float | None = None,
    most: int = MOST,
) -> Scene:
    """The picture with candidates for a phrase: everything that its nouns are found for, as masks.

    Args:
        picture: Where to look.
        text: A phrase about one thing; of "the cup left of the dog", cups and dogs are looked for.
        grounder: Finds boxes for names.
        segmenter: Turns boxes into masks; not asked where the grounder gives masks itself, as SAM 3 does.
        threshold: Least score of a box; None is the grounder's own.
        most: Candidates at most, those of the best scores.

    Raises:
        InputError: A phrase that is not understood or names nothing ("the left one"); or nothing is found.
        ConfigError: A threshold or a number out of range.
    """
    names = [name for name in dict.fromkeys(names_in(answerable(text))) if name not in ANYTHING]
    if not names:
        raise InputError(f'"{text}" names nothing that a grounder could find: name the thing, or give candidates.')
    found = grounder.ground(picture, names, threshold=threshold, most=min(most, MOST_REGIONS))
    # What is found for two names is one thing, under the better one.
    kept: list[int] = nms(found.boxes, found.scores, SAME).tolist()
    if not kept:
        raise InputError(f"Nothing is found for {', '.join(names)}: lower the threshold, or say it otherwise.")
    found = chosen(found, kept)
    masks = segmenter.segment(picture, found.boxes).masks if found.masks is None else found.masks
    pairs = zip(masks, found.phrases, strict=True)
    regions = tuple(Region(alpha=mask.float(), label=name) for mask, name in pairs if mask.any())
    if not regions:
        raise InputError(f"The segmenter finds nothing in the boxes of {', '.join(names)}: take another one.")
    return Scene(picture=picture, regions=regions)
