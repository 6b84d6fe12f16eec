"""How long a guided step and a rendered view take: our field, the same without skipping, and nerfacto's field.

    python -m benchmarks.nerf.speed                  64 x 64 rays, 64 samples, two views a step, the encoder `tiny`
    python -m benchmarks.nerf.speed --quick          a few samples, two rounds, nerfacto's field made small

All render the same rays at the same samples, feed the same encoder, and take turns within each round, so that a machine
which slows down slows all of them: read the ratios. A step has all that a step of the method has by default: jittered
rays, augmented copies with blur and noise, similarity and the comparison with other names, transmittance, entropy,
backward pass and Adam; lattices also their total variation. nerfacto's field is nerfstudio's own in plain torch, which
is what it runs without CUDA. "guidance alone" is the encoder's share: a step whose pictures cost nothing. Peak memory
is measured in a fresh process for each. The lattice starts as the method's does, as a ball.
"""

import dataclasses
import json
import platform
import statistics
from dataclasses import dataclass
from functools import partial

import torch
import tyro
from torch import Tensor, nn

from benchmarks.memory import ask_process, peak
from benchmarks.nerf.fields import NerfactoPoints, Picture, Renderer
from benchmarks.settings import Weighed
from benchmarks.timing import take_turns
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import VoxelField
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.method.new_field import first_field
from gencontrol.nerf.method.schedules import schedules_of
from gencontrol.nerf.parts.initial_density import TRAINED_ABOVE
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.rays.cameras import Orbit, camera_rays, orbit_cameras, random_cameras
from gencontrol.nerf.rays.rendering import reshape_rays
from gencontrol.nerf.steering.guidance import Steering, load_guides, prepare, steering_losses
from gencontrol.nerf.steering.losses import emptiness, smoothness, weighted_guidance
from gencontrol.nerf.steering.other_names import read_names

OURS, PLAIN, NERFACTO, ALONE = "ours", "without skipping", "nerfacto's field", "guidance alone"
ROWS = (OURS, PLAIN, NERFACTO, ALONE)
# The step whose weights are taken: by then every loss of the method counts.
LATE = 399


@dataclass(frozen=True, kw_only=True)
class Settings(Weighed):
    """What to measure."""

    encoder: str = "tiny"
    """Encoder that guides, as the method's `encoders` name it."""
    prompt: str = "cactus"
    """What is steered to; any text that the encoder knows."""
    views: int = 2
    """Views of a step."""
    size: int = 64
    """Side of a step's views in pixels."""
    samples: int = 64
    """Samples along a ray."""
    resolution: int = 40
    """Nodes along a side of the lattice."""
    view_size: int = 160
    """Side of the view that is rendered without gradients, in pixels."""
    levels: int = 16
    """Levels of nerfacto's hash grid; nerfacto's own number."""
    table: int = 19
    """Logarithm of the entries of a level; nerfacto's own."""
    quick: bool = False
    """Few rays and samples, small hash tables, two rounds."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to render."""

    name: str
    """Which."""
    step_milliseconds: float
    """A guided step: rendering, encoder, backward pass, Adam."""
    view_milliseconds: float | None
    """One view without gradients; nothing for the encoder alone."""
    step_against_ours: float
    """A step's time divided by ours in the same rounds."""
    parameters: int
    """Numbers that are trained."""
    peak_megabytes: float
    """Memory of a step over that of the process with its libraries and encoder loaded."""


def main(settings: Settings) -> None:
    """Measure, print a table, and write the rows if asked to."""
    settings = _shortened(settings)
    settings.use_threads()
    if settings.memory_of:
        print(json.dumps(peak_memory(settings)))
        return
    print(
        f"{settings.views} views of {settings.size} x {settings.size} rays, {settings.samples} samples, "
        f"{SteeredModelConfig().augmentation.copies} copies, {settings.encoder}; "
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    rows = measure(settings)
    print(table(rows))
    if settings.json:
        settings.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1))


def _shortened(settings: Settings) -> Settings:
    if not settings.quick:
        return settings
    return dataclasses.replace(settings, size=32, samples=8, view_size=24, levels=4, table=12, rounds=2)


def measure(settings: Settings) -> list[Row]:
    """Time all rows, taking turns."""
    steering = steering_of(settings)
    models = {name: model_of(name, settings) for name in ROWS}
    optimizers = {n: torch.optim.Adam(m.parameters(), lr=1e-2) for n, m in models.items()}
    steps = {n: partial(guided_step, models[n], optimizers[n], steering, settings) for n in ROWS}
    views = {n: partial(rendered_view, models[n], settings) for n in ROWS if n != ALONE}
    step_seconds, view_seconds = (take_turns(turns, rounds=settings.rounds) for turns in (steps, views))
    ours = statistics.median(step_seconds[OURS])
    return [
        Row(
            name=name,
            step_milliseconds=1000 * statistics.median(step_seconds[name]),
            view_milliseconds=1000 * statistics.median(view_seconds[name]) if name in view_seconds else None,
            step_against_ours=statistics.median(step_seconds[name]) / ours,
            parameters=sum(p.numel() for p in models[name].parameters()),
            peak_megabytes=_memory_of(settings, name),
        )
        for name in ROWS
    ]


