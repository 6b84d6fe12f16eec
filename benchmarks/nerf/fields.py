"""What `speed.py` renders with: any field of points, nerfacto's field as one, and nothing at all."""

import torch
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.nerfacto_field import NerfactoField
from torch import Tensor, nn

from gencontrol.nerf.parts.parts import Part, memberships
from gencontrol.nerf.rays.rendering import Quadrature, Rendering, render_rays


class Renderer(nn.Module):
    """Something that renders rays; `cells` says where it is asked."""

    def __init__(self, field: nn.Module, cells: Tensor | None = None):
        """Hold a field: points (n, 3) to density (n) and colour (n, 3)."""
        super().__init__()
        self.field, self.cells = field, cells

    def forward(
        self, origins: Tensor, directions: Tensor, *, samples: int, generator: torch.Generator | None = None
    ) -> Rendering:
        """Render, with the whole as the one part; a generator jitters the samples."""
        return render_rays(
            self.field,
            origins,
            directions,
            quadrature=Quadrature(samples=samples),
            cells=self.cells,
            membership=memberships([Part(name="whole", prompt="")]),
            generator=generator,
        )


class NerfactoPoints(nn.Module):
    """nerfstudio's field of nerfacto as one of points, seen from above and in one camera's light."""

    def __init__(self, *, levels: int, table: int):
        """Random weights, as nerfacto starts; `table` is the logarithm of a level's entries."""
        super().__init__()
        box = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
        self.inner = NerfactoField(box, 1, implementation="torch", num_levels=levels, log2_hashmap_size=table)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density and colour."""
        zero = torch.zeros_like(points[:, :1])
        down = torch.tensor([0.0, 0.0, -1.0]).expand_as(points)
        frustums = Frustums(origins=points, directions=down, starts=zero, ends=zero, pixel_area=zero + 1)
        samples = RaySamples(frustums=frustums, camera_indices=zero.long())
        density, inner = self.inner.get_density(samples)
        return density[:, 0], self.inner.get_outputs(samples, inner)[FieldHeadNames.RGB]


class Picture(nn.Module):
    """No rendering at all: the rays' colours are what is trained."""

    def __init__(self, rays: int):
        """Mid grey."""
        super().__init__()
        self.rays = nn.Parameter(torch.full((rays, 5), 0.5))

    def forward(
        self, origins: Tensor, directions: Tensor, *, samples: int, generator: torch.Generator | None = None
    ) -> Rendering:
        """The rays as they are."""
        colour, opacity, part = self.rays.split([3, 1, 1], dim=1)
        return Rendering(colour=colour, opacity=opacity[:, 0], depth=opacity[:, 0], parts=part)
