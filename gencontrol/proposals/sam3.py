"""SAM 3 of transformers as a grounder: it finds what a phrase names, and gives masks of it at once."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.proposals.captions import check_query, plain, quoted
from gencontrol.proposals.defaults import MOST, SAM3_THRESHOLD
from gencontrol.proposals.grounder import OVERLAP, Grounding, select


class Sam3Grounder:
    """SAM 3: the picture is encoded once, and looked at once for each phrase."""

    def __init__(self, model: Any, processor: Any):
        """Take a `Sam3Model`, where it is to compute, and its `Sam3Processor`."""
        self.model = model.eval()
        self.processor = processor

    @torch.no_grad()
    def ground(
        self, image: ImageSource, phrases: Sequence[str], *, threshold: float | None = None, most: int = MOST
    ) -> Grounding:
        """See `gencontrol.proposals.Grounder`; the grounding has masks."""
        threshold = SAM3_THRESHOLD if threshold is None else threshold
        check_query(phrases, threshold, most)
        picture = read_image(image)
        texts = [self._text(phrase) for phrase in phrases]
        shown = to_pil(Picture(rgb=picture.stored_rgb))
        pixels = self.processor(images=shown, return_tensors="pt")["pixel_values"]
        seen = self.model.get_vision_features(pixel_values=pixels.to(self.model.device, self.model.dtype))
        found = [self.model(vision_embeds=seen, **text) for text in texts]
        height, width = picture.size
        # The picture was stretched to a square: boxes are shares of its sides.
        sides = torch.tensor([width, height, width, height])
        return select(
            torch.cat([output.pred_boxes[0].float().cpu() for output in found]) * sides,
            torch.cat([_scores(output) for output in found]),
            [phrase for phrase, output in zip(phrases, found, strict=True) for _ in output.pred_boxes[0]],
            size=picture.size,
            threshold=threshold,
            most=most,
            overlap=OVERLAP,
            planes=torch.cat([output.pred_masks[0].float().cpu().sigmoid() for output in found]),
        )

    def _text(self, phrase: str) -> dict[str, Tensor]:
        room = self.model.config.text_config.max_position_embeddings
        tokenizer = self.processor.tokenizer
        length = len(tokenizer(plain(phrase))["input_ids"])
        if length > room:
            raise InputError(f"The phrase {quoted(phrase)} has {length} tokens, and SAM 3 reads {room}.")
        read = tokenizer(plain(phrase), padding="max_length", max_length=room, return_tensors="pt")
        return {name: read[name].to(self.model.device) for name in ("input_ids", "attention_mask")}


def _scores(output: Any) -> Tensor:
    """Of each query: that it is what the phrase names, and that there is any, as transformers multiplies them."""
    found = output.pred_logits[0].float().sigmoid()
    present = 1.0 if output.presence_logits is None else output.presence_logits[0].float().sigmoid()
    return (found * present).cpu()
