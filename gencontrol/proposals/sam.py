"""SAM, SAM-HQ, SAM 2 and SAM 3 of transformers as segmenters."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.proposals.narrow import check_proportions
from gencontrol.proposals.segmenter import Segmentation, check_boxes

BATCH = 32
"""Boxes at once: masks of many boxes of a photograph take gigabytes while they are scaled up."""


class SamSegmenter:
    """One of the SAMs: the picture is encoded once, and each box gives one mask."""

    def __init__(self, model: Any, processor: Any):
        """Take a `SamModel`, `SamHQModel`, `Sam2Model` or `Sam3TrackerModel`, where it is to compute; and its
        processor."""
        self.model = model.eval()
        self.processor = processor

    @torch.no_grad()
    def segment(self, image: ImageSource, boxes: Float[Tensor, "k 4"]) -> Segmentation:
        """See `gencontrol.proposals.Segmenter`."""
        picture = read_image(image)
        check_proportions(picture.size)
        boxes = check_boxes(boxes, picture.size)
        if not len(boxes):
            return Segmentation(masks=torch.zeros(0, *picture.size, dtype=torch.bool), scores=torch.zeros(0))
        shown = to_pil(Picture(rgb=picture.stored_rgb))
        inputs = self.processor(images=shown, input_boxes=[boxes.tolist()], return_tensors="pt")
        seen = self._encode(inputs["pixel_values"].to(self.model.device, self.model.dtype))
        sizes = [inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
        masks, scores = [], []
        for part in inputs["input_boxes"].to(self.model.device, self.model.dtype).split(BATCH, dim=1):
            output = self.model(**seen, input_boxes=part, multimask_output=False)
            masks += [m[:, 0].cpu() for m in self.processor.post_process_masks(output.pred_masks.float(), *sizes)]
            scores.append(output.iou_scores[0, :, 0].float().cpu())
        return Segmentation(masks=torch.cat(masks), scores=torch.cat(scores))

    def _encode(self, pixels: Tensor) -> dict[str, Any]:
        """The picture's features under the names that the model takes."""
        found = self.model.get_image_embeddings(pixels)
        if isinstance(found, tuple):
            return {"image_embeddings": found[0], "intermediate_embeddings": found[1]}
        return {"image_embeddings": found}
