"""How much a tower's tokens of a part know of what is outside of it: hosts that read tokens are told no more than that.

    python -m benchmarks.leakage                     the embedded model, 64 pairs of pictures

Of each pair, both pictures are equal within a box and differ outside. A row says by how much, relative to their length,
the tokens within the box and the class token move between the two, and how far the tokens are from those of a tower
that is not told anything: a resampler was trained on the latter. "Unrelated" is the same for two pictures of nothing
in common. Soft random colours, so that no sprites are needed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from benchmarks.settings import OnThreads
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.token_towers import TokenTower, token_tower
from gencontrol.conditioning.tokens import token_weights
from gencontrol.focus.attention import all_tokens_bias, class_token_bias, patch_alphas

Tokens = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b h w"]], Float[Tensor, "b t d"]]


@dataclass(frozen=True, kw_only=True)
class Settings(OnThreads):
    """What to measure."""

    model: str = "tiny"
    """A preset or folder of an Alpha-CLIP."""
    pairs: int = 64
    """Pairs of pictures."""
    floor: float = 1e-3
    """Of the attention biases."""
    json: Path | None = None
    """Also write the rows as JSON."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way of looking."""

    name: str
    """What it is."""
    inside: float
    """Relative movement of the tokens within the box when the outside changes."""
    class_token: float
    """The class token's."""
    from_plain: float
    """Relative distance of the tokens within the box from the plain tower's."""


def pictures(count: int, side: int, *, seed: int) -> Float[Tensor, "b 3 side side"]:
    """Soft colours: eight by eight random ones, resampled."""
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def measure(encoder: AlphaCLIP, settings: Settings) -> list[Row]:
    """All rows."""
    side = encoder.image_size
    box = torch.zeros(side, side)
    box[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 1
    alpha = box.expand(settings.pairs, -1, -1)
    one = pictures(settings.pairs, side, seed=0)
    other = one * box + pictures(settings.pairs, side, seed=1) * (1 - box)
    tower = token_tower(encoder)
    inside = token_weights(box[None, None], tower)[0, 1:] > 0.5
    ways = ways_of(tower, settings.floor)
    plain = ways["plain"](one, alpha)
    rows = [row(name, way(one, alpha), way(other, alpha), plain, inside) for name, way in ways.items()]
    unrelated = ways["plain"](pictures(settings.pairs, side, seed=2), alpha)
    return [*rows, row("unrelated", plain, unrelated, plain, inside)]


def ways_of(tower: TokenTower, floor: float) -> dict[str, Tokens]:
    """Name -> tokens of pictures with an alpha map."""

    def hidden(rgb: Tensor, alpha: Tensor, bias: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            return tower.hidden(tower.processor(rgb, alpha)[:, : tower.channels], bias, layer="penultimate")

    def whole(rgb: Tensor, alpha: Tensor) -> Tensor:
        return hidden(rgb, torch.ones_like(alpha))

    def patches(alpha: Tensor) -> Tensor:
        return patch_alphas(alpha, tower.processor.geometry, tower.patch)

    def class_row(rgb: Tensor, alpha: Tensor) -> Tensor:
        return hidden(rgb, torch.ones_like(alpha), class_token_bias(patches(alpha), scale=1.0, floor=floor))

    def all_rows(rgb: Tensor, alpha: Tensor) -> Tensor:
        return hidden(rgb, torch.ones_like(alpha), all_tokens_bias(patches(alpha), scale=1.0, floor=floor))

    return {"plain": whole, "attention:rows=class": class_row, "alpha": hidden, "attention:rows=all": all_rows}


def row(name: str, one: Tensor, other: Tensor, plain: Tensor, inside: Tensor) -> Row:
    """What moved from `one` to `other`: means over pictures of relative distances."""
    return Row(
        name=name,
        inside=relative(one[:, 1:][:, inside], other[:, 1:][:, inside]),
        class_token=relative(one[:, :1], other[:, :1]),
        from_plain=relative(plain[:, 1:][:, inside], one[:, 1:][:, inside]),
    )


def relative(one: Float[Tensor, "b t d"], other: Float[Tensor, "b t d"]) -> float:
    """Distance of the second from the first, relative to the first's length, picture by picture; their mean."""
    return ((other - one).flatten(1).norm(dim=1) / one.flatten(1).norm(dim=1)).mean().item()


def table(rows: list[Row]) -> str:
    """For people."""
    head = f"{'':22}{'inside':>8}{'class token':>13}{'from plain':>12}"
    body = [f"{r.name:22}{r.inside:8.3f}{r.class_token:13.3f}{r.from_plain:12.3f}" for r in rows]
    return "\n".join([head, *body])


def main(settings: Settings) -> list[Row]:
    """Measure and print."""
    settings.use_threads()
    encoder = AlphaCLIP.from_pretrained(settings.model).eval()
    rows = measure(encoder.with_geometry(replace(encoder.processor.geometry, fit="squash")), settings)
    print(table(rows))
    if settings.json:
        settings.json.write_text(json.dumps([vars(r) for r in rows], indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
