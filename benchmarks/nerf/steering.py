"""Does text reach the highlighted part of a scene, and leave the rest alone? Eight ways to steer, judged from outside.

    python -m benchmarks.nerf.steering --sprites runs/sprites/sprites.npz

Four scenes, each an extruded sprite between a ball and an egg on a ground, are edited by two prompts each, in eight
ways: plain CLIP on the whole view and Alpha-CLIP on the part, both with and without the composition that keeps the
rest, from the same cameras, which show the whole scene; both without it, and with Adam's eps at the size of a part's
gradients ("steps by size"); and Alpha-CLIP with composition from the method's own cameras, which look at the part
("near"), starting as the others from the sprite, or from a mist in its place. A judge that did not guide,
of another architecture and trained apart, names what it sees of the part alone in held-out views; below stands the
unedited scene, above the true sprite in the same place. Every finished run is kept in the output folder and not run
again; `--hours` bounds one call, and the table shows what there is. `--scenes`, `--prompts` and `--rows` take a part of
it, in the same folder:

    python -m benchmarks.nerf.steering --sprites runs/sprites/sprites.npz --scenes pumpkin --prompts cactus

Columns: rank of the prompt among all names (median), share of runs in the top 5, rank from grey shaded pictures, the
judge's log-probability of the prompt; against the unedited scene, PSNR outside the highlight's silhouette (median and
least), PSNR outside of what stood or stands in it ("close", which also counts haze within the highlight, median and
least), SSIM as the first; how much of the field outside has changed; minutes of training.
"""

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from jaxtyping import Bool
from torch import Tensor

from benchmarks.judge.model import Judge, open_judge
from benchmarks.nerf.measures import (
    Point,
    Stage,
    change_outside,
    covered,
    part_views,
    psnr_outside,
    rank_of,
    ssim_outside,
    whole_views,
)
from benchmarks.nerf.report import scene_name, table, write_sheet
from benchmarks.nerf.run import run
from benchmarks.settings import Judged, OnThreads
from gencontrol.files import atomic_file
from gencontrol.nerf.field.scene import Scene, save_scene
from gencontrol.nerf.method.entry import variant
from gencontrol.nerf.parts.shapes import Box, Ellipsoid, Sphere
from gencontrol.nerf.rays.cameras import Orbit
from gencontrol.nerf.still_life.sprite_cutout import sprite_picture
from gencontrol.nerf.still_life.world import Thing, World, bake, extrude
from gencontrol.sprites.store import SpriteStore, open_store

# The part stands on the ground's upper face, -0.55, and has some room around the sprite.
PART = Box(centre=(0.0, 0.0, -0.05), size=(1.0, 0.6, 1.0))
BALL = Sphere(centre=(-0.76, 0.0, -0.35), radius=0.2)
EGG = Ellipsoid(centre=(0.76, 0.0, -0.3), size=(0.36, 0.36, 0.5))
GROUND = Box(centre=(0.0, 0.0, -0.63), size=(1.94, 1.2, 0.14))
ROWS: Mapping[str, Mapping[str, Any]] = {
    "plain CLIP": {"plain": True, "free": True},
    "plain CLIP, composed": {"plain": True, "free": False},
    "Alpha-CLIP": {"plain": False, "free": True},
    "Alpha-CLIP, composed": {"plain": False, "free": False},
    "plain CLIP, steps by size": {"plain": True, "free": True, "eps": 1e-4},
    "Alpha-CLIP, steps by size": {"plain": False, "free": True, "eps": 1e-4},
    "Alpha-CLIP, near": {"plain": False, "free": False, "near": True},
    "Alpha-CLIP, replaced": {"plain": False, "free": False, "near": True, "mode": "replace"},
}
"""Name -> whether plain CLIP guides on the whole view, whether the whole field may change, Adam's eps, whether the
cameras are the method's own, and its mode."""
FLOOR, CEILING = "unedited", "true sprite"
ALL_ROWS = (FLOOR, *ROWS, CEILING)


