"""How the regions of a picture stand to each other: a probability for every relation of every ordered pair."""

from collections import Counter
from dataclasses import dataclass
from warnings import warn

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region, region_labels
from gencontrol.configuration import nearest
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import check_fields, checked
from gencontrol.regions.region import Region, RegionWarning, stack_alphas
from gencontrol.regions.scene import Scene
from gencontrol.relations.geometry import PairGeometry, pair_geometry
from gencontrol.relations.likeness import same_colour, same_kind
from gencontrol.relations.naming import readable, scale_of, with_article
from gencontrol.relations.rules import between, hand_rules
from gencontrol.relations.vocabulary import ANSWERED, COLOURS, OTHER_THINGS, RULED, UNANSWERED

MOST_REGIONS = 200
"""More regions than this make more pairs than anybody reads, and triples that fill the memory."""


# With fewer names that an encoder knows, likeness has nothing to go by.
_LEAST_NAMES = 4


@dataclass(frozen=True, kw_only=True)
class SceneRelations:
    """How every region of a picture stands to every other one."""

    regions: tuple[str, ...]
    """The regions' labels, each different: those of one name are numbered."""
    relations: tuple[str, ...]
    """What was asked of every pair."""
    probabilities: Float[Tensor, "k k r"]
    """[0, 1]; entry (i, j, r): that region i stands so to region j. Relations do not exclude each other. 0 for a region
    and itself."""
    geometry: PairGeometry
    """What the masks say."""

    def __post_init__(self) -> None:
        check_fields(self)

    def of(self, relation: str) -> Float[Tensor, "k k"]:
        """One relation's probabilities.

        Raises:
            InputError: No such relation, or one that was not asked for.
        """
        if relation in UNANSWERED:
            raise InputError(f"{relation!r} is a relation that nothing here answers yet{nearest('', self.relations)}.")
        if relation not in self.relations:
            raise InputError(f"There is no relation {relation!r}{nearest(relation, self.relations)}.")
        return self.probabilities[..., self.relations.index(relation)]

    def between(self) -> Float[Tensor, "k k k"]:
        """Probability that a region lies between two others; entry (i, j, l): i between j and l."""
        return between(self.geometry)


@torch.no_grad()
@checked
def relate(encoder: AlphaCLIP | None, scene: Scene, *, focus: FocusStrategy | None = None) -> SceneRelations:
    """Ask every ordered pair of a picture's regions for every relation.

    Masks answer by hand-set rules (`rules`), and an encoder by cosines of embeddings (`likeness`).

    Args:
        encoder: Any; None, or one without a text tower, leaves out what masks cannot answer.
        scene: The picture and at least two regions; their weights and levels play no part.
        focus: How the encoder is made to look; see `embed_regions`.

    Raises:
        InputError: Fewer than two regions, more than `MOST_REGIONS`, or a region that the encoder would not see.
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    embeds = None if encoder is None else _embedded(encoder, scene, focus)
    return relate_embedded(encoder, scene, embeds)


@torch.no_grad()
def relate_embedded(encoder: AlphaCLIP | None, scene: Scene, embeds: Float[Tensor, "k d"] | None) -> SceneRelations:
    """The same, of regions that are embedded already.

    Args:
        encoder: See `relate`.
        scene: See `relate`.
        embeds: Of `embed_each_region`, in the regions' order; None leaves out what masks cannot answer.

    Raises:
        InputError: See `relate`.
    """
    check_regions(scene)
    warn_of_odd(scene.regions)
    geometry = pair_geometry(stack_alphas(scene.regions))
    found = hand_rules(geometry)
    if encoder is None or embeds is None or encoder.text is None or encoder.tokenizer is None:
        return _answered(scene, RULED, found, geometry)
    kinds, colours = readable(encoder, OTHER_THINGS), readable(encoder, COLOURS)
    if min(len(kinds), len(colours)) < _LEAST_NAMES:
        return _answered(scene, RULED, found, geometry)
    texts = encoder.encode_text([*map(with_article, kinds), *colours])
    likeness = (
        same_kind(embeds, texts[: len(kinds)]),
        same_colour(embeds, texts[len(kinds) :], scale=scale_of(encoder)),
    )
    return _answered(scene, ANSWERED, torch.cat([found, torch.stack(likeness, dim=-1).to(found)], dim=-1), geometry)


def _embedded(encoder: AlphaCLIP, scene: Scene, focus: FocusStrategy | None) -> Tensor:
    # Before any time is spent.
    check_regions(scene)
    return embed_each_region(encoder, scene, focus=focus)


def _answered(scene: Scene, relations: tuple[str, ...], found: Tensor, geometry: PairGeometry) -> SceneRelations:
    return SceneRelations(regions=distinct_labels(scene), relations=relations, probabilities=found, geometry=geometry)


def check_regions(scene: Scene) -> None:
    """Refuse a scene in which nothing stands to anything.

    Raises:
        InputError: Fewer than two regions, or more than `MOST_REGIONS`.
    """
    count = len(scene.regions)
    if count < 2:
        there = "there is 1" if count else "there is none"
        raise InputError(f"Relations need at least two regions, and {there}: show one more, by a mask or a box.")
    if count > MOST_REGIONS:
        raise InputError(f"Relations of {count} regions are more than is answered at once: {MOST_REGIONS} at most.")


def distinct_labels(scene: Scene) -> tuple[str, ...]:
    """The regions' labels; of those that are called the same, each with its number, as "cup 1" and "cup 2"."""
    labels = region_labels(scene)
    counts = Counter(labels)
    given: Counter[str] = Counter()
    result = []
    for label in labels:
        given[label] += 1
        result.append(label if counts[label] == 1 else f"{label} {given[label]}")
    return tuple(result)


def warn_of_odd(regions: tuple[Region, ...]) -> None:
    """Warn of regions from which little follows: two that are the same, and one that is everywhere."""
    alphas = stack_alphas(regions)
    for place, region in enumerate(regions):
        name = repr(region.label) if region.label else str(place)
        if bool((alphas[place] > 0.5).all()):
            text = f"Region {name} covers the whole picture: where it lies to others says nothing."
            warn(text, RegionWarning, stacklevel=3)
        same = next((n for n in range(place) if torch.equal(alphas[n], alphas[place])), None)
        if same is not None:
            other = repr(regions[same].label) if regions[same].label else str(same)
            warn(f"Regions {other} and {name} mark the same pixels.", RegionWarning, stacklevel=3)
