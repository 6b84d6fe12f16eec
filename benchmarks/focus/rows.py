"""The ways to point at a sprite that are compared: each makes an embedding out of a scene and a mask."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.focus.scenes import Marked
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus import focus_strategy
from gencontrol.focus.looks import SumFocus, encodes
from gencontrol.focus.pixels import pixels
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.regions.shapes import box_alpha
from gencontrol.runs.notation import parse_focus
from gencontrol.sprites.compose import boxes_of


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """The two that are compared."""

    plain: AlphaCLIP
    """The CLIP, its alpha weights zero."""
    alpha: AlphaCLIP
    """The Alpha-CLIP that was trained from it."""


Embed = Callable[[Encoders, Marked], Float[Tensor, "b d"]]
"""Un-normalised embeddings of a chunk of scenes."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way."""

    key: str
    """How it is chosen and recorded."""
    label: str
    """How it is printed."""
    embed: Embed
    """What it does."""


def open_encoders(folder: Path) -> Encoders:
    """Both encoders of a folder in the layout of `tiny`.

    Raises:
        CheckpointError: One of them is not there.
    """
    return Encoders(
        plain=AlphaCLIP.from_clip(folder, subfolder="clip").requires_grad_(False),
        alpha=AlphaCLIP.from_pretrained(folder, subfolder="alpha_clip").requires_grad_(False),
    )


