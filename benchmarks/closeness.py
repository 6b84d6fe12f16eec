"""What closeness costs: does one look at the thing, or at the thing in its place?

    python -m benchmarks.closeness --sprites runs/sprites/sprites.npz
    python -m benchmarks.closeness --model runs/assembled --sheet docs/images/closeness.png

Test scenes of three sprites, one of them marked, seen by `zoom` at closenesses from the whole frame (0) to the thing's
own box (1). *Named*: the encoder gives the marked sprite the best of all names. *Neighbours*: another sprite's name of
the scene is among its five best. *Where*, *size*: how much of the variance of the sprite's centre, and of its side, a
linear map reads out of the embedding, on scenes that it was not fitted on (R^2; 0 is nothing). *Drawn*: the judge names
the marked sprite in a variation. *Another*: it names another sprite of the scene. *Placed*: the correlation of the
centres of what is drawn with the sprites' in their scenes. *At half*: it names another sprite of the scene among its
five best in a variation at strength 0.5, halfway to the whole picture's embedding: is the neighbour still there?
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.focus.recognition import SOURCE, name_embeddings
from benchmarks.focus.report import markdown
from benchmarks.focus.rows import Encoders, open_encoders, whole
from benchmarks.focus.scenes import Marked, chunks
from benchmarks.focus.variation import KIND, SIZE, Draw, JudgePictures, open_draw
from benchmarks.judge.model import open_judge, top_hits
from benchmarks.likeness import thing_on_ground
from benchmarks.settings import Drawing, Judged, OnThreads, Written
from gencontrol.conditioning.strength import between
from gencontrol.focus import focus_strategy
from gencontrol.focus.zoom import Outside
from gencontrol.images.sheets import contact_sheet
from gencontrol.images.writing import save_image, to_pil
from gencontrol.models.registry import resolve
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.preview import preview
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.compose import boxes_of
from gencontrol.sprites.store import open_store
from gencontrol.training.stages.moving import fit_map

RIDGE = 0.1
"""Of the linear maps: a few hundred scenes of two hundred numbers each would be learnt by heart."""


@dataclass(frozen=True, kw_only=True)
class Settings(Judged, OnThreads, Drawing, Written):
    """What to measure."""

    model: str = "tiny"
    """A preset or a folder in the layout of `tiny`."""
    closeness: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """From the whole frame to the thing's box with its margin."""
    outside: Outside = "keep"
    """What is done to the picture outside of the part: keep, blank or blur."""
    scenes: int = 2000
    """For what is read out of embeddings; half of them to fit the linear maps on."""
    pictures: int = 100
    """Of those, how many are drawn and judged, twice each."""
    seed: int = 2
    """Of scenes and noise."""
    sheet: Path | None = None
    """Also write a sheet: scenes, and their variations at each closeness."""
    sheet_scenes: int = 6
    """Rows of the sheet."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One closeness; shares in [0, 1]."""

    closeness: float
    """How closely is looked."""
    named: float
    """Embeddings whose best name is the marked sprite's."""
    neighbours: float
    """Embeddings with another sprite of the scene among the five best names."""
    where: float
    """R^2 of the sprite's centre, read linearly."""
    size: float
    """R^2 of the logarithm of its side."""
    drawn: float
    """Variations that the judge names as the marked sprite."""
    another: float
    """Variations that it names as another sprite of the scene."""
    placed: float
    """Correlation of centres of what is drawn with those in the scenes."""
    at_half: float
    """Variations at strength 0.5 with another sprite of the scene among the judge's five best."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What rows are measured with."""

    encoders: Encoders
    """Both."""
    names: Float[Tensor, "c d"]
    """Unit-length embeddings of all names."""
    draw: Draw
    """The generator."""
    judge: JudgePictures
    """Names pictures."""
    seed: int
    """Of the noise; a scene's noise is its own, and the same at every closeness."""


