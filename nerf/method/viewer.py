"""Controls of nerfstudio's viewer: prompt and weight of every part, and its highlight as a handle to drag."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO
from nerfstudio.viewer.viewer_elements import ViewerElement, ViewerParameter, ViewerSlider, ViewerText

from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.placement import Placement, placed, placement, turns
from gencontrol.nerf.parts.shapes import Box, Ellipsoid, HalfSpace, Shape, Sphere
from gencontrol.schedules import constant, value_at

ChangePart: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Called with a part's name and the fields that change."""

_ORANGE = (255, 115, 0)


class HighlightHandle(ViewerElement[Shape]):
    """A gizmo at a highlight, with its outline: dragging it moves, and turns, the highlight."""

    def __init__(self, name: str, shape: Shape, moved: Callable[[Shape], None], *, scale: float):
        """Hold a shape that can be moved.

        Args:
            name: The part's.
            shape: Where the handle starts.
            moved: Called with the shape at its new place.
            scale: The viewer's units per world unit.
        """
        super().__init__(name, cb_hook=lambda element: moved(element.take()))
        self.shape = shape
        self.gizmo: Any = None
        self._scale = scale
        self._waiting = False
        self._server: Any = None

    def install(self, viser_server: Any) -> None:
        """Show the gizmo in the scene."""
        self._server = viser_server
        where = placement(self.shape)
        assert where is not None, self.shape
        name = f"/highlight/{self.name}"
        self.gizmo = viser_server.scene.add_transform_controls(
            name,
            scale=0.4 * self._scale,
            depth_test=False,
            disable_rotations=not turns(self.shape),
            wxyz=where.wxyz,
            position=tuple(self._scale * v for v in where.position),
        )
        mesh = outline(self.shape)
        if mesh is not None:
            vertices, faces = mesh
            viser_server.scene.add_mesh_simple(
                f"{name}/outline", vertices * self._scale, faces, color=_ORANGE, wireframe=True, side="double"
            )
        self.gizmo.on_update(self._dragged)

    def take(self) -> Shape:
        """Where the handle has been dragged to; the next drag is announced anew."""
        self._waiting = False
        return self.shape

    def show(self, shape: Shape) -> None:
        """Stand at another shape, which nobody has dragged there; nothing is announced."""
        self.shape = shape
        if self.gizmo is not None:
            self.remove()
            self.install(self._server)

    def remove(self) -> None:
        """Take the gizmo out of the scene."""
        if self.gizmo is not None:
            self.gizmo.remove()
            self.gizmo = None

    def set_hidden(self, hidden: bool) -> None:
        """Hide or show the gizmo."""
        self.set_visible(not hidden)

    def set_visible(self, visible: bool) -> None:
        """Show or hide the gizmo."""
        if self.gizmo is not None:
            self.gizmo.visible = visible

    def _dragged(self, gizmo: Any) -> None:
        x, y, z = (float(v) / self._scale for v in gizmo.position)
        w, i, j, k = (float(v) for v in gizmo.wxyz)
        self.shape = placed(self.shape, Placement(position=(x, y, z), wxyz=(w, i, j, k)))
        # A drag sends many events while one training step holds the lock: only the newest place is worth a call.
        if not self._waiting:
            self._waiting = True
            self.cb_hook(self)


def part_controls(parts: tuple[Part, ...], change: ChangePart) -> dict[str, ViewerElement]:
    """The controls by attribute name; a model that has them as attributes shows them.

    Colour, alpha and opacity are outputs that the viewer offers already, and it has its own pause.
    """
    controls: dict[str, ViewerElement] = {}
    for index, part in enumerate(parts):
        controls[f"control_prompt_{index}"] = ViewerText(
            f"{part.name}: prompt", part.prompt, cb_hook=_text(part, change), hint="Empty: no text steers the part."
        )
        controls[f"control_weight_{index}"] = ViewerSlider(
            f"{part.name}: weight", value_at(part.weight, 0), 0.0, 5.0, 0.05, cb_hook=_weight(part, change)
        )
        if placement(part.shape) is not None:
            controls[f"control_highlight_{index}"] = HighlightHandle(
                part.name, part.shape, _moved(part, change), scale=VISER_NERFSTUDIO_SCALE_RATIO
            )
    return controls


def restored_controls(
    controls: Mapping[str, ViewerElement], parts: tuple[Part, ...], change: ChangePart
) -> dict[str, ViewerElement]:
    """The controls once a checkpoint has brought its own parts, which go before those that the controls were made for.

    A training run opens its viewer before it reads the checkpoint, and a viewer takes no further controls: then those
    that there are show the checkpoint's values, and what it has no part for goes.
    """
    wanted = part_controls(parts, change)
    if not any(_is_shown(control) for control in controls.values()):
        return wanted
    kept = {}
    for name, control in controls.items():
        new = wanted.get(name)
        if new is None or new.name != control.name:
            control.remove()
        else:
            _show_same(control, new)
            kept[name] = control
    return kept


def attach(
    owner: Any, controls: dict[str, ViewerElement], *, instead_of: Mapping[str, ViewerElement] | None = None
) -> dict[str, ViewerElement]:
    """Make controls attributes of a module, which is where nerfstudio's viewer looks for them, and give them back."""
    for name in instead_of or ():
        delattr(owner, name)
    for name, control in controls.items():
        setattr(owner, name, control)
    return controls


def outline(shape: Shape) -> tuple[np.ndarray, np.ndarray] | None:
    """Vertices (v, 3) in the shape's own axes, world units, and triangles (f, 3); None for joined shapes."""
    from trimesh import creation

    if isinstance(shape, Box):
        mesh = creation.box(extents=shape.size)
    elif isinstance(shape, HalfSpace):
        mesh = creation.box(extents=(2.0, 2.0, 0.0))
    elif isinstance(shape, Sphere | Ellipsoid):
        mesh = creation.icosphere(subdivisions=2, radius=1.0)
        mesh.apply_scale([shape.radius] * 3 if isinstance(shape, Sphere) else np.asarray(shape.size) / 2)
    else:
        return None
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def _is_shown(control: ViewerElement) -> bool:
    return control.gui_handle is not None or (isinstance(control, HighlightHandle) and control.gizmo is not None)


def _show_same(control: ViewerElement, new: ViewerElement) -> None:
    if isinstance(control, HighlightHandle) and isinstance(new, HighlightHandle):
        control.show(new.shape)
    elif isinstance(control, ViewerParameter) and isinstance(new, ViewerParameter):
        _leave_out_once(control)
        control.value = new.value


def _leave_out_once(control: ViewerElement) -> None:
    # viser announces a value that is set, in a thread of its own and so later; a weight's slider would then put a
    # constant in the place of a schedule.
    hook = control.cb_hook

    def first(_: ViewerElement) -> None:
        control.cb_hook = hook

    control.cb_hook = first


def _text(part: Part, change: ChangePart) -> Callable[[ViewerText], None]:
    return lambda element: change(part.name, {"prompt": element.value})


def _weight(part: Part, change: ChangePart) -> Callable[[ViewerSlider], None]:
    return lambda element: change(part.name, {"weight": constant(float(element.value))})


def _moved(part: Part, change: ChangePart) -> Callable[[Shape], None]:
    return lambda shape: change(part.name, {"shape": shape})
