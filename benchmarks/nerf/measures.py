"""What `steering.py` measures: what a judge reads from the part, and how much of the rest has changed."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn import functional as F

from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import Box, membership
from gencontrol.nerf.rays.cameras import Cameras, Orbit, orbit_cameras
from gencontrol.nerf.rays.rendering import Field, Quadrature, render_view
from gencontrol.nerf.still_life.world import Thing, World, photograph

# Behind the part when it is judged: the light grey of paper.
PAPER = 0.85
# Decibels of pictures that are equal to the last bit of an 8-bit picture and beyond: more says nothing.
EQUAL = 60.0
# Nodes along a side of the lattice on which the rest of the scene is compared.
_COMPARED = 48
# Towards the light of textureless pictures (world), and how much light there is in the shade. Steeper than the scenes'
# own shading, since shape is all that these pictures show.
_LIGHT, _AMBIENT = (-0.4, -0.7, 0.6), 0.4


@dataclass(frozen=True, kw_only=True)
class Point:
    """One scene, measured."""

    step: int
    """Guided steps before it."""
    rank: int
    """Of the prompt among all names, by the judge, from the part alone."""
    log_probability: float
    """That the judge gives the prompt, mean over the views, natural logarithm."""
    textureless_rank: int
    """The same from grey, shaded pictures."""
    psnr: float
    """Decibels outside the highlight's silhouette, against the unedited scene."""
    close_psnr: float
    """Decibels outside of what stood in the highlight and what stands there now."""
    ssim: float
    """Structural similarity there."""
    change: float
    """Of the field outside the part, as a share of what there was."""
    minutes: float
    """Of training up to here."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """From where an edited scene is looked at."""

    box: Box
    """The highlighted part."""
    views: int = 8
    """Held-out views around the scene."""
    elevation: float = 35.0
    """Their height in degrees; the training views stay lower."""
    size: int = 96
    """Side of the pictures in pixels."""
    grown: int = 2
    """Pixels that the part's silhouette is grown by before what is outside of it is compared."""

    def cameras(self, *, close: bool) -> Cameras:
        """All the views of the whole scene, or of the part alone, which then fills most of the picture."""
        azimuth = (torch.arange(self.views) + 0.25) * (360.0 / self.views)
        elevation = torch.full_like(azimuth, self.elevation)
        target = self.box.centre if close else (0.0, 0.0, 0.0)
        angle = 25.0 if close else 45.0
        orbit = Orbit(target=target, field_of_view=(angle, angle))
        return orbit_cameras(azimuth, elevation, (self.size, self.size), orbit=orbit)

    def silhouette(self) -> Bool[Tensor, "b 1 h w"]:
        """Where the highlighted part can be seen in the whole scene's views: its exact outline, grown."""
        alone = World(things=(Thing(name="part", body=self.box),))
        return _grown(photograph(alone, self.cameras(close=False)).opacity > 0, self.grown)


@torch.no_grad()
def covered(scene: Scene, stage: Stage) -> Bool[Tensor, "b 1 h w"]:
    """Where what stands in the part covers more than half of a pixel of the whole scene's views, grown as above."""
    cameras = stage.cameras(close=False)
    seen = render_view(_alone(scene, stage.box), cameras, quadrature=Quadrature(samples=96), cells=scene.cells())
    return _grown(seen.opacity[:, None] > 0.5, stage.grown)


def whole_views(scene: Scene, stage: Stage) -> Float[Tensor, "b 3 h w"]:
    """The scene over white, from the held-out views."""
    return _picture(scene, stage.cameras(close=False), behind=1.0, scene=scene)


def part_views(scene: Scene, stage: Stage, *, textured: bool = True) -> Float[Tensor, "b 3 h w"]:
    """The part alone, over paper; without texture in grey under a fixed light."""
    field = _alone(scene if textured else shaded(scene), stage.box)
    return _picture(field, stage.cameras(close=True), behind=PAPER, scene=scene)


def shaded(scene: Scene) -> Field:
    """The scene's density in matt grey, lit by the density's own slope."""
    z, y, x = torch.gradient(scene.lattice[0])
    slope = torch.stack([x, y, z])
    light = F.normalize(torch.tensor(_LIGHT), dim=0)

    def field(points: Tensor) -> tuple[Tensor, Tensor]:
        density, _ = scene(points)
        normal = -F.normalize(grid.sample(slope, points), dim=1)
        bright = _AMBIENT + (1 - _AMBIENT) * (normal @ light).clamp(min=0)
        return density, (0.9 * bright)[:, None].expand(-1, 3)

    return field


def psnr_outside(
    before: Float[Tensor, "b 3 h w"], after: Float[Tensor, "b 3 h w"], inside: Bool[Tensor, "b 1 h w"]
) -> float:
    """Decibels over all pixels outside, at most `EQUAL`."""
    error = (before - after).square().mean(dim=1, keepdim=True)[~inside].mean()
    return min(-10 * error.clamp(min=1e-12).log10().item(), EQUAL)


def ssim_outside(
    before: Float[Tensor, "b 3 h w"], after: Float[Tensor, "b 3 h w"], inside: Bool[Tensor, "b 1 h w"]
) -> float:
    """Structural similarity (Wang et al. 2004, scikit-image's windows), its map averaged over the pixels outside."""
    pairs = zip(before.permute(0, 2, 3, 1).numpy(), after.permute(0, 2, 3, 1).numpy(), strict=True)
    maps = [structural_similarity(a, b, channel_axis=-1, data_range=1.0, full=True)[1].mean(-1) for a, b in pairs]
    return float(np.stack(maps)[~inside[:, 0].numpy()].mean())


def change_outside(before: Scene, after: Scene, box: Box) -> float:
    """How much of the rest of the scene has changed, as a share of what there was: 0 if nothing has.

    The sum over the nodes of a lattice outside the part, of the change of opacity within one voxel and of colour where
    there was and is something, over the sum of the opacity before.
    """
    points = grid.nodes(_COMPARED)
    points = points[membership(box, points) == 0]
    (first, colour), (second, recoloured) = (_opacity(scene, points) for scene in (before, after))
    moved = (first - second).abs() + torch.minimum(first, second) * (colour - recoloured).abs().mean(dim=1)
    return (moved.sum() / first.sum()).item()


def rank_of(log_probabilities: Float[Tensor, "b c"], index: int) -> tuple[int, float]:
    """Place of a name among all, 1 the best, by its mean log-probability over the views; and that mean."""
    mean = log_probabilities.mean(dim=0)
    return int((mean > mean[index]).sum()) + 1, mean[index].item()


def _opacity(scene: Scene, points: Tensor) -> tuple[Tensor, Tensor]:
    density, rgb = scene(points)
    return 1 - torch.exp(-density * 2 / (_COMPARED - 1)), rgb


def _alone(field: Field, box: Box) -> Field:
    def part(points: Tensor) -> tuple[Tensor, Tensor]:
        density, rgb = field(points)
        return density * membership(box, points), rgb

    return part


def _grown(shown: Bool[Tensor, "b 1 h w"], pixels: int) -> Bool[Tensor, "b 1 h w"]:
    return F.max_pool2d(shown.float(), 2 * pixels + 1, stride=1, padding=pixels) > 0


@torch.no_grad()
def _picture(field: Field, cameras: Cameras, *, behind: float, scene: Scene) -> Float[Tensor, "b 3 h w"]:
    seen = render_view(field, cameras, quadrature=Quadrature(samples=96), cells=scene.cells())
    return (seen.colour + (1 - seen.opacity)[..., None] * behind).permute(0, 3, 1, 2).clamp(0, 1)
