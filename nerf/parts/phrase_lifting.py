"""From words to a part of the volume: found in views, and lifted as masks that are painted on them are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.mask_lifting import Lifting, lift_masks
from gencontrol.nerf.parts.parts import Part, memberships
from gencontrol.nerf.parts.shapes import Shape
from gencontrol.nerf.rays.cameras import Cameras, Orbit, one_camera, orbit_cameras
from gencontrol.nerf.rays.rendering import Membership, Quadrature, Rendering, render_view
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene as Shown

Proposed = Callable[[Picture], Shown]
"""Gives a view with candidates."""
Meant = Callable[[Shown], Region]
"""Gives the candidate that is meant."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """From where a scene is looked at."""

    count: int = 8
    """Views, evenly around; the first is from the front, which is what "left of" and "behind" are said from."""
    elevation: float = 20.0
    """Degrees, of all of them."""
    size: int = 256
    """Side of the pictures in pixels."""
    agree: float = 0.3
    """Intersection over union with what the first view showed, below which a view's candidates are another thing."""

    @property
    def azimuths(self) -> tuple[float, ...]:
        """Degrees; the first is 0."""
        return tuple(360.0 * number / self.count for number in range(self.count))

    def cameras(self, azimuths: Sequence[float]) -> Cameras:
        """Those of some azimuths, as masks in lists of parts are painted from."""
        azimuth = torch.tensor(list(azimuths), dtype=torch.float32)
        elevation = torch.full_like(azimuth, self.elevation)
        return orbit_cameras(azimuth, elevation, (self.size, self.size), orbit=Orbit())


def view_picture(scene: Scene, camera: Cameras) -> Picture:
    """A view of a scene on white."""
    seen = _render(scene, camera)
    rgb = seen.colour[0] + (1 - seen.opacity[0, ..., None])
    return Picture(rgb=rgb.clamp(0, 1).permute(2, 0, 1).contiguous())


def stored_parts(scene: Scene, views: Views) -> Shown:
    """The first view with the scene's own parts as candidates, those that are seen in it."""
    camera = views.cameras(views.azimuths[:1])
    if not scene.parts:
        return Shown(picture=view_picture(scene, camera))
    parts = [Part(name=name, prompt="", shape=shape) for name, shape in scene.parts.items()]
    alphas = _render(scene, camera, memberships(parts)).parts[0].clamp(0, 1).permute(2, 0, 1)
    pairs = zip(parts, alphas, strict=True)
    seen = tuple(Region(alpha=alpha.contiguous(), label=part.name) for part, alpha in pairs if bool(alpha.any()))
    return Shown(picture=view_picture(scene, camera), regions=seen)


def masks_of_phrase(
    scene: Scene, *, propose: Proposed, meant: Meant, views: Views
) -> dict[float, Float[Tensor, "h w"]]:
    """What a phrase means in views of a scene, as masks.

    It is decided in the first view, since "left of" is said from there. In the others it is the candidate that covers
    what that view showed, lifted; views in which there is none are left out.

    Args:
        scene: What is looked at.
        propose: Called for every view.
        meant: Called for the first.
        views: From where.

    Returns:
        Azimuth in degrees -> mask, 1 on the part.

    Raises:
        InputError: Nothing is found in the first view, or nothing is meant there.
    """
    front, *others = views.azimuths
    mask = meant(propose(view_picture(scene, views.cameras([front])))).alpha
    part = lift_masks(scene, views.cameras([front]), mask[None], lifting=Lifting())
    found = {front: mask}
    for azimuth in others:
        camera = views.cameras([azimuth])
        other = _same(scene, camera, part, propose, views.agree)
        found |= {} if other is None else {azimuth: other}
    return found


def _same(scene: Scene, camera: Cameras, part: Shape, propose: Proposed, agree: float) -> Float[Tensor, "h w"] | None:
    """The candidate in a view that covers the part; None where there is none."""
    expected = _render(scene, camera, memberships([Part(name="part", prompt="", shape=part)])).parts[0, ..., 0] > 0.5
    if not bool(expected.any()):
        return None
    try:
        shown = propose(view_picture(scene, camera))
    except InputError:
        # It may be hidden from here, and then nothing is found.
        return None
    masks = [region.alpha for region in shown.regions]
    shares = [overlap(mask > 0.5, expected) for mask in masks]
    best = max(range(len(masks)), key=shares.__getitem__)
    return masks[best] if shares[best] >= agree else None


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two masks; 0 where both are empty."""
    return float((one & other).sum() / (one | other).sum().clamp(min=1))


@torch.no_grad()
def _render(scene: Scene, camera: Cameras, membership: Membership | None = None) -> Rendering:
    return render_view(
        scene, one_camera(camera, 0), quadrature=Quadrature(samples=96), cells=scene.cells(), membership=membership
    )
