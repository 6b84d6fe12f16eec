"""How parts stand to each other: hand rules against the trained module's cores, on staged scenes and clips.

    python -m benchmarks.relations --sprites data/sprites/sprites.npz           1,000 scenes a column
    python -m benchmarks.relations --module runs/relations/export --scenes 200  a module of one's own

Every column is a set of scenes that no training saw: backgrounds and, but for the first, every pair that does something
to each other are held out. The mean F1 over the relations of a group; standard errors by drawing scenes again. Swapped:
how often a relation that holds one way alone is likelier that way than with the two exchanged; chance is 50. CLIP and
Alpha-CLIP on swapped captions are in `benchmarks.phrases`; how well regions are followed, in `benchmarks.tracking`.

Four columns are the held-out pairs again, seen otherwise: "one pass" by all embeddings at once, "masked crops" by the
plain CLIP that the Alpha-CLIP was made from, "another tower" by a CLIP of another width and of random weights, which
tells nothing, and "no encoder".
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from tyro.conf import arg

from benchmarks.encoder import flops
from benchmarks.settings import OnSprites, OnThreads
from benchmarks.towers import random_tower
from gencontrol.alpha_clip.architectures import vision_config
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus.registry import configured_focus
from gencontrol.models.registry import resolve_encoder
from gencontrol.relations.geometry import PAIR_FEATURES, PairGeometry, Shapes
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.inputs import COLOURS, CROP, FEATURES, PROBES, RelationInputs
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.learned.opening import open_module
from gencontrol.relations.learned.texts import relation_texts
from gencontrol.relations.likeness import ALIKE, ALIKE_SOFT
from gencontrol.relations.rules import hand_rules
from gencontrol.relations.vocabulary import RULED, SYMMETRIC
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.training.relating.samples import MaskKind, Sampler, Samples
from gencontrol.training.relating.scoring import GROUPS, bootstrap, counts, f1, group_means

RULES = "hand rules"
_BATCH = 50


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads):
    """What to measure."""

    module: Path | None = None
    """The module's folder; the one that comes with the package by default."""
    encoder: str = "tiny"
    """Whose cosines it sees: a preset, a folder or a hub id."""
    plain: bool = False
    """Whether that folder is a plain CLIP, which then looks at masked crops."""
    scenes: int = 1000
    """Scenes, or clips, of every column."""
    columns: tuple[str, ...] = ()
    """Which of the columns; all by default."""
    seed: int = 100
    """Of the scenes."""
    json: Annotated[Path | None, arg(aliases=("--output",))] = None
    """Also write all figures as JSON."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A set of scenes."""

    scenes: StagingConfig
    frames: int = 1
    masks: MaskKind = "exact"
    groups: tuple[str, ...] = ("static", "functional")
    """What is reported of it."""
    sees: Literal["alpha", "one-pass", "crops", "random", "nothing"] = "alpha"
    """What gives the module its cosines."""


_FEW, _MANY = (0.0, 0.4, 0.3, 0.3), (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0)
_TEST = StagingConfig(counts=_FEW, split="test")
_CLIP = StagingConfig(counts=_FEW, split="test", size=64)
COLUMNS: dict[str, Column] = {
    "pairs seen": Column(scenes=replace(_TEST, split="train")),
    "held-out pairs": Column(scenes=_TEST),
    "held-out style": Column(scenes=replace(_TEST, styles=("fxemoji",))),
    "5 to 8 things": Column(scenes=replace(_TEST, counts=_MANY)),
    "boxes": Column(scenes=_TEST, masks="box"),
    "GrabCut": Column(scenes=_TEST, masks="grabcut"),
    "one pass": Column(scenes=_TEST, sees="one-pass"),
    "masked crops": Column(scenes=_TEST, sees="crops"),
    "another tower": Column(scenes=_TEST, sees="random"),
    "no encoder": Column(scenes=_TEST, sees="nothing"),
    "clips": Column(scenes=_CLIP, frames=8, groups=("clip",)),
    "clips, followed": Column(scenes=_CLIP, frames=8, groups=("clip",), masks="followed"),
    "clips twice as long": Column(scenes=_CLIP, frames=16, groups=("clip",)),
    "clips, 3 more things": Column(
        scenes=replace(_CLIP, counts=(0.0, 0.0, 0.0, 0.0, 0.4, 0.3, 0.3)), frames=8, groups=("clip",)
    ),
}
"""What is measured."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to answer on one set of scenes."""

    model: str
    column: str
    means: dict[str, float]
    """Group -> mean F1, %."""
    errors: dict[str, float]
    """Their standard errors."""
    relations: dict[str, float]
    """Relation -> F1, %, where any was true."""
    relation_errors: dict[str, float]
    swapped: float
    """%, of relations that hold one way alone."""
    swapped_error: float


