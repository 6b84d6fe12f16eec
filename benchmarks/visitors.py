"""Many people on one page: does everybody get all their pictures, and does the memory stay?

    python -m benchmarks.visitors
    python -m benchmarks.visitors --visitors 20 --pictures 200

Visitors come at once, each with a picture and a region, and queue for one model, as on `gencontrol studio`; each asks
again when its pictures are there, until so many were made. Counted are the pictures, whose records have to name their
own visitor's picture, and the resident memory of the process that draws after every tenth of the runs.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro
from PIL import Image

from benchmarks.settings import Written
from gencontrol.studio.page.sessions import Sessions
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.scene.asking import NAMES, Controls
from gencontrol.studio.warm.worker import Pool, Runner

EXAMPLE = Path(__file__).parents[1] / "examples" / "scene.png"
SCENE = json.dumps([{"name": "part", "marks": [{"tool": "box", "points": [[20, 40], [140, 180]]}]}])
"""What every visitor draws."""


@dataclass(frozen=True, kw_only=True)
class Settings(Written):
    """How many come, and what they want."""

    model: str = "tiny"
    """A preset or a folder."""
    visitors: int = 20
    """At one time."""
    pictures: int = 200
    """All together."""
    each: int = 2
    """Pictures of a run."""
    steps: int = 10
    """Of each picture."""
    concurrency: int = 1
    """Runs at one time."""


@dataclass(kw_only=True)
class Measured:
    """What came of it."""

    asked: int = 0
    """Pictures that were asked for."""
    made: int = 0
    """Pictures that are there."""
    foreign: int = 0
    """Pictures that show up in a gallery whose visitor did not ask for them."""
    failed: list[str] = field(default_factory=list)
    """What went wrong, in words."""
    longest: float = 0.0
    """Seconds that somebody waited for the pictures of one run, at most."""
    memory: list[int] = field(default_factory=list)
    """Megabytes of the processes that draw, after each tenth of the runs."""


def resident(processes: Sequence[int]) -> int:
    """Megabytes of processes' resident memory; 0 of those that the system does not tell of."""
    total = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:")), 0)
    return total // 1024


def children() -> list[int]:
    """This process's own, by number; none where the system does not tell."""
    try:
        return [int(n) for n in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def own_picture(folder: Path, number: int) -> Path:
    """The example with one pixel of a visitor's own, so that no two files are the same."""
    with Image.open(EXAMPLE) as image:
        picture = image.convert("RGB")
    picture.putpixel((0, 0), (number % 256, number // 256, 0))
    path = folder / f"visitor-{number}.png"
    picture.save(path)
    return path


def visit(
    studio: Studio, picture: Path, runs: int, settings: Settings, measured: Measured, lock: threading.Lock
) -> None:
    """One visitor: opens the page, and asks so many times."""
    session = studio.sessions.open()
    studio.take_picture(session, picture, plainly=True)
    controls = Controls(model=settings.model, number=settings.each, steps=settings.steps)
    values = [getattr(controls, name) for name in NAMES]
    for number in range(runs):
        started = time.monotonic()
        values[NAMES.index("seed")] = str(number * settings.each)
        try:
            for _ in studio.vary(session, SCENE, values):
                pass
        except Exception as error:  # Everything that a visitor would see is counted.
            with lock:
                measured.failed.append(f"{type(error).__name__}: {error}")
        with lock:
            measured.longest = max(measured.longest, time.monotonic() - started)
            measured.memory.append(resident(children()))
    with lock:
        measured.made += len([made for made in session.made if made.path.is_file()])
        measured.foreign += sum(list(made.settings["images"]) != [str(picture)] for made in session.made)


def measure(settings: Settings, pool: Runner, folder: Path) -> Measured:
    """Let them all come at once."""
    studio = Studio(pool, Sessions(folder / "visits", keeps=True), models=[settings.model], private=True, offline=True)
    measured, lock = Measured(), threading.Lock()
    runs = -(-settings.pictures // (settings.visitors * settings.each))
    measured.asked = runs * settings.visitors * settings.each
    pictures = [own_picture(folder, number) for number in range(settings.visitors)]
    with ThreadPoolExecutor(settings.visitors) as everybody:
        how = {"runs": runs, "settings": settings, "measured": measured, "lock": lock}
        done = [everybody.submit(visit, studio, picture, **how) for picture in pictures]
    for one in done:
        one.result()
    return measured


def report(measured: Measured, seconds: float) -> str:
    """For people."""
    tenth = max(1, len(measured.memory) // 10)
    course = ", ".join(f"{megabytes}" for megabytes in measured.memory[tenth - 1 :: tenth])
    lines = [
        f"pictures asked for {measured.asked}, made {measured.made}, of somebody else {measured.foreign}, "
        f"errors {len(measured.failed)}",
        f"in {seconds:.0f} s; the longest that somebody waited for a run: {measured.longest:.0f} s",
        f"memory of what draws, MB, in the course of it: {course}",
    ]
    return "\n".join([*lines, *sorted(set(measured.failed))])


def main(settings: Settings) -> Measured:
    """Measure and print."""
    torch.set_num_threads(1)
    pool = Pool(settings.concurrency)
    try:
        with tempfile.TemporaryDirectory() as name:
            started = time.monotonic()
            measured = measure(settings, pool, Path(name))
            print(report(measured, time.monotonic() - started))
    finally:
        pool.close()
    settings.write(measured)
    return measured


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
