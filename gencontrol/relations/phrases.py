"""Which regions a sentence about parts means: subject, relation and object over all assignments, in log space.

A text tower cannot read relations (it gives "A left of B" and "B left of A" a cosine of 0.99), so it is asked for names
alone. An assignment fits with probability p = name x relation x name. "Exactly this one fits" has odds p / (1 - p)
against "none does", so the answer is a softmax over the log-odds of all assignments, and over 0, which is none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.configuration import shown
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import checked
from gencontrol.regions.scene import Scene
from gencontrol.relations.geometry import PairGeometry
from gencontrol.relations.grammar import Superlative, Thing, names_in, parse_phrase
from gencontrol.relations.naming import log_names
from gencontrol.relations.relating import SceneRelations, check_regions, relate_embedded
from gencontrol.relations.vocabulary import ANSWERED, BETWEEN, MOVING

ORDER_SOFT = 0.02
"""Width of the ramp by which things are ordered along a side, as a share of the longer side."""
SIZE_SOFT = 0.04
"""The same by size, of the logarithm of lengths."""
# Log-probabilities below this are no nearer to impossible; probabilities above 1 - CERTAIN are not told apart.
_NEVER, _CERTAIN = -30.0, 1e-6


@dataclass(frozen=True, kw_only=True)
class PhraseAnswer:
    """Which regions a phrase means."""

    phrase: Thing
    """What was understood."""
    regions: tuple[str, ...]
    """The regions' labels."""
    assignments: tuple[tuple[int, ...], ...]
    """The subject's region, and those of the relation's one or two objects, if there is a relation."""
    log_fits: Float[Tensor, " n"]
    """Log-probability that an assignment fits, whatever others do."""
    probabilities: Float[Tensor, " n"]
    """That the phrase means this assignment; they add up to 1 with `none`."""
    none: float
    """Probability that it means none of them."""

    @property
    def fits(self) -> float:
        """Probability that the phrase is true of the picture: that at least one assignment fits."""
        return float(1 - (1 - self.log_fits.exp().clamp(max=1 - _CERTAIN)).prod())

    @property
    def subjects(self) -> Float[Tensor, " k"]:
        """Probability of every region to be the subject; they add up to 1 - `none`."""
        found = self.probabilities.new_zeros(len(self.regions))
        return found.index_add(0, torch.tensor([a[0] for a in self.assignments]).to(found.device), self.probabilities)