def model_of(name: str, settings: Settings) -> nn.Module:
    """What a row renders with."""
    if name == ALONE:
        return Picture(settings.views * settings.size**2)
    if name == NERFACTO:
        return Renderer(NerfactoPoints(levels=settings.levels, table=settings.table))
    field, _ = first_field(SteeredModelConfig(prompt=settings.prompt, resolution=str(settings.resolution)))
    # As the method's model looks for them.
    cells = grid.occupied(field.change_lattice()[0], threshold=TRAINED_ABOVE, grow=1) if name == OURS else None
    return Renderer(field, cells)


def steering_of(settings: Settings) -> Steering:
    """The encoder, the encoded prompt and the names it is told apart from, as the method has them by default."""
    method = SteeredModelConfig()
    return prepare(
        [Part(name="whole", prompt=settings.prompt)],
        load_guides([settings.encoder], device="cpu"),
        views=method.view_prompts,
        augmentation=method.augmentation,
        names=read_names(method.apart_from),
        scale=method.contrast_scale,
    )


def guided_step(model: nn.Module, optimizer: torch.optim.Optimizer, steering: Steering, settings: Settings) -> None:
    """One step as the method takes it; every turn sees the same views."""
    losses = losses_of(model, steering, settings)
    optimizer.zero_grad()
    torch.stack(list(losses.values())).sum().backward()
    optimizer.step()


def losses_of(model: nn.Module, steering: Steering, settings: Settings) -> dict[str, Tensor]:
    """What the method's model sums up in a creation, each times its weight."""
    generator = torch.Generator().manual_seed(0)
    shape = (settings.views, settings.size, settings.size)
    cameras, azimuth, elevation = random_cameras(shape[0], shape[1:], orbit=Orbit(), generator=generator)
    origins, directions = (rays.reshape(-1, 3) for rays in camera_rays(cameras))
    seen = reshape_rays(model(origins, directions, samples=settings.samples, generator=generator), shape)
    guidance = steering_losses(steering, seen, azimuth, elevation, step=LATE, generator=generator)
    schedules = schedules_of(SteeredModelConfig())
    losses = weighted_guidance(guidance, steering.parts, schedules, step=LATE)
    losses |= emptiness(seen, schedules, mode="create", step=LATE)
    if isinstance(model, Renderer) and isinstance(model.field, VoxelField):
        losses |= smoothness(model.field.change_lattice(), schedules, step=LATE)
    return losses


@torch.no_grad()
def rendered_view(model: nn.Module, settings: Settings) -> None:
    """One view, in pieces of a size that nerfacto's field has room for."""
    size = (settings.view_size, settings.view_size)
    cameras = orbit_cameras(torch.zeros(1), torch.full((1,), 20.0), size, orbit=Orbit())
    origins, directions = (rays.reshape(-1, 3).split(1 << 12) for rays in camera_rays(cameras))
    for o, d in zip(origins, directions, strict=True):
        model(o, d, samples=settings.samples)


def _memory_of(settings: Settings, name: str) -> float:
    """Megabytes, from a process of its own."""
    return ask_process("benchmarks.nerf.speed", settings, memory_of=name, quick=False, json=None)


def peak_memory(settings: Settings) -> float:
    """Megabytes of two steps beyond what the process had before its field was made."""
    steering = steering_of(settings)
    # Once through a small model, so that libraries which load at first use are not counted.
    small = dataclasses.replace(settings, views=1, size=16, samples=2, resolution=8, levels=2, table=4)
    warm = model_of(settings.memory_of, small)
    guided_step(warm, torch.optim.Adam(warm.parameters()), steering, small)
    before = peak("cpu")
    model = model_of(settings.memory_of, settings)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        guided_step(model, optimizer, steering, settings)
    return (peak("cpu") - before) / 1e6


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    lines = [f"{'':18}{'step ms':>10}{'x ours':>9}{'view ms':>10}{'parameters':>12}{'peak MB':>9}"]
    for row in rows:
        view = "" if row.view_milliseconds is None else f"{row.view_milliseconds:.0f}"
        lines.append(
            f"{row.name:18}{row.step_milliseconds:10.0f}{row.step_against_ours:9.2f}{view:>10}"
            f"{row.parameters:12,}{row.peak_megabytes:9.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
