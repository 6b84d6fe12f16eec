"""Composition: what is outside a highlight stays to the bit; removal and recolouring keep their promises."""

import math

import pytest
import torch

from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import (
    REMOVAL_START,
    VoxelField,
    baked,
    compose,
    composed_lattice,
    limit_change,
    start_of_creation,
    start_of_edit,
)


def random_lattice(resolution: int, seed: int) -> torch.Tensor:
    return torch.randn(4, *(resolution,) * 3, generator=torch.Generator().manual_seed(seed))


def points(count: int = 300) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(9)) * 2 - 1


def test_outside_the_highlight_the_field_is_its_base_to_the_bit() -> None:
    base = random_lattice(6, 0)
    field = VoxelField(torch.full((4, 5, 5, 5), torch.nan), base=base)
    membership = (points()[:, 0] > 0.3).float()
    raw = field.raw(points(), membership)
    outside = membership == 0
    assert torch.equal(raw[outside], grid.sample(base, points())[outside])
    assert raw[~outside].isnan().all()


def test_inside_it_is_base_plus_membership_times_change() -> None:
    base, change = random_lattice(1, 0)[:, 0, 0].T, random_lattice(1, 1)[:, 0, 0].T
    assert torch.allclose(compose(base, change, torch.tensor([0.25])), base + 0.25 * change)
    assert torch.allclose(compose(base, change, None), base + change)


def test_gradients_of_the_change_stop_at_the_highlight() -> None:
    field = VoxelField(torch.zeros(4, 9, 9, 9), base=random_lattice(9, 0))
    field.raw(points(), (points()[:, 0] > 0).float()).sum().backward()
    assert field.change.grad is not None
    assert field.change.grad[..., :4].abs().sum() == 0  # x < 0: more than a cell away from the highlight
    assert field.change.grad[..., 5:].abs().sum() > 0


def test_a_removal_only_lowers_density_and_leaves_colour() -> None:
    field = VoxelField(random_lattice(5, 1) * 5, base=random_lattice(5, 0), mode="remove")
    before = grid.sample(random_lattice(5, 0), points())
    after = field.raw(points())
    assert (after[:, 0] <= before[:, 0]).all()
    assert torch.equal(after[:, 1:], before[:, 1:])
    start = limit_change(start_of_edit(3, "remove").reshape(4, -1).T, "remove")
    assert start[:, 0].min() > -0.02


def test_a_recolouring_leaves_density() -> None:
    field = VoxelField(random_lattice(5, 1), base=random_lattice(5, 0), mode="recolour")
    before, after = grid.sample(random_lattice(5, 0), points()), field.raw(points())
    assert torch.equal(after[:, 0], before[:, 0])
    assert not torch.allclose(after[:, 1:], before[:, 1:], atol=0.1)


def test_a_replacement_is_the_change_alone_inside_and_mixed_at_a_soft_edge() -> None:
    base, change = random_lattice(6, 0), random_lattice(5, 1)
    field = VoxelField(change, base=base, mode="replace")
    membership = torch.linspace(-0.5, 1, 300).clamp(min=0)
    raw, old, new = field.raw(points(), membership), grid.sample(base, points()), grid.sample(change, points())
    assert torch.equal(raw[membership == 0], old[membership == 0])
    inside = membership[:, None]
    assert torch.allclose(raw, (1 - inside) * old + inside * new, atol=1e-5)
    everywhere = torch.ones(6**3)
    assert torch.allclose(baked(field, 6, membership=everywhere), grid.resize(change, 6), atol=1e-5)


def test_an_edit_starts_as_the_base() -> None:
    base = random_lattice(5, 0)
    for mode in ("edit", "recolour"):
        field = VoxelField(start_of_edit(7, mode), base=base, mode=mode)
        assert torch.equal(field.raw(points()), grid.sample(base, points()))


def test_changing_the_resolution_keeps_the_parameter_object_and_the_field() -> None:
    field = VoxelField(random_lattice(3, 0))
    parameter, before = field.change, field.raw(points()).detach()
    assert field.set_resolution(5) and not field.set_resolution(5)
    assert field.change is parameter and field.resolution == 5
    assert torch.allclose(field.raw(points()), before, atol=1e-5)


