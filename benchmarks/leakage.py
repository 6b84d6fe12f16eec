"""How much a tower's tokens of a part, and embeddings of it, know of what is outside of it.

    python -m benchmarks.leakage                     the embedded model, 64 pairs of pictures
    python -m benchmarks.leakage --sprites data/sprites/sprites.npz    embeddings of sprites in scenes
    python -m benchmarks.leakage --sprites data/sprites/sprites.npz --drawn     and what is drawn from them

Of each pair, both pictures are equal within a box and differ outside. A row says by how much, relative to their length,
the tokens within the box and the class token move between the two, and how far the tokens are from those of a tower
that is not told anything: a resampler was trained on the latter. "Unrelated" is the same for two pictures of nothing
in common. Soft random colours, so that no sprites are needed.

The second table is of embeddings, for every way of looking at a part: how far they drift when its neighbour is another,
or its ground, while the part stays as it is. 0 is "it is ignored". `--drawn` adds a third: the root mean square
difference of the pictures, colours in [0, 1], that are drawn from both embeddings with the same noise.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from benchmarks.focus.variation import open_draw
from benchmarks.settings import Drawing, OnThreads
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.token_towers import TokenTower, token_tower
from gencontrol.conditioning.tokens import token_weights
from gencontrol.focus.attention import all_tokens_bias, class_token_bias, patch_alphas
from gencontrol.focus.pixels import pixels
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.models.registry import resolve
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.opening import encoder_location
from gencontrol.runs.settings import EncoderSettings
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.streams import stream
from gencontrol.training.data.pairs import choose_slot

Tokens = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b h w"]], Float[Tensor, "b t d"]]


@dataclass(frozen=True, kw_only=True)
class Settings(OnThreads, Drawing):
    """What to measure."""

    model: str = "tiny"
    """A preset or a folder, of an Alpha-CLIP or of a model that comes with one."""
    pairs: int = 64
    """Pairs of pictures."""
    floor: float = 1e-3
    """Of the attention biases."""
    sprites: Path | None = None
    """The store that `gencontrol data sprites` made, for embeddings of its test scenes; None takes soft colours."""
    drawn: bool = False
    """Whether pictures are drawn as well; needs a whole model."""
    seed: int = 0
    """Of the scenes and the noise."""
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


LOOKS = (
    *("alpha", "zoom", "zoom:margin=0.1", "zoom:outside=blank", "attention", "crop", "blank", "blur", "circle"),
    *("masked-pooling", "masked-pooling:tokens=values", "mask-inversion", "alpha+zoom", "zoom+crop"),
)
"""Ways to look at a part, as the setting `focus` names them."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One way of looking, by what it makes: how far two embeddings, or two pictures, are apart; means over scenes."""

    name: str
    """What it is."""
    neighbour: float
    """Between the pictures with one neighbour and with another."""
    ground: float
    """Between the pictures on one ground and on another."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Pictures with a part that is looked at, and others to take neighbours and grounds from."""

    rgb: Float[Tensor, "b 3 h w"]
    """The pictures; [0, 1]."""
    others: Float[Tensor, "b 3 h w"]
    """As many, of nothing in common."""
    part: Float[Tensor, "b h w"]
    """Where the part is."""
    things: Float[Tensor, "b h w"]
    """Where the part or one of its neighbours is."""

    def changed(self, what: str) -> Float[Tensor, "b 3 h w"]:
        """The pictures with another `neighbour`, or another `ground`; the part is theirs, to the bit."""
        away = self.things * (1 - self.part) if what == "neighbour" else 1 - self.things
        mixed = self.rgb * (1 - away[:, None]) + self.others * away[:, None]
        return torch.where(self.part[:, None] == 1, self.rgb, mixed)


