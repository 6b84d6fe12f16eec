"""The benchmark of sentences: what it asks is true of its scenes, and what answers is counted rightly."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import phrases
from benchmarks.focus.rows import Encoders
from gencontrol.relations.geometry import pair_geometry
from gencontrol.relations.learned.module import ModuleConfig, RelationModule
from gencontrol.relations.learned.opening import save_module
from gencontrol.sprites.store import SpriteStore

APART = {"taken apart, rules"}


@pytest.mark.parametrize(
    ("relation", "subject", "far"),
    [
        ("left of", (0.2, 0.5), 0.3),
        ("right of", (0.2, 0.5), -0.3),
        ("above", (0.5, 0.1), 0.2),
        ("below", (0.5, 0.1), -0.2),
    ],
)
def test_sides(relation: str, subject: tuple[float, float], far: float) -> None:
    found = phrases.holds(relation, torch.tensor(subject), torch.tensor([0.5, 0.3]))
    assert found == pytest.approx(far, abs=1e-6)


def test_one_of_two_of_a_name_is_meant(sprite_store: SpriteStore) -> None:
    asked = list(phrases.twins(sprite_store, count=12, seed=3))
    assert len(asked) == 12 and len({one.relation for one in asked}) > 2
    assert asked[0].phrase == f"the {asked[0].subject} {asked[0].relation} the {asked[0].object}"
    for one in asked:
        assert one.subject != one.object and len(one.scene.regions) == 4
        geometry = pair_geometry(torch.stack([region.alpha for region in one.scene.regions]))
        axis, sign = phrases.SIDES[one.relation]
        away = sign * geometry.feature("dx" if axis == 0 else "dy")[:, one.other]
        # It stands there, and by what is seen of them all another one of the four does not.
        assert away[one.meant] > 0.03 and (away < 0.05).any()


def test_pairs_stand_as_their_captions_say(sprite_store: SpriteStore) -> None:
    asked = list(phrases.pairs(sprite_store, count=12, seed=3))
    assert len(asked) == 12 and {one.meant for one in asked} == {0, 1}
    for one in asked:
        assert {one.meant, one.other} == {0, 1} and len(one.scene.regions) == 2
        geometry = pair_geometry(torch.stack([region.alpha for region in one.scene.regions]))
        axis, sign = phrases.SIDES[one.relation]
        assert sign * geometry.feature("dx" if axis == 0 else "dy")[one.meant, one.other] > 0.03


def test_captions_and_their_swapped_ones(sprite_store: SpriteStore) -> None:
    one = replace(next(phrases.pairs(sprite_store, count=1, seed=3)), subject="apple", relation="left of", object="cup")
    assert one.caption() == "an apple left of a cup" and one.caption(swapped=True) == "a cup left of an apple"


def test_what_is_taken_apart_knows_sides_and_a_name_does_not(encoders: Encoders, sprite_store: SpriteStore) -> None:
    asked = list(phrases.twins(sprite_store, count=10, seed=3))
    found = phrases.pointed_shares(encoders.alpha, asked, None)
    assert set(found) == {"the name alone", "the phrase as one text", *APART}
    assert all(0 <= share <= 1 for share in found.values())
    # With the other side said, what was right is wrong; a name alone does not hear of sides.
    turned = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    swapped = [replace(one, relation=turned[one.relation]) for one in asked]
    before = phrases.swapped_shares(encoders, list(phrases.pairs(sprite_store, count=10, seed=3)), None)
    after = phrases.swapped_shares(
        encoders,
        [replace(one, relation=turned[one.relation]) for one in phrases.pairs(sprite_store, count=10, seed=3)],
        None,
    )
    assert set(before) == {"CLIP, whole", "Alpha-CLIP, both marked", *APART}
    assert before["taken apart, rules"] == pytest.approx(1 - after["taken apart, rules"])
    assert phrases.pointed_shares(encoders.alpha, swapped, None)["the name alone"] == found["the name alone"]


def test_it_runs(model: Path, sprite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    save_module(RelationModule(ModuleConfig(width=16, hidden=(16,) * 4)), tmp_path, facts={})
    output = tmp_path / "rows.json"
    settings = phrases.Settings(
        model=str(model), sprites=sprite_file, module=tmp_path, scenes=3, output=output, threads=1
    )
    rows = phrases.main(settings)
    assert [row.name for row in rows][-2:] == ["CLIP, whole", "Alpha-CLIP, both marked"]
    assert {"taken apart, rules", "taken apart, module"} <= {row.name for row in rows}
    assert [row["name"] for row in json.loads(output.read_text())] == [row.name for row in rows]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "|  | pointed | swapped |" and len(printed) == len(rows) + 2