def test_refining_makes_a_new_parameter_of_the_same_field() -> None:
    field = VoxelField(random_lattice(4, 0))
    before, values = field.change, field(points(), None)
    assert field.refine(7) and field.change is not before and field.resolution == 7
    assert torch.allclose(field(points(), None)[1], values[1], atol=1e-5)
    kept = field.change
    assert not field.refine(7) and field.change is kept


def test_the_start_is_a_grey_ball_with_a_seed() -> None:
    def start(seed: int) -> torch.Tensor:
        return start_of_creation(9, ball=grid.Ball(), generator=torch.Generator().manual_seed(seed))

    assert torch.equal(start(0), start(0)) and not torch.equal(start(0), start(1))
    assert torch.equal(start(0)[:1], grid.ball(9, grid.Ball()))
    assert grid.colour(start(0)[1:].reshape(3, -1).T).mean().item() == pytest.approx(0.5, abs=0.01)


def test_a_field_has_its_symmetry_until_it_is_edited() -> None:
    field = VoxelField(random_lattice(5, 0), symmetry="quarter")
    turned = torch.stack([-points()[:, 1], points()[:, 0], points()[:, 2]], dim=1)
    assert torch.allclose(field.raw(turned), field.raw(points()), atol=1e-5)
    assert torch.equal(baked(field, 5), baked(field, 5).flip(-1))
    field.start_edit(baked(field, 5), "edit")
    field.change.data = random_lattice(5, 1)
    assert torch.equal(field.change_lattice(), field.change)
    assert not torch.allclose(field.raw(turned), field.raw(points()), atol=0.1)


def test_baking_is_the_composed_field_at_the_nodes() -> None:
    field = VoxelField(random_lattice(4, 1), base=random_lattice(6, 0))
    inside = (grid.nodes(6)[:, 2] > 0).float()
    result = baked(field, 6, membership=inside)
    assert torch.equal(result[:, :3], random_lattice(6, 0)[:, :3])
    expected = field.raw(grid.nodes(6), inside)
    assert torch.allclose(result.reshape(4, -1).T, expected, atol=1e-5)


def test_a_checkpoint_brings_the_shape_of_its_base() -> None:
    field = VoxelField(random_lattice(4, 1), base=random_lattice(6, 0))
    empty = VoxelField(torch.zeros(4, 4, 4, 4), base=torch.zeros(4, 1, 1, 1))
    empty.load_state_dict(field.state_dict())
    assert empty.base is not None and torch.equal(empty.base, random_lattice(6, 0))


@pytest.mark.filterwarnings("ignore:.*which is a no-op")  # no values on the device that stands for CUDA
def test_a_checkpoint_on_the_cpu_is_loaded_to_the_fields_own_device() -> None:
    field = VoxelField(torch.zeros(4, 4, 4, 4), base=torch.zeros(4, 1, 1, 1)).to("meta")
    field.load_state_dict(VoxelField(random_lattice(4, 1), base=random_lattice(6, 0)).state_dict())
    assert field.base is not None and field.base.shape == (4, 6, 6, 6)
    assert field.base.device == field.change.device == torch.device("meta")


def test_what_replaces_is_read_where_its_points_are_folded_to() -> None:
    field = VoxelField(random_lattice(4, 1), base=random_lattice(6, 0), mode="replace")
    plain = field.raw(points())
    field.canonical = lambda at: at * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(field.raw(points()), grid.sample(random_lattice(4, 1), field.canonical(points())), atol=1e-5)
    assert not torch.allclose(field.raw(points()), plain, atol=0.1)


def test_density_is_added_to_density_alone_at_whatever_resolution() -> None:
    field = VoxelField(random_lattice(5, 0))
    parameter, added = field.change, random_lattice(3, 1)[0]
    field.add(added)
    assert field.change is parameter
    assert torch.equal(field.change[1:], random_lattice(5, 0)[1:])
    gained = (field.change[:1] - random_lattice(5, 0)[:1]).detach()
    assert torch.allclose(gained, grid.resize(added[None], 5), atol=1e-6)


