"""Is the generated picture the masked sprite? What the judge says of variations of scenes of three sprites."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from benchmarks.focus.results import Record, Results
from benchmarks.focus.rows import Encoders, Row
from benchmarks.focus.scenes import CHUNK, Kind, Marked, chunks
from benchmarks.judge.model import Verdict, margins, top_hits
from benchmarks.settings import Drawing
from gencontrol.pipelines.opening import open_pipeline
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import seeded

Draw = Callable[[Float[Tensor, "b d"], Sequence[int]], Float[Tensor, "b 3 h w"]]
"""Un-normalised embeddings and a seed for each to pictures in [0, 1]."""

JudgePictures = Callable[[Float[Tensor, "b 3 h w"]], Verdict]
"""Pictures to names."""

KIND = Kind(sprites=3)
"""Three sprites in the training styles."""

SIZE = 128
"""Side of the scenes in pixels: what a person would give to `gencontrol vary`."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is drawn."""

    pictures: int
    """Scenes, each drawn once for the rates."""
    diverse: int
    """How many of these scenes are drawn with further seeds, for the diversity."""
    seeds: int
    """Pictures of each of those scenes."""
    seed: int
    """Of the scenes and the noise."""


def open_draw(folder: Path | str, how: Drawing) -> Draw:
    """The pipeline of a folder as a function; it runs from embeddings alone.

    Raises:
        CheckpointError: Nothing there, or broken weights.
        PairingError: A pipeline that is not a host.
    """
    pipeline: Any = open_pipeline(folder, alpha_clip=None)
    pipeline.set_progress_bar_config(disable=True)

    def draw(embeds: Tensor, seeds: Sequence[int]) -> Tensor:
        pictures = []
        for first in range(0, len(seeds), how.batch):
            part = slice(first, first + how.batch)
            drawn = pipeline(
                image_embeds=embeds[part],
                num_inference_steps=how.steps,
                guidance_scale=how.guidance,
                generator=[seeded(s) for s in seeds[part]],
                output_type="pt",
            )
            pictures.append(drawn.images.float())
        return torch.cat(pictures)

    return draw


def draw_scenes(store: SpriteStore, plan: Plan) -> list[Marked]:
    """The scenes, the same for every row."""
    return list(chunks(store, KIND, size=SIZE, source=2 * SIZE, count=plan.pictures, seed=plan.seed))


@torch.inference_mode()
def measure_row(
    row: Row,
    scenes: Sequence[Marked],
    plan: Plan,
    *,
    encoders: Encoders,
    draw: Draw,
    judge: JudgePictures,
    results: Results,
) -> None:
    """Draw and judge the chunks that `results` lacks; each is written as it is finished."""
    for index, marked in enumerate(scenes):
        key = f"{row.key}/{index}"
        if key not in results.records:
            embeds = row.embed(encoders, marked)
            record = judge_chunk(embeds, marked, plan, draw=draw, judge=judge, first=index * CHUNK)
            results.put(key, record)


def judge_chunk(
    embeds: Float[Tensor, "b d"], marked: Marked, plan: Plan, *, draw: Draw, judge: JudgePictures, first: int
) -> Record:
    """What the judge says of a chunk's pictures, scene by scene.

    Args:
        embeds: To draw from.
        marked: The scenes.
        plan: How many seeds.
        draw: The generator.
        judge: Names pictures.
        first: Number of the chunk's first scene; noise depends on the scene's number, not on the row.
    """
    numbers = list(range(first, first + len(embeds)))
    verdict = judge(draw(embeds, [noise_seed(plan, n, 0) for n in numbers]))
    scores = verdict.log_probabilities
    best = verdict.ranking[:, :1]
    record: Record = {
        "masked": top_hits(scores, marked.concept, 1).int().tolist(),
        "masked5": top_hits(scores, marked.concept, 5).int().tolist(),
        "other": (best == marked.others).any(-1).int().tolist(),
        "margin": margins(scores, marked.concept, marked.others).tolist(),
        "diversity": [],
    }
    more = max(0, min(plan.diverse - first, len(embeds))) if plan.seeds > 1 else 0
    if more:
        seeds = [noise_seed(plan, n, s) for n in numbers[:more] for s in range(1, plan.seeds)]
        further = judge(draw(embeds[:more].repeat_interleave(plan.seeds - 1, dim=0), seeds)).features
        features = torch.cat([verdict.features[:more, None], further.view(more, plan.seeds - 1, -1)], dim=1)
        record["diversity"] = diversity(features).tolist()
    return record


def noise_seed(plan: Plan, scene: int, repeat: int) -> int:
    """The seed of a picture's noise, the same for every row."""
    return (plan.seed * 1_000_000 + scene) * 100 + repeat


def diversity(features: Float[Tensor, "b s d"]) -> Float[Tensor, " b"]:
    """Mean cosine distance between the pictures of a scene, over all pairs of seeds."""
    unit = functional.normalize(features, dim=-1)
    seeds = features.shape[1]
    first, second = torch.triu_indices(seeds, seeds, offset=1)
    return (1 - (unit[:, first] * unit[:, second]).sum(-1)).mean(-1)


def chance_row(names: int, others: Int[Tensor, "b k"]) -> Record:
    """What guessing gives."""
    return {
        "masked": 1 / names,
        "masked5": min(5 / names, 1.0),
        "other": (others >= 0).sum(-1).double().mean().item() / names,
    }


def summary(records: Sequence[Record]) -> Record:
    """A row's figures from its chunks'."""
    joined = {key: [value for record in records for value in record[key]] for key in records[0]}
    figures = {key: sum(values) / len(values) if values else None for key, values in joined.items()}
    ahead = [value > 0 for value in joined["margin"]]
    return figures | {
        "ahead": sum(ahead) / len(ahead),
        "scenes": len(ahead),
        "diverse_scenes": len(joined["diversity"]),
    }
