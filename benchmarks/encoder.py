"""The four-channel tower against the plain restatement and against OpenCLIP's tower of the same shape.

    python -m benchmarks.encoder                     ViT-L/14, float32 and bfloat16, batches 1 to 32
    python -m benchmarks.encoder --quick             ViT-B/32, two small batches

All three have random weights and take turns within each round, so that a machine which slows down slows all of them:
read the ratios. Peak memory is measured in a fresh process for each.
"""

import dataclasses
import json
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
import tyro
from torch import Tensor, nn
from transformers import CLIPVisionConfig

from benchmarks.memory import ask_process, peak, reset_peak
from benchmarks.settings import Weighed
from benchmarks.timing import take_turns
from gencontrol.alpha_clip.architectures import square, vision_config
from gencontrol.alpha_clip.reference import published_forward
from gencontrol.alpha_clip.towers import fill_vision
from gencontrol.alpha_clip.weights.convert import published_shapes, published_to_clip

Dtype = Literal["float32", "bfloat16"]
Encode = Callable[[Tensor], Tensor]
MODELS = ("tower", "restatement", "OpenCLIP")


@dataclass(frozen=True, kw_only=True)
class Settings(Weighed):
    """What to measure."""

    architecture: str = "ViT-L/14"
    """A named architecture, or "tiny" to see that the benchmark runs."""
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Images at once, in rising order."""
    dtypes: tuple[Dtype, ...] = ("float32", "bfloat16")
    """Precisions."""
    rounds: int = 5
    """Timed turns of each model; the median is reported."""
    device: str = "cpu"
    """Where to run."""
    matrix: int = 2048
    """Side of the square matrices whose product is the machine's own speed."""
    quick: bool = False
    """ViT-B/32, batches 1 and 4, two rounds, a smaller matrix."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model at one precision and batch size."""

    dtype: str
    """Precision."""
    batch: int
    """Images at once."""
    model: str
    """Which of the three."""
    images_per_second: float
    """Median over the rounds."""
    against_tower: float
    """Images a second divided by the tower's in the same rounds; above 1 is faster than the tower."""
    share_of_matrix_product: float
    """Floating-point operations a second divided by those of a square matrix product of the same precision."""
    peak_megabytes: float
    """Memory over that of the process before the weights were made; weights included."""


def main(settings: Settings) -> None:
    """Measure, print a table, and write the rows if asked to."""
    settings = _shortened(settings)
    settings.use_threads()
    config = configuration(settings.architecture)
    if settings.memory_of:
        print(json.dumps(peak_memory(settings, config)))
        return
    cpu = platform.processor() or platform.machine()
    print(f"{settings.architecture} on {settings.device} ({cpu}), torch {torch.__version__}, ", end="")
    print(f"{torch.get_num_threads()} threads, {flops(config) / 1e9:.2f} GFLOP an image")
    rows = [row for name in settings.dtypes for row in measure(settings, config, name)]
    print(table(rows))
    if settings.json:
        settings.json.write_text(json.dumps([dataclasses.asdict(r) for r in rows], indent=1))


def _shortened(settings: Settings) -> Settings:
    if not settings.quick:
        return settings
    name = "ViT-B/32" if settings.architecture == Settings.architecture else settings.architecture
    return dataclasses.replace(settings, architecture=name, batches=(1, 4), rounds=2, matrix=1024)


def configuration(name: str) -> CLIPVisionConfig:
    """The four-channel tower of a named architecture."""
    if name != "tiny":
        return vision_config(name)
    return CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=256,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=1,
        num_channels=4,
        image_size=64,
        patch_size=16,
    )


