"""Controls of nerfstudio's viewer: prompt and weight of every part, and where its highlight is."""

import dataclasses
from collections.abc import Callable
from typing import Any

from nerfstudio.viewer.viewer_elements import ViewerElement, ViewerSlider, ViewerText, ViewerVec3

from gencontrol.guidance.schedules import constant, value_at
from gencontrol.nerf.highlight import Box, Ellipsoid, Sphere
from gencontrol.nerf.parts import Part

Change = Callable[[str, dict[str, Any]], None]
"""Called with a part's name and the fields that change."""


def part_controls(parts: tuple[Part, ...], change: Change) -> dict[str, ViewerElement]:
    """The controls by attribute name; a model that has them as attributes shows them.

    A shape with a centre can be moved; colour, alpha and opacity are outputs that the viewer offers already, and it
    has its own pause.
    """
    controls: dict[str, ViewerElement] = {}
    for index, part in enumerate(parts):
        controls[f"control_prompt_{index}"] = ViewerText(
            f"{part.name}: prompt", part.prompt, cb_hook=_text(part, change), hint="Empty: the part is left alone."
        )
        controls[f"control_weight_{index}"] = ViewerSlider(
            f"{part.name}: weight", value_at(part.weight, 0), 0.0, 5.0, 0.05, cb_hook=_weight(part, change)
        )
        if isinstance(part.shape, Box | Sphere | Ellipsoid):
            controls[f"control_centre_{index}"] = ViewerVec3(
                f"{part.name}: centre", part.shape.centre, 0.05, cb_hook=_centre(part, change)
            )
    return controls


def _text(part: Part, change: Change) -> Callable[[ViewerText], None]:
    return lambda element: change(part.name, {"prompt": element.value})


def _weight(part: Part, change: Change) -> Callable[[ViewerSlider], None]:
    return lambda element: change(part.name, {"weight": constant(float(element.value))})


def _centre(part: Part, change: Change) -> Callable[[ViewerVec3], None]:
    def move(element: Any) -> None:
        x, y, z = (float(v) for v in element.value)
        change(part.name, {"shape": dataclasses.replace(part.shape, centre=(x, y, z))})

    return move
