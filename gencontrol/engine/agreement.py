"""How well an encoder takes a part and what is said of it to agree."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.engine.candidates import DISAGREES, OTHER_PHRASE, UNKNOWN_WORDS, Candidate
from gencontrol.engine.rules import Rules
from gencontrol.errors import InputError
from gencontrol.focus.one_pass import embed_each
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.images.picture import Picture
from gencontrol.tasks.zero_shot import zero_shot_weights

_REMEMBERED = 4096
"""Texts whose embeddings are kept: captions name the same things again and again."""


class Agreement:
    """An encoder that looks at parts in one way, and reads what is said of them."""

    def __init__(self, encoder: AlphaCLIP, focus: FocusStrategy):
        """Take an encoder with a text tower, where it is to compute, and how it is made to look."""
        self.encoder = encoder
        self.focus = focus
        self._texts: dict[tuple[str, ...], Float[Tensor, " d"] | str] = {}

    @torch.no_grad()
    def parts(self, picture: Picture, candidates: Sequence[Candidate]) -> Float[Tensor, "k d"]:
        """Embeddings of parts, of unit length; all candidates have masks."""
        alphas = torch.stack([one.mask for one in candidates if one.mask is not None]).float()
        rgb = colours_for(self.focus, picture).to(self.encoder.device)
        return functional.normalize(embed_each(self.focus, self.encoder, rgb, alphas.to(rgb.device)).float(), dim=-1)

    def text(self, text: str, templates: Sequence[str] = ()) -> Float[Tensor, " d"] | str:
        """A text's embedding, of unit length; in words why there is none, where the encoder cannot read it.

        Args:
            text: What is said of a part; with templates, a class's name.
            templates: Sentences that it is put into, whose embeddings are averaged.
        """
        key = (text, *templates)
        if key not in self._texts:
            if len(self._texts) >= _REMEMBERED:
                self._texts.pop(next(iter(self._texts)))
            self._texts[key] = self._read(text, templates)
        return self._texts[key]

    @torch.no_grad()
    def _read(self, text: str, templates: Sequence[str]) -> Float[Tensor, " d"] | str:
        try:
            # Each by itself: in batches, what stands beside a text would change its last bits.
            if templates:
                embeds = zero_shot_weights(self.encoder, [text], templates=tuple(templates))
            else:
                embeds = self.encoder.encode_text([text])
        except InputError as error:
            return str(error)
        return functional.normalize(embeds[0].float(), dim=-1)

    def judged(
        self, picture: Picture, candidates: Sequence[Candidate], rules: Rules, *, others: Sequence[str] = ()
    ) -> list[Candidate]:
        """The candidates with how well they agree with their phrases, dropped where that is not enough.

        Args:
            picture: Theirs.
            candidates: With masks, those that were dropped excepted.
            rules: The least agreement, and whether another phrase may agree better.
            others: All phrases of the picture.
        """
        read = {one.phrase: self.text(one.phrase) for one in candidates if not one.rejected_because}
        done = [self._readable(one, read.get(one.phrase, "")) for one in candidates]
        stay = [one for one in done if not one.rejected_because]
        if not stay:
            return done
        embeds = self.parts(picture, stay)
        rivals = {text: self.text(text) for text in others} if rules.contrast else {}
        known = {text: embed for text, embed in rivals.items() if not isinstance(embed, str)}
        told = {}
        for one, embed in zip(stay, embeds, strict=True):
            own = read[one.phrase]
            assert not isinstance(own, str)
            agreement = float(embed @ own)
            told[id(one)] = _judged(replace(one, agreement=agreement), rules, _best(embed, known, one.phrase))
        return [told.get(id(one), one) for one in done]

    def _readable(self, one: Candidate, embed: Float[Tensor, " d"] | str) -> Candidate:
        return one.rejected(UNKNOWN_WORDS, embed) if isinstance(embed, str) and not one.rejected_because else one


def _best(embed: Float[Tensor, " d"], known: dict[str, Float[Tensor, " d"]], phrase: str) -> tuple[str, float] | None:
    """The other phrase that a part agrees with best."""
    cosines = {text: float(embed @ other) for text, other in known.items() if text.casefold() != phrase.casefold()}
    return max(cosines.items(), key=lambda entry: entry[1]) if cosines else None


def _judged(one: Candidate, rules: Rules, rival: tuple[str, float] | None) -> Candidate:
    assert one.agreement is not None
    if rules.agreement is not None and one.agreement < rules.agreement:
        return one.rejected(DISAGREES)
    if rival is not None and rival[1] > one.agreement:
        return one.rejected(OTHER_PHRASE, f"{rival[0]}: {rival[1]:.4f}")
    return one
