"""Which way of taking a part of a reference draws that part: the judge's word on scenes of three sprites."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.adapters.parts import Kind
from benchmarks.focus.results import Record, Results
from benchmarks.focus.scenes import CHUNK, Marked
from benchmarks.judge.model import Judge, margins, top_hits
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.tokens import TokenFocus
from gencontrol.images.picture import Picture
from gencontrol.pipelines import RegionReference, region_arguments
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.notation import parse_focus
from gencontrol.streams import seeded


@dataclass(frozen=True, kw_only=True)
class Row:
    """A way of taking the part."""

    key: str
    """How it is chosen."""
    label: str
    """How it is printed."""
    kind: Kind
    """Of the adapter."""
    focus: str | None
    """How the encoder looks, as the setting `focus` names it; None takes the whole picture."""
    tokens: TokenFocus = "keep"
    """What becomes of the tokens outside, for a plus adapter."""
    alpha: bool = False
    """Whether the Alpha-CLIP looks, in the place of the tower that the adapter was trained with."""


def _both(key: str, label: str, focus: str | None, **more: Any) -> tuple[Row, Row]:
    return (
        Row(key=f"base-{key}", label=f"base, {label}", kind="base", focus=focus, **more),
        Row(key=f"plus-{key}", label=f"plus, {label}", kind="plus", focus=focus, **more),
    )


ROWS: tuple[Row, ...] = tuple(
    sorted(
        (
            *_both("whole", "no mask", None),
            *_both("crop", "masked crop", "crop:margin=0.25"),
            *_both("blank", "blank outside", "blank"),
            *_both("alpha", "Alpha-CLIP, mask", "alpha", alpha=True),
            *_both("zoom", "Alpha-CLIP, zoom, blank outside", "zoom:outside=blank", alpha=True),
            Row(key="base-attention", label="base, attention of the class token", kind="base", focus="attention"),
            Row(key="plus-columns", label="plus, attention of all rows", kind="plus", focus="attention:rows=all"),
            Row(
                key="plus-left-out",
                label="plus, attention of all rows, the rest left out",
                kind="plus",
                focus="attention:rows=all",
                tokens="leave_out",
            ),
            Row(
                key="plus-repeated",
                label="plus, attention of all rows, the part repeated",
                kind="plus",
                focus="attention:rows=all",
                tokens="repeat",
            ),
            Row(
                key="plus-alpha-repeated",
                label="plus, Alpha-CLIP, mask, the part repeated",
                kind="plus",
                focus="alpha",
                tokens="repeat",
                alpha=True,
            ),
        ),
        key=lambda row: row.kind,
    )
)
"""All ways, in the order of the table."""


@torch.inference_mode()
def measure_row(
    row: Row,
    scenes: Sequence[Marked],
    *,
    opened: OpenedHost,
    alpha: AlphaCLIP,
    judge: Judge,
    steps: int,
    guidance: float,
    results: Results,
    told: Callable[[str], None],
) -> None:
    """Draw and judge the chunks that `results` lacks."""
    for index, marked in enumerate(scenes):
        key = f"{row.key}/{index}"
        if key in results.records:
            continue
        told(key)
        encoder = alpha if row.alpha else opened.encoder
        drawn = [
            draw_one(row, opened, encoder, scene, seed=index * CHUNK + number, steps=steps, guidance=guidance)
            for number, scene in enumerate(scenes_of(marked))
        ]
        results.put(key, judged(judge, torch.stack(drawn), marked))


def scenes_of(marked: Marked) -> list[Scene]:
    """The scenes at the source's resolution, the marked sprite as their region."""
    rgb, alpha = marked.source()
    return [
        Scene(picture=Picture(rgb=colours), regions=(Region(alpha=part),))
        for colours, part in zip(rgb, alpha, strict=True)
    ]


def draw_one(
    row: Row, opened: OpenedHost, encoder: Any, scene: Scene, *, seed: int, steps: int, guidance: float
) -> Float[Tensor, "3 h w"]:
    """One picture through the stock call, with an empty text; rows of a batch would be mixed by it."""
    reference = RegionReference(
        image=scene if row.focus else Scene(picture=scene.picture), focus=parse_focus(row.focus) if row.focus else None
    )
    how: dict[str, Any] = {"token_focus": row.tokens} if row.kind == "plus" else {}
    part = region_arguments(opened.host, encoder, references=[reference], **how)
    drawn = opened.pipeline(
        "", num_inference_steps=steps, guidance_scale=guidance, generator=seeded(seed), output_type="pt", **part
    )
    return drawn.images[0].float()


def judged(judge: Judge, pictures: Float[Tensor, "b 3 h w"], marked: Marked) -> Record:
    """What the judge says of a chunk's pictures."""
    verdict = judge(pictures)
    scores = verdict.log_probabilities
    return {
        "masked": top_hits(scores, marked.concept, 1).int().tolist(),
        "masked5": top_hits(scores, marked.concept, 5).int().tolist(),
        "other": (verdict.ranking[:, :1] == marked.others).any(-1).int().tolist(),
        "margin": margins(scores, marked.concept, marked.others).tolist(),
    }