def places_of(cover: Float[Tensor, "b h w"]) -> Float[Tensor, "b 3"]:
    """Centre x and y of what is covered, as shares of the frame, and the logarithm of its long side.

    What covers nothing is in the middle, and of the frame's size.
    """
    height, width = cover.shape[-2:]
    x0, y0, x1, y1 = (side.float() for side in boxes_of(cover).unbind(1))
    long = torch.maximum((x1 - x0) / width, (y1 - y0) / height)
    found = torch.stack([(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, long.clamp(min=1e-6).log()], dim=1)
    return torch.where(long[:, None] > 0, found, torch.tensor([0.5, 0.5, 0.0]))


def read_out(embeds: Float[Tensor, "b d"], wanted: Float[Tensor, "b e"]) -> Float[Tensor, " e"]:
    """How much of each column's variance a linear map fitted on the first half explains on the second (R^2)."""
    half = len(embeds) // 2
    centre, level = embeds[:half].mean(0), wanted[:half].mean(0)
    matrix = fit_map(embeds[:half] - centre, wanted[:half] - level, ridge=RIDGE)
    rest, truth = embeds[half:] - centre, wanted[half:]
    left = (truth - level - rest @ matrix).square().mean(0)
    return 1 - left / (truth - truth.mean(0)).square().mean(0)


def correlation(first: Float[Tensor, "b e"], second: Float[Tensor, "b e"]) -> float:
    """Mean over the columns of the correlation of two tables; 0 where one of them does not vary."""
    a, b = first - first.mean(0), second - second.mean(0)
    return ((a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp(min=1e-9)).mean().item()


def any_of(ranking: Tensor, others: Tensor, k: int) -> Tensor:
    """Which rows have one of the others among their k best; others are padded with -1."""
    return (ranking[:, :k, None] == others[:, None]).any(-1).any(-1)


@torch.inference_mode()
def measure(
    closeness: float, scenes: Sequence[Marked], measures: Measures, *, outside: Outside = "keep", pictures: int
) -> Row:
    """One row; the first so many scenes are drawn."""
    embeds, concept, others, places = _looked(closeness, scenes, measures.encoders, outside)
    cosines = functional.normalize(embeds, dim=-1) @ measures.names.T
    explained = read_out(embeds, places)
    seeds = [measures.seed * 1_000_000 + number for number in range(pictures)]
    drawn = measures.draw(embeds[:pictures], seeds)
    verdict = measures.judge(drawn)
    frames = torch.cat([whole(measures.encoders.plain, marked.rgb) for marked in scenes])[:pictures]
    halfway = measures.judge(measures.draw(between(frames, embeds[:pictures], 0.5), seeds))
    return Row(
        closeness=closeness,
        named=_share(top_hits(cosines, concept, 1)),
        neighbours=_share(any_of(cosines.argsort(dim=-1, descending=True), others, 5)),
        where=explained[:2].mean().item(),
        size=explained[2].item(),
        drawn=_share(top_hits(verdict.log_probabilities, concept[:pictures], 1)),
        another=_share(any_of(verdict.ranking, others[:pictures], 1)),
        placed=correlation(places_of(thing_on_ground(drawn))[:, :2], places[:pictures, :2]),
        at_half=_share(any_of(halfway.ranking, others[:pictures], 5)),
    )


def _looked(
    closeness: float, scenes: Sequence[Marked], encoders: Encoders, outside: Outside
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Embeddings at a closeness, what was marked, what else is there, and where it is, of all scenes."""
    zoom = focus_strategy("zoom", closeness=closeness, outside=outside)
    embeds, places = [], []
    for marked in scenes:
        rgb, alpha = marked.source()
        embeds.append(zoom.embed(encoders.alpha, rgb, alpha))
        places.append(places_of(alpha))
    concept, others = (torch.cat([getattr(marked, name) for marked in scenes]) for name in ("concept", "others"))
    return torch.cat(embeds), concept, others, torch.cat(places)


def _share(hits: Tensor) -> float:
    return hits.double().mean().item()


@torch.inference_mode()
def sheet(scenes: Sequence[Marked], measures: Measures, settings: Settings) -> Image.Image:
    """Scenes with their mask outlined, and their variations at each closeness, one row a scene."""
    first = scenes[0]
    rgb, alpha = first.source()
    count = min(settings.sheet_scenes, len(rgb))
    seeds = [measures.seed * 1_000_000 + number for number in range(count)]
    columns = []
    for closeness in settings.closeness:
        zoom = focus_strategy("zoom", closeness=closeness, outside=settings.outside)
        columns.append(measures.draw(zoom.embed(measures.encoders.alpha, rgb[:count], alpha[:count]), seeds))
    lines = []
    for number in range(count):
        seen = preview(rgb[number], alpha[number], Geometry(size=SIZE), readable=SIZE)
        lines.append([seen, *(to_pil(column[number]) for column in columns)])
    labels = ["where to look", *(f"closeness {closeness:g}" for closeness in settings.closeness)]
    return contact_sheet(lines, row_labels=[""] * count, column_labels=labels)


def table(rows: Sequence[Row]) -> str:
    """The rows as markdown."""
    head = ["closeness", "named", "neighbours", "where", "size", "drawn", "another", "placed", "at half"]
    lines = []
    for row in rows:
        shares = [row.named, row.neighbours], [row.drawn, row.another]
        (named, neighbours), (drawn, another) = ([f"{value:.1%}" for value in pair] for pair in shares)
        explained = [f"{row.where:.2f}", f"{row.size:.2f}"]
        placed, half = f"{row.placed:.2f}", f"{row.at_half:.1%}"
        lines.append([f"{row.closeness:g}", named, neighbours, *explained, drawn, another, placed, half])
    return markdown(head, lines)


def main(settings: Settings) -> list[Row]:
    """Measure and print.

    Raises:
        ConfigError: A closeness outside of [0, 1].
        InputError: No sprites.
        CheckpointError: No weights, or no judge.
    """
    quiet_loading()
    settings.use_threads()
    folder, store = Path(resolve(settings.model)), open_store(settings.sprites)
    encoders, judge = open_encoders(folder), open_judge(settings.judge)
    judge.check_concepts(store)
    with torch.inference_mode():
        names = name_embeddings(encoders, store)
    draw = open_draw(folder, settings)
    measures = Measures(encoders=encoders, names=names, draw=draw, judge=judge, seed=settings.seed)
    size = encoders.alpha.image_size
    scenes = list(chunks(store, KIND, size=size, source=SOURCE, count=settings.scenes, seed=settings.seed))
    rows = [
        measure(closeness, scenes, measures, outside=settings.outside, pictures=min(settings.pictures, settings.scenes))
        for closeness in settings.closeness
    ]
    print(table(rows))
    if settings.sheet is not None:
        save_image(sheet(scenes, measures, settings), settings.sheet)
    settings.write(rows)
    return rows


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
