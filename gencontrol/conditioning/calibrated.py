"""An encoder's own curve of levels: kept in its tower's configuration, so that it is saved and loaded with it."""

import torch
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.alpha_slice import patch_weight
from gencontrol.configuration import to_mapping
from gencontrol.errors import PairingError
from gencontrol.regions.curves import LevelsCurve, as_curve

CURVE = "levels_curve"
"""What a vision tower's configuration calls it."""
_ROUNDING = 0.01
"""By which share numbers may differ that half-precision weights and float32 ones give of one tower."""


def curve_of(vision: CLIPVisionModelWithProjection) -> LevelsCurve | None:
    """The curve in a tower's configuration, if there is one.

    Raises:
        InputError: It is none.
    """
    values = getattr(vision.config, CURVE, None)
    return None if values is None else as_curve(values, where=f"The encoder's config.json: {CURVE}")


def set_curve(vision: CLIPVisionModelWithProjection, curve: LevelsCurve | None) -> None:
    """Put a curve into a tower's configuration, or take it out.

    Raises:
        PairingError: It was fitted to another tower.
    """
    if curve is not None:
        check_tower(curve, vision)
    setattr(vision.config, CURVE, None if curve is None else to_mapping(curve))


def tower_mark(vision: CLIPVisionModelWithProjection) -> tuple[float, ...]:
    """Numbers that tell towers apart: the sizes of some weights. None where weights are loaded layer by layer."""
    weights = [vision.visual_projection.weight, patch_weight(vision)[:, :3], patch_weight(vision)[:, 3:]]
    if any(weight.device.type == "meta" for weight in weights):
        return ()
    with torch.no_grad():
        return tuple(float(f"{weight.float().norm().item():.6g}") for weight in weights)


def check_tower(curve: LevelsCurve, vision: CLIPVisionModelWithProjection) -> None:
    """Refuse a curve of another tower.

    Raises:
        PairingError: Says so.
    """
    mark = tower_mark(vision)
    if not mark or not curve.tower:
        return
    pairs = zip(curve.tower, mark, strict=False)
    if len(curve.tower) != len(mark) or any(abs(a - b) > _ROUNDING * max(a, b) for a, b in pairs):
        raise PairingError(
            "The curve of levels was fitted to another encoder: make one for this encoder with `gencontrol calibrate`."
        )
