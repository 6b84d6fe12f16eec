"""Recurrent independent mechanisms, against plain statements of them."""

import torch
from torch import nn
from torch.testing import assert_close

from gencontrol.relations.learned.mechanisms import (
    ACTIVE,
    MECHANISMS,
    GroupGRUCell,
    GroupLinear,
    RIMCore,
    active_mechanisms,
    best_of,
)


def test_a_group_of_one_is_torchs_own_cell() -> None:
    torch.manual_seed(0)
    ours, theirs = GroupGRUCell(1, 5, 7), nn.GRUCell(5, 7)
    with torch.no_grad():
        theirs.weight_ih.copy_(ours.taken.weight[0].T)
        theirs.weight_hh.copy_(ours.kept.weight[0].T)
        theirs.bias_ih.copy_(ours.taken.bias[0])
        theirs.bias_hh.copy_(ours.kept.bias[0])
    taken, state = torch.randn(3, 5), torch.randn(3, 7)
    assert_close(ours(taken[:, None], state[:, None])[:, 0], theirs(taken, state))


def test_mechanisms_are_independent() -> None:
    torch.manual_seed(0)
    linear = GroupLinear(3, 4, 2)
    values = torch.randn(5, 3, 4)
    changed = values.clone()
    changed[:, 1] += 1
    before, after = linear(values), linear(changed)
    assert_close(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.allclose(before[:, 1], after[:, 1])
    assert_close(before[:, 2], values[:, 2] @ linear.weight[2] + linear.bias[2])
    # Drawn, and not all alike.
    assert len(linear.weight.unique()) == linear.weight.numel() and linear.weight.abs().max() <= 0.5


def test_those_that_look_most_at_nothing_rest() -> None:
    null = torch.tensor([[0.9, 0.1, 0.5, 0.4], [0.2, 0.3, 0.1, 0.9]])
    found = active_mechanisms(null)
    assert found.tolist() == [[False, True, False, True], [True, False, True, False]]
    assert bool((found.sum(-1) == ACTIVE).all())


def test_only_the_best_are_read() -> None:
    shares = best_of(torch.tensor([1.0, 3.0, 2.0, 0.0]), 2)
    assert_close(shares, torch.tensor([0.0, 0.7311, 0.2689, 0.0]), atol=1e-4, rtol=0)
    assert_close(best_of(torch.tensor([0.0, 0.0]), 3), torch.tensor([0.5, 0.5]))


def parts(k: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    both = ~torch.eye(k, dtype=torch.bool)[None, None]
    return torch.randn(1, k, 8, generator=generator), torch.randn(1, 1, k, k, 8, generator=generator), both


def test_a_step_writes_active_mechanisms_alone_and_lets_no_gradient_into_the_others() -> None:
    torch.manual_seed(0)
    core = RIMCore(8, 4 * MECHANISMS)
    nodes, pairs, both = parts()
    state = core.start(nodes).unflatten(-1, (MECHANISMS, core.block)).detach().requires_grad_(True)
    ways = torch.cat([pairs[:, 0], pairs[:, 0].transpose(1, 2)], dim=-1)
    _, null = core.look(state, ways, both[:, 0])
    active = active_mechanisms(null)
    after = core.step(state, nodes, ways, both[:, 0], torch.ones(1, 3, dtype=torch.bool))
    same = (after == state).all(-1)
    assert torch.equal(same, ~active)
    # What an active one reads of a resting one carries no gradient into its recurrent cell.
    (kept,) = torch.autograd.grad((after * active[..., None]).sum(), [core.cell.kept.weight])
    for mechanism in range(MECHANISMS):
        if not active[..., mechanism].any():
            assert not kept[mechanism].any()
    assert kept.abs().sum() > 0


def test_nothing_is_taken_where_there_is_no_pair() -> None:
    torch.manual_seed(0)
    core = RIMCore(8, 4 * MECHANISMS)
    nodes, pairs, both = parts()
    state = core.start(nodes).unflatten(-1, (MECHANISMS, core.block))
    ways = torch.cat([pairs[:, 0], pairs[:, 0].transpose(1, 2)], dim=-1)
    taken, null = core.look(state, ways, torch.zeros_like(both[:, 0]))
    assert_close(null, torch.ones_like(null))
    assert not taken.any()
    # The null input's score is 0: with scores of 0 everywhere each of three inputs has a third.
    with torch.no_grad():
        core.key.weight.zero_()
        core.key.bias.zero_()
    _, null = core.look(state, ways, both[:, 0])
    assert_close(null, torch.full_like(null, 1 / 3))
