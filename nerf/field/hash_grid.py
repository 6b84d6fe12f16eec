"""A hash grid by tiny-cuda-nn behind the field's interface: for CUDA, where it is installed; never required."""

import importlib
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gencontrol.errors import MissingDependencyError
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import REMOVAL_START, Edit, SteeredField

# instant-ngp's grid (Müller et al. 2022, table 1), the finest level at 256 nodes a side instead of up to half a
# million: steered views are small, and the encoder sees no finer detail.
_LEVELS, _COARSEST, _FINEST = 16, 16, 256
ENCODING = {
    "otype": "HashGrid",
    "n_levels": _LEVELS,
    "n_features_per_level": 2,
    "log2_hashmap_size": 19,
    "base_resolution": _COARSEST,
    "per_level_scale": (_FINEST / _COARSEST) ** (1 / (_LEVELS - 1)),
}
NETWORK = {
    "otype": "FullyFusedMLP",
    "activation": "ReLU",
    "output_activation": "None",
    "n_neurons": 64,
    "n_hidden_layers": 2,
}
# Nodes along a side of the lattice that total variation is taken on; the network is asked at each of them every step.
_VARIATION = 32


def tcnn_network(seed: int) -> nn.Module:
    """A new network from (n, 3) in [0, 1] to (n, 4), as tiny-cuda-nn makes it.

    Raises:
        MissingDependencyError: tiny-cuda-nn is not installed, or finds no CUDA device.
    """
    try:
        bindings: Any = importlib.import_module("tinycudann")
    except (ImportError, OSError, NameError) as error:
        # Installed without a CUDA device it raises OSError; built for another one, NameError.
        raise MissingDependencyError(
            f"The hash grid needs tiny-cuda-nn and a CUDA device ({error}): install its PyTorch bindings, "
            "or take the default `representation`, voxels."
        ) from error
    return bindings.NetworkWithInputEncoding(
        n_input_dims=3, n_output_dims=4, encoding_config=ENCODING, network_config=NETWORK, seed=seed
    )


class HashField(SteeredField):
    """The change is a small network over a hash grid; a creation adds its ball to it."""

    def __init__(
        self,
        make: Callable[[], nn.Module],
        *,
        resolution: int,
        ball: grid.Ball | None = None,
        base: Float[Tensor, "4 z y x"] | None = None,
        mode: Edit = "create",
        symmetry: grid.Symmetry = "none",
    ):
        """Make the first network.

        Args:
            make: Makes a new network from (n, 3) in [0, 1] to (n, 4), whose output is near 0; any float dtype.
            resolution: Nodes along a side of the lattice that the field is baked to.
            ball: What a creation starts from.
            base: What an edit starts from.
            mode: See `SteeredField`.
            symmetry: Of the field while it has no base.
        """
        super().__init__(base=base, mode=mode)
        self.symmetry: grid.Symmetry = symmetry
        self.network = make()
        # tiny-cuda-nn makes its parameters on CUDA, also while the model around it is still on the CPU.
        self.base = None if base is None else base.to(next(self.parameters()).device)
        self.added: Tensor | None
        self.register_buffer("added", None)
        self._make, self._resolution, self._ball = make, resolution, ball

    @property
    def resolution(self) -> int:
        """Nodes along a side of the lattice that the field is baked to."""
        return self._resolution

    def trained(self) -> list[nn.Parameter]:
        """The network's."""
        return list(self.network.parameters())

    def change_at(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 4"]:
        """The network's output, and what it starts from."""
        if len(points) == 0:
            return points.new_zeros(0, 4)
        places = points if self.base is not None else grid.canonical_points(points, self.symmetry)
        found = self.network((places + 1) / 2).to(points)
        return torch.cat([found[:, :1] + self._start(points)[:, None], found[:, 1:]], dim=1)

    def change_lattice(self) -> Float[Tensor, "4 r r r"]:
        """The change on a coarse lattice."""
        points = grid.nodes(_VARIATION, device=next(self.parameters()).device)
        return self.change_at(points).T.reshape(4, _VARIATION, _VARIATION, _VARIATION)

    def set_resolution(self, resolution: int) -> bool:
        """A hash grid has all its resolutions at once."""
        return False

    def refine(self, resolution: int) -> bool:
        """A hash grid has all its resolutions at once."""
        return False

    def start_edit(self, base: Float[Tensor, "4 z y x"], mode: Edit) -> None:
        """Take a lattice as the base, and a new network."""
        self.base, self.mode = base, mode
        self.network, self.added = self._make().to(base.device), None

    def add(self, density: Float[Tensor, "r r r"]) -> None:
        """To what the network's output is added to."""
        self.added = density[None] if self.added is None else self.added + density

    def _start(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        added = 0.0 if self.added is None else grid.sample(self.added, points)[:, 0]
        if self.mode == "remove":
            return torch.full_like(points[:, 0], REMOVAL_START)
        if self.mode != "create" or self._ball is None:
            return torch.zeros_like(points[:, 0]) + added
        return grid.ball_density(points, self._ball) + added