def main(settings: Settings) -> None:
    """Measure, print tables, and write the rows if asked to."""
    settings.use_threads()
    store, module = open_store(settings.sprites), open_module(settings.module)
    rows = []
    for name in settings.columns or tuple(COLUMNS):
        rows += measure(settings, store, module, name)
        print(table(rows, [name]), flush=True)
    print("\n" + table(rows, list(settings.columns or COLUMNS)))
    print("\n" + relation_table(rows, "held-out pairs") + "\n\n" + relation_table(rows, "clips"))
    print("\n" + cost_table(module))
    if settings.json:
        settings.json.write_text(json.dumps([vars(row) for row in rows], indent=1))


def sampler_of(settings: Settings, store: SpriteStore, column: Column) -> Sampler:
    """What draws a column's scenes; clips are seen without an encoder, as in training."""
    if column.frames > 1:
        return Sampler(
            store=store,
            config=column.scenes,
            encoder=None,
            texts=None,
            masks=((column.masks, 1.0),),
            frames=column.frames,
        )
    encoder = encoder_of(settings, column)
    names = {"one-pass": {"name": "one-pass"}}
    crops = settings.plain or column.sees == "crops"
    named = {"name": "crop", "margin": 0.25} if crops else names.get(column.sees)
    return Sampler(
        store=store,
        config=column.scenes,
        encoder=encoder,
        texts=None if encoder is None else relation_texts(encoder),
        focus=None if named is None else configured_focus(named),
        masks=((column.masks, 1.0),),
    )


def encoder_of(settings: Settings, column: Column) -> AlphaCLIP | None:
    """Whose cosines the module sees in a column."""
    if column.sees == "nothing":
        return None
    plain = settings.plain or column.sees == "crops"
    path, inside = resolve_encoder(settings.encoder, has_alpha=not plain)
    opened = AlphaCLIP.from_clip(path, subfolder=inside) if plain else AlphaCLIP.from_pretrained(path, subfolder=inside)
    return random_tower(opened) if column.sees == "random" else opened.requires_grad_(False)