def whole(encoder: AlphaCLIP, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
    """Embed whole pictures: alpha 1 everywhere."""
    return encoder.encode_pixels(pixels(encoder, rgb))


def box_maps(alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Alpha maps of the masks' boxes; a mask that nowhere reaches a half, and so has no box, stays as it is."""
    height, width = alpha.shape[-2:]
    maps = []
    for mask, (x0, y0, x1, y1) in zip(alpha, boxes_of(alpha).tolist(), strict=True):
        maps.append(box_alpha((x0, y0, x1, y1), (height, width)) if x1 > x0 else mask)
    return torch.stack(maps)


def _plainly(strategy: FocusStrategy) -> Embed:
    return lambda encoders, marked: strategy.embed(encoders.plain, marked.rgb, marked.alpha)


def _looking(key: str, label: str, focus: str, *, source: bool = False) -> Row:
    """A row of the Alpha-CLIP, which looks as the setting `focus` says; a look for each run of the encoder."""
    strategy = parse_focus(focus)
    assert strategy is not None
    cost = f", {encodes(strategy)} encodes" if encodes(strategy) > 1 else ""
    pixels = ", of the source" if source else ""

    def embed(encoders: Encoders, marked: Marked) -> Float[Tensor, "b d"]:
        return strategy.embed(encoders.alpha, *(marked.source() if source else (marked.rgb, marked.alpha)))

    return Row(key=key, label=f"Alpha-CLIP, {label}{pixels}{cost}", embed=embed)


def _boxed(focus: FocusStrategy, encoders: Encoders, marked: Marked) -> Float[Tensor, "b d"]:
    rgb, alpha = marked.source()
    return focus.embed(encoders.alpha, rgb, box_maps(alpha))


_TIGHT = focus_strategy("zoom", margin=0.1)
_CROP, _ALPHA, _WIDE = focus_strategy("crop"), focus_strategy("alpha"), focus_strategy("crop", margin=0.25)
_ZOOMS, _CROPS = SumFocus(looks=(_TIGHT, focus_strategy("zoom", margin=0.7))), SumFocus(looks=(_CROP, _WIDE))

STRATEGIES = ("attention", "crop", "blank", "blur", "circle", "masked-pooling", "mask-inversion")
"""The training-free ones, with the settings that are their defaults, but for `_BETTER`."""
_BETTER: dict[str, dict[str, Any]] = {"mask-inversion": {"steps": 30, "rate": 0.05}}
"""Settings that name more of the sprites than the defaults: tried on a hundred scenes of another seed."""

ROWS: tuple[Row, ...] = (
    Row(key="plain", label="plain CLIP, whole picture", embed=lambda e, m: whole(e.plain, m.rgb)),
    *(
        Row(key=name, label=f"plain CLIP, {'masked crop' if name == 'crop' else name}", embed=_plainly(strategy))
        for name, strategy in ((name, focus_strategy(name, **_BETTER.get(name, {}))) for name in STRATEGIES)
    ),
    Row(
        key="masked-pooling-values",
        label="plain CLIP, masked-pooling of values",
        embed=_plainly(focus_strategy("masked-pooling", tokens="values")),
    ),
    Row(
        key="crop-wide",
        label="plain CLIP, masked crop, margin 0.25",
        embed=lambda e, m: _WIDE.embed(e.plain, m.rgb, m.alpha),
    ),
    Row(
        key="crop-wide-source",
        label="plain CLIP, masked crop, margin 0.25, of the source",
        embed=lambda e, m: _WIDE.embed(e.plain, *m.source()),
    ),
    Row(
        key="crops-source",
        label="plain CLIP, masked crops, margins 0.1 + 0.25, of the source, 2 encodes",
        embed=lambda e, m: _CROPS.embed(e.plain, *m.source()),
    ),
    Row(
        key="crop-source",
        label="plain CLIP, masked crop of the source",
        embed=lambda e, m: _CROP.embed(e.plain, *m.source()),
    ),
    Row(
        key="alpha-crop",
        label="Alpha-CLIP, masked crop",
        embed=lambda e, m: _CROP.embed(e.alpha, m.rgb, m.alpha),
    ),
    Row(
        key="alpha-crop-source",
        label="Alpha-CLIP, masked crop of the source",
        embed=lambda e, m: _CROP.embed(e.alpha, *m.source()),
    ),
    Row(key="alpha-ones", label="Alpha-CLIP, all ones", embed=lambda e, m: whole(e.alpha, m.rgb)),
    Row(
        key="alpha-box",
        label="Alpha-CLIP, box",
        embed=lambda e, m: _ALPHA.embed(e.alpha, m.rgb, box_maps(m.alpha)),
    ),
    Row(key="alpha", label="Alpha-CLIP, mask", embed=lambda e, m: _ALPHA.embed(e.alpha, m.rgb, m.alpha)),
    _looking("zoom", "zoom", "zoom"),
    _looking("zoom-source", "zoom", "zoom", source=True),
    _looking("zoom-blank", "zoom, blank outside", "zoom:outside=blank"),
    _looking("zoom-blank-source", "zoom, blank outside", "zoom:outside=blank", source=True),
    _looking("zoom-tight-source", "zoom, margin 0.1", "zoom:margin=0.1", source=True),
    _looking("zooms-source", "zoom, margins 0.1 + 0.7", "zoom:margin=0.1+zoom:margin=0.7", source=True),
    Row(
        key="box-zooms-source",
        label="Alpha-CLIP, box, zoom, margins 0.1 + 0.7, of the source, 2 encodes",
        embed=lambda e, m: _boxed(_ZOOMS, e, m),
    ),
    Row(
        key="box-zoom-source",
        label="Alpha-CLIP, box, zoom, margin 0.1, of the source",
        embed=lambda e, m: _boxed(_TIGHT, e, m),
    ),
    _looking("alpha+zoom", "mask + zoom", "alpha+zoom"),
    _looking("zoom+crop", "zoom + masked crop", "zoom+crop"),
    _looking("zoom+crop-source", "zoom + masked crop", "zoom+crop", source=True),
    Row(
        key="alpha-alone",
        label="ceiling: Alpha-CLIP, all ones, sprite alone",
        embed=lambda e, m: whole(e.alpha, m.alone),
    ),
    Row(key="alone", label="ceiling: plain CLIP, sprite alone", embed=lambda e, m: whole(e.plain, m.alone)),
)
"""All rows but chance, in the order of the tables."""

CHANCE = "chance"
"""The key of the row that guesses."""

GENERATED = (
    *("plain", "crop", "crop-wide-source", "crops-source", "blank", "alpha", "zoom-blank-source", "zoom-tight-source"),
    *("zooms-source", "box-zoom-source", "box-zooms-source", "alone"),
)
"""Rows whose embeddings are also generated from."""


def row_of(key: str) -> Row:
    """The row of a key that is known to be one."""
    return next(row for row in ROWS if row.key == key)
