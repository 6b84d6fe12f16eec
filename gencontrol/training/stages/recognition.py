"""Does the encoder name what it is pointed at? Fixed test scenes, top-1 and top-5, and a labelled sheet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

from gencontrol.sprites.catalog import Concept, held_out_styles, training_styles
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.pairs import choose_slot

EncodeRegion = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b h w"]], Float[Tensor, "b d"]]
"""Pictures and alpha maps in [0, 1] to image embeddings, of any length."""


@dataclass(frozen=True, kw_only=True)
class RecognitionSet:
    """Test scenes, one marked sprite each."""

    name: str
    """For logs, such as "2" or "2-unseen-style"."""
    sprites: int
    """In each scene."""
    rgb: Float[Tensor, "b 3 h w"]
    """The scenes, [0, 1]."""
    alpha: Float[Tensor, "b h w"]
    """The marked sprite's visible part, [0, 1]."""
    concept: Int[Tensor, " b"]
    """What is marked."""


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """Shares of scenes, [0, 1]."""

    top1: float
    """The marked sprite's name is the best of all names."""
    top5: float
    """It is among the best five."""


def recognition_set(
    store: SpriteStore, *, sprites: int, size: int, count: int, styles: Sequence[str], seed: int = 0
) -> RecognitionSet:
    """Compose test scenes of a number of sprites, none blurred."""
    counts = tuple(float(n == sprites) for n in range(1, 5))
    config = SceneConfig(size=size, counts=counts, styles=tuple(styles), split="test", blur=0.0)
    scenes = compose(store, config, batch=count, seed=seed)
    slot = choose_slot(scenes, stream(seed, 0, "marked"))
    rows = torch.arange(count)
    unseen = "-unseen-style" if set(styles) <= set(held_out_styles()) else ""
    return RecognitionSet(
        name=f"{sprites}{unseen}",
        sprites=sprites,
        rgb=scenes.rgb,
        alpha=scenes.alpha[rows, slot],
        concept=scenes.concept[rows, slot],
    )


def recognition_sets(store: SpriteStore, *, size: int, count: int = 256) -> list[RecognitionSet]:
    """The sets that runs are watched by: one to four sprites in training styles, one and three in the unseen style."""
    known = [recognition_set(store, sprites=n, size=size, count=count, styles=training_styles()) for n in range(1, 5)]
    present = [s for s in held_out_styles() if s in store.styles]
    if not present:
        return known
    return known + [recognition_set(store, sprites=n, size=size, count=count, styles=present) for n in (1, 3)]


def recognise(encode: EncodeRegion, names: Float[Tensor, "c d"], test: RecognitionSet) -> Recognition:
    """Rank all names (unit length, one per concept) for each marked sprite."""
    hits = _ranked(encode, names, test)[:, :5] == test.concept[:, None]
    return Recognition(top1=hits[:, 0].double().mean().item(), top5=hits.any(-1).double().mean().item())


def recognition_sheet(
    encode: EncodeRegion, names: Tensor, tests: Sequence[RecognitionSet], concepts: Sequence[Concept], *, each: int = 8
) -> Image.Image:
    """A row of scenes per set, dimmed outside the alpha; below it the best name, red and with the truth if wrong."""
    side, text = 128, 26
    sheet = Image.new("RGB", (each * (side + 4), len(tests) * (side + text + 4)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, test in enumerate(tests):
        best = _ranked(encode, names, test, count=each)[:, 0]
        for column in range(each):
            x, y = column * (side + 4), row * (side + text + 4)
            sheet.paste(_dimmed(test.rgb[column], test.alpha[column], side), (x, y))
            right = bool(best[column] == test.concept[column])
            truth = concepts[int(test.concept[column])].name
            label = truth if right else f"{concepts[int(best[column])].name}\n({truth})"
            draw.multiline_text((x + 2, y + side), label, fill="green" if right else "red", spacing=1)
    return sheet


def _ranked(encode: EncodeRegion, names: Tensor, test: RecognitionSet, count: int | None = None) -> Int[Tensor, "b c"]:
    image = functional.normalize(encode(test.rgb[:count], test.alpha[:count]).float(), dim=-1)
    return (image @ names.to(image).T).argsort(-1, descending=True).cpu()


def _dimmed(rgb: Tensor, alpha: Tensor, side: int) -> Image.Image:
    shown = rgb * (0.35 + 0.65 * alpha)
    pixels = (shown.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
