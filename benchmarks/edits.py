"""Whether what is pointed at in one picture comes into a hole of another, and nothing else changes.

    python -m benchmarks.edits --sprites data/sprites/sprites.npz              three hundred scenes a row
    python -m benchmarks.edits --scenes 12 --rows whole alpha                  to see that it runs

Test scenes of the sprite world. In the photograph, one of three sprites has a box around it: the hole. In the reference
(another scene), one of three sprites is shown by its mask: what is to be painted. A judge of another architecture
(`benchmarks/judge/`) looks at the hole and says what it sees: what was shown, another sprite of the reference, or what
was in the hole before. Outside of the hole every byte is compared. The seam is the mean step in colour between
neighbours across the hole's soft border, in levels of 255; that of the untouched photograph is the row to compare with.
Every finished scene is written to a JSON file and not measured again; the table shows all that is in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from jaxtyping import Float, UInt8
from torch import Tensor

from benchmarks.focus.report import markdown
from benchmarks.focus.results import Record, Results, digests
from benchmarks.focus.scenes import CHUNK, Kind, Marked, chunks
from benchmarks.judge.model import Judge, margins, open_judge, top_hits
from benchmarks.settings import Judged, OnThreads, chosen_rows
from gencontrol.files import sha256
from gencontrol.images.picture import Picture, byte_planes
from gencontrol.models.registry import resolve
from gencontrol.pipelines import edit, open_pipeline, remove
from gencontrol.pipelines.editing.painting import soft_border
from gencontrol.pipelines.editing.window import MARGIN, SEAM, cut, window_around
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.compose import boxes_of
from gencontrol.sprites.store import SpriteStore, open_store


@dataclass(frozen=True, kw_only=True)
class Settings(Judged, OnThreads):
    """What to measure."""

    model: str = "tiny"
    """A preset or a folder in the layout of `tiny`."""
    rows: tuple[str, ...] = ()
    """Keys of the rows to measure; all unless given."""
    scenes: int = 300
    """Photographs a row, each with a reference of its own."""
    size: int = 128
    """Side of photographs and references in pixels."""
    grow: float = 0.1
    """By how much the hole is wider than the sprite in it on each side, as a share of the sprite's long side."""
    steps: int = 25
    """Denoising steps, the default of `gencontrol edit`."""
    guidance: float = 3.0
    """Classifier-free guidance scale, the default of `gencontrol edit`."""
    margin: float = MARGIN
    """See `gencontrol edit`."""
    seam: float = SEAM
    """See `gencontrol edit`."""
    seed: int = 0
    """Of scenes and noise."""
    output: Path = Path("runs/edits.json")
    """Where finished scenes are kept."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A photograph with its hole, and the reference."""

    photo: Picture
    """In bytes."""
    hole: Region
    """A box."""
    like: Scene
    """The reference with the mask of what is to be painted."""
    alone: Picture
    """What is to be painted, alone on the reference's ground."""
    wanted: int
    """What it is."""
    others: Tensor
    """What else is in the reference, padded with -1."""
    before: int
    """What is in the hole."""


Paint = Callable[[Any, Case, dict[str, Any]], Picture]
"""From a pipeline, a case and the settings of `edit` to the result."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to fill the hole."""

    key: str
    """How it is chosen and recorded."""
    label: str
    """How it is printed."""
    paint: Paint
    """What it does."""


def _looking(key: str, label: str, *, focus: str) -> Row:
    def paint(pipeline: Any, case: Case, how: dict[str, Any]) -> Picture:
        return edit(pipeline, case.photo, case.hole, case.like, focus=focus, **how)[0]

    return Row(key=key, label=label, paint=paint)


def _showing(key: str, label: str, shown: Callable[[Case], Picture]) -> Row:
    def paint(pipeline: Any, case: Case, how: dict[str, Any]) -> Picture:
        return edit(pipeline, case.photo, case.hole, Scene(picture=shown(case)), **how)[0]

    return Row(key=key, label=label, paint=paint)


def _nothing(pipeline: Any, case: Case, how: dict[str, Any]) -> Picture:
    # Guidance departs from nothing, so there is none towards it.
    width = pipeline.image_encoder.config.projection_dim
    return edit(pipeline, case.photo, case.hole, torch.zeros(1, width), **(how | dict[str, Any](guidance_scale=1.0)))[0]


ROWS: tuple[Row, ...] = (
    Row(key="untouched", label="the photograph, untouched", paint=lambda _, case, how: case.photo),
    Row(key="removed", label="filled smoothly, no model", paint=lambda _, case, how: remove(case.photo, case.hole)),
    Row(key="nothing", label="no reference", paint=_nothing),
    _showing("whole", "whole reference", lambda case: case.like.picture),
    _looking("crop", "crop", focus="crop"),
    _looking("alpha", "alpha", focus="alpha"),
    _looking("zoom", "zoom", focus="zoom"),
    _showing("alone", "ceiling: what is shown, alone", lambda case: case.alone),
)
"""All rows, in the order of the table."""


def main(settings: Settings) -> None:
    """Measure what is not measured yet, and print the table.

    Raises:
        ConfigError: A row that does not exist.
        InputError: No sprites, or a file of scenes that were measured otherwise.
        CheckpointError: No weights, or no judge.
    """
    rows = chosen_rows(ROWS, settings.rows)
    quiet_loading()
    settings.use_threads()
    folder, store, judge = Path(resolve(settings.model)), open_store(settings.sprites), open_judge(settings.judge)
    judge.check_concepts(store)
    results = Results(settings.output, "edits", _depends(settings, folder))
    pipeline: Any = open_pipeline(str(folder))
    pipeline.set_progress_bar_config(disable=True)
    measure(pipeline, rows, settings, store=store, judge=judge, results=results)
    print(report(results.records))


