"""Regions that are followed: moving, hidden, coming back, leaving."""

import pytest
import torch
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.relations.tracking import follow


def disc(x: float, y: float, radius: float = 9, size: tuple[int, int] = (96, 128)) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    return ((columns - x).square() + (rows - y).square() < radius**2).float()


def drawn(*things: tuple[Tensor, tuple[float, float, float]]) -> Tensor:
    """Flat things on noise, later ones in front."""
    rgb = 0.5 + 0.1 * torch.rand(3, 96, 128, generator=torch.Generator().manual_seed(0))
    for mask, colour in things:
        rgb = torch.where(mask > 0, torch.tensor(colour)[:, None, None], rgb)
    return rgb


def overlap(found: Tensor, true: Tensor) -> float:
    both, either = ((found > 0.5) & (true > 0.5)).sum(), ((found > 0.5) | (true > 0.5)).sum()
    return float(both / either)


RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.2, 0.9)


def test_things_are_followed_where_they_go() -> None:
    ways = [(disc(20 + 10 * t, 30), disc(100 - 10 * t, 60 + 2 * t)) for t in range(8)]
    frames = torch.stack([drawn((a, RED), (b, BLUE)) for a, b in ways])
    found = follow(frames, torch.stack(ways[0]))
    assert found.shape == (8, 2, 96, 128) and torch.equal(found[0], torch.stack(ways[0]))
    assert min(overlap(found[t, k], ways[t][k]) for t in range(8) for k in range(2)) > 0.75


def test_what_is_hidden_is_empty_and_found_again() -> None:
    wall = torch.zeros(96, 128)
    wall[:, 52:80] = 1
    ways = [disc(20 + 9 * t, 48) for t in range(11)]
    frames = torch.stack([drawn((thing, RED), (wall, BLUE)) for thing in ways])
    found = follow(frames, torch.stack([ways[0], wall]))[:, 0]
    seen = [float((way * (1 - wall)).sum() / way.sum()) for way in ways]
    assert min(seen) == 0 and seen[-1] == 1
    for t, share in enumerate(seen):
        if share == 0:
            assert not found[t].any(), t
        elif share > 0.6:
            assert overlap(found[t], ways[t] * (1 - wall)) > 0.6, t
    # What hides it is no part of it.
    assert float((found * wall).sum()) < 0.1 * float(found.sum())


def test_what_leaves_and_what_is_not_there() -> None:
    ways = [disc(100 + 12 * t, 40) for t in range(5)]
    frames = torch.stack([drawn((way, RED)) for way in ways])
    found = follow(frames, torch.stack([ways[0], torch.zeros(96, 128)]))
    assert found[1, 0].any() and not found[4, 0].any() and not found[:, 1].any()
    assert follow(frames, torch.zeros(0, 96, 128)).shape == (5, 0, 96, 128)
    with pytest.raises(InputError, match=r"expected maps of the frames' size, got \(48, 64\) and \(96, 128\)"):
        follow(frames, torch.zeros(1, 48, 64))


def test_frames_that_are_none() -> None:
    with pytest.raises(InputError, match="at least one frame"):
        follow(torch.rand(0, 3, 9, 9), torch.ones(1, 9, 9))
    with pytest.raises(InputError, match="The frames holds NaN"):
        follow(torch.full((2, 3, 9, 9), float("nan")), torch.ones(1, 9, 9))
    with pytest.raises(InputError, match="The maps"):
        follow(torch.rand(2, 3, 9, 9), torch.full((1, 9, 9), 2.0))
    assert follow(torch.rand(2, 3, 9, 9), torch.ones(0, 9, 9)).shape == (2, 0, 9, 9)
