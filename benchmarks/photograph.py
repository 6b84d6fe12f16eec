"""What a large photograph costs beside a small picture: seconds and memory, from files to an embedding.

    python -m benchmarks.photograph [--width 6000 --height 4000] [--rounds 3]

One picture with a mask of its size, both read from files, checked, and embedded by `tiny`'s encoder, as `gencontrol
score` and `embed` do it. Both sizes take turns in one run; memory is what a process of its own, with the encoder
loaded, needs at most beyond that. The rows: a JPEG, a PNG, and a PNG whose region is a box in place of a mask.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
import tyro
from PIL import Image, ImageDraw

from benchmarks.memory import ask_process, peak, reset_peak
from benchmarks.settings import Weighed
from benchmarks.timing import take_turns
from gencontrol.alpha_clip import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.models.registry import resolve
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.scenes import read_scenes
from gencontrol.runs.settings import RegionSettings

SMALL = (96, 64)
"""Width and height of what the photograph is compared with."""
ROWS: Mapping[str, tuple[str, bool]] = {
    "jpeg": ("photo.jpg", True),
    "png": ("photo.png", True),
    "box": ("photo.png", False),
}
"""Name -> the picture's file, and whether a mask points at it."""


@dataclass(frozen=True, kw_only=True)
class Settings(Weighed):
    """What is compared."""

    width: int = 6000
    """Of the photograph, pixels."""
    height: int = 4000
    """Of the photograph, pixels."""


def write_pictures(folder: Path, size: tuple[int, int]) -> None:
    """A picture with soft forms and some noise, as a camera's, in both formats; and an ellipse as its mask."""
    random = np.random.default_rng(0)
    forms = Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noise = random.normal(0, 4, (size[1], size[0], 1)).astype(np.int16)
    photo = Image.fromarray((np.asarray(forms) + noise).clip(0, 255).astype(np.uint8))
    photo.save(folder / "photo.jpg", quality=92)
    photo.save(folder / "photo.png", compress_level=3)
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse((size[0] // 4, size[1] // 5, size[0] * 2 // 3, size[1] * 3 // 4), fill=255)
    mask.save(folder / "mask.png")


def embed(encoder: AlphaCLIP, folder: Path, row: str) -> torch.Tensor:
    """From the row's files to an embedding."""
    name, is_masked = ROWS[row]
    shown = RegionSettings(mask=(str(folder / "mask.png"),)) if is_masked else RegionSettings(box=("25%,20%,65%,75%",))
    (recorded,) = read_scenes([str(folder / name)], read_pointing(shown))
    with torch.inference_mode():
        return embed_each_region(encoder, recorded.scene)


def load_encoder() -> AlphaCLIP:
    """The embedded one: what a larger one costs comes on top, whatever the picture."""
    return AlphaCLIP.from_pretrained(resolve("tiny"), subfolder="alpha_clip")


def weigh(settings: Settings) -> int:
    """Bytes that a row needs beyond those of the encoder and of a picture of a few pixels."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = (Path(folder, name) for name in ("small", "large"))
        for place, size in ((small, SMALL), (large, (settings.width, settings.height))):
            place.mkdir()
            write_pictures(place, size)
        encoder = load_encoder()
        embed(encoder, small, settings.memory_of)
        reset_peak("cpu")
        before = peak("cpu")
        embed(encoder, large, settings.memory_of)
        return peak("cpu") - before


def time_rows(settings: Settings) -> dict[str, dict[str, float]]:
    """Median seconds of each row, for the small picture and the large one, in turns."""
    encoder = load_encoder()
    with tempfile.TemporaryDirectory() as folder:
        turns: dict[str, Callable[[], object]] = {}
        for kind, size in (("small", SMALL), ("large", (settings.width, settings.height))):
            place = Path(folder, kind)
            place.mkdir()
            write_pictures(place, size)
            turns |= {f"{row} {kind}": partial(embed, encoder, place, row) for row in ROWS}
        seconds = take_turns(turns, rounds=settings.rounds)
    return {row: {kind: median(seconds[f"{row} {kind}"]) for kind in ("small", "large")} for row in ROWS}


def main() -> None:
    """Measure and print a table."""
    settings = tyro.cli(Settings, description=__doc__)
    settings.use_threads()
    if settings.memory_of:
        print(json.dumps(weigh(settings)))
        return
    rows = time_rows(settings)
    for row, figures in rows.items():
        figures["megabytes"] = ask_process("benchmarks.photograph", settings, memory_of=row) / 1e6
    size = f"{settings.width} x {settings.height}"
    print(f"{'':8}{'small, s':>10}{size:>14}, s{'more, s':>10}{'more, MB':>10}")
    for row, figures in rows.items():
        more = figures["large"] - figures["small"]
        print(f"{row:8}{figures['small']:10.3f}{figures['large']:17.3f}{more:10.3f}{figures['megabytes']:10.0f}")
    if settings.json is not None:
        settings.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
