"""BLIP and BLIP-2 of transformers as captioners."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.focus.boxes import part_box
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.proposals.captioner import check_regions_of
from gencontrol.regions.region import Region

BATCH = 8
"""Captions at once."""
MARGIN = 0.1
"""What is left around a part on each side, as a share of its longer side."""


class BlipCaptioner:
    """BLIP or BLIP-2, which see no masks: a part is cut out and put on white."""

    def __init__(self, model: Any, processor: Any, *, max_tokens: int = 30):
        """Take a `BlipForConditionalGeneration` or `Blip2ForConditionalGeneration`, where it is to compute, its
        processor, and how many tokens a caption has at most."""
        self.model = model.eval()
        self.processor = processor
        self.max_tokens = max_tokens

    @torch.no_grad()
    def caption(self, image: ImageSource, regions: Sequence[Region] = ()) -> tuple[str, ...]:
        """See `gencontrol.proposals.Captioner`; the likeliest word each time."""
        picture = read_image(image)
        check_regions_of(regions, picture.size)
        rgb = picture.rgb
        planes = [cut_out(rgb, region.alpha) for region in regions] if regions else [rgb]
        shown = [to_pil(Picture(rgb=plane)) for plane in planes]
        return tuple(text for start in range(0, len(shown), BATCH) for text in self._say(shown[start : start + BATCH]))

    def _say(self, shown: Sequence[Any]) -> list[str]:
        pixels = self.processor.image_processor(images=list(shown), return_tensors="pt")["pixel_values"]
        pixels = pixels.to(self.model.device, self.model.dtype)
        ids = self.model.generate(pixel_values=pixels, max_new_tokens=self.max_tokens, num_beams=1, do_sample=False)
        return [text.strip() for text in self.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)]


def cut_out(rgb: Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"]) -> Float[Tensor, "3 m n"]:
    """A part on white, with a margin around it that ends at the picture's edges.

    Args:
        rgb: The picture, [0, 1].
        alpha: 1 on the part, 0 elsewhere; not empty.
    """
    x0, y0, x1, y1 = part_box(alpha)
    margin = round(MARGIN * max(x1 - x0, y1 - y0))
    rows, columns = slice(max(y0 - margin, 0), y1 + margin), slice(max(x0 - margin, 0), x1 + margin)
    seen = alpha[rows, columns]
    return rgb[:, rows, columns] * seen + (1 - seen)
