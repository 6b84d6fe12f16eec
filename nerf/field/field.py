"""The field: a frozen base and a trainable change that acts only inside a highlight; by default on voxels."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from gencontrol.nerf.field import grid

Edit = Literal["create", "edit", "replace", "remove", "recolour"]

# A removal starts at softplus(-4) = 0.02 of raw density: nothing to see, and a gradient to start from.
REMOVAL_START = -4.0


class SteeredField(nn.Module, ABC):
    """Raw density and colour, (density, red, green, blue): a frozen base and a trainable change.

    The value at a point is `base + membership * change` where the membership is above 0, and `base` elsewhere, before
    the activations: outside the highlight the field is its base to the bit, whatever the change holds. A replacement is
    the change alone where the membership is 1, and mixed with the base below. What the change is made of, the
    subclasses say.
    """

    base: Tensor | None
    mode: Edit
    canonical: Callable[[Tensor], Tensor] | None
    """Takes points (n, 3) to those where an edit's change is read for them, such as the representatives of a symmetry;
    none reads it at the points themselves."""

    def __init__(self, *, base: Float[Tensor, "4 z y x"] | None = None, mode: Edit = "create"):
        """Hold what an edit starts from, kept as it is; some modes limit the change (`limit_change`)."""
        super().__init__()
        self.register_buffer("base", base)
        self.mode = mode
        self.canonical = None
        self.register_load_state_dict_pre_hook(_take_shapes)

    @property
    @abstractmethod
    def resolution(self) -> int:
        """Nodes along a side of the lattice that the change is best described by."""

    @abstractmethod
    def trained(self) -> list[nn.Parameter]:
        """What an optimiser changes; other objects, in the same order, after `refine` or `start_edit`."""

    @abstractmethod
    def change_at(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 4"]:
        """The trainable change, before `limit_change`."""

    @abstractmethod
    def change_lattice(self) -> Float[Tensor, "4 r r r"]:
        """The change on a lattice, for regularisers."""

    @abstractmethod
    def set_resolution(self, resolution: int) -> bool:
        """Bring the change to a resolution without another parameter; says whether anything changed."""

    @abstractmethod
    def refine(self, resolution: int) -> bool:
        """Bring the change to a resolution; says whether anything changed."""

    @abstractmethod
    def start_edit(self, base: Float[Tensor, "4 z y x"], mode: Edit) -> None:
        """Take a lattice as the base of an edit that starts with no change."""

    @abstractmethod
    def add(self, density: Float[Tensor, "r r r"]) -> None:
        """Add raw density to the change, at the nodes of a lattice."""

    def raw(self, points: Float[Tensor, "n 3"], membership: Float[Tensor, " n"] | None = None) -> Float[Tensor, "n 4"]:
        """Composed values before the activations; no membership means 1 everywhere."""
        if self.base is None:
            return self.change_at(points)
        return self.composed(grid.sample(self.base, points), points, membership)

    def composed(
        self, base: Float[Tensor, "n 4"], points: Float[Tensor, "n 3"], membership: Float[Tensor, " n"] | None = None
    ) -> Float[Tensor, "n 4"]:
        """Values of the base at points, changed."""
        places = points if self.canonical is None else self.canonical(points)
        change = limit_change(self.change_at(places), self.mode)
        return compose(base, change - base if self.mode == "replace" else change, membership)

    def forward(
        self, points: Float[Tensor, "n 3"], membership: Float[Tensor, " n"] | None = None
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Density per world unit and sRGB colour in (0, 1)."""
        raw = self.raw(points, membership)
        return grid.density(raw[:, 0]), grid.colour(raw[:, 1:])


