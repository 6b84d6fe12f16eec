"""Streams: reproducible, unrelated to each other, and per picture independent of the batch."""

from typing import Any

import numpy as np
import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.streams import per_picture, seeded, step_stream, stream


def draws(generator: object, count: int) -> list[torch.Tensor]:
    generators = per_picture(generator, count)  # type: ignore[arg-type]
    several = generators if isinstance(generators, list) else [generators]
    return [torch.randn(5, generator=g) for g in several]


def test_picture_i_is_the_same_in_any_batch() -> None:
    alone, three, five = draws(seeded(0), 1), draws(seeded(0), 3), draws(seeded(0), 5)
    assert torch.equal(alone[0], three[0])
    assert all(torch.equal(a, b) for a, b in zip(three, five[:3], strict=True))


def test_pictures_differ_from_each_other_and_between_seeds() -> None:
    rows = torch.stack(draws(seeded(0), 4) + draws(seeded(1), 4))
    assert torch.cdist(rows, rows).fill_diagonal_(9).min() > 0.1


def test_a_used_generator_gives_new_pictures() -> None:
    generator = seeded(0)
    first, second = draws(generator, 3), draws(generator, 3)
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_drawing_children_leaves_the_generator_as_it_is() -> None:
    generator = seeded(0)
    state = generator.get_state()
    per_picture(generator, 4)
    assert torch.equal(generator.get_state(), state)


def test_none_a_single_one_and_a_list_pass_through() -> None:
    generator, several = seeded(0), [seeded(1), seeded(2)]
    assert per_picture(None, 3) is None
    assert per_picture(generator, 1) is generator
    assert per_picture(several, 2) is several


def test_a_list_of_another_length() -> None:
    with pytest.raises(InputError, match="a list of 3, one for each picture, got a list of 2"):
        per_picture([seeded(0), seeded(0)], 3)


def test_streams_depend_on_every_argument() -> None:
    draws = {torch.rand(1, generator=stream(*a)).item() for a in ((0, 0, "a"), (1, 0, "a"), (0, 1, "a"), (0, 0, "b"))}
    assert len(draws) == 4


def test_a_stream_is_what_earlier_versions_drew() -> None:
    # Recorded with 0.1: checkpoints, caches and benchmarks' scenes rely on these draws.
    assert torch.randint(1000, (3,), generator=stream(0, 1, "train")).tolist() == [218, 630, 117]
    assert torch.randint(1000, (3,), generator=step_stream(3, 7)).tolist() == [364, 438, 75]


def test_a_large_seed_has_steps_too() -> None:
    drawn = [torch.randint(2**62, (), generator=step_stream(2**63 - 1, step)).item() for step in (0, 1, 2)]
    assert len(set(drawn)) == 3
    for seed, step in ((0, -2), (0, 5), (2**63 // 1_000_003, 0)):
        assert step_stream(seed, step).initial_seed() == seeded(seed * 1_000_003 + step).initial_seed()
    assert step_stream(2**64, 5).initial_seed() == 5


def test_steps_and_seeds_draw_apart() -> None:
    places = [(seed, step) for seed in range(3) for step in (-2, -1, 0, 1, 2)]
    draws = {torch.randint(2**62, (), generator=step_stream(*place)).item() for place in places}
    assert len(draws) == len(places)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, True, "3", None])
def test_seeds_that_torch_does_not_take(seed: Any) -> None:
    with pytest.raises(InputError, match=r"^seed: expected a whole number from -2\^63 to 2\^64 - 1, got "):
        seeded(seed)


def test_seeds_of_numpys() -> None:
    assert seeded(np.int64(7)).initial_seed() == 7 == seeded(7).initial_seed()