def soft_parts(count: int, side: int, *, seed: int) -> Parts:
    """A box of soft colours in the middle, and another beside it."""
    part, things = torch.zeros(2, side, side)
    part[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 1
    things[side // 4 : 3 * side // 4, side // 4 :] = 1
    rgb, others = (pictures(count, side, seed=2 * seed + n) for n in (0, 1))
    return Parts(rgb=rgb, others=others, part=part.expand(count, -1, -1), things=things.expand(count, -1, -1))


def sprite_parts(store: SpriteStore, count: int, side: int, *, seed: int) -> Parts:
    """Test scenes of three sprites, one of them looked at; the others come from the scene before."""
    counts = (0.0, 0.0, 1.0, 0.0)
    config = SceneConfig(size=side, counts=counts, styles=training_styles(), split="test", blur=0.0)
    scenes = compose(store, config, batch=count, seed=seed)
    slot = choose_slot(scenes, stream(seed, 0, "marked"))
    part = scenes.alpha[torch.arange(count), slot]
    return Parts(rgb=scenes.rgb, others=scenes.rgb.roll(1, 0), part=part, things=scenes.alpha.amax(dim=1))


Apart = Callable[[Tensor, Tensor], float]
"""How far two batches are apart, row by row, in the mean."""


@torch.inference_mode()
def drifts(
    encoder: AlphaCLIP,
    parts: Parts,
    looks: Sequence[str] = LOOKS,
    *,
    drawn: Callable[[Float[Tensor, "b d"]], Tensor] | None = None,
) -> list[Drift]:
    """How far each way's embedding moves; first that of whole pictures, and last of pictures of nothing in common.

    Args:
        encoder: What looks.
        parts: At what.
        looks: How.
        drawn: Embeddings to pictures, which are compared in their place.
    """
    ways: dict[str, Callable[[Tensor], Tensor]] = {"whole picture": lambda rgb: _embedded(encoder, rgb)}
    for name in looks:
        strategy = parse_focus(name)
        assert strategy is not None
        ways[name] = partial(_looked, strategy, encoder, parts.part)
    made = drawn or (lambda embeds: embeds)
    apart = _cosines_apart if drawn is None else _pictures_apart
    rows = [_drift(name, lambda rgb, way=way: made(way(rgb)), parts, apart) for name, way in ways.items()]
    whole = ways["whole picture"]
    unrelated = apart(made(whole(parts.rgb)), made(whole(parts.others)))
    return [*rows, Drift(name="unrelated", neighbour=unrelated, ground=unrelated)]


def _drift(name: str, way: Callable[[Tensor], Tensor], parts: Parts, apart: Apart) -> Drift:
    there = way(parts.rgb)
    moved = {what: apart(there, way(parts.changed(what))) for what in ("neighbour", "ground")}
    return Drift(name=name, **moved)


def _looked(strategy: FocusStrategy, encoder: AlphaCLIP, part: Tensor, rgb: Tensor) -> Tensor:
    return strategy.embed(encoder, rgb, part)


def _embedded(encoder: AlphaCLIP, rgb: Tensor) -> Tensor:
    return encoder.encode_pixels(pixels(encoder, rgb))


def _cosines_apart(one: Float[Tensor, "b d"], other: Float[Tensor, "b d"]) -> float:
    return (1 - functional.cosine_similarity(one, other, dim=-1)).mean().item()


def _pictures_apart(one: Float[Tensor, "b 3 h w"], other: Float[Tensor, "b 3 h w"]) -> float:
    return (one - other).square().mean((1, 2, 3)).sqrt().mean().item()


def drift_table(rows: Sequence[Drift], *, measured: str = "1 - cosine") -> str:
    """For people."""
    head = f"{measured:30}{'another neighbour':>18}{'another ground':>16}"
    return "\n".join([head, *(f"{r.name:30}{r.neighbour:18.3f}{r.ground:16.3f}" for r in rows)])


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


def main(settings: Settings) -> tuple[list[Row], list[Drift]]:
    """Measure and print."""
    settings.use_threads()
    place = encoder_location(EncoderSettings(model=settings.model))
    encoder = AlphaCLIP.from_pretrained(place.name, subfolder=place.subfolder).eval()
    rows = measure(encoder.with_geometry(replace(encoder.processor.geometry, fit="squash")), settings)
    print(table(rows))
    count, side, seed = settings.pairs, encoder.image_size, settings.seed
    if settings.sprites is None:
        parts = soft_parts(count, side, seed=seed)
    else:
        parts = sprite_parts(open_store(settings.sprites), count, side, seed=seed)
    moved = drifts(encoder, parts)
    told = {"tokens": [vars(r) for r in rows], "embeddings": [vars(r) for r in moved]}
    print(f"\n{drift_table(moved)}")
    if settings.drawn:
        draw = open_draw(resolve(settings.model), settings)
        noise = [seed * 1_000_000 + number for number in range(count)]
        shown = drifts(encoder, parts, drawn=lambda embeds: draw(embeds, noise))
        print(f"\n{drift_table(shown, measured='difference of pictures')}")
        told["pictures"] = [vars(r) for r in shown]
    if settings.json:
        settings.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return rows, moved


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
