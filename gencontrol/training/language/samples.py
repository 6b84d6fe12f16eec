"""Views of composed scenes: what is marked, how it is looked at, and the tower's patches of it."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.blank import BlankFocus
from gencontrol.focus.crop import CropFocus
from gencontrol.focus.pixels import whole
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.focus.zoom import ZoomFocus
from gencontrol.sprites.compose import SceneConfig, Scenes, compose
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.alpha_maps import vary_alpha
from gencontrol.training.language.shown import LOOKS, Facts, Look, facts_of
from gencontrol.training.loop.precision import Precision, forward_precision

LEAST_SEEN = 0.35
"""Visible share from which a thing is marked."""
LEAST_AREA = 0.004
"""Share of the picture from which a thing is marked."""
VIEWS = 4
"""Of each scene."""
_ALPHA_KINDS = (0.66, 0.08, 0.0, 0.1, 0.08, 0.0, 0.08)
_SECOND = (0.5, 0.25, 0.25)
"""How often the second view in the whole frame marks one thing, two, and nothing."""
_LAST: tuple[tuple[Look, int, float], ...] = (
    ("zoom", 1, 0.35),
    ("zoom", 2, 0.1),
    ("whole", 0, 0.3),
    ("crop", 1, 0.12),
    ("blank", 1, 0.13),
)
"""The last view: how it is looked at, how many things are marked, how often."""


_EMPTY = {torch.bool: False, torch.float32: 0.0}
"""What is true of no thing; its numbers are -1."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """Looks at scenes."""

    patches: Float[Tensor, "b n d"]
    """What the tower makes of each, as a LLaVA reads it."""
    look: Int[Tensor, " b"]
    """Into `LOOKS`."""
    marked: Tensor
    """(b, k), bool."""
    facts: Facts
    """Of each view's scene."""

    def tensors(self) -> dict[str, Tensor]:
        """Flat, compact tensors."""
        facts = {f"facts.{f.name}": getattr(self.facts, f.name) for f in fields(Facts)}
        facts = {name: values.half() if values.is_floating_point() else values for name, values in facts.items()}
        return {"patches": self.patches.half(), "look": self.look, "marked": self.marked} | facts


def views_from(tensors: dict[str, Tensor]) -> Views:
    """The reverse of `Views.tensors`; patches stay in half precision."""
    return Views(
        patches=tensors["patches"],
        look=tensors["look"],
        marked=tensors["marked"],
        facts=Facts(**{f.name: tensors[f"facts.{f.name}"] for f in fields(Facts)}),
    )


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Draws views."""

    store: SpriteStore
    """The sprites, where the tower is."""
    config: SceneConfig
    """How scenes are composed."""
    tower: nn.Module
    """A CLIP vision tower of four channels, not trained."""
    processor: AlphaCLIPProcessor
    """What brings pictures and maps to it."""
    margins: tuple[float, ...] = (0.1, 0.25)
    """Of close-ups."""
    precision: Precision = "auto"
    """Of the tower."""

    def draw(self, *, seed: int, index: int, batch: int) -> Views:
        """`VIEWS` looks at each scene of batch `index` of the stream `seed`, which depends on the arguments alone."""
        scenes = compose(self.store, self.config, batch=batch, seed=seed, index=index)
        generator = stream(seed, index, "language")
        chosen = [_chosen(scenes, view, generator) for view in range(VIEWS)]
        pixels = torch.cat([self._pixels(scenes, look, marked, generator) for look, marked in chosen])
        facts, slots = facts_of(self.store, scenes), len(self.config.counts)
        return Views(
            patches=patches_of(self.tower, pixels, precision=self.precision),
            look=torch.cat([look for look, _ in chosen]),
            marked=_padded(torch.cat([marked for _, marked in chosen]), slots),
            facts=Facts(**{f.name: _padded(torch.cat([getattr(facts, f.name)] * VIEWS), slots) for f in fields(Facts)}),
        )

    def _pixels(self, scenes: Scenes, look: Tensor, marked: Tensor, generator: torch.Generator) -> Tensor:
        union = (scenes.alpha * marked[..., None, None].to(scenes.alpha.device)).sum(1).clamp(max=1)
        maps, some, one = union.clone(), marked.any(1), marked.sum(1) == 1
        if one.any():
            # A box around two things would hold a third.
            maps[one] = vary_alpha(union[one], _ALPHA_KINDS, generator)
        maps[~some] = _elsewhere(scenes, generator)[~some]
        margins = torch.randint(len(self.margins), (len(look),), generator=generator).tolist()
        return torch.cat(
            [
                self.seen(scenes.rgb[row], maps[row], LOOKS[number], margin=self.margins[margins[row]])
                for row, number in enumerate(look.tolist())
            ]
        )

    def seen(self, rgb: Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"], look: Look, *, margin: float) -> Tensor:
        """What the tower is given of one picture, (1, 4, s, s)."""
        if look == "whole":
            return whole(self.processor, rgb[None])
        ways: dict[Look, FocusStrategy] = {
            "alpha": AlphaFocus(),
            "zoom": ZoomFocus(margin=margin),
            "crop": CropFocus(margin=margin),
            "blank": BlankFocus(),
        }
        return ways[look].view(self.processor, rgb[None], alpha[None])


def _padded(values: Tensor, slots: int) -> Tensor:
    """With so many slots, the further ones empty: a set's files have all of one shape."""
    more = values.new_full((len(values), slots - values.shape[1], *values.shape[2:]), _EMPTY.get(values.dtype, -1))
    return torch.cat([values, more], dim=1)


