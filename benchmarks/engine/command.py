"""Is an Alpha-CLIP that was trained on the engine's pairs nearly as good as one on exact masks?

    python -m benchmarks.engine --sprites data/sprites/sprites.npz --grounder runs/grounder/export \\
        --segmenter runs/segmenter/export -o runs/engine
    python -m benchmarks.engine --grounder runs/grounder/export --segmenter runs/segmenter/export --speed 500

Scenes of the sprite world are written as plain pictures with captions; the engine finds what captions name, and each
row trains a plain CLIP into an Alpha-CLIP for equally many steps: on exact masks, on the engine's pairs, on its boxes,
without its filter, and with GrabCut in the place of its segmenter. All are asked, with exact masks, for the name of the
marked one of three sprites in scenes that no training composed. Rows that are done are not done again; a row that was
killed goes on. `gencontrol train grounder` and `gencontrol train segmenter` make the engine's models.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from benchmarks.engine.quality import Quality, quality_of
from benchmarks.engine.scenes import CAPTIONS, PICTURES, read_truth, write_scenes
from benchmarks.engine.speed import measure_speed
from benchmarks.engine.trained import Recognised, recognised, trained_on
from benchmarks.settings import OnSprites, OnThreads
from gencontrol.errors import ConfigError
from gencontrol.files import atomic_file
from gencontrol.models.registry import resolve_encoder
from gencontrol.runs.pairs.carrying_out import HEADER, make_pairs
from gencontrol.runs.pairs.settings import PairsSettings
from gencontrol.sprites.store import SpriteStore, open_store

EXACT, PLAIN = "exact masks", "plain CLIP"
"""Rows that the engine has no part in."""
ENGINES: Mapping[str, Mapping[str, Any]] = {
    "engine": {},
    "boxes only": {"segmenter": "box"},
    "without the filter": {"filter": False, "contrast": False},
    "without SAM: grabcut": {"segmenter": "grabcut"},
}
"""Rows of the engine, and what is other than usual in them."""


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads):
    """What to measure."""

    grounder: str = ""
    """A grounder's folder."""
    segmenter: str = ""
    """A segmenter's folder."""
    clip: str = "tiny"
    """The plain CLIP that trainings begin from, and that the engine's filter asks: a preset, folder or hub id."""
    pairs: int = 20_000
    """Things that the captions name."""
    steps: int = 3000
    """Of every row's training, 64 pairs each."""
    rows: tuple[str, ...] = ()
    """Which rows to do; all unless given."""
    tests: int = 1000
    """Scenes to recognise in."""
    seed: int = 0
    """Of scenes and trainings."""
    agreement: float = 0.2
    """The filter's least cosine."""
    speed: int = 0
    """Measure the engine's speed on so many scenes, instead of the rows."""
    output: Annotated[Path, arg(aliases=("-o",))] = Path("runs/engine")
    """Where all of it lies."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    top1: float
    """Share of scenes whose marked thing's name is the best of all."""
    quality: Quality | None
    """Of the pairs; None where no engine made them."""
    pairs: int
    """It was trained on."""


def main(settings: Settings) -> None:
    """Measure, and print the table."""
    settings.use_threads()
    check_settings(settings)
    store = open_store(settings.sprites)
    scenes = settings.output / "scenes"
    pictures = write_scenes(store, scenes, things=settings.pairs, seed=settings.seed)
    if settings.speed:
        print(measure_speed(pairs_settings(settings, scenes, "engine"), count=settings.speed))
        return
    print(f"{pictures} scenes, whose captions name {settings.pairs} things; {settings.steps} steps of 64 a row\n")
    names = [name for name in (PLAIN, EXACT, *ENGINES) if not settings.rows or name in settings.rows]
    print(table([row_of(settings, store, scenes, name) for name in names]), flush=True)