@torch.no_grad()
def measure(settings: Settings, store: SpriteStore, module: RelationModule, name: str) -> list[Row]:
    """All rows of one column."""
    column = COLUMNS[name]
    sampler = sampler_of(settings, store, column)
    counted: dict[str, list[Tensor]] = {}
    swapped: dict[str, list[Tensor]] = {}
    for index in range(-(-settings.scenes // _BATCH)):
        samples = sampler.draw(seed=settings.seed, index=index, batch=min(_BATCH, settings.scenes - index * _BATCH))
        found = {core: said.logits.sigmoid() for core, said in module(samples.inputs, module.config.cores).items()}
        found[RULES] = ruled(samples.inputs, size=column.scenes.size)
        for model, probabilities in found.items():
            counted.setdefault(model, []).append(counts(probabilities, samples.truth))
            swapped.setdefault(model, []).append(kept_apart(probabilities, samples, answered=model != RULES))
    return [_row(model, name, torch.cat(counted[model]), torch.cat(swapped[model])) for model in counted]


def _row(model: str, name: str, counted: Tensor, apart: Tensor) -> Row:
    scores = f1(counted.sum(0))
    errors, group_errors = bootstrap(counted)
    means = group_means(scores)
    chosen = [group for group in COLUMNS[name].groups if group in means and not (model == RULES and group != "static")]
    there = [i for i, score in enumerate(scores.tolist()) if score == score]
    if model == RULES:
        there = [i for i in there if RELATIONS[i] in (*RULED, "same kind as")]
    share = float(apart.double().mean()) if len(apart) else float("nan")
    return Row(
        model=model,
        column=name,
        means={group: 100 * means[group] for group in chosen},
        errors={group: 100 * group_errors[group] for group in chosen},
        relations={RELATIONS[i]: 100 * float(scores[i]) for i in there},
        relation_errors={RELATIONS[i]: 100 * float(errors[i]) for i in there},
        swapped=100 * share,
        swapped_error=100 * (share * (1 - share) / max(1, len(apart))) ** 0.5,
    )


def ruled(inputs: RelationInputs, *, size: int) -> Tensor:
    """What hand rules say of the last frame, in the order of `RELATIONS`; 0 for what they do not answer."""
    used = inputs.there[:, -1]
    none = inputs.pairs.new_zeros(*used.shape, 4)
    shapes = Shapes(used=used, centre=none[..., :2], box=none, area=none[..., 0], axis=none[..., :2])
    features = inputs.pairs[:, -1, ..., : len(PAIR_FEATURES)]
    rules = hand_rules(PairGeometry(shapes=shapes, features=features, pixel=1 / size))
    found = inputs.pairs.new_zeros(*rules.shape[:-1], len(RELATIONS))
    found[..., [RELATIONS.index(name) for name in RULED]] = rules
    alike = torch.sigmoid((inputs.cosines[..., 1] - ALIKE) / ALIKE_SOFT)
    found[..., RELATIONS.index("same kind as")] = alike
    return found


def kept_apart(probabilities: Tensor, samples: Samples, *, answered: bool) -> Tensor:
    """Of every relation that holds of a pair and not of the pair exchanged: whether it is the likelier that way."""
    known = RELATIONS if answered else RULED
    columns = [i for i, name in enumerate(RELATIONS) if name not in SYMMETRIC and name in known]
    truth = samples.truth[..., columns]
    one_way = (truth == 1) & (truth.transpose(1, 2) == 0)
    mine, other = probabilities[..., columns], probabilities.transpose(1, 2)[..., columns]
    return (mine > other)[one_way]


def table(rows: list[Row], columns: list[str]) -> str:
    """Mean F1 of every group, and swapped relations, by model."""
    models = list(dict.fromkeys(row.model for row in rows))
    lines = []
    for name in columns:
        mine = {row.model: row for row in rows if row.column == name}
        for what in (*COLUMNS[name].groups, "swapped"):
            cells = [_cell(mine[model], what) for model in models if model in mine]
            lines.append(f"{name:22}{what:12}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join([f"{'%':34}" + "".join(f"{model:>14}" for model in models), *lines])


def _cell(row: Row, what: str) -> str:
    if what == "swapped":
        return f"{row.swapped:.1f} ±{row.swapped_error:.1f}"
    return f"{row.means[what]:.1f} ±{row.errors[what]:.1f}" if what in row.means else "-"


def relation_table(rows: list[Row], column: str) -> str:
    """F1 of every relation on one set of scenes."""
    mine = [row for row in rows if row.column == column]
    if not mine:
        return ""
    wanted = [name for group in COLUMNS[column].groups for name in GROUPS[group]]
    lines = [f"{column:24}" + "".join(f"{row.model:>14}" for row in mine)]
    for name in wanted:
        cells = [
            f"{row.relations[name]:.1f} ±{row.relation_errors[name]:.1f}" if name in row.relations else "-"
            for row in mine
        ]
        lines.append(f"{name:24}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


@torch.no_grad()
def operations(module: RelationModule, count: int) -> int:
    """Floating-point operations of the default core on a picture of so many regions that all meet, as torch counts."""
    shape = torch.zeros(1, count, count)
    inputs = RelationInputs(
        used=torch.ones(1, count, dtype=torch.bool),
        pairs=shape[:, None, ..., None].expand(1, 1, count, count, len(FEATURES)),
        there=torch.ones(1, 1, count, dtype=torch.bool),
        colours=torch.zeros(1, count, COLOURS),
        crops=torch.zeros(1, count, 4, CROP, CROP),
        meetings=torch.zeros(1, count * (count - 1) // 2, 5, CROP, CROP),
        near=torch.ones(1, count * (count - 1) // 2, dtype=torch.bool),
        cosines=shape[..., None].expand(1, count, count, 2),
        probes=torch.zeros(1, count, len(PROBES)),
    )
    with FlopCounterMode(display=False) as counter:
        module(inputs)
    return counter.get_total_flops()


def cost_table(module: RelationModule) -> str:
    """Operations against the number of regions, and as a share of one ViT-L/14 encode; geometry is not counted."""
    encode = flops(vision_config("ViT-L/14"))
    counted = {count: operations(module, count) for count in (2, 4, 8, 16, 32)}
    lines = [f"{count:7} {number / 1e9:8.3f} {number / encode:8.2%}" for count, number in counted.items()]
    return "\n".join(["regions   GFLOP   of one ViT-L/14 encode", *lines])


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