class VoxelField(SteeredField):
    """The change is a lattice of its own resolution."""

    def __init__(
        self,
        change: Float[Tensor, "4 r r r"],
        *,
        base: Float[Tensor, "4 z y x"] | None = None,
        mode: Edit = "create",
        symmetry: grid.Symmetry = "none",
    ):
        """Hold the lattices; `change` is the whole field when there is no base, and only then has the symmetry."""
        super().__init__(base=base, mode=mode)
        self.symmetry: grid.Symmetry = symmetry
        self.change = nn.Parameter(change.contiguous(memory_format=torch.preserve_format))

    @property
    def resolution(self) -> int:
        """Nodes along a side of the trainable lattice."""
        return self.change.shape[-1]

    def trained(self) -> list[nn.Parameter]:
        """The lattice."""
        return [self.change]

    def change_at(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 4"]:
        """The lattice, interpolated."""
        return grid.sample(self.change_lattice(), points)

    def change_lattice(self) -> Float[Tensor, "4 r r r"]:
        """The lattice itself, made symmetric if the field is."""
        return self.change if self.base is not None else grid.symmetric(self.change, self.symmetry)

    def set_resolution(self, resolution: int) -> bool:
        """Resample the lattice within its parameter: for loading, where optimisers hold it already."""
        if resolution == self.resolution:
            return False
        self.change.data = grid.resize(self.change.data, resolution)
        return True

    def refine(self, resolution: int) -> bool:
        """Resample the lattice into a new parameter: for training.

        The last step's graph may still be alive there (nerfstudio's trainer keeps its loss), and it would refuse
        gradients of another shape for the old parameter.
        """
        if resolution == self.resolution:
            return False
        self.change = nn.Parameter(grid.resize(self.change.data, resolution))
        return True

    def start_edit(self, base: Float[Tensor, "4 z y x"], mode: Edit) -> None:
        """Take a lattice as the base, and a new change of zeros."""
        self.base, self.mode = base, mode
        self.change = nn.Parameter(start_of_edit(self.resolution, mode).to(base))

    def add(self, density: Float[Tensor, "r r r"]) -> None:
        """To the lattice itself, within its parameter, which optimisers may hold already."""
        self.change.data[0] += grid.resize(density[None], self.resolution)[0]


def compose(
    base: Float[Tensor, "n 4"], change: Float[Tensor, "n 4"], membership: Float[Tensor, " n"] | None
) -> Float[Tensor, "n 4"]:
    """Base plus change inside, the base to the bit outside (also where the change is NaN)."""
    if membership is None:
        return base + change
    inside = membership[:, None]
    return torch.where(inside > 0, base + inside * change, base)


def limit_change(change: Float[Tensor, "n 4"], mode: Edit) -> Float[Tensor, "n 4"]:
    """Keep a removal from adding density or colour, and a recolouring from touching density."""
    if mode == "remove":
        return torch.cat([-F.softplus(change[:, :1]), torch.zeros_like(change[:, 1:])], dim=1)
    if mode == "recolour":
        return torch.cat([torch.zeros_like(change[:, :1]), change[:, 1:]], dim=1)
    return change


def start_of_creation(resolution: int, *, ball: grid.Ball, generator: torch.Generator) -> Float[Tensor, "4 r r r"]:
    """A grey ball with a little colour noise, which breaks the symmetry."""
    noise = 0.1 * torch.randn(3, resolution, resolution, resolution, generator=generator)
    return torch.cat([grid.ball(resolution, ball), noise])


def start_of_edit(resolution: int, mode: Edit) -> Float[Tensor, "4 r r r"]:
    """No change."""
    change = torch.zeros(4, resolution, resolution, resolution)
    if mode == "remove":
        change[0] = REMOVAL_START
    return change


@torch.no_grad()
def baked(
    field: SteeredField, resolution: int, *, membership: Float[Tensor, " n"] | None = None
) -> Float[Tensor, "4 r r r"]:
    """Base and change as one lattice; `membership` is at `grid.nodes(resolution)`."""
    shape = (4, resolution, resolution, resolution)
    points = grid.nodes(resolution, device=next(field.parameters()).device)
    if field.base is None or field.base.shape != shape:
        return field.raw(points, membership).T.reshape(shape)
    # Interpolation at a node is exact up to rounding only; the base's own values keep the promise to the bit.
    return field.composed(field.base.reshape(4, -1).T, points, membership).T.reshape(shape)


def composed_lattice(
    field: SteeredField, membership: Callable[[Tensor], Float[Tensor, " n"] | None]
) -> Float[Tensor, "4 r r r"]:
    """Base and change on a lattice at least as fine as either, that has all nodes of the base.

    Args:
        field: What is baked.
        membership: Of points (n, 3) in what may change; None where everything may.
    """
    base = field.base
    resolution = grid.refined(0 if base is None else base.shape[-1], field.resolution)
    points = grid.nodes(resolution, device=next(field.parameters()).device)
    return baked(field, resolution, membership=membership(points))


def _take_shapes(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Before loading: make room for a checkpoint's buffers, and bring the change to its resolution."""
    assert isinstance(module, SteeredField)
    if not any(key.startswith(prefix) for key in state):
        return
    # On the module's device, where the checkpoint is not: the trainer reads it on the CPU.
    device = next(module.parameters()).device
    # A checkpoint is complete in itself: the scene file that an edit started from may be gone when it is opened.
    for name in list(module._buffers):
        stored = state.get(prefix + name)
        module.register_buffer(name, None if stored is None else torch.zeros_like(stored, device=device))
    # Its step does not say its resolution: an interrupted run is saved under the step that it did not begin.
    change = state.get(prefix + "change")
    if change is not None:
        module.set_resolution(change.shape[-1])
