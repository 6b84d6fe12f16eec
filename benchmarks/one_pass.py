"""One pass for several regions against a pass for each: how near, how often right, and how fast.

    python -m benchmarks.one_pass --sprites data/sprites/sprites.npz
    python -m benchmarks.one_pass --model runs/one_pass/export --no-timing
    python -m benchmarks.one_pass --scenes 0                                  the time alone

Rows of accuracy are paired: the same scenes of the sprite world's test split, in which every thing is a region, and the
nearest of all names. `untrained` is one pass with weights that change nothing. The time is of ViT-L/14 with random
weights: a pass for one region and a pass for sixteen take turns, so read the ratio.
"""

import dataclasses
import statistics
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from torch import Tensor
from torch.nn import functional

from benchmarks.encoder import configuration
from benchmarks.settings import OnSprites, OnThreads, Written
from benchmarks.timing import take_turns
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.one_pass.regions import encode_fitted, untrained
from gencontrol.models.registry import resolve_encoder
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.training.data.taught import Teacher
from gencontrol.training.stages.one_pass_data import watched_chunk


@dataclass(frozen=True, kw_only=True)
class Settings(OnThreads, OnSprites, Written):
    """What to measure."""

    model: str = "tiny"
    """Preset, folder or hub id of the encoder."""
    regions: tuple[int, ...] = (2, 3, 4, 8)
    """Things in a scene."""
    scenes: int = 250
    """Scenes for each number of regions; 0 measures the time alone."""
    seed: int = 0
    """Of the scenes."""
    timing: bool = True
    """Whether to measure the time."""
    architecture: str = "ViT-L/14"
    """Of which time is measured; "tiny" to see that the benchmark runs."""
    at_once: int = 16
    """Regions in the timed pass."""
    rounds: int = 7
    """Timed turns of each; the median is reported."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to look, at one number of regions."""

    way: str
    """`one pass` or `untrained`."""
    regions: int
    """In each scene."""
    looked_at: int
    """All regions of all scenes."""
    each: float
    """Share of the regions that a pass for each names rightly, among all names."""
    one: float
    """The same of one pass."""
    error: float
    """Standard error of the difference of the two, which are paired."""
    cosine: float
    """Mean cosine of the two embeddings."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of a pass, medians."""

    encode: float
    """For one region."""
    together: float
    """For many."""
    ratio: float
    """The second by the first, median over the rounds."""


def main(settings: Settings) -> None:
    """Measure and print."""
    settings.use_threads()
    rows = measure(settings) if settings.scenes else []
    if rows:
        print(table(rows))
    times = [time_of(settings)] if settings.timing else []
    for took in times:
        print(f"{settings.architecture}, random weights, {torch.get_num_threads()} threads: ", end="")
        print(f"{settings.at_once} regions in one pass take {took.ratio:.3f} of one encode ", end="")
        print(f"({took.together:.3f} s and {took.encode:.3f} s)")
    settings.write([dataclasses.asdict(row) for row in [*rows, *times]])


@torch.no_grad()
def measure(settings: Settings) -> list[Row]:
    """Rows of an encoder's one pass, if it was trained for it, and of the untrained one."""
    place, inside = resolve_encoder(settings.model, has_alpha=True)
    encoder = AlphaCLIP.from_pretrained(Path(place), subfolder=inside)
    store = open_store(settings.sprites)
    names = encoder.encode_text(concept_prompts(store.concepts), normalize=True)
    ways = {} if encoder.one_pass is None else {"one pass": encoder.one_pass}
    ways["untrained"] = untrained(encoder.vision)
    return [
        row_of(way, one_pass, encoder, names, chunk, regions=number)
        for number in settings.regions
        for chunk in [_chunk(store, encoder, number, settings)]
        for way, one_pass in ways.items()
    ]


def _chunk(store: SpriteStore, encoder: AlphaCLIP, regions: int, settings: Settings) -> dict[str, Tensor]:
    teacher = Teacher(encoder=encoder, precision="float32")
    return watched_chunk(store, teacher, regions=regions, count=settings.scenes, seed=settings.seed)


def row_of(
    way: str, one_pass: OnePass, encoder: AlphaCLIP, names: Tensor, chunk: dict[str, Tensor], *, regions: int
) -> Row:
    """Compare both ways on the same scenes."""
    looking = AlphaCLIP(encoder.vision, processor=encoder.processor, one_pass=one_pass)
    parts = torch.arange(len(chunk["rgb"])).split(50)
    found = torch.cat([encode_fitted(looking, chunk["rgb"][p], chunk["alphas"][p]) for p in parts])
    used = chunk["used"]
    one, each = functional.normalize(found[used].float(), dim=-1), chunk["taught"][used]
    right_one, right_each = ((e @ names.T).argmax(-1) == chunk["concepts"][used] for e in (one, each))
    apart = right_one.double() - right_each.double()
    return Row(
        way=way,
        regions=regions,
        looked_at=len(one),
        each=right_each.double().mean().item(),
        one=right_one.double().mean().item(),
        error=apart.std().item() / len(apart) ** 0.5,
        cosine=(one * each).sum(-1).mean().item(),
    )


@torch.inference_mode()
def time_of(settings: Settings) -> Times:
    """One encode, and one pass for many regions, in turns."""
    torch.manual_seed(0)
    encoder = AlphaCLIP.from_config(configuration(settings.architecture)).eval()
    encoder.one_pass = OnePass(encoder.vision.config).eval()
    size = encoder.image_size
    rgb = torch.rand(1, 3, size, size)
    alphas = (torch.rand(1, settings.at_once, size, size) > 0.9).float()
    pixels = encoder.processor(rgb, alphas[:, 0])
    seconds = take_turns(
        {
            "encode": lambda: encoder.encode_pixels(pixels),
            "together": lambda: encode_fitted(encoder, rgb, alphas),
        },
        rounds=settings.rounds,
    )
    ratios = [b / a for a, b in zip(seconds["encode"], seconds["together"], strict=True)]
    encode, together, ratio = map(statistics.median, (seconds["encode"], seconds["together"], ratios))
    return Times(encode=encode, together=together, ratio=ratio)


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    lines = [f"{'way':11}{'regions':>8}{'looked at':>11}{'each':>8}{'one':>8}{'kept':>8}{'error':>8}{'cosine':>8}"]
    lines += [
        f"{row.way:11}{row.regions:8}{row.looked_at:11}{row.each:8.1%}{row.one:8.1%}"
        f"{row.one / max(row.each, 1e-9):8.1%}{row.error:8.1%}{row.cosine:8.3f}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
