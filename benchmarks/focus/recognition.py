"""Is the masked sprite's name the best of all names? And how far do embeddings drift from the sprite's own?"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from benchmarks.focus.results import Record, Results
from benchmarks.focus.rows import CHANCE, Encoders, Row, whole
from benchmarks.focus.scenes import Kind, Marked, chunks
from benchmarks.judge.model import margins, top_hits
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.store import SpriteStore

SOURCE = 256
"""Side in pixels of the source that crops are also taken from: four times the embedded encoder's."""


def name_embeddings(encoders: Encoders, store: SpriteStore) -> Float[Tensor, "c d"]:
    """Unit-length embeddings of all names; both encoders have the same text tower."""
    return encoders.plain.encode_text(concept_prompts(store.concepts), normalize=True)


@torch.inference_mode()
def measure_kind(
    kind: Kind,
    rows: Iterable[Row],
    *,
    encoders: Encoders,
    names: Float[Tensor, "c d"],
    store: SpriteStore,
    count: int,
    seed: int,
    results: Results,
) -> None:
    """Measure the rows that `results` lacks on scenes of one kind, and write each as it is finished."""
    pending = [row for row in rows if record_key(row.key, kind) not in results.records]
    if not kind.styles(store) or not pending:
        return
    results.put(record_key(CHANCE, kind), chance_record(len(names), count))
    size = encoders.plain.image_size
    scenes = list(chunks(store, kind, size=size, source=SOURCE, count=count, seed=seed))
    reference = torch.cat([whole(encoders.plain, marked.alone) for marked in scenes])
    for row in pending:
        embeds = torch.cat([row.embed(encoders, marked) for marked in scenes])
        results.put(record_key(row.key, kind), score(embeds, names, scenes, reference))


def record_key(row: str, kind: Kind) -> str:
    """Under which a row's figures on a kind of scene are kept."""
    return f"{row}/{kind.name}"


def score(
    embeds: Float[Tensor, "b d"],
    names: Float[Tensor, "c d"],
    scenes: Sequence[Marked],
    reference: Float[Tensor, "b d"],
) -> Record:
    """The figures of one row.

    Args:
        embeds: Of all scenes, un-normalised.
        names: Unit length, one for each concept.
        scenes: The chunks that were embedded.
        reference: The plain CLIP's embeddings of the marked sprites alone.
    """
    concept = torch.cat([m.concept for m in scenes])
    others = torch.cat([m.others for m in scenes])
    cosines = functional.normalize(embeds.float(), dim=-1) @ names.T
    first, margin = top_hits(cosines, concept, 1), margins(cosines, concept, others)
    area = torch.cat([m.alpha.mean((1, 2)) for m in scenes])
    several = bool((others >= 0).any())
    return {
        "scenes": len(concept),
        "top1": share(first),
        "top5": share(top_hits(cosines, concept, 5)),
        "margin": margin.mean().item() if several else None,
        "ahead": share(margin > 0) if several else None,
        "top1_by_size": [share(first[third]) for third in thirds(area)],
        "area": [area[third].mean().item() for third in thirds(area)],
        "cosine": functional.cosine_similarity(embeds, reference, dim=-1).mean().item(),
        "length": (embeds.norm(dim=-1) / reference.norm(dim=-1)).mean().item(),
    }


def chance_record(names: int, scenes: int) -> Record:
    """What guessing gives."""
    guess = 1 / names
    return {
        "scenes": scenes,
        "top1": guess,
        "top5": min(5 * guess, 1.0),
        "margin": None,
        "ahead": None,
        "top1_by_size": [guess] * 3,
    }


def share(hits: Tensor) -> float:
    """The share of scenes for which something holds."""
    return hits.double().mean().item()


def thirds(area: Float[Tensor, " b"]) -> tuple[Int[Tensor, " n"], ...]:
    """The scenes' indices by visible area: the smallest third, the middle, the largest."""
    return area.argsort(stable=True).tensor_split(3)