@dataclass(frozen=True, kw_only=True)
class Settings(Judged, OnThreads):
    """What to run."""

    encoder: str = "tiny"
    """Encoder that guides; its plain CLIP must lie beside its Alpha-CLIP."""
    style: str = "noto"
    """Style of the sprites that stand in the scenes and at the ceiling."""
    scenes: tuple[str, ...] = ("pumpkin", "guitar", "penguin", "umbrella")
    """Sprites that are edited."""
    prompts: tuple[str, ...] = ("cactus", "mushroom")
    """What each becomes."""
    rows: tuple[str, ...] = ALL_ROWS
    """Ways to steer, with floor and ceiling."""
    steps: int = 400
    """Guided steps of a run."""
    every: int = 50
    """Steps between two measurements."""
    resolution: int = 64
    """Nodes along a side of the scenes' lattices."""
    size: int = 96
    """Side of the held-out views in pixels."""
    hours: float = 2.0
    """No run is begun that would end later than this, by the longest one so far."""
    output: Path = Path("runs/nerf_steering")
    """Where runs are kept; a folder of one set of settings."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every run needs."""

    settings: Settings
    """As given."""
    store: SpriteStore
    """The sprites."""
    judge: Judge
    """Names pictures."""
    stage: Stage
    """The part and the held-out views."""
    inside: Bool[Tensor, "b 1 h w"]
    """Where those views may show the part."""

    def index(self, name: str) -> int:
        """Of a concept among the judge's outputs."""
        return next(i for i, concept in enumerate(self.store.concepts) if name in concept.names)


def main(settings: Settings) -> None:
    """Run what is missing within the hours, and print the table of what there is."""
    settings.use_threads()
    bench = open_bench(settings)
    check_settings(settings)
    print(progress(settings), flush=True)
    started, longest = time.monotonic(), 0.0
    for sprite, prompt, row in runs(settings):
        path = settings.output / f"{scene_name(sprite, prompt, row)}.json"
        if path.exists():
            continue
        begun = time.monotonic()
        if begun + longest > started + settings.hours * 3600:
            print("The hours are over; start again to go on.")
            break
        points = carry_out(bench, sprite, prompt, row)
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps([dataclasses.asdict(point) for point in points], indent=1))
        longest = max(longest, time.monotonic() - begun)
        print(f"{sprite} -> {prompt}, {row}: rank {points[-1].rank}, {longest / 60:.1f} min", flush=True)
    results = read_results(settings)
    print(progress(settings))
    print(table(results, rows=ALL_ROWS, names=len(bench.judge.slugs)))
    print(write_sheet(results, ALL_ROWS, bench.stage, settings.output))


def open_bench(settings: Settings) -> Bench:
    """Open the store and the judge, which must name the same concepts."""
    store, judge = open_store(settings.sprites), open_judge(settings.judge)
    judge.check_concepts(store)
    stage = Stage(box=PART, size=settings.size)
    return Bench(settings=settings, store=store, judge=judge, stage=stage, inside=stage.silhouette())


def check_settings(settings: Settings) -> None:
    """Keep one folder to one set of settings: runs of two would be averaged into one row."""
    # Which cases there are is said by the files' names: a part of them may be run first.
    ignored = {"hours", "threads", "output", "sprites", "judge", "scenes", "prompts", "rows"}
    plain = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings) if f.name not in ignored}
    path = settings.output / "settings.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else plain | {"ways": {}}
    # A new way is no other setting; one that means something else now is.
    ways = known.pop("ways", None)
    if known != plain or ways is None or any(ways.get(row, how) != how for row, how in ROWS.items()):
        raise SystemExit(f"{settings.output} holds runs of other settings ({path}): name another --output.")
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(plain | {"ways": ways | dict(ROWS)}, indent=1), encoding="utf-8")


