"""How the regions of a picture stand to each other: a probability for every relation of every ordered pair."""

from collections import Counter
from collections.abc import Sequence
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
from gencontrol.regions.region import RegionWarning, stack_alphas
from gencontrol.regions.scene import Scene
from gencontrol.relations.geometry import PairGeometry, pair_geometry
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.cores import CoreName
from gencontrol.relations.learned.inputs import relation_inputs
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.learned.texts import LEAST_NAMES, relation_texts
from gencontrol.relations.likeness import same_colour, same_kind
from gencontrol.relations.naming import readable, scale_of, with_article
from gencontrol.relations.rules import between, hand_rules
from gencontrol.relations.vocabulary import ANSWERED, COLOURS, LIKENESS, MOVING, OTHER_THINGS, RULED, UNANSWERED

MOST_REGIONS = 200
"""More regions than this make more pairs than anybody reads, and triples that fill the memory."""


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
    """What the masks say; of a clip, in the frame that is looked at."""
    states: Float[Tensor, "k d"] | None = None
    """What the learned module keeps of every region; None where rules answered."""
    scene_state: Float[Tensor, " d"] | None = None
    """What it keeps of all together."""
    still: Float[Tensor, " k"] | None = None
    """In a clip, the probability that a region stays where it is."""

    def __post_init__(self) -> None:
        check_fields(self)

    def of(self, relation: str) -> Float[Tensor, "k k"]:
        """One relation's probabilities.

        Raises:
            InputError: No such relation, or one that was not asked for.
        """
        if relation not in self.relations and relation in UNANSWERED:
            needs = "a clip, and the learned module" if relation in MOVING else "the learned module"
            raise InputError(
                f"{relation!r} needs {needs}: rules on masks do not answer it{nearest('', self.relations)}."
            )
        if relation not in self.relations:
            raise InputError(f"There is no relation {relation!r}{nearest(relation, self.relations)}.")
        return self.probabilities[..., self.relations.index(relation)]

    def between(self) -> Float[Tensor, "k k k"]:
        """Probability that a region lies between two others; entry (i, j, l): i between j and l."""
        return between(self.geometry)


