"""Rows of tables and values for programs are the probabilities."""

import pytest
import torch

from gencontrol.images.picture import Picture
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations import PhraseAnswer, SceneRelations, parse_phrase, relate
from gencontrol.runs.relating.telling import NONE, answer_told, pair_rows, relations_told, told_rows, triples


@pytest.fixture
def related() -> SceneRelations:
    maps = torch.zeros(3, 40, 80)
    for number, left in enumerate((0, 30, 60)):
        maps[number, 10:20, left : left + 10] = 1
    regions = tuple(Region(alpha=a, label=n) for a, n in zip(maps, ("cup", "dog", "moon"), strict=True))
    return relate(None, Scene(picture=Picture(rgb=torch.rand(3, 40, 80)), regions=regions))


def test_rows_are_what_is_likely(related: SceneRelations) -> None:
    rows = pair_rows(related, at_least=0.5)
    assert ("cup", "left of", "dog", f"{float(related.of('left of')[0, 1]):.1%}", "") in rows
    assert ("dog", "between", "cup, moon", f"{float(related.between()[1, 0, 2]):.1%}", "") in rows
    assert all(float(row[3].rstrip("%")) >= 50 for row in rows)
    weak = [row for row in pair_rows(related, at_least=0.0) if row[1] == "behind"]
    assert len(weak) == 6 and all(row[4] == "weak" for row in weak)


def test_all_is_told_to_programs(related: SceneRelations) -> None:
    told = relations_told(related)
    assert told["regions"] == ["cup", "dog", "moon"] and len(told["pairs"]) == 6
    pair = told["pairs"][0]
    assert (pair["subject"], pair["object"]) == ("cup", "dog")
    assert pair["probabilities"] == pytest.approx(
        dict(zip(related.relations, related.probabilities[0, 1].tolist(), strict=True))
    )
    assert "behind" in told["weak"] and "left of" not in told["weak"]
    assert len(told["between"]) == 3 == len(triples(related))
    assert {"subject": "dog", "objects": ["cup", "moon"]}.items() <= told["between"][1].items()


def test_answers_are_told_the_likeliest_first() -> None:
    answer = PhraseAnswer(
        phrase=parse_phrase("a cup left of a dog"),
        regions=("x", "y"),
        assignments=((0, 1), (1, 0)),
        log_fits=torch.tensor([-3.0, -0.5]),
        probabilities=torch.tensor([0.0005, 0.75]),
        none=0.2495,
    )
    told = answer_told("a cup left of a dog", answer)
    assert told["relation"] == "left of" and told["none"] == 0.2495 and told["fits"] == pytest.approx(answer.fits)
    assert [one["subject"] for one in told["assignments"]] == ["y", "x"]
    assert told_rows(told) == [
        ("a cup left of a dog", "y", "left of", "x", "75.0%"),
        ("a cup left of a dog", NONE, "", "", "24.9%"),
    ]
