"""What a part's highlight may be named by: a box, a sphere, or a part that the scene has."""

from collections.abc import Sequence

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shape_settings import check_shape
from gencontrol.nerf.parts.shapes import Box, Shape, Sphere, Vector, Voxels, Whole, grown


def box_or_sphere(box: Sequence[float] | None, sphere: Sequence[float] | None) -> Shape:
    """A box given as x y z and side lengths, a sphere as x y z and radius, or everything.

    Raises:
        ConfigError: Both are given, or a size is not positive.
    """
    if box is not None and sphere is not None:
        raise ConfigError("Give a `box` or a `sphere`, not both; a list of parts (YAML, `parts`) can join them.")
    if box is not None:
        return check_shape(Box(centre=_vector(box[:3]), size=_vector(box[3:])), where="`box`")
    if sphere is not None:
        return check_shape(Sphere(centre=_vector(sphere[:3]), radius=sphere[3]), where="`sphere`")
    return Whole()


def named_shape(scene: Scene, name: str, *, grow: float | None = None) -> Shape:
    """The highlight that a scene stores under a name, a little larger where it is a thing's own shape.

    A lattice blurs a thing's surface over the cells around it, so that half of it lies outside of the thing's shape: a
    removal would leave a shell, and an edit a speckled one.

    Args:
        scene: What the part is of.
        name: The part's.
        grow: By how much, world units; None for one spacing of the scene's nodes, or nothing where a run has changed
            the part before, since what was changed then ends where the highlight does, and for a lifted mask.

    Raises:
        InputError: There is none, or a lifted mask is to grow.
    """
    if name not in scene.parts:
        raise InputError(f"The scene has no part {name!r}{nearest(name, scene.parts) if scene.parts else ', nor any.'}")
    spacing = 2 / (max(scene.lattice.shape[1:]) - 1)
    if grow and isinstance(scene.parts[name], Voxels):
        raise InputError(f"The part {name!r} is a painted mask, which cannot grow: leave `grow` out.")
    by = grow if grow is not None else 0.0 if name in scene.prompts else spacing
    return grown(scene.parts[name], by)


def _vector(values: Sequence[float]) -> Vector:
    x, y, z = values
    return (x, y, z)