def runs(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """(sprite, prompt, row), all rows of a case together, so that a stopped benchmark compares like with like."""
    for prompt in settings.prompts:
        for sprite in settings.scenes:
            for row in settings.rows:
                yield sprite, prompt, row


def progress(settings: Settings) -> str:
    """How many of the runs asked for are there, and which are not."""
    asked, there = list(runs(settings)), read_results(settings)
    missing = [f"{sprite} -> {prompt}, {row}" for sprite, prompt, row in asked if (sprite, prompt, row) not in there]
    head = f"{len(there)} of {len(asked)} runs are in {settings.output}"
    return head if not missing else "\n  ".join([f"{head}; missing:", *missing])


def scene_of(bench: Bench, sprite: str) -> Scene:
    """The sprite on the ground, between a ball and an egg."""
    settings = bench.settings
    name, rgb, alpha = sprite_picture(bench.store, sprite, style=settings.style)
    body = extrude(rgb, alpha, centre=(0.0, 0.0, -0.1), width=0.9, thickness=0.3)
    world = World(
        things=(
            Thing(name=name, body=body),
            Thing(name="ball", body=BALL, colour=(0.85, 0.15, 0.1)),
            Thing(name="egg", body=EGG, colour=(0.95, 0.8, 0.2)),
            Thing(name="ground", body=GROUND, colour=(0.35, 0.55, 0.3)),
        )
    )
    return bake(world, settings.resolution)


def carry_out(bench: Bench, sprite: str, prompt: str, row: str) -> list[Point]:
    """One run, measured on the way; floor and ceiling are measured once."""
    before, path = scene_of(bench, sprite), bench.settings.output / f"{scene_name(sprite, prompt, row)}.safetensors"
    if row not in ROWS:
        scene = before if row == FLOOR else scene_of(bench, prompt)
        save_scene(scene, path)
        return [measure(bench, before, scene, prompt, step=0, minutes=0.0)]
    # Read by the method at its start, and overwritten by what it made of it.
    save_scene(before, path)
    points, trained, last, scene = [], 0.0, time.monotonic(), before
    for step, scene in run(
        row_config(bench, row, path, prompt), steps=bench.settings.steps, every=bench.settings.every
    ):
        trained += time.monotonic() - last
        points.append(measure(bench, before, scene, prompt, step=step, minutes=trained / 60))
        last = time.monotonic()
    save_scene(scene, path)
    return points


def row_config(bench: Bench, row: str, scene: Path, prompt: str) -> Any:
    """The method's own defaults but for what the row compares."""
    settings, how = bench.settings, ROWS[row]
    config: Any = variant(
        mode=how.get("mode", "edit"),
        scene=scene,
        box=(*PART.centre, *PART.size),
        prompt=prompt,
        encoders=(f"clip:{settings.encoder}" if how["plain"] else settings.encoder,),
        alpha_input="whole" if how["plain"] else "part",
        free=how["free"],
        resolution="0:48",
        preview_every=0,
    )
    # Adam divides every value's gradient by that value's own size: with its usual eps, 1e-8, a colour far from the part
    # moves as far in a step as one within it, though the former's gradient is of some 1e-7 and the latter's up to 1e-3
    # (pumpkin, Alpha-CLIP): who guides hardly shows in what moves.
    config.optimizers["field"]["optimizer"].eps = how.get("eps", config.optimizers["field"]["optimizer"].eps)
    if not how.get("near", False):
        # Whether the encoder's looking at the part localises: cameras that look at it would answer for the encoder.
        config.pipeline.datamanager.aim = "scene"
        config.pipeline.datamanager.orbit = Orbit(elevation=(0.0, 25.0), field_of_view=(32.0, 40.0))
    config.optimizers["field"]["scheduler"].max_steps = settings.steps
    return config


def measure(bench: Bench, before: Scene, after: Scene, prompt: str, *, step: int, minutes: float) -> Point:
    """Everything about one edited scene."""
    stage, index = bench.stage, bench.index(prompt)
    first, second = whole_views(before, stage), whole_views(after, stage)
    either = covered(before, stage) | covered(after, stage)
    rank, log_probability = rank_of(bench.judge(part_views(after, stage)).log_probabilities, index)
    grey, _ = rank_of(bench.judge(part_views(after, stage, textured=False)).log_probabilities, index)
    return Point(
        step=step,
        rank=rank,
        log_probability=log_probability,
        textureless_rank=grey,
        psnr=psnr_outside(first, second, bench.inside),
        close_psnr=psnr_outside(first, second, either),
        ssim=ssim_outside(first, second, bench.inside),
        change=change_outside(before, after, stage.box),
        minutes=minutes,
    )


def read_results(settings: Settings) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """(sprite, prompt, row) -> points, of the runs that are there."""
    found = {}
    for sprite, prompt, row in runs(settings):
        path = settings.output / f"{scene_name(sprite, prompt, row)}.json"
        if path.exists():
            found[sprite, prompt, row] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
