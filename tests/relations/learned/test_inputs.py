"""What the module sees of regions."""

from collections.abc import Callable
from dataclasses import fields

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from gencontrol.relations.geometry import PAIR_FEATURES, pair_geometry
from gencontrol.relations.learned.inputs import (
    CROP,
    FEATURES,
    PROBES,
    RelationInputs,
    joined,
    pair_slots,
    relation_inputs,
    shown_maps,
)


def squares(*corners: tuple[int, int], side: int = 10, size: tuple[int, int] = (50, 100)) -> torch.Tensor:
    found = torch.zeros(len(corners), *size)
    for plane, (x, y) in zip(found, corners, strict=True):
        plane[y : y + side, x : x + side] = 1
    return found


def feature(inputs: RelationInputs, name: str) -> torch.Tensor:
    return inputs.pairs[0, ..., FEATURES.index(name)]


def test_geometry_is_that_of_the_masks() -> None:
    maps = squares((10, 10), (60, 20), (30, 35))
    found = relation_inputs(maps[None], torch.rand(3, 50, 100))
    assert_close(found.pairs[0, 0, ..., : len(PAIR_FEATURES)], pair_geometry(maps).features)
    assert found.used.tolist() == [[True] * 3] and found.there.shape == (1, 1, 3)
    for name in FEATURES[len(PAIR_FEATURES) + 1 :]:
        assert not feature(found, name).any()


def test_who_is_nearer_than_all_others() -> None:
    found = feature(
        relation_inputs(squares((10, 10), (30, 10), (60, 10))[None], torch.rand(3, 50, 100)), "nearer_than_others"
    )[0]
    # Gaps of 0.1 and 0.2 and a tenth of the distances 0.2 and 0.3, to the middle one.
    assert found[0, 1] == pytest.approx(0.11, abs=0.01) and found[2, 1] == pytest.approx(-0.11, abs=0.01)
    assert found[1, 0] == pytest.approx(0.2) and found[2, 0] == pytest.approx(-0.2) and found[0, 0] == 0


def test_motion_over_the_whole_clip() -> None:
    # The first goes right by 40 of 100 in two steps, the second goes down by 10.
    frames = torch.stack([squares((10 + 20 * t, 10), (80, 10 + 5 * t)) for t in range(3)])
    found = relation_inputs(frames, torch.rand(3, 50, 100))
    assert_close(feature(found, "speed")[:, 0, 1], torch.full((3,), 0.4), atol=1e-4, rtol=0)
    assert_close(feature(found, "speed_of_other")[:, 0, 1], torch.full((3,), 0.1), atol=1e-4, rtol=0)
    assert_close(feature(found, "towards")[0, 0, 1], torch.tensor(0.4), atol=1e-4, rtol=0)
    assert_close(feature(found, "across")[0, 0, 1], torch.tensor(0.0), atol=1e-4, rtol=0)
    assert_close(feature(found, "towards_of_other")[0, 0, 1], torch.tensor(0.0), atol=1e-4, rtol=0)
    # What the first is told of the other is what the other is told of itself; its way lies across.
    across = feature(found, "across")[0, 1, 0]
    assert across == feature(found, "across_of_other")[0, 0, 1] and abs(across) == pytest.approx(0.1, abs=1e-4)
    assert feature(found, "heading")[0, 0, 1] == pytest.approx(0.4 / 0.5, abs=1e-3)
    assert feature(found, "together")[0, 0, 1] == pytest.approx(0, abs=1e-4)
    assert_close(feature(found, "closing")[0], feature(found, "closing")[0].T)
    assert bool((feature(found, "moving")[:, 0, 1] == 1).all())
    twice = torch.stack([squares((10 + 10 * t, 10), (80, 10)) for t in range(5)])
    assert feature(relation_inputs(twice, torch.rand(3, 50, 100)), "speed")[1, 0, 1] == pytest.approx(0.4, abs=1e-4)


def test_a_region_that_is_hidden_for_a_while() -> None:
    frames = torch.stack([squares((10 + 10 * t, 10), (80, 10)) for t in range(3)])
    frames[2, 0] = 0
    found = relation_inputs(frames, torch.rand(3, 50, 100))
    assert found.there[0].tolist() == [[True, True], [True, True], [False, True]]
    assert found.used.all() and found.pairs.isfinite().all() and not found.pairs[0, 2, 0, 1].any()
    assert_close(shown_maps(frames, -1)[0], frames[1, 0])
    assert_close(shown_maps(frames, 0)[0], frames[0, 0])
    # The crop shows where it was last seen.
    assert found.crops[0, 0, 3].max() == 1


