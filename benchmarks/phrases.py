"""Sentences about parts: which of two things of one name is meant, and which of two swapped captions is true.

    python -m benchmarks.phrases --sprites data/sprites/sprites.npz                    1,000 scenes a column
    python -m benchmarks.phrases --module runs/relations/export --scenes 200

*Pointed*: four things stand in a picture, two of them of one name on two sides of a third, and a phrase such as "the
cup left of the dog" means one of the two; how often that one is found among all four regions. Half is what the name
alone gives. *Swapped*: of two things one stands left of, right of, above or below the other; how often the true
caption, such as "a cup left of a dog", is told from the one with the names exchanged; half is chance. Masks are
exact; backgrounds and pairs of names are those that training did not show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.focus.report import markdown
from benchmarks.focus.rows import Encoders, open_encoders, whole
from benchmarks.settings import OnSprites, OnThreads, Written
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.images.picture import Picture
from gencontrol.models.registry import resolve
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations.grammar import names_in
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.learned.opening import open_module
from gencontrol.relations.naming import log_names, with_article
from gencontrol.relations.phrases import PhraseAnswer, answerable, assigned
from gencontrol.relations.relating import relate_embedded
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, render
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.streams import stream

SIDES = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}
"""Relations, with the axis and the direction from object to subject."""
FAR, NOT = 0.1, 0.0
"""A thing stands to a side of another by more than `FAR` of the picture's side, and by less than `NOT` it does not."""
LEAST_SEEN = 0.35
"""Least visible share of everything that is spoken of."""
SIZE = 128
"""Side of the scenes in pixels."""
_BATCH = 50


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads, Written):
    """What to measure."""

    model: str = "tiny"
    """Whose encoders: a preset's name, a folder, or a hub id."""
    module: Path | None = None
    """The relation module's folder; the one that comes with the package by default."""
    scenes: int = 1000
    """Of either column."""
    seed: int = 7
    """Of the scenes."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A picture, and what is said of it."""

    scene: Scene
    """With all its regions."""
    subject: str
    """The name of the subject."""
    relation: str
    """Of `SIDES`."""
    object: str
    """The name of the object."""
    meant: int
    """The subject's region."""
    other: int
    """The object's region."""

    @property
    def phrase(self) -> str:
        """What means the subject."""
        return f"the {self.subject} {self.relation} the {self.object}"

    def caption(self, *, swapped: bool = False) -> str:
        """What is true of the picture, or is not."""
        first, second = (self.object, self.subject) if swapped else (self.subject, self.object)
        return f"{with_article(first)} {self.relation} {with_article(second)}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to answer."""

    name: str
    pointed: float | None
    """Share of the phrases whose region is found, [0, 1]; None where it cannot answer that."""
    swapped: float | None
    """Share of the captions that are told from their swapped ones, [0, 1]."""


def holds(relation: str, subject: Float[Tensor, " 2"], other: Float[Tensor, " 2"]) -> float:
    """How far the subject stands on a relation's side of the other, in shares of the picture; negative: it does not."""
    axis, sign = SIDES[relation]
    return float(sign * (subject[axis] - other[axis]))


def twins(store: SpriteStore, *, count: int, seed: int) -> Iterator[Asked]:
    """Scenes of four with two of one name, on two sides of a third.

    Args:
        store: The sprites.
        count: Scenes.
        seed: Of the stream.
    """
    found = index = 0
    while found < count:
        scenes, roles = _doubled(store, seed, index)
        for row in range(_BATCH):
            asked = _twin_of(store, scenes, row, roles[row].tolist(), seed + index * _BATCH + row)
            if asked is not None and found < count:
                found += 1
                yield asked
        index += 1


def _doubled(store: SpriteStore, seed: int, index: int) -> tuple[Scenes, Int[Tensor, "b 4"]]:
    """Scenes of four, one of which takes another's name and drawing; each row's slots: the two, the third, the rest."""
    config = SceneConfig(size=SIZE, counts=(0.0, 0.0, 0.0, 1.0), split="test", blur=0.0)
    drawn = compose(store, config, batch=_BATCH, seed=seed, index=index)
    roles = torch.rand(_BATCH, 4, generator=stream(seed, index, "phrases")).argsort(dim=-1)
    rows = torch.arange(_BATCH)
    concept, style = drawn.layout.concept.clone(), drawn.layout.style.clone()
    concept[rows, roles[:, 1]], style[rows, roles[:, 1]] = concept[rows, roles[:, 0]], style[rows, roles[:, 0]]
    return render(store, replace(drawn.layout, concept=concept, style=style), drawn.background), roles


def _twin_of(store: SpriteStore, scenes: Scenes, row: int, roles: Sequence[int], number: int) -> Asked | None:
    """What can be asked of one scene, if anything."""
    one, two, third, _ = roles
    if scenes.visible[row].min() < LEAST_SEEN:
        return None
    centre = scenes.layout.centre[row]
    sides = list(SIDES)
    for place in range(len(sides)):
        relation = sides[(number + place) % len(sides)]
        for subject, rival in ((one, two), (two, one)):
            if holds(relation, centre[subject], centre[third]) > FAR:
                if holds(relation, centre[rival], centre[third]) < NOT:
                    return _asked(store, scenes, row, relation, subject, third)
    return None


