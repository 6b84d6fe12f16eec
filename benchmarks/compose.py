"""How fast scenes are composed, against Pillow drawing the same ones sprite by sprite.

    python -m benchmarks.compose --sprites data/sprites/sprites.npz

A batch of 128 scenes of 64 pixels, with the alpha map of what is seen of each sprite. Both draw the same layouts on the
same backgrounds, without colour change and blur; ours is also shown with all that it does by default, layouts and
backgrounds drawn included. Seconds a batch, the median of the rounds, which alternate.
"""

import dataclasses
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import tyro
from PIL import Image, ImageChops

from benchmarks.settings import OnSprites, Timed
from benchmarks.timing import take_turns
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, render
from gencontrol.sprites.store import SpriteStore, open_store


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, Timed):
    """What to measure."""

    batch: int = 128
    """Scenes at once."""
    size: int = 64
    """Side of a scene in pixels."""
    rounds: int = 7
    """Repetitions, after one that does not count."""


def main(settings: Settings) -> None:
    """Measure, print the table, and write the seconds if asked to."""
    settings.use_threads()
    store = open_store(settings.sprites)
    config = SceneConfig(size=settings.size)
    plain = compose(store, dataclasses.replace(config, jitter=0.0, blur=0.0), batch=settings.batch, seed=0)
    rows: dict[str, Callable[[], object]] = {
        "gencontrol, all of it": lambda: compose(store, config, batch=settings.batch, seed=0),
        "gencontrol, given layouts": lambda: render(store, plain.layout, plain.background),
        "Pillow, given layouts": lambda: [draw_with_pillow(store, plain, row) for row in range(settings.batch)],
    }
    seconds = measure(rows, settings.rounds)
    ours = seconds["gencontrol, given layouts"]
    print(f"{settings.batch} scenes of {settings.size} px, {torch.get_num_threads()} threads")
    print(f"{'':28}{'seconds':>9}{'times ours':>12}")
    for name, value in seconds.items():
        print(f"{name:28}{value:9.3f}{value / ours:12.2f}")
    if settings.json:
        settings.json.write_text(json.dumps(seconds, indent=1))


def measure(rows: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each row; the first round, which fills caches, is left out."""
    return {name: statistics.median(seconds) for name, seconds in take_turns(rows, rounds=rounds).items()}


def draw_with_pillow(store: SpriteStore, scenes: Scenes, row: int) -> tuple[Image.Image, list[Image.Image]]:
    """One scene of `scenes`, and what is seen of each of its sprites."""
    size, layout = scenes.rgb.shape[-1], scenes.layout
    scene = _to_pil(scenes.background[row])
    seen: list[Image.Image] = []
    for slot in range(int(scenes.used[row].sum())):
        texture = store.levels[0][layout.concept[row, slot], layout.style[row, slot]].numpy()
        height, width, _ = texture.shape
        sprite = Image.frombytes("RGBa", (width, height), texture.tobytes()).convert("RGBA")
        if layout.mirrored[row, slot]:
            sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        side = max(1, round(float(layout.side[row, slot]) * size))
        turned = sprite.resize((side, side), Image.Resampling.BOX).rotate(
            math.degrees(float(layout.turn[row, slot])), Image.Resampling.BILINEAR, expand=True
        )
        x, y = (round(float(c) * size - turned.width / 2) for c in layout.centre[row, slot])
        layer = Image.new("RGBA", (size, size))
        layer.paste(turned, (x, y))
        scene.paste(layer, (0, 0), layer)
        cover = layer.getchannel("A")
        seen = [ImageChops.multiply(alpha, ImageChops.invert(cover)) for alpha in seen]
        seen.append(cover)
    return scene, seen


def _to_pil(rgb: torch.Tensor) -> Image.Image:
    return Image.fromarray((rgb.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
