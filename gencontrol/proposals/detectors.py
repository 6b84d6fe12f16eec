"""transformers' zero-shot detectors as grounders: Grounding DINO, MM-Grounding-DINO, OWLv2."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from gencontrol.alpha_clip.text import check_words
from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.proposals.captions import Caption, captions, check_query, plain, quoted
from gencontrol.proposals.defaults import DINO_THRESHOLD, MOST, OWL_THRESHOLD
from gencontrol.proposals.grounder import OVERLAP, Grounding, select
from gencontrol.proposals.narrow import check_proportions

LARGER = 8
"""Times as large as what OWLv2 looks at a picture may be before its processor takes it down."""


class DinoGrounder:
    """Grounding DINO, or MM-Grounding-DINO. A phrase's score is the mean over its tokens, as in GLIP.

    (transformers' own post-processing takes the best token of all, and names a box by whatever tokens pass: "red" finds
    a red car where a red cup was asked for.)
    """

    def __init__(self, model: Any, image_processor: Any, tokenizer: PreTrainedTokenizerBase):
        """Take a `GroundingDinoForObjectDetection` or `MMGroundingDinoForObjectDetection`, its image processor and its
        tokenizer, a fast one; the model where it is to compute."""
        self.model = model.eval()
        self.image_processor = image_processor
        self.tokenizer = tokenizer

    @torch.no_grad()
    def ground(
        self, image: ImageSource, phrases: Sequence[str], *, threshold: float | None = None, most: int = MOST
    ) -> Grounding:
        """See `gencontrol.proposals.Grounder`."""
        threshold = DINO_THRESHOLD if threshold is None else threshold
        check_query(phrases, threshold, most)
        picture = read_image(image)
        check_proportions(picture.size)
        pixels = self.image_processor(images=_shown(picture), return_tensors="pt").to(self.model.device)
        pixels["pixel_values"] = pixels["pixel_values"].to(self.model.dtype)
        room, boxes, scores, names = self.model.config.max_text_len, [], [], []
        for caption in captions(self.tokenizer, phrases, room=room, end=".", lower=True):
            output = self.model(**pixels, **self._text(caption))
            likely = phrase_scores(output.logits[0], caption.places)
            boxes.append(output.pred_boxes[0].repeat_interleave(likely.shape[1], dim=0))
            scores.append(likely.flatten())
            names += caption.phrases * len(likely)
        height, width = picture.size
        return select(
            corners(torch.cat(boxes).float(), width=width, height=height),
            torch.cat(scores).float(),
            names,
            size=picture.size,
            threshold=threshold,
            most=most,
            overlap=OVERLAP,
        )

    def _text(self, caption: Caption) -> dict[str, Tensor]:
        ids = torch.tensor([caption.ids], device=self.model.device)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}


class OwlGrounder:
    """OWLv2, which looks for each phrase by itself."""

    def __init__(self, model: Any, image_processor: Any, tokenizer: PreTrainedTokenizerBase):
        """Take an `Owlv2ForObjectDetection`, where it is to compute, its image processor and its tokenizer."""
        self.model = model.eval()
        self.image_processor = image_processor
        self.tokenizer = tokenizer

    @torch.no_grad()
    def ground(
        self, image: ImageSource, phrases: Sequence[str], *, threshold: float | None = None, most: int = MOST
    ) -> Grounding:
        """See `gencontrol.proposals.Grounder`; phrases go in as they are, without "a photo of"."""
        threshold = OWL_THRESHOLD if threshold is None else threshold
        check_query(phrases, threshold, most)
        picture = read_image(image)
        check_proportions(picture.size)
        text = self._text(phrases)
        shown = _within(_shown(picture), LARGER * self.model.config.vision_config.image_size)
        pixels = self.image_processor(images=shown, return_tensors="pt")["pixel_values"]
        output = self.model(pixel_values=pixels.to(self.model.device, self.model.dtype), **text)
        likely = output.logits[0].float().sigmoid()
        # The picture was padded to a square below and on the right, and boxes are shares of that.
        side = max(picture.size)
        boxes = corners(output.pred_boxes[0].float(), width=side, height=side)
        return select(
            boxes.repeat_interleave(len(phrases), dim=0),
            likely.flatten(),
            [*phrases] * len(boxes),
            size=picture.size,
            threshold=threshold,
            most=most,
            overlap=OVERLAP,
        )

    def _text(self, phrases: Sequence[str]) -> dict[str, Tensor]:
        room = self.model.config.text_config.max_position_embeddings
        texts = [plain(phrase) for phrase in phrases]
        for text in texts:
            # All words that a tokenizer of words does not know are one to it, and that one is found.
            check_words(self.tokenizer, text)
        lengths = [len(ids) for ids in self.tokenizer(texts)["input_ids"]]  # pyright: ignore[reportArgumentType,reportGeneralTypeIssues]
        long = next((place for place, length in enumerate(lengths) if length > room), None)
        if long is not None:
            raise InputError(f"The phrase {quoted(phrases[long])} has {lengths[long]} tokens, and OWLv2 reads {room}.")
        read = self.tokenizer(texts, padding="max_length", max_length=room, return_tensors="pt")
        return {name: read[name].to(self.model.device) for name in ("input_ids", "attention_mask")}  # pyright: ignore[reportAttributeAccessIssue]


def phrase_scores(logits: Float[Tensor, "q n"], places: Sequence[Sequence[int]]) -> Float[Tensor, "q k"]:
    """The mean of its tokens' sigmoids for each query and phrase.

    Args:
        logits: Of each query and token.
        places: The tokens of each phrase.
    """
    likely = logits.float().sigmoid()
    return torch.stack([likely[:, list(tokens)].mean(dim=1) for tokens in places], dim=1)


def corners(boxes: Float[Tensor, "k 4"], *, width: int, height: int) -> Float[Tensor, "k 4"]:
    """x0, y0, x1, y1 in pixels, of boxes that are centre x and y, width and height as shares."""
    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return torch.cat([middle - half, middle + half], dim=1) * boxes.new_tensor([width, height] * 2)


def _within(image: Image.Image, side: int) -> Image.Image:
    """A picture, taken down where its longer side is longer: OWLv2's processor pads it to a square and smooths that,
    which of a large one takes minutes, and of a long one more memory than there is."""
    long = max(image.size)
    if long <= side:
        return image
    width, height = (max(1, round(length * side / long)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _shown(picture: Picture) -> Any:
    """Without its alpha, which would be drawn upon black."""
    return to_pil(Picture(rgb=picture.stored_rgb))