def measure(
    pipeline: Any, rows: Sequence[Row], settings: Settings, *, store: SpriteStore, judge: Judge, results: Results
) -> None:
    """Paint and judge the scenes that `results` lacks; each is written as it is finished."""
    for index, (photos, references) in enumerate(_pairs(store, settings)):
        for place in range(len(photos.rgb)):
            number = index * CHUNK + place
            case = case_of(photos, references, place, grow=settings.grow)
            for row in rows:
                if f"{row.key}/{number}" not in results.records:
                    # The noise is the scene's, the same for every row.
                    how = {name: getattr(settings, name) for name in ("margin", "seam")}
                    how |= {"num_inference_steps": settings.steps, "guidance_scale": settings.guidance}
                    painted = row.paint(pipeline, case, how | {"seeds": (settings.seed * 1_000_000 + number,)})
                    results.put(f"{row.key}/{number}", judged(painted, case, judge, seam=settings.seam))


def case_of(photos: Marked, references: Marked, place: int, *, grow: float) -> Case:
    """One pair of a chunk."""
    (x0, y0, x1, y1), size = boxes_of(photos.alpha[place : place + 1])[0].tolist(), photos.rgb.shape[-1]
    more = round(grow * max(x1 - x0, y1 - y0))
    box = (max(x0 - more, 0), max(y0 - more, 0), min(x1 + more, size), min(y1 + more, size))
    return Case(
        photo=Picture(rgb=byte_planes(photos.rgb[place])),
        hole=Region(alpha=box_alpha(box, (size, size)), label="hole"),
        like=Scene(picture=Picture(rgb=references.rgb[place]), regions=(Region(alpha=references.alpha[place]),)),
        alone=Picture(rgb=references.alone[place]),
        wanted=int(references.concept[place]),
        others=references.others[place],
        before=int(photos.concept[place]),
    )


def judged(painted: Picture, case: Case, judge: Judge, *, seam: float) -> Record:
    """What is seen in the hole, whether all else is as it was, and the step at the border."""
    hole, rgb = case.hole.alpha, byte_planes(painted.stored_rgb)
    window = cut(rgb, window_around(hole, margin=MARGIN), (judge.net.shape.size, judge.net.shape.size))
    scores = judge(window[None]).log_probabilities
    wanted, before = torch.tensor([case.wanted]), torch.tensor([case.before])
    best = int(scores.argmax())
    outside = hole == 0
    return {
        "shown": int(top_hits(scores, wanted, 1)),
        "shown5": int(top_hits(scores, wanted, 5)),
        "other": int(best in case.others.tolist()),
        "before": int(top_hits(scores, before, 1)),
        "margin": float(margins(scores, wanted, case.others[None])),
        "equal": int(torch.equal(rgb[:, outside], byte_planes(case.photo.stored_rgb)[:, outside])),
        "seam": step_across(rgb, soft_border(hole, seam)),
    }


def step_across(rgb: UInt8[Tensor, "3 h w"], soft: Float[Tensor, "h w"]) -> float:
    """Mean difference in levels between neighbours of which one shows more of what was painted than the other."""
    levels, total, count = rgb.float(), 0.0, 0
    for axis in (0, 1):
        across = soft.diff(dim=axis) != 0
        total += float(levels.diff(dim=axis + 1).abs().mean(dim=0)[across].sum())
        count += int(across.sum())
    return total / count if count else 0.0


def report(records: Mapping[str, Record]) -> str:
    """The table, as markdown: means, and their standard errors."""
    head = ["", "shown %", "in best 5 %", "another of it %", "what was there %", "margin (nats)", "equal outside %"]
    lines = []
    for row in ROWS:
        found = [record for key, record in records.items() if key.partition("/")[0] == row.key]
        if found:
            shares = [_cell(found, name, scale=100.0) for name in ("shown", "shown5", "other", "before")]
            more = [_cell(found, "margin", digits=2), f"{100 * _mean(found, 'equal'):.1f}", _cell(found, "seam")]
            lines.append([row.label, *shares, *more, str(len(found))])
    return markdown([*head, "seam (levels)", "scenes"], lines)


def _cell(found: Sequence[Record], name: str, *, scale: float = 1.0, digits: int = 1) -> str:
    values = torch.tensor([record[name] for record in found], dtype=torch.float64) * scale
    error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{float(values.mean()):.{digits}f} ± {error:.{digits}f}"


def _mean(found: Sequence[Record], name: str) -> float:
    return sum(record[name] for record in found) / len(found)


def _pairs(store: SpriteStore, settings: Settings) -> Iterator[tuple[Marked, Marked]]:
    """Photographs and references, chunk by chunk: of streams that share no scene."""
    size = settings.size
    how: dict[str, Any] = {"size": size, "source": 2 * size, "count": settings.scenes}
    made = (chunks(store, Kind(sprites=3), seed=2 * settings.seed + which, **how) for which in (0, 1))
    return zip(*made, strict=True)


def _depends(settings: Settings, folder: Path) -> dict[str, Any]:
    """What the records depend on; the last chunk's scenes, on how many it has."""
    names = ("seed", "scenes", "size", "grow", "steps", "guidance", "margin", "seam")
    told = {name: getattr(settings, name) for name in names} | {"sprites": sha256(settings.sprites)[:16]}
    return told | {
        "weights": digests(folder, ("alpha_clip", "vae", "unet")),
        "judge": digests(settings.judge, (".",)),
    }


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