def test_edits_start_with_no_change_and_removals_with_next_to_none() -> None:
    assert not start_of_edit(3, "edit").any() and REMOVAL_START == -4
    removal = start_of_edit(3, "remove")
    assert (removal[0] == -4).all() and not removal[1:].any()
    field = VoxelField(random_lattice(5, 0), symmetry="mirror")
    field.start_edit(random_lattice(3, 1), "remove")
    assert field.mode == "remove" and torch.equal(field.change, start_of_edit(5, "remove"))
    assert torch.equal(VoxelField(random_lattice(3, 0)).change_lattice(), random_lattice(3, 0))


def test_the_start_has_a_tenth_of_noise_on_each_colour() -> None:
    noise = start_of_creation(21, ball=grid.Ball(), generator=torch.Generator().manual_seed(0))[1:]
    assert noise.flatten(1).std(dim=1).tolist() == pytest.approx([0.1] * 3, rel=0.05)


def test_what_a_mode_keeps_of_a_change() -> None:
    change = torch.tensor([[0.5, 1.0, 2.0, 3.0], [-2.0, 0.1, 0.2, 0.3]])
    removed = limit_change(change, "remove")
    assert removed[:, 0].tolist() == pytest.approx([-math.log1p(math.exp(0.5)), -math.log1p(math.exp(-2))])
    assert not removed[:, 1:].any()
    recoloured = limit_change(change, "recolour")
    assert not recoloured[:, 0].any() and torch.equal(recoloured[:, 1:], change[:, 1:])
    assert torch.equal(limit_change(change, "edit"), change) and torch.equal(limit_change(change, "replace"), change)


def test_a_composed_lattice_has_the_nodes_of_its_base() -> None:
    plain = VoxelField(random_lattice(4, 1))
    assert torch.allclose(composed_lattice(plain, lambda points: None), random_lattice(4, 1), atol=1e-6)
    field = VoxelField(random_lattice(4, 1), base=random_lattice(3, 0))
    found = composed_lattice(field, lambda points: (points[:, 2] > 0).float())
    assert found.shape == (4, 5, 5, 5)  # every node of the base, and no fewer than the change
    assert torch.allclose(found[:, :2:2, ::2, ::2], random_lattice(3, 0)[:, :1], atol=1e-6)
    assert torch.allclose(found, baked(field, 5, membership=(grid.nodes(5)[:, 2] > 0).float()))


def test_a_checkpoint_brings_its_resolution_and_may_lie_below_a_name() -> None:
    field, other = VoxelField(random_lattice(4, 1)), VoxelField(torch.zeros(4, 2, 2, 2))
    other.load_state_dict(field.state_dict())
    assert other.base is None and torch.equal(other.change, field.change)
    edited = VoxelField(torch.zeros(4, 2, 2, 2), base=random_lattice(3, 0))
    both = torch.nn.ModuleDict({"fit": VoxelField(torch.zeros(4, 2, 2, 2)), "edit": edited})
    state = {f"fit.{name}": value for name, value in field.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: .edit\.change"):
        both.load_state_dict(state)
    # What the checkpoint does not hold at all stays as it was.
    assert edited.base is not None and torch.equal(edited.base, random_lattice(3, 0))
    assert torch.equal(both["fit"].change, field.change)  # pyright: ignore[reportArgumentType]


def test_what_is_baked_and_what_is_changed_anew_keeps_no_gradient() -> None:
    field = VoxelField(random_lattice(4, 1), base=random_lattice(6, 0))
    assert field.raw(points()).requires_grad
    assert not baked(field, 5).requires_grad and not composed_lattice(field, lambda points: None).requires_grad
    field.set_resolution(5)
    field.add(torch.ones(3, 3, 3))
    assert field.change.is_leaf and field.change.requires_grad
    field.refine(6)
    assert field.change.is_leaf and field.change.requires_grad
    field.start_edit(random_lattice(3, 1), "edit")
    assert field.change.is_leaf and field.change.requires_grad
