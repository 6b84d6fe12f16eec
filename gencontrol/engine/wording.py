"""The text of a pair: the phrase itself, a sentence around it, or what a captioner says of the part."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch

from gencontrol.engine.candidates import NO_WORDS, Candidate
from gencontrol.images.picture import Picture
from gencontrol.proposals.captioner import Captioner
from gencontrol.proposals.lexicon import DETERMINERS
from gencontrol.regions.region import Region
from gencontrol.streams import stream
from gencontrol.tasks.templates import filled


@runtime_checkable
class Wording(Protocol):
    """Writes the texts of pairs."""

    def worded(self, picture: Picture, candidates: Sequence[Candidate], place: tuple[int, int]) -> list[Candidate]:
        """The candidates with their texts; dropped where there is nothing to say.

        Args:
            picture: Theirs.
            candidates: With masks, those that were dropped excepted.
            place: Numbers of the picture's shard, and of the picture in it.
        """
        ...


class PhraseWording:
    """The phrase as the caption has it: what the published Alpha-CLIP was trained on."""

    def worded(self, picture: Picture, candidates: Sequence[Candidate], place: tuple[int, int]) -> list[Candidate]:
        """See `Wording`."""
        return [one if one.rejected_because else replace(one, caption=one.phrase) for one in candidates]


class TemplateWording:
    """A sentence around the phrase less its article, drawn for each pair from a few."""

    def __init__(self, templates: Sequence[str], *, seed: int = 0):
        """Take sentences with {} for the name, or {a} for it behind its article; and the seed of the draws."""
        self.templates = tuple(templates)
        self.seed = seed

    def worded(self, picture: Picture, candidates: Sequence[Candidate], place: tuple[int, int]) -> list[Candidate]:
        """See `Wording`."""
        shard, number = place
        generator = stream(self.seed, number, f"wording/{shard}")
        drawn = torch.randint(len(self.templates), (max(len(candidates), 1),), generator=generator).tolist()
        return [self._with(one, self.templates[draw]) for one, draw in zip(candidates, drawn, strict=False)]

    def _with(self, one: Candidate, template: str) -> Candidate:
        return one if one.rejected_because else replace(one, caption=filled(template, without_article(one.phrase)))


class CaptionerWording:
    """What a captioner says of each part."""

    def __init__(self, captioner: Captioner):
        """Take a captioner, which is given each part's phrase as its label."""
        self.captioner = captioner

    def worded(self, picture: Picture, candidates: Sequence[Candidate], place: tuple[int, int]) -> list[Candidate]:
        """See `Wording`."""
        stay = [one for one in candidates if not one.rejected_because and one.mask is not None]
        if not stay:
            return list(candidates)
        regions = [Region(alpha=one.mask.float(), label=one.phrase) for one in stay if one.mask is not None]
        said = dict(zip(map(id, stay), self.captioner.caption(picture, regions), strict=True))
        texts = {key: " ".join(text.split()) for key, text in said.items()}
        return [self._with(one, texts[id(one)]) if id(one) in texts else one for one in candidates]

    def _with(self, one: Candidate, text: str) -> Candidate:
        return replace(one, caption=text) if text else one.rejected(NO_WORDS)


def without_article(phrase: str) -> str:
    """A phrase less the determiner at its beginning, so that a sentence may bring its own."""
    first, _, rest = phrase.partition(" ")
    return rest.strip() if rest.strip() and first.casefold() in DETERMINERS else phrase
