"""The hash grid behind the field's interface: tiny-cuda-nn is stood in for by plain torch of the same call."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gencontrol.errors import MissingDependencyError
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.hash_grid import ENCODING, NETWORK, HashField, tcnn_network


class Network(nn.Module):
    """Called as tinycudann.NetworkWithInputEncoding is: half precision out, refuses what that cannot take."""

    def __init__(self, n_input_dims: int, n_output_dims: int, encoding_config: Any, network_config: Any, seed: int):
        super().__init__()
        assert encoding_config["otype"] == "HashGrid" and network_config["otype"] == "FullyFusedMLP"
        generator = torch.Generator().manual_seed(seed)
        self.shape = (n_output_dims, n_input_dims)
        start = 1e-3 * torch.randn(n_output_dims * n_input_dims, generator=generator)
        self.params = nn.Parameter(start)

    def forward(self, x: Tensor) -> Tensor:
        assert len(x) and x.min() >= 0 and x.max() <= 1
        return (x @ self.params.reshape(self.shape).T).half()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tinycudann", SimpleNamespace(NetworkWithInputEncoding=Network))  # pyright: ignore


def field(**changes: Any) -> HashField:
    return HashField(lambda: tcnn_network(3), **{"resolution": 12, "ball": grid.Ball()} | changes)


def points(count: int = 60) -> Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1


def base() -> Tensor:
    return torch.randn(4, 6, 6, 6, generator=torch.Generator().manual_seed(1))


def test_without_tiny_cuda_nn_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tinycudann", None)
    with pytest.raises(
        MissingDependencyError, match=r"needs tiny-cuda-nn and a CUDA device.*default `representation`, voxels"
    ):
        tcnn_network(0)


@pytest.mark.usefixtures("stand_in")
def test_a_symmetric_creation_asks_the_network_at_folded_points() -> None:
    symmetric, mirrored = field(symmetry="quarter"), points() * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(symmetric.raw(mirrored), symmetric.raw(points()))
    assert not torch.equal(field().raw(mirrored), field().raw(points()))


@pytest.mark.usefixtures("stand_in")
def test_a_creation_starts_as_the_ball() -> None:
    raw = field().raw(points())
    assert raw.dtype == torch.float32
    assert torch.allclose(raw[:, 0], grid.ball_density(points(), grid.Ball()), atol=0.01)
    assert raw[:, 1:].abs().max() < 0.01
    assert field().raw(points(0)).shape == (0, 4)


@pytest.mark.usefixtures("stand_in")
def test_an_edit_keeps_the_base_outside_to_the_bit_and_trains_inside() -> None:
    edit = field(base=base(), mode="edit")
    membership = (points()[:, 0] > 0.2).float()
    nn.init.normal_(edit.network.params)  # pyright: ignore[reportArgumentType]
    raw, before = edit.raw(points(), membership), grid.sample(base(), points())
    assert torch.equal(raw[membership == 0], before[membership == 0])
    inside = membership == 1
    assert torch.allclose(raw[inside], (before + edit.network((points() + 1) / 2))[inside], atol=1e-3)
    raw.sum().backward()
    (gradient,) = (p.grad for p in edit.trained())
    assert gradient is not None and gradient.abs().sum() > 0


@pytest.mark.usefixtures("stand_in")
def test_a_removal_starts_with_next_to_nothing_and_only_lowers() -> None:
    removal = field(base=base(), mode="remove")
    lowered = removal.raw(points())[:, 0] - grid.sample(base(), points())[:, 0]
    assert lowered.max() <= 0 and lowered.min() > -0.03


@pytest.mark.usefixtures("stand_in")
def test_an_edit_of_what_was_fitted_starts_with_a_new_network() -> None:
    fitted = field()
    (old,) = fitted.trained()
    fitted.start_edit(base(), "recolour")
    (new,) = fitted.trained()
    assert new is not old
    assert torch.allclose(fitted.raw(points()), grid.sample(base(), points()), atol=0.01)


@pytest.mark.usefixtures("stand_in")
def test_it_has_all_its_resolutions_at_once() -> None:
    whole = field()
    assert not whole.set_resolution(48) and not whole.refine(48) and whole.resolution == 12
    lattice = whole.change_lattice()
    side = lattice.shape[-1]
    assert lattice.shape == (4, 32, 32, 32)
    assert torch.allclose(lattice.reshape(4, -1).T, whole.change_at(grid.nodes(side)))
    finest = ENCODING["base_resolution"] * ENCODING["per_level_scale"] ** (ENCODING["n_levels"] - 1)  # pyright: ignore
    assert finest == pytest.approx(256)


@pytest.mark.usefixtures("stand_in")
def test_the_base_is_where_the_network_is() -> None:
    # tiny-cuda-nn's parameters are made on CUDA; `meta` stands for it.
    found = HashField(lambda: tcnn_network(3).to("meta"), resolution=12, base=base(), mode="edit")
    assert found.base is not None and found.base.device.type == "meta"


@pytest.mark.usefixtures("stand_in")
def test_added_density_adds_up_until_an_edit_starts() -> None:
    whole, ones = field(), torch.ones(3, 3, 3)
    before = whole.raw(points())
    whole.add(ones)
    whole.add(2 * ones)
    gained = whole.raw(points()) - before
    assert torch.allclose(gained, torch.tensor([3.0, 0.0, 0.0, 0.0]).expand(60, 4), atol=1e-5)
    edit = field(base=base(), mode="edit")
    plain = edit.raw(points())
    edit.add(ones)
    assert torch.allclose(edit.raw(points())[:, 0] - plain[:, 0], torch.ones(60), atol=1e-5)
    edit.start_edit(base(), "edit")
    assert edit.added is None and torch.allclose(edit.raw(points()), plain)


@pytest.mark.usefixtures("stand_in")
def test_the_network_is_instant_ngps_to_256_nodes() -> None:
    assert {k: v for k, v in ENCODING.items() if k != "per_level_scale"} == {
        "otype": "HashGrid",
        "n_levels": 16,
        "n_features_per_level": 2,
        "log2_hashmap_size": 19,
        "base_resolution": 16,
    }
    assert (NETWORK["n_neurons"], NETWORK["n_hidden_layers"]) == (64, 2)
    assert tcnn_network(3).shape == (4, 3) and not torch.equal(tcnn_network(3).params, tcnn_network(4).params)  # pyright: ignore