def _elsewhere(scenes: Scenes, generator: torch.Generator) -> Float[Tensor, "b h w"]:
    """Marks on nothing: half of the maps are empty, in the others a square of background is marked."""
    free = 1 - scenes.alpha.sum(1).clamp(max=1)
    size = free.shape[-1]
    draw = torch.rand(len(free), 4, generator=generator).tolist()
    maps = torch.zeros_like(free)
    for row, (whether, x, y, side) in enumerate(draw):
        if whether < 0.5:
            continue
        wide = round(size * (0.1 + 0.2 * side))
        left, top = round(x * (size - wide)), round(y * (size - wide))
        maps[row, top : top + wide, left : left + wide] = 1
    # A rim of a pixel or two stays free.
    rim = functional.max_pool2d(1 - free[:, None], 5, stride=1, padding=2)[:, 0]
    return maps * (rim < 0.5)


def _chosen(scenes: Scenes, view: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """How each scene is looked at in one of its views, and which of its things are marked."""
    batch = len(scenes.rgb)
    if view < 2:
        look, count = torch.full((batch,), view), torch.ones(batch, dtype=torch.long)
    elif view == 2:
        drawn = torch.multinomial(torch.tensor(_SECOND), batch, replacement=True, generator=generator)
        look, count = torch.zeros(batch, dtype=torch.long), torch.tensor([1, 2, 0])[drawn]
    else:
        shares = torch.tensor([share for _, _, share in _LAST])
        drawn = torch.multinomial(shares, batch, replacement=True, generator=generator)
        look = torch.tensor([LOOKS.index(name) for name, _, _ in _LAST])[drawn]
        count = torch.tensor([count for _, count, _ in _LAST])[drawn]
    return _with_marks(scenes, look, count, generator)


def _with_marks(scenes: Scenes, look: Tensor, count: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """So many things of each scene, of those that are seen well enough; where none is, the whole picture is seen."""
    fit = (scenes.visible >= LEAST_SEEN) & (scenes.alpha.mean((-1, -2)).cpu() >= LEAST_AREA)
    order = torch.rand(fit.shape, generator=generator) + (~fit).float()
    marked = (order.argsort(1).argsort(1) < count[:, None]) & fit
    lost = (count > 0) & ~marked.any(1)
    return torch.where(lost, LOOKS.index("whole"), look), marked


@torch.no_grad()
def patches_of(
    tower: nn.Module, pixels: Float[Tensor, "b 4 s s"], *, precision: Precision = "auto", batch: int = 64
) -> Float[Tensor, "b n d"]:
    """What a LLaVA reads of a tower, brought to the CPU: the patches after the last block but one."""
    found = []
    with forward_precision(pixels.device.type, precision):
        for some in pixels.split(batch):
            found.append(tower(some, output_hidden_states=True).hidden_states[-2][:, 1:].float().cpu())
    return torch.cat(found)
