"""GLIP as a grounder."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerBase

from gencontrol.images.reading import ImageSource, read_image
from gencontrol.proposals.captions import Caption, captions, check_query
from gencontrol.proposals.defaults import GLIP_THRESHOLD, MOST
from gencontrol.proposals.glip.boxes import detect
from gencontrol.proposals.glip.model import Glip
from gencontrol.proposals.glip.pixels import glip_pixels
from gencontrol.proposals.grounder import OVERLAP, Grounding, select
from gencontrol.proposals.narrow import check_proportions


class GlipGrounder:
    """Finds phrases with a GLIP; a caption holds as many as have room, and more go in further captions."""

    def __init__(self, model: Glip, tokenizer: PreTrainedTokenizerBase, *, phrases_per_caption: int | None = None):
        """Take a model and its tokenizer.

        Args:
            model: With its weights, where it is to compute.
            tokenizer: BERT's, a fast one.
            phrases_per_caption: At most so many; None is as many as have room. The authors evaluate long lists of
                classes with 40.
        """
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.phrases_per_caption = phrases_per_caption

    @torch.no_grad()
    def ground(
        self, image: ImageSource, phrases: Sequence[str], *, threshold: float | None = None, most: int = MOST
    ) -> Grounding:
        """See `gencontrol.proposals.Grounder`; scores are roots of likelihood times centerness, 0.22 or more."""
        threshold = GLIP_THRESHOLD if threshold is None else threshold
        check_query(phrases, threshold, most)
        picture = read_image(image)
        check_proportions(picture.size)
        pixels, scaled = glip_pixels(picture, self.model.config)
        weight = self.model.head.bias0
        levels = self.model.levels(pixels.to(weight))
        boxes, scores, names = [], [], []
        room, at_once = self.model.config.most_tokens, self.phrases_per_caption
        for caption in captions(self.tokenizer, phrases, room=room, most=at_once):
            found = self._judge(levels, caption, scaled, most)
            # From the last column that is inside to the edge behind it.
            boxes.append(found.boxes.float() + found.boxes.new_tensor([0, 0, 1, 1]).float())
            scores.append(found.scores.float())
            names += [caption.phrases[number] for number in found.phrases.tolist()]
        height, width = picture.size
        back = torch.tensor([width / scaled[1], height / scaled[0]] * 2, device=weight.device)
        # Doubles are gone already, by the authors' measure; what is left are phrases of different captions.
        found = {"size": picture.size, "threshold": threshold, "most": most, "overlap": 1.0}
        return select(torch.cat(boxes) * back, torch.cat(scores), names, **found)

    def _judge(self, levels: list[torch.Tensor], caption: Caption, scaled: tuple[int, int], most: int):
        ids = torch.tensor([caption.ids], device=levels[0].device)
        output = self.model.judge(levels, ids, torch.ones_like(ids))
        return detect(output, 0, caption.places, scaled, most=most, overlap=OVERLAP)
