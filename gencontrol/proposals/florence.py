"""Florence-2 of transformers as a grounder: it writes boxes as words of places."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gencontrol.errors import CheckpointError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.proposals.captions import check_query, plain
from gencontrol.proposals.defaults import FLORENCE_THRESHOLD, MOST
from gencontrol.proposals.grounder import OVERLAP, Grounding, select

TASK = "<CAPTION_TO_PHRASE_GROUNDING>"
"""What the model is asked for, each phrase being a caption of its own."""
PLACES = 1000
"""Words for places along a side: <loc_0> to <loc_999>."""
_LONGEST = 256
"""Tokens of an answer: over forty boxes."""


class FlorenceGrounder:
    """Florence-2, which is asked about one phrase after another.

    It always answers something, and gives no scores: a box has the mean probability of the four places that are written
    for it, which says how sure the model is of the box, and less of whether the thing is there.
    """

    def __init__(self, model: Any, processor: Any):
        """Take a `Florence2ForConditionalGeneration`, where it is to compute, and its `Florence2Processor`.

        Raises:
            CheckpointError: A tokenizer without words for places.
        """
        self.model = model.eval()
        self.processor = processor
        ids = processor.tokenizer.convert_tokens_to_ids(["<loc_0>", f"<loc_{PLACES - 1}>"])
        if ids[1] - ids[0] != PLACES - 1:
            raise CheckpointError(
                "The tokenizer of this Florence-2 has no words for places (<loc_0> to <loc_999>, one after another): "
                "take one of the hub's florence-community."
            )
        self.first = ids[0]

    @torch.no_grad()
    def ground(
        self, image: ImageSource, phrases: Sequence[str], *, threshold: float | None = None, most: int = MOST
    ) -> Grounding:
        """See `gencontrol.proposals.Grounder`."""
        threshold = FLORENCE_THRESHOLD if threshold is None else threshold
        check_query(phrases, threshold, most)
        picture = read_image(image)
        shown = to_pil(Picture(rgb=picture.stored_rgb))
        found = [self._look(shown, plain(phrase), picture.size) for phrase in phrases]
        return select(
            torch.cat([boxes for boxes, _ in found]),
            torch.cat([scores for _, scores in found]),
            [phrase for phrase, (boxes, _) in zip(phrases, found, strict=True) for _ in boxes],
            size=picture.size,
            threshold=threshold,
            most=most,
            overlap=OVERLAP,
        )

    def _look(self, shown: Any, phrase: str, size: tuple[int, int]) -> tuple[Float[Tensor, "k 4"], Float[Tensor, " k"]]:
        inputs = self.processor(text=TASK + phrase, images=shown, return_tensors="pt").to(self.model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.model.dtype)
        # Greedily: what is drawn would be another answer each time.
        how = {"max_new_tokens": _LONGEST, "num_beams": 1, "do_sample": False}
        said = self.model.generate(**inputs, **how, output_scores=True, return_dict_in_generate=True)
        ids = said.sequences[0, -len(said.scores) :].cpu()
        likely = torch.stack([s[0].float().softmax(dim=-1)[i].cpu() for s, i in zip(said.scores, ids, strict=True)])
        return written_boxes(ids, likely, first=self.first, size=size)


def written_boxes(
    ids: Int[Tensor, " n"], likely: Float[Tensor, " n"], *, first: int, size: tuple[int, int]
) -> tuple[Float[Tensor, "k 4"], Float[Tensor, " k"]]:
    """The boxes in what a Florence-2 wrote, in pixels, and the mean probability of their places.

    Args:
        ids: Tokens of the answer; places in runs, four of which are a box: x0, y0, x1, y1.
        likely: Each token's probability.
        first: Number of <loc_0>.
        size: (height, width) of the picture.
    """
    height, width = size
    boxes: list[list[float]] = []
    scores: list[float] = []
    run: list[int] = []
    for place, token in enumerate(ids.tolist()):
        run = [*run, place] if first <= token < first + PLACES else []
        if len(run) == 4:
            # A place is the middle of its thousandth, as in transformers' own reading.
            boxes.append([(int(ids[at]) - first + 0.5) / PLACES for at in run])
            scores.append(float(likely[run].mean()))
            run = []
    sides = torch.tensor([width, height, width, height], dtype=torch.float32)
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4) * sides, torch.tensor(scores)
