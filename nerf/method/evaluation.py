"""What nerfstudio writes of one evaluated view: scores per part, the difference from its picture, the pictures."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from gencontrol.images.colour import Colour
from gencontrol.nerf.method.outputs import from_outputs, psnr
from gencontrol.nerf.parts.parts import Part, part_names
from gencontrol.nerf.steering.guidance import Steering, part_scores


def image_metrics_and_images(
    outputs: dict[str, Tensor],
    batch: dict[str, Any],
    parts: Sequence[Part],
    *,
    background: Colour,
    steering: Callable[[], Steering],
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Scores per part of one view, PSNR where there is a picture of its size, and the pictures themselves.

    Args:
        outputs: From `to_outputs`, as (h, w, c) pictures.
        batch: What the data set has of the view.
        parts: What is steered.
        background: What the rendering is over.
        steering: Gives the encoders and the encoded prompts; only asked where a part has a prompt.
    """
    images = {"img": outputs["rgb"], "accumulation": outputs["accumulation"].expand(-1, -1, 3)}
    images |= {name: plane.expand(-1, -1, 3) for name, plane in outputs.items() if name.startswith("alpha")}
    metrics = {"opacity": outputs["accumulation"].mean().item()}
    if any(part.prompt for part in parts):
        seen = from_outputs(outputs, part_names(parts), background=background)
        metrics |= {f"score_{name}": score for name, score in part_scores(steering(), seen).items()}
    truth = batch.get("image")
    if truth is not None and truth.shape[:2] == outputs["rgb"].shape[:2]:
        metrics["psnr"] = psnr(truth, outputs, background=background, in_front_of=batch.get("in_front_of"))
    return metrics, images
