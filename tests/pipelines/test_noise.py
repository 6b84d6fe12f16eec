"""Noise per picture: independent of the batch, reproducible, and advancing."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.pipelines.noise import per_picture


def draws(generator: object, count: int) -> list[torch.Tensor]:
    generators = per_picture(generator, count)  # type: ignore[arg-type]
    several = generators if isinstance(generators, list) else [generators]
    return [torch.randn(5, generator=g) for g in several]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_picture_i_is_the_same_in_any_batch() -> None:
    alone, three, five = draws(seeded(), 1), draws(seeded(), 3), draws(seeded(), 5)
    assert torch.equal(alone[0], three[0])
    assert all(torch.equal(a, b) for a, b in zip(three, five[:3], strict=True))


def test_pictures_differ_from_each_other_and_between_seeds() -> None:
    rows = torch.stack(draws(seeded(0), 4) + draws(seeded(1), 4))
    assert torch.cdist(rows, rows).fill_diagonal_(9).min() > 0.1


def test_a_used_generator_gives_new_pictures() -> None:
    generator = seeded()
    first, second = draws(generator, 3), draws(generator, 3)
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_drawing_children_leaves_the_generator_as_it_is() -> None:
    generator = seeded()
    state = generator.get_state()
    per_picture(generator, 4)
    assert torch.equal(generator.get_state(), state)


def test_none_a_single_one_and_a_list_pass_through() -> None:
    generator, several = seeded(), [seeded(1), seeded(2)]
    assert per_picture(None, 3) is None
    assert per_picture(generator, 1) is generator
    assert per_picture(several, 2) is several


def test_a_list_of_another_length() -> None:
    with pytest.raises(InputError, match="a list of 3, one for each picture, got a list of 2"):
        per_picture([seeded(), seeded()], 3)
