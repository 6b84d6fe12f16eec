"""Paths do what their names say."""

import math

import numpy as np
import pytest

from gencontrol.sprites.staging.motion import BORDER, MOVED, PLANS, STILL, by_accident, move


def drawn(name: str, seed: int, *, frames: int = 10, sides: tuple[float, ...] = (0.25, 0.2)):
    return move(list(sides), frames=frames, pairs=1, rng=np.random.default_rng(seed), plans=(name,))


def away(motion) -> np.ndarray:
    return np.linalg.norm(motion.paths[:, 1] - motion.paths[:, 0], axis=-1)


@pytest.mark.parametrize("name", MOVED)
def test_a_plan_is_true_of_its_pair_and_stays_on_the_canvas(name: str) -> None:
    for seed in range(6):
        motion = drawn(name, seed)
        assert (0, 1, name, True) in motion.facts
        assert motion.paths.shape == (10, 2, 2)
        assert motion.paths.min() >= BORDER - 1e-9 and motion.paths.max() <= 1 - BORDER + 1e-9


def test_approaching_and_moving_away() -> None:
    for seed in range(6):
        near, far = away(drawn("approaching", seed)), away(drawn("moving away from", seed))
        assert (np.diff(near) < 0).all() and near[-1] < 0.8 * near[0]
        assert (np.diff(far) > 0).all() and far[-1] > 1.2 * far[0]
        assert drawn("approaching", seed).still.tolist() == [False, True]


def test_hunters_head_for_where_the_prey_is_and_gain() -> None:
    for seed in range(6):
        motion = drawn("chasing", seed)
        way = motion.paths[:-1, 1] - motion.paths[:-1, 0]
        steps = np.diff(motion.paths[:, 0], axis=0)
        cosine = (way * steps).sum(-1) / np.maximum(np.linalg.norm(way, axis=-1) * np.linalg.norm(steps, axis=-1), 1e-9)
        assert cosine[np.linalg.norm(steps, axis=-1) > 1e-6].min() > 0.999 and away(motion)[-1] < away(motion)[0]
        assert (1, 0, "fleeing from", True) in motion.facts and (0, 1, "following", False) in motion.facts


def test_who_circles_keeps_its_distance_and_goes_round() -> None:
    for seed in range(6):
        motion = drawn("circling", seed)
        way = motion.paths[:, 0] - motion.paths[:, 1]
        swept = np.ptp(np.unwrap(np.arctan2(way[:, 1], way[:, 0])))
        assert np.ptp(away(motion)) < 1e-6 and swept > math.pi


def test_followers_are_where_the_other_was() -> None:
    for seed in range(6):
        motion = drawn("following", seed, frames=12)
        behind = np.linalg.norm(motion.paths[:, None, 0] - motion.paths[None, :, 1], axis=-1)
        assert behind[-1].min() < 1e-6


def test_who_passes_is_nearest_on_the_way() -> None:
    for seed in range(6):
        gone = away(drawn("passing", seed))
        assert 0 < gone.argmin() < len(gone) - 1


def test_carried_things_keep_their_place_and_parallel_ones_carry_nothing() -> None:
    motion = drawn("carrying", 0)
    assert np.ptp(motion.paths[:, 1] - motion.paths[:, 0], axis=0).max() < 1e-9
    assert (0, 1, "carrying", False) in drawn("abreast", 0).facts


def test_chance_is_neither_true_nor_false() -> None:
    line = np.linspace([0.2, 0.5], [0.6, 0.5], 8)
    there = np.tile([0.8, 0.5], (8, 1))
    assert by_accident(line, there) == {"approaching"} and by_accident(there, line) == frozenset()
    assert "moving away from" in by_accident(line[::-1], there) and "circling" not in by_accident(line, there)
    assert {"chasing", "following"} <= by_accident(line, line + np.array((0.2, 0.0)))
    assert "carrying" in by_accident(line, line + np.array((0.0, 0.1)))
    aside = np.linspace([0.2, 0.55], [0.9, 0.55], 9)
    assert "passing" in by_accident(aside, np.tile([0.55, 0.5], (9, 1)))


def test_every_plan_is_drawn_alike_often() -> None:
    rng = np.random.default_rng(0)
    drawn = [move([0.3, 0.3], frames=8, pairs=1, rng=rng).facts for _ in range(360)]
    for name in MOVED:
        first = sum((0, 1, name, True) in facts for facts in drawn)
        assert 24 < first < 60, name


def test_many_things(monkeypatch: pytest.MonkeyPatch) -> None:
    motion = move([0.2] * 6, frames=8, pairs=2, rng=np.random.default_rng(0))
    assert motion.paths.shape == (8, 6, 2) and motion.still.shape == (6,)
    planned = {(i, j) for i, j, _, true in motion.facts if true}
    assert planned <= {(0, 1), (1, 0), (2, 3), (3, 2)}
    unasked = [(i, j, name) for i, j, name, true in motion.facts if true is None]
    assert len(unasked) == len({*unasked}) and set(PLANS) - {"abreast"} == set(MOVED)


def test_still_is_what_hardly_moves() -> None:
    motion = drawn("approaching", 0)
    assert motion.still[1] and np.ptp(motion.paths[:, 1], axis=0).max() < STILL