def flops(config: CLIPVisionConfig) -> int:
    """Floating-point operations of one image's matrix products; a multiplication and its addition are two."""
    size, patch = square(config)
    patches, width = (size // patch) ** 2, config.hidden_size
    tokens = patches + 1
    weights = 4 * width * width + 2 * width * config.intermediate_size
    layer = tokens * weights + 2 * tokens * tokens * width
    embedding = patches * width * config.num_channels * patch * patch
    return 2 * (embedding + config.num_hidden_layers * layer + width * config.projection_dim)


def random_state(config: CLIPVisionConfig) -> dict[str, Tensor]:
    """A published tower with random weights, sized so that bfloat16 neither overflows nor vanishes."""
    generator = torch.Generator().manual_seed(0)
    shapes = published_shapes(config)
    state = {k: torch.randn(s, generator=generator) * (s[-1] ** -0.5 if len(s) > 1 else 1) for k, s in shapes.items()}
    return state | {k: torch.ones_like(v) for k, v in state.items() if "ln_" in k and k.endswith("weight")}


def build(name: str, config: CLIPVisionConfig, dtype: torch.dtype, device: str) -> Encode:
    """One of the three as a function from four-channel pixels to embeddings; OpenCLIP's takes the first three."""
    if name == "OpenCLIP":
        other = open_clip_tower(config).to(device=device, dtype=dtype).eval()
        return lambda pixels: other(pixels[:, :3])
    state = {k: v.to(device=device, dtype=dtype) for k, v in random_state(config).items()}
    if name == "tower":
        tower = fill_vision(config, published_to_clip(state))
        return lambda pixels: tower(pixels).image_embeds
    heads = config.num_attention_heads
    return lambda pixels: published_forward(state, pixels[:, :3], pixels[:, 3:], heads=heads)


def open_clip_tower(config: CLIPVisionConfig) -> nn.Module:
    """OpenCLIP's tower of the same shape, over colour alone."""
    # Here, so that the other models' memory is measured in processes that start twice as fast.
    from open_clip.transformer import QuickGELU, VisionTransformer

    size, patch = square(config)
    return VisionTransformer(
        image_size=size,
        patch_size=patch,
        width=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        mlp_ratio=config.intermediate_size / config.hidden_size,
        output_dim=config.projection_dim,
        act_layer=QuickGELU,
    )


@torch.inference_mode()
def measure(settings: Settings, config: CLIPVisionConfig, name: Dtype) -> list[Row]:
    """Time all models at one precision, taking turns."""
    dtype = getattr(torch, name)
    models = {m: build(m, config, dtype, settings.device) for m in MODELS}
    memory = {m: _memory_of(settings, m, name) for m in MODELS}
    size, _ = square(config)
    rows = []
    for batch in settings.batches:
        pixels = torch.randn(batch, 4, size, size).to(device=settings.device, dtype=dtype)
        matrix = torch.randn(settings.matrix, settings.matrix).to(device=settings.device, dtype=dtype)
        turns: dict[str, Callable[[], Tensor]] = {m: partial(e, pixels) for m, e in models.items()}
        turns["product"] = partial(torch.mm, matrix, matrix)
        seconds = take_turns(turns, rounds=settings.rounds, device=settings.device)
        fastest = 2 * settings.matrix**3 / min(seconds["product"])
        rate = {m: batch / statistics.median(seconds[m]) for m in MODELS}
        rows += [
            Row(
                dtype=name,
                batch=batch,
                model=m,
                images_per_second=rate[m],
                against_tower=rate[m] / rate["tower"],
                share_of_matrix_product=rate[m] * flops(config) / fastest,
                peak_megabytes=memory[m][str(batch)],
            )
            for m in MODELS
        ]
    return rows


def _memory_of(settings: Settings, model: str, dtype: Dtype) -> dict[str, float]:
    """Batch -> megabytes, from a process of its own."""
    return ask_process("benchmarks.encoder", settings, memory_of=model, dtypes=(dtype,), quick=False, json=None)


@torch.inference_mode()
def peak_memory(settings: Settings, config: CLIPVisionConfig) -> dict[str, float]:
    """Batch -> megabytes of this process beyond what it had before; batches must rise: a peak does not fall."""
    dtype = getattr(torch, settings.dtypes[0])
    size, _ = square(config)
    # Once through a small model, so that libraries which load at first use are not counted.
    warm_up = build("tower", configuration("tiny"), dtype, settings.device)
    warm_up(torch.zeros(1, 4, 64, 64, dtype=dtype, device=settings.device))
    reset_peak(settings.device)
    before = peak(settings.device)
    encode = build(settings.memory_of, config, dtype, settings.device)
    # Making the weights takes more than having them: they are drawn in float32, and converted.
    reset_peak(settings.device)
    peaks = {}
    for batch in settings.batches:
        encode(torch.zeros(batch, 4, size, size, dtype=dtype, device=settings.device))
        peaks[str(batch)] = (peak(settings.device) - before) / 1e6
    return peaks


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    lines = [f"{'dtype':9}{'batch':>6}  {'model':12}{'images/s':>10}{'x tower':>9}{'of product':>12}{'peak MB':>9}"]
    for row in rows:
        lines.append(
            f"{row.dtype:9}{row.batch:6}  {row.model:12}{row.images_per_second:10.2f}{row.against_tower:9.2f}"
            f"{row.share_of_matrix_product:12.0%}{row.peak_megabytes:9.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
