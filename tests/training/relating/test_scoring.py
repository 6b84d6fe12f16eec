"""F1 over what is asked."""

import pytest
import torch
from torch.testing import assert_close

from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.vocabulary import FUNCTIONAL
from gencontrol.training.relating.scoring import bootstrap, counts, f1, group_means


def test_only_what_is_asked_counts() -> None:
    truth = torch.full((2, 2, 2, len(RELATIONS)), -1, dtype=torch.int8)
    said = torch.zeros(truth.shape)
    on = RELATIONS.index("on")
    truth[0, 0, 1, on], said[0, 0, 1, on] = 1, 0.9  # hit
    truth[0, 1, 0, on], said[0, 1, 0, on] = 0, 0.8  # wrong
    truth[1, 0, 1, on], said[1, 0, 1, on] = 1, 0.2  # missed
    said[1, 1, 0, on] = 0.9  # not asked
    found = counts(said, truth)
    assert found[:, on].tolist() == [[1, 1, 0], [0, 0, 1]] and int(found.sum()) == 3
    scores = f1(found.sum(0))
    assert scores[on] == pytest.approx(2 / 4) and int(scores.isnan().sum()) == len(RELATIONS) - 1
    assert group_means(scores) == {"functional": pytest.approx(0.5)}


def test_means_are_of_the_groups_relations() -> None:
    scores = torch.full((len(RELATIONS),), 0.25, dtype=torch.double)
    scores[[RELATIONS.index(name) for name in FUNCTIONAL]] = 0.75
    assert group_means(scores) == {"static": 0.25, "functional": 0.75, "clip": 0.25}


def test_standard_errors_by_drawing_scenes_again() -> None:
    counted = torch.zeros(400, len(RELATIONS), 3, dtype=torch.long)
    on = RELATIONS.index("on")
    counted[:200, on, 0] = 1
    counted[200:, on, 2] = 1
    relations, groups = bootstrap(counted, rounds=300)
    # F1 = 2 p / (1 + p) of the share p that is hit; its slope at 1/2 is 2 / 1.5^2, and p has an error of 0.025.
    assert relations[on] == pytest.approx(0.025 * 2 / 2.25, rel=0.2)
    assert groups["functional"] == pytest.approx(float(relations[on]))
    assert relations[RELATIONS.index("holding")].isnan()
    assert_close(bootstrap(counted, rounds=300)[0], relations, equal_nan=True)