@torch.no_grad()
@checked
def find_phrase(
    encoder: AlphaCLIP,
    scene: Scene,
    text: str,
    *,
    focus: FocusStrategy | None = None,
    truncate: bool = False,
    related: SceneRelations | None = None,
) -> PhraseAnswer:
    """Say which regions of a picture a phrase means, such as "the red cup left of the dog".

    Args:
        encoder: With a text tower.
        scene: The picture and at least two regions.
        text: See `grammar.parse_phrase`.
        focus: How the encoder is made to look.
        truncate: Cut names that are too long for the text tower instead of refusing them.
        related: How the regions stand to each other, where that is known, of `relate` or `relate_clip`; by rules unless
            it is given.

    Raises:
        InputError: A phrase that is not understood, with a relation that nothing answers, or with words that the
            encoder does not know; fewer than two regions.
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    labels = [region.label for region in scene.regions if region.label]
    phrase = answerable(text, answered=ANSWERED if related is None else related.relations, names=labels)
    check_regions(scene)
    embeds = embed_each_region(encoder, scene, focus=focus)
    related = related or relate_embedded(encoder, scene, embeds)
    return assigned(phrase, related, log_names(encoder, embeds, names_in(phrase), truncate=truncate))


@checked
def answerable(text: str, *, answered: Sequence[str] = ANSWERED, names: Sequence[str] = ()) -> Thing:
    """Read a phrase all of whose relations are answered.

    Args:
        text: See `grammar.parse_phrase`.
        answered: What is, beside "between".
        names: Of regions, see `grammar.parse_phrase`.

    Raises:
        InputError: One that is not understood, or has a relation that the language alone knows.
    """
    phrase = parse_phrase(text, names=names)
    for relation in _relations_in(phrase):
        if relation not in (*answered, BETWEEN):
            needs = "a clip and a trained module" if relation in MOVING else "a trained module"
            raise InputError(f"{shown(text)}: {relation!r} is understood, but {needs} would have to answer it.")
    return phrase


def _relations_in(thing: Thing) -> list[str]:
    clause = thing.clause
    return [] if clause is None else [clause.relation, *(r for other in clause.objects for r in _relations_in(other))]


@torch.no_grad()
@checked
def assigned(phrase: Thing, related: SceneRelations, names: Float[Tensor, "k n"]) -> PhraseAnswer:
    """Weigh all assignments of regions to what a phrase names.

    Args:
        phrase: All of whose relations are answered.
        related: The regions and how they stand to each other.
        names: Log-probability that a region is what a name says, in the order of `names_in(phrase)`.

    Raises:
        InputError: A relation that was not asked for, such as "same kind as" without an encoder.
    """
    columns = dict(zip(names_in(phrase), names.clamp(min=_NEVER).unbind(dim=-1), strict=True))
    joint = _joint(phrase, related, columns)
    flat = joint.flatten()
    used = (flat > 2 * _NEVER).nonzero()[:, 0]
    log_fits = flat[used]
    fits = log_fits.exp().clamp(max=1 - _CERTAIN)
    odds = log_fits - torch.log1p(-fits)
    shares = torch.cat([odds, odds.new_zeros(1)]).softmax(dim=0)
    return PhraseAnswer(
        phrase=phrase,
        regions=related.regions,
        assignments=tuple(tuple(row) for row in torch.stack(torch.unravel_index(used, joint.shape), dim=-1).tolist()),
        log_fits=log_fits,
        probabilities=shares[:-1],
        none=float(shares[-1]),
    )


def _joint(thing: Thing, related: SceneRelations, names: dict[str, Tensor]) -> Tensor:
    """Log-probability of every assignment, (k), (k, k) or (k, k, k); minus infinity for a region with itself."""
    found = names[thing.name]
    if thing.clause is None:
        return found + _place(thing.superlative, found, related.geometry)
    objects = [_each(other, related, names) for other in thing.clause.objects]
    if thing.clause.relation == BETWEEN:
        found = found[:, None, None] + objects[0][None, :, None] + objects[1][None, None, :] + _log(related.between())
    else:
        found = found[:, None] + objects[0][None] + _log(related.of(thing.clause.relation))
    k = len(related.regions)
    apart = ~torch.eye(k, dtype=torch.bool).to(found.device)
    apart = apart if found.ndim == 2 else apart[:, :, None] & apart[:, None] & apart[None]
    found = found.masked_fill(~apart, -torch.inf)
    subject = found.flatten(1).amax(dim=1)
    place = _place(thing.superlative, subject, related.geometry)
    return found + place.reshape(k, *[1] * (found.ndim - 1))


def _each(thing: Thing, related: SceneRelations, names: dict[str, Tensor]) -> Tensor:
    """Log-probability of every region to be the thing, with the best that its own clause can have, (k)."""
    found = _joint(thing, related, names)
    return found if found.ndim == 1 else found.flatten(1).amax(dim=1)


def _log(probability: Tensor) -> Tensor:
    return probability.log().clamp(min=_NEVER)


def _place(superlative: Superlative | None, log_fits: Tensor, geometry: PairGeometry) -> Tensor:
    """Log-probability that so many of those that fit come before a region as the superlative says.

    Each other region comes before it with the probability that it fits, times that of its being further out: how many
    do is distributed as a sum of unequal coins.
    """
    if superlative is None:
        return torch.zeros_like(log_fits)
    before = _before(superlative.kind, geometry) * log_fits.exp()[None]
    before = before * (1 - torch.eye(len(before)).to(before))
    counts = torch.zeros(len(before), superlative.place).to(before)
    counts[:, 0] = 1
    for coin in before.unbind(dim=1):
        kept = counts * (1 - coin[:, None])
        kept[:, 1:] += counts[:, :-1] * coin[:, None]
        counts = kept
    return _log(counts[:, superlative.place - 1])


def _before(kind: str, geometry: PairGeometry) -> Tensor:
    """Probability that region j is further out than region i, entry (i, j)."""
    shapes = geometry.shapes
    if kind in ("biggest", "smallest"):
        value, soft = shapes.size.clamp(min=1e-8).log(), SIZE_SOFT
    else:
        value, soft = shapes.centre[:, 0 if kind in ("left", "right") else 1], ORDER_SOFT
    sign = 1 if kind in ("right", "bottom", "biggest") else -1
    return torch.sigmoid(sign * (value[None] - value[:, None]) / soft)
