"""Relations and answers to phrases, as rows of tables and as values for programs."""

from collections.abc import Mapping
from typing import Any

from gencontrol.relations.phrases import PhraseAnswer
from gencontrol.relations.relating import SceneRelations
from gencontrol.relations.vocabulary import BETWEEN, WEAK

PAIR_HEADER = ("subject", "relation", "object", "probability", "")
PHRASE_HEADER = ("text", "subject", "relation", "object", "probability")
NONE = "none of these"
"""What stands for the answer that a phrase means no region that is shown."""
_TOLD, _SEEN = 5, 0.001
"""Assignments of a phrase that a table shows at most, and the probability below which it leaves them out."""
_TRIPLES = 12
"""Regions up to which it is told what lies between what."""


def pair_rows(related: SceneRelations, *, at_least: float) -> list[tuple[str, ...]]:
    """Rows under `PAIR_HEADER`, by subject and object, of what has that probability at least; the weak ones say so."""
    rows = []
    for i, subject in enumerate(related.regions):
        for j, other in enumerate(related.regions):
            for relation, p in zip(related.relations, related.probabilities[i, j].tolist(), strict=True):
                if i != j and p >= at_least:
                    rows.append((subject, relation, other, f"{p:.1%}", "weak" if relation in WEAK else ""))
    return rows + [
        (subject, BETWEEN, f"{first}, {second}", f"{p:.1%}", "")
        for subject, first, second, p in triples(related)
        if p >= at_least
    ]


def triples(related: SceneRelations) -> list[tuple[str, str, str, float]]:
    """What lies between what, each two once; none where there are too many to be read."""
    names = related.regions
    if not 3 <= len(names) <= _TRIPLES:
        return []
    found = related.between().tolist()
    places = [(i, j, m) for i in range(len(names)) for m in range(len(names)) for j in range(m) if i not in (j, m)]
    return [(names[i], names[j], names[m], found[i][j][m]) for i, j, m in places]


def relations_told(related: SceneRelations) -> dict[str, Any]:
    """All probabilities, for programs."""
    pairs = [
        {
            "subject": subject,
            "object": other,
            "probabilities": dict(zip(related.relations, related.probabilities[i, j].tolist(), strict=True)),
        }
        for i, subject in enumerate(related.regions)
        for j, other in enumerate(related.regions)
        if i != j
    ]
    three = [{"subject": a, "objects": [b, c], "probability": p} for a, b, c, p in triples(related)]
    return {
        "regions": list(related.regions),
        "pairs": pairs,
        BETWEEN: three,
        "weak": [name for name in related.relations if name in WEAK],
    }


def answer_told(text: str, answer: PhraseAnswer) -> dict[str, Any]:
    """Which regions a phrase means, for programs: the likeliest first, and the probability of none of them."""
    pairs = zip(answer.assignments, answer.probabilities.tolist(), strict=True)
    return {
        "text": text,
        "relation": None if answer.phrase.clause is None else answer.phrase.clause.relation,
        "fits": answer.fits,
        "none": answer.none,
        "assignments": [
            {"subject": answer.regions[who[0]], "objects": [answer.regions[n] for n in who[1:]], "probability": p}
            for who, p in sorted(pairs, key=lambda pair: -pair[1])
        ],
    }


def told_rows(told: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows under `PHRASE_HEADER`: the likeliest assignments of what `answer_told` gave, and none of them."""
    found = [one for one in told["assignments"][:_TOLD] if one["probability"] >= _SEEN]
    rows = [
        (told["text"], one["subject"], told["relation"] or "", ", ".join(one["objects"]), f"{one['probability']:.1%}")
        for one in found
    ]
    return [*rows, (told["text"], NONE, "", "", f"{told['none']:.1%}")]