def check_settings(settings: Settings) -> None:
    """Refuse what cannot be measured.

    Raises:
        ConfigError: No models, or no such row.
    """
    unknown = [name for name in settings.rows if name not in (PLAIN, EXACT, *ENGINES)]
    if unknown:
        raise ConfigError(f"--rows: no row {unknown[0]!r}; there are {', '.join((PLAIN, EXACT, *ENGINES))}.")
    if not settings.grounder or not settings.segmenter:
        raise ConfigError(
            "--grounder, --segmenter: name the folders that `gencontrol train grounder` and `gencontrol train "
            "segmenter` exported."
        )


def pairs_settings(settings: Settings, scenes: Path, name: str) -> PairsSettings:
    """How a row's engine is set; its filter is the plain CLIP, which has seen no mask."""
    usual: dict[str, Any] = {
        "pictures": str(scenes / PICTURES),
        "captions": str(scenes / CAPTIONS),
        "grounder": settings.grounder,
        "segmenter": settings.segmenter,
        "model": str(Path(*resolve_encoder(settings.clip, has_alpha=False))),
        "contrast": True,
        "agreement": settings.agreement,
        "each": 1,
        "seed": settings.seed,
        "device": "cpu",
        "offline": True,
        "output": str(settings.output / "sets" / name.replace(" ", "-").replace(":", "")),
    }
    return PairsSettings(**usual | dict(ENGINES[name]))


def row_of(settings: Settings, store: SpriteStore, scenes: Path, name: str) -> Row:
    """Do a row, or read what was done."""
    path = settings.output / "rows" / f"{name.replace(' ', '-').replace(':', '')}.json"
    about = {"pairs": settings.pairs, "steps": settings.steps, "tests": settings.tests, "seed": settings.seed}
    if path.is_file() and (told := json.loads(path.read_text()))["about"] == about:
        quality = told["quality"]
        return Row(
            name=name, top1=told["top1"], pairs=told["pairs"], quality=None if quality is None else Quality(**quality)
        )
    folder, quality = scenes, None
    if name in ENGINES:
        engine = pairs_settings(settings, scenes, name)
        folder = Path(engine.output)
        if not (folder / HEADER).is_file():
            make_pairs(engine)
        quality = quality_of(folder, scenes, read_truth(scenes))
    found: Recognised
    if name == PLAIN:
        found = recognised(store, settings.clip, None, count=settings.tests)
    else:
        run = settings.output / "runs" / path.stem
        export = trained_on(folder, run, clip=settings.clip, steps=settings.steps, seed=settings.seed)
        found = recognised(store, settings.clip, export, count=settings.tests)
    pairs = 0 if name == PLAIN else settings.pairs if quality is None else quality.pairs
    row = Row(name=name, top1=found.top1, pairs=pairs, quality=quality)
    told = {"about": about, "top1": row.top1, "pairs": row.pairs, "quality": quality and vars(quality)}
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(told, indent=1))
    return row


def table(rows: list[Row]) -> str:
    """As markdown; the gain is that over the plain CLIP, in percent of the one that exact masks give."""
    top1 = {row.name: row.top1 for row in rows}
    head = "| trained on | pairs | three sprites, top-1 % | gain, % | found % | right % | right before % | mask IoU |"
    lines = [head, "|---|" + "---:|" * 7]
    for row in rows:
        q = row.quality
        shares = [None] * 3 if q is None else [q.recall, q.precision, q.precision_before]
        cells = ["" if share is None else f"{100 * share:.1f}" for share in shares]
        iou = "" if q is None or q.mask_iou is None else f"{q.mask_iou:.3f}"
        gain = gain_of(top1, row.name)
        shown = "" if gain is None else f"{100 * gain:.0f}"
        lines.append(
            f"| {row.name} | {row.pairs or ''} | {100 * row.top1:.1f} | {shown} | {' | '.join(cells)} | {iou} |"
        )
    return "\n".join(lines)


def gain_of(top1: Mapping[str, float], name: str) -> float | None:
    """A row's gain over the plain CLIP as a share of that of exact masks; None where one of them is missing."""
    if PLAIN not in top1 or EXACT not in top1 or top1[EXACT] == top1[PLAIN]:
        return None
    return (top1[name] - top1[PLAIN]) / (top1[EXACT] - top1[PLAIN])
