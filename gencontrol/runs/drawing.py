"""Drawing pictures with an opened host, one for each seed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError
from gencontrol.focus import FocusStrategy
from gencontrol.regions.geometry import Fit
from gencontrol.regions.scene import Scene
from gencontrol.runs.files.together import batches_of
from gencontrol.runs.machine.interrupts import check_interrupted
from gencontrol.runs.notices import ShareWarning, warn
from gencontrol.streams import seeded


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How pictures are drawn, whatever they show."""

    seeds: tuple[int, ...]
    """One picture each."""
    steps: int
    """Denoising steps."""
    guidance_scale: float
    """Of classifier-free guidance; off at 1 and below."""
    batch: int
    """Pictures that are drawn at once."""
    together: tuple[int, ...] = ()
    """The batch in which the only seed is drawn, so that it is rounded as it was; () is by itself."""

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """The seeds that are drawn at once."""
        return batches_of(self.seeds, self.batch, self.together)


def draw_scene(
    pipeline: Any,
    scene: Scene,
    sampling: Sampling,
    *,
    focus: FocusStrategy | None,
    fit: Fit | None,
    strength: StrengthSchedule,
) -> list[Image.Image]:
    """One picture for each seed, from a scene's regions; the other arguments are those of the pipeline's `__call__`.

    Warns with a `ShareWarning` of pictures that a safety checker blackened.

    Raises:
        InputError: The device ran out of memory.
        KeyboardInterrupt: Ctrl-C, before the next batch at the latest.
    """
    heeded = _heeded(scene, focus=focus, strength=strength)
    return _draw(pipeline, sampling, _regions_of(scene) | {"image": scene.picture, "fit": fit} | heeded)


def draw_embeds(pipeline: Any, embeds: RegionEmbeds, sampling: Sampling) -> list[Image.Image]:
    """One picture for each seed, from finished embeddings of one input; warns and raises as `draw_scene` does."""
    dtype, negative = pipeline.unet.dtype, embeds.negative_image_embeds
    condition = {
        "image_embeds": embeds.image_embeds.to(dtype),
        "negative_image_embeds": None if negative is None else negative.to(dtype),
    }
    return _draw(pipeline, sampling, condition)


def embed_scene(
    pipeline: Any, scene: Scene, *, focus: FocusStrategy | None, fit: Fit | None, strength: float
) -> RegionEmbeds:
    """What a scene's pictures are conditioned on at one strength."""
    settings = _regions_of(scene) | {"fit": fit} | _heeded(scene, focus=focus, strength=strength)
    (embeds,) = pipeline.encode_regions(scene.picture, **settings)
    return embeds


def _heeded(scene: Scene, *, focus: FocusStrategy | None, strength: float | StrengthSchedule) -> dict[str, Any]:
    """What a pipeline heeds of these: of what it does not, the run has told already, in its own words."""
    looked_at = {"strength": strength} if scene.regions else {}
    return looked_at | ({"focus": focus} if scene.regions or scene.negative_regions else {})


def _regions_of(scene: Scene) -> dict[str, Any]:
    negative = list(scene.negative_regions) or None
    return {"mask_image": list(scene.regions) or None, "negative_mask_image": negative}


def _draw(pipeline: Any, sampling: Sampling, condition: dict[str, Any]) -> list[Image.Image]:
    settings = {"num_inference_steps": sampling.steps, "guidance_scale": sampling.guidance_scale}
    drawn: dict[int, Image.Image] = {}
    for seeds in sampling.batches:
        drawn |= _draw_batch(pipeline, seeds, condition | settings, wanted=sampling.seeds)
    return [drawn[seed] for seed in sampling.seeds]


def _draw_batch(
    pipeline: Any, seeds: Sequence[int], settings: dict[str, Any], *, wanted: Sequence[int]
) -> dict[int, Image.Image]:
    """Seed -> picture; a safety checker is told of for those that are wanted."""
    check_interrupted()
    # Generators of the CPU, so that a seed means the same picture on every device.
    generators = [seeded(seed) for seed in seeds]
    with advised_on_memory():
        result = pipeline(**settings, num_images_per_prompt=len(seeds), generator=generators)
    flagged = getattr(result, "nsfw_content_detected", None) or [False] * len(seeds)
    for seed, blackened in zip(seeds, flagged, strict=True):
        if blackened and seed in wanted:
            warn_of_black(seed)
    return dict(zip(seeds, result.images, strict=True))


@contextmanager
def advised_on_memory() -> Iterator[None]:
    """Say what can be done where the device runs out of memory within the block.

    Raises:
        InputError: It did.
    """
    try:
        yield
    except RuntimeError as error:
        # Of a GPU torch has its own error, of main memory a text.
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise InputError(
            f"The device ran out of memory: try a smaller `batch`, `dtype` float16 or `offload` model. ({error})"
        ) from error


def warn_of_black(seed: int) -> None:
    """Say that a safety checker blackened a picture."""
    warn(f"the model's safety checker blackened the picture of seed {seed}.", ShareWarning)