def test_crops_show_a_region_and_where_two_meet() -> None:
    maps = squares((10, 10), (20, 10), (80, 30))
    rgb = torch.zeros(3, 50, 100)
    rgb[0, 10:20, 10:20] = 1
    rgb[1, 10:20, 20:30] = 1
    found = relation_inputs(maps[None], rgb)
    assert found.crops.shape == (1, 3, 4, CROP, CROP) and found.meetings.shape == (1, 3, 5, CROP, CROP)
    middle = CROP // 2
    assert_close(found.crops[0, 0, :, middle, middle], torch.tensor([1.0, 0.0, 0.0, 1.0]))
    # The box and a seventh more: its share of the crop is 1 / 1.15 squared.
    assert found.crops[0, 0, 3].mean() == pytest.approx(1 / 1.15**2, abs=0.03)
    assert found.near.tolist() == [[True, False, False]] and not found.meetings[0, 1:].any()
    first, second = found.meetings[0, 0, 3], found.meetings[0, 0, 4]
    assert first[middle, middle - 4] == 1 and second[middle, middle - 4] == 0
    assert first[middle, middle + 3] == 0 and second[middle, middle + 3] == 1
    assert_close(found.meetings[0, 0, 0, middle, middle - 4], torch.tensor(1.0))


def test_colours_are_oklab() -> None:
    maps = squares((10, 10), (60, 20))
    rgb = torch.ones(3, 50, 100)
    rgb[:, 20:30, 60:70] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    found = relation_inputs(maps[None], rgb).colours[0]
    # Ottosson's own values of white and of sRGB red.
    assert_close(found[0], torch.tensor([1.0, 0, 0, 0, 0, 0]), atol=2e-3, rtol=0)
    assert_close(found[1, :3], torch.tensor([0.628, 0.2249, 0.1258]), atol=2e-3, rtol=0)


def test_cosines_of_embeddings_and_of_profiles() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = squares((10, 10), (60, 20))
    embeds, names = torch.randn(2, 8, generator=generator), torch.randn(6, 8, generator=generator)
    probes = torch.randn(len(PROBES), 8, generator=generator)
    probes[3] = torch.nan
    found = relation_inputs(maps[None], torch.rand(3, 50, 100), embeds, names, probes)
    assert_close(found.cosines[0, 0, 1, 0], functional.cosine_similarity(embeds[0], embeds[1], dim=0))
    profile = functional.normalize(embeds, dim=-1) @ functional.normalize(names, dim=-1).T
    wanted = torch.corrcoef(profile)[0, 1]
    assert_close(found.cosines[0, 1, 0, 1], wanted)
    known = [i for i in range(len(PROBES)) if i != 3]
    assert not found.probes[0, :, 3].any()
    assert_close(found.probes[0][:, known].mean(-1), torch.zeros(2), atol=1e-5, rtol=0)
    assert_close(found.probes[0][:, known].square().mean(-1), torch.ones(2))
    # Another scale or length of the embeddings says the same.
    again = relation_inputs(maps[None], torch.rand(3, 50, 100), 7 * embeds, 2 * names, probes)
    assert_close(again.cosines, found.cosines)
    assert_close(again.probes, found.probes)
    blind = relation_inputs(maps[None], torch.rand(3, 50, 100))
    assert not blind.cosines.any() and not blind.probes.any()


def test_padding_keeps_every_pair_in_its_place(seen: Callable[..., RelationInputs]) -> None:
    small, large = seen(2, seed=1), seen(4, seed=2)
    both = joined([small, large])
    for f in fields(RelationInputs):
        assert_close(getattr(both, f.name)[1], getattr(large, f.name)[0], equal_nan=True)
    assert both.used[0].tolist() == [True, True, False, False]
    assert_close(both.pairs[0, :, :2, :2], small.pairs[0])
    assert not both.pairs[0, :, 2:].any() and not both.crops[0, 2:].any()
    slots = pair_slots(4).tolist()
    assert slots == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert_close(both.meetings[0, 0], small.meetings[0, 0])
    assert both.near[0].tolist() == [bool(small.near[0, 0]), *[False] * 5]