def pairs(store: SpriteStore, *, count: int, seed: int) -> Iterator[Asked]:
    """Scenes of two things of two names, one on a side of the other.

    Args:
        store: The sprites.
        count: Scenes.
        seed: Of the stream.
    """
    config = SceneConfig(size=SIZE, counts=(0.0, 1.0), split="test", blur=0.0)
    found = index = 0
    while found < count:
        scenes = compose(store, config, batch=_BATCH, seed=seed, index=index)
        for row in range(_BATCH):
            relation = list(SIDES)[(index * _BATCH + row) % len(SIDES)]
            first, second = scenes.layout.centre[row, :2]
            apart = holds(relation, first, second)
            clear = scenes.visible[row, :2].min() >= LEAST_SEEN and abs(apart) > FAR
            if clear and scenes.concept[row, 0] != scenes.concept[row, 1] and found < count:
                found += 1
                subject = 0 if apart > 0 else 1
                yield _asked(store, scenes, row, relation, subject, 1 - subject)
        index += 1


def _asked(store: SpriteStore, scenes: Scenes, row: int, relation: str, subject: int, other: int) -> Asked:
    names = [store.concepts[int(index)].name for index in scenes.concept[row]]
    regions = tuple(Region(alpha=alpha) for alpha in scenes.alpha[row])
    scene = Scene(picture=Picture(rgb=scenes.rgb[row]), regions=regions)
    return Asked(
        scene=scene, subject=names[subject], relation=relation, object=names[other], meant=subject, other=other
    )


def answer(
    encoder: AlphaCLIP, asked: Asked, embeds: Tensor, text: str, *, module: RelationModule | None = None
) -> PhraseAnswer:
    """Which regions a text means, of regions that are embedded already; rules answer unless a module does."""
    related = relate_embedded(encoder, asked.scene, embeds, module=module)
    phrase = answerable(text, answered=related.relations, names=[asked.subject, asked.object])
    return assigned(phrase, related, log_names(encoder, embeds, names_in(phrase)))


@torch.no_grad()
def pointed_shares(encoder: AlphaCLIP, asked: Sequence[Asked], module: RelationModule | None) -> dict[str, float]:
    """Of every way to answer, the share of phrases whose region is found."""
    hits: dict[str, list[float]] = {}
    for one in asked:
        embeds = embed_each_region(encoder, one.scene)
        texts = encoder.encode_text([with_article(one.subject), one.phrase]).float()
        alone, read = (torch.nn.functional.cosine_similarity(embeds.float(), text[None]) for text in texts)
        found = {"the name alone": alone, "the phrase as one text": read}
        for name, core in _answering(module):
            found[name] = answer(encoder, one, embeds, one.phrase, module=core).subjects
        for name, values in found.items():
            hits.setdefault(name, []).append(float(int(values.argmax()) == one.meant))
    return {name: sum(values) / len(values) for name, values in hits.items()}


@torch.no_grad()
def swapped_shares(encoders: Encoders, asked: Sequence[Asked], module: RelationModule | None) -> dict[str, float]:
    """Of every way to answer, the share of captions that fit better than with the names exchanged."""
    hits: dict[str, list[float]] = {}
    for one in asked:
        captions = [one.caption(), one.caption(swapped=True)]
        found = {name: embeds @ texts.T for name, (embeds, texts) in _whole_looks(encoders, one, captions).items()}
        embeds = embed_each_region(encoders.alpha, one.scene)
        for name, core in _answering(module):
            fits = [answer(encoders.alpha, one, embeds, text, module=core).fits for text in captions]
            found[name] = torch.tensor(fits)
        for name, values in found.items():
            hits.setdefault(name, []).append(float(values.flatten()[0] > values.flatten()[1]))
    return {name: sum(values) / len(values) for name, values in hits.items()}


def _whole_looks(encoders: Encoders, asked: Asked, captions: list[str]) -> dict[str, tuple[Tensor, Tensor]]:
    """What reads a caption as one text: CLIP, and Alpha-CLIP with both things marked; embeddings and texts."""
    rgb = asked.scene.picture.rgb[None]
    union = torch.stack([region.alpha for region in asked.scene.regions]).amax(dim=0)
    marked = encoders.alpha.encode_image(asked.scene.picture, union)
    # Cosines with the texts: their lengths matter, the picture's does not.
    texts = [_unit(encoder.encode_text(captions)) for encoder in (encoders.plain, encoders.alpha)]
    return {"CLIP, whole": (whole(encoders.plain, rgb), texts[0]), "Alpha-CLIP, both marked": (marked, texts[1])}


def _unit(values: Tensor) -> Tensor:
    return torch.nn.functional.normalize(values.float(), dim=-1)


def _answering(module: RelationModule | None) -> list[tuple[str, RelationModule | None]]:
    """The ways that take a phrase apart."""
    rules: list[tuple[str, RelationModule | None]] = [("taken apart, rules", None)]
    return rules if module is None else [*rules, ("taken apart, module", module)]


def table(rows: Sequence[Row]) -> str:
    """The rows as markdown."""
    shown = [[row.name, *("" if v is None else f"{v:.1%}" for v in (row.pointed, row.swapped))] for row in rows]
    return markdown(["", "pointed", "swapped"], shown)


def main(settings: Settings) -> list[Row]:
    """Measure and print.

    Raises:
        InputError: No sprites.
        CheckpointError: No weights, or no module.
    """
    quiet_loading()
    settings.use_threads()
    store, encoders = open_store(settings.sprites), open_encoders(Path(resolve(settings.model)))
    module = open_module(settings.module)
    asked = list(twins(store, count=settings.scenes, seed=settings.seed))
    pointed = pointed_shares(encoders.alpha, asked, module)
    swapped = swapped_shares(encoders, list(pairs(store, count=settings.scenes, seed=settings.seed)), module)
    names = dict.fromkeys([*pointed, *swapped])
    rows = [Row(name=name, pointed=pointed.get(name), swapped=swapped.get(name)) for name in names]
    print(table(rows))
    settings.write(rows)
    return rows


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
