"""A part of a scene that is painted on views of it: what the page shows, what it sends, and what that becomes."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.part_lists import lift_painted, write_painted
from gencontrol.nerf.parts.shapes import Shape
from gencontrol.nerf.rays.cameras import Cameras, Orbit, one_camera, orbit_cameras
from gencontrol.studio.scene.marks import LONGEST_SCENE, Mark, paint, read_marks
from gencontrol.studio.spatial.views import view_of
from gencontrol.text_files import json_value

VIEWS: dict[str, tuple[float, float]] = {
    "from the front": (0.0, 20.0),
    "from the right": (90.0, 20.0),
    "from the back": (180.0, 20.0),
    "from the left": (270.0, 20.0),
    "from above": (0.0, 75.0),
}
"""Where one paints from -> azimuth and elevation in degrees."""
SIDE = 192
"""Of a view in pixels, which is what marks are in."""
_FOLDER = "painted"
"""In a run's folder, masks and the list that names them."""
Masks = Mapping[tuple[float, float], Float[Tensor, "h w"]]
"""Azimuth and elevation -> what is painted on that view."""


def painting_cameras() -> Cameras:
    """The cameras of all views, as masks in lists of parts are painted from."""
    azimuth, elevation = torch.tensor(list(VIEWS.values())).T
    return orbit_cameras(azimuth, elevation, (SIDE, SIDE), orbit=Orbit())


def views_to_paint_on(scene: Scene) -> dict[str, Image.Image]:
    """Every view of a scene, on white."""
    cameras, cells = painting_cameras(), scene.cells()
    return {name: view_of(scene, one_camera(cameras, number), cells) for number, name in enumerate(VIEWS)}


def as_text(start: str, views: Mapping[str, Image.Image]) -> str:
    """What the page is told, as JSON: whose views they are, and each with its picture in it."""
    told = [{"name": name, "url": _in_text(view)} for name, view in views.items()]
    return json.dumps({"start": start, "side": SIDE, "views": told})


def _in_text(view: Image.Image) -> str:
    held = io.BytesIO()
    view.save(held, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def read_painted(text: str) -> dict[str, tuple[Mark, ...]]:
    """The marks on each view that the page sends as JSON; views without any are left out.

    Raises:
        InputError: Not what the page sends, or more than anybody draws.
    """
    if len(text) > LONGEST_SCENE:
        raise InputError("More is painted than can be sent: clear a view.")
    try:
        said = json_value(text or "{}")
    except ValueError:
        said = None
    if not isinstance(said, dict) or not said.keys() <= VIEWS.keys():
        raise InputError(f"Expected marks on views ({', '.join(VIEWS)}) as JSON.")
    marks = {name: read_marks(entries, what=f"The view {name}") for name, entries in said.items()}
    return {name: drawn for name, drawn in marks.items() if drawn}


def masks_of(painted: Mapping[str, Sequence[Mark]]) -> Masks:
    """What is painted, as a mask for the camera of each view; one on which all is erased says that nothing is there.

    Raises:
        InputError: Nothing is painted, or more than can be.
    """
    masks = {VIEWS[name]: paint(marks, (SIDE, SIDE)) for name, marks in painted.items()}
    if not any(bool(mask.any()) for mask in masks.values()):
        raise InputError("Nothing is painted: draw on the part, in one view or more.")
    return masks


def lifted(scene: Scene, masks: Masks) -> Shape:
    """The part of the scene that masks show.

    Raises:
        InputError: They show nothing solid.
    """
    return lift_painted(scene, list(masks), torch.stack(list(masks.values())))


def write_part(masks: Masks, *, prompt: str, folder: Path) -> Path:
    """Write the masks into a run's folder; the list that names them, for the run's `parts`."""
    return write_painted(masks, name=prompt or "painted", prompt=prompt, folder=folder / _FOLDER)