@torch.no_grad()
@checked
def relate(
    encoder: AlphaCLIP | None,
    scene: Scene,
    *,
    focus: FocusStrategy | None = None,
    module: RelationModule | None = None,
    core: CoreName | None = None,
) -> SceneRelations:
    """Ask every ordered pair of a picture's regions for every relation.

    Without a module masks answer by hand-set rules (`rules`), and an encoder by cosines of embeddings (`likeness`). A
    module answers all by itself, functional relations such as "wearing" too.

    Args:
        encoder: Any; None, or one without a text tower, leaves out what masks cannot answer, and a module.
        scene: The picture and at least two regions; their weights and levels play no part.
        focus: How the encoder is made to look; see `embed_regions`.
        module: Of `open_module`.
        core: Which of the module's cores answers; its own choice unless said.

    Raises:
        InputError: Fewer than two regions, more than `MOST_REGIONS`, or a region that the encoder would not see; or a
            core without a module.
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    embeds = None if encoder is None else _embedded(encoder, scene, focus)
    return relate_embedded(encoder, scene, embeds, module=module, core=core)


@torch.no_grad()
def relate_embedded(
    encoder: AlphaCLIP | None,
    scene: Scene,
    embeds: Float[Tensor, "k d"] | None,
    *,
    module: RelationModule | None = None,
    core: CoreName | None = None,
) -> SceneRelations:
    """The same, of regions that are embedded already.

    Args:
        encoder: See `relate`.
        scene: See `relate`.
        embeds: Of `embed_each_region`, in the regions' order; None leaves out what masks cannot answer.
        module: See `relate`.
        core: See `relate`.

    Raises:
        InputError: See `relate`.
    """
    check_regions(scene)
    warn_of_odd(scene)
    if module is not None:
        return answered_by(module, encoder, scene, embeds, core=core)
    if core is not None:
        raise InputError(f"core: {core!r} is of a module, and none is given: give one of `open_module`.")
    geometry = pair_geometry(stack_alphas(scene.regions))
    found = hand_rules(geometry)
    if encoder is None or embeds is None or encoder.text is None or encoder.tokenizer is None:
        return _answered(scene, RULED, found, geometry)
    kinds, colours = readable(encoder, OTHER_THINGS), readable(encoder, COLOURS)
    if min(len(kinds), len(colours)) < LEAST_NAMES:
        return _answered(scene, RULED, found, geometry)
    texts = encoder.encode_text([*map(with_article, kinds), *colours])
    likeness = (
        same_kind(embeds, texts[: len(kinds)]),
        same_colour(embeds, texts[len(kinds) :], scale=scale_of(encoder)),
    )
    found = torch.cat([found, torch.stack(likeness, dim=-1).to(found)], dim=-1)
    return _answered(scene, ANSWERED, _sure_of_one_thing(found, ANSWERED, stack_alphas(scene.regions)[None]), geometry)


def _embedded(encoder: AlphaCLIP, scene: Scene, focus: FocusStrategy | None) -> Tensor:
    # Before any time is spent.
    check_regions(scene)
    return embed_each_region(encoder, scene, focus=focus)


def _answered(scene: Scene, relations: tuple[str, ...], found: Tensor, geometry: PairGeometry) -> SceneRelations:
    return SceneRelations(regions=distinct_labels(scene), relations=relations, probabilities=found, geometry=geometry)


def answered_by(
    module: RelationModule,
    encoder: AlphaCLIP | None,
    scene: Scene,
    embeds: Float[Tensor, "k d"] | None,
    *,
    core: CoreName | None,
    frames: Float[Tensor, "t k h w"] | None = None,
    seen: int = -1,
) -> SceneRelations:
    """What a module says of a picture, or of a clip.

    Args:
        module: That answers.
        encoder: See `relate`.
        scene: The picture; of a clip, the frame that is looked at.
        embeds: Of its regions; None tells nothing of them.
        core: See `relate`.
        frames: Of a clip, the regions' maps in every frame.
        seen: Which of the frames is looked at.

    Raises:
        InputError: A core that the module does not have.
    """
    chosen = core or module.config.core
    if chosen not in module.config.cores:
        known = module.config.cores
        raise InputError(f"core: the module has no {chosen!r}{nearest(chosen, known)}; it has {', '.join(known)}.")
    texts = None if encoder is None or embeds is None else relation_texts(encoder)
    shown = stack_alphas(scene.regions).float().cpu()
    maps = shown[None] if frames is None else frames
    told = (None, None, None) if texts is None or embeds is None else (embeds.float().cpu(), texts.names, texts.probes)
    inputs = relation_inputs(maps, scene.picture.rgb.cpu(), *told, seen=seen)
    said = module(inputs.to(next(module.parameters()).device), (chosen,))[chosen]
    asked = tuple(name for name in RELATIONS if len(maps) > 1 or name not in MOVING)
    geometry = pair_geometry(shown)
    found = said.logits[0].sigmoid().cpu()[..., [RELATIONS.index(name) for name in asked]]
    return SceneRelations(
        regions=distinct_labels(scene),
        relations=asked,
        probabilities=_sure_of_one_thing(found * geometry.pairs[..., None], asked, maps),
        geometry=geometry,
        states=said.regions[0].cpu(),
        scene_state=said.scene[0].cpu(),
        still=said.still[0].sigmoid().cpu() if len(maps) > 1 else None,
    )


def _sure_of_one_thing(
    found: Float[Tensor, "k k r"], relations: Sequence[str], maps: Float[Tensor, "t k h w"]
) -> Float[Tensor, "k k r"]:
    """The same, but that regions which mark the same pixels throughout are certainly of one kind and one colour: they
    are one thing, and a module that has never seen such a pair guesses."""
    firsts = torch.tensor(_first_equal(maps))
    same = (firsts[:, None] == firsts) & ~torch.eye(len(firsts), dtype=torch.bool)
    columns = torch.tensor([name in LIKENESS for name in relations])
    return found.masked_fill((same[..., None] & columns).to(found.device), 1.0)


def _first_equal(maps: Float[Tensor, "t k h w"]) -> list[int]:
    """Of each region, the place of the first one that marks the same pixels: its own where there is none."""
    sums = maps.double().sum(dim=(0, 2, 3)).tolist()
    firsts: list[int] = []
    for place, total in enumerate(sums):
        others = (n for n in range(place) if sums[n] == total and torch.equal(maps[:, n], maps[:, place]))
        firsts.append(next(others, place))
    return firsts


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


def warn_of_odd(scene: Scene, maps: Float[Tensor, "t k h w"] | None = None) -> None:
    """Warn of regions from which little follows: two that are the same, and one that is everywhere.

    Args:
        scene: The picture; of a clip, the frame that is looked at.
        maps: Of a clip, the regions' maps in every frame: those of two that are the same are so throughout.
    """
    alphas, labels = stack_alphas(scene.regions), distinct_labels(scene)
    names = [repr(label) if r.label else str(n) for n, (label, r) in enumerate(zip(labels, scene.regions, strict=True))]
    firsts = _first_equal(alphas[None] if maps is None else maps)
    for place, name in enumerate(names):
        if bool((alphas[place] > 0.5).all()):
            text = f"Region {name} covers the whole picture: where it lies to others says nothing."
            warn(text, RegionWarning, stacklevel=3)
        if firsts[place] != place:
            warn(f"Regions {names[firsts[place]]} and {name} mark the same pixels.", RegionWarning, stacklevel=3)
