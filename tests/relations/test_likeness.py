"""Likeness of embeddings, on embeddings that are known."""

import pytest
import torch
from torch.testing import assert_close

from gencontrol.relations.likeness import ALIKE, ALIKE_SOFT, same_colour, same_kind

NAMES = torch.eye(6)


def test_one_kind_is_the_same_profile_of_names():
    shared = torch.ones(6)
    # Two cats and a car, under what all parts of a picture share: raw cosines are all above 0.97.
    regions = torch.stack([6 * shared + 1.5 * NAMES[0], 6 * shared + 1.4 * NAMES[0], 6 * shared + 1.5 * NAMES[3]])
    unit = regions / regions.norm(dim=-1, keepdim=True)
    assert (unit @ unit.T).min() > 0.97
    found = same_kind(3 * regions, NAMES)
    assert found[0, 1] > 0.95 and found[0, 2] < 0.05
    assert_close(found, found.T)
    assert not found.diagonal().any()
    # Profiles of one name among six, centred, have a cosine of -1/5.
    assert_close(found[0, 2], torch.sigmoid(torch.tensor((-0.2 - ALIKE) / ALIKE_SOFT)), atol=2e-3, rtol=0)


def test_one_colour_is_read_twice():
    regions = torch.stack([NAMES[0], NAMES[0], NAMES[2], NAMES[0] + NAMES[2]])
    found = same_colour(regions, NAMES[:3], scale=20.0)
    assert found[0, 1] > 0.99 and found[0, 2] < 0.01 and found[0, 3].item() == found[3, 0].item()
    # Half of each: half the probability.
    assert_close(found[0, 3], torch.tensor(0.5), atol=1e-3, rtol=0)
    assert not found.diagonal().any()
    alike = same_colour(regions.double(), NAMES[:3].double(), scale=0.0)[0, 1].item()
    assert alike == pytest.approx(1 / 3, rel=0, abs=1e-15)
