"""The encoder: a CLIP whose vision tower takes an alpha map as fourth channel, with its text tower beside it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    CLIPModel,
    CLIPTextModelWithProjection,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.attention import attention_weights
from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.one_pass.regions import SeveralRegions
from gencontrol.alpha_clip.pairing import check_parts
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.text import tokenize
from gencontrol.alpha_clip.towers import put_together
from gencontrol.alpha_clip.vision import run_vision
from gencontrol.alpha_clip.weights.opening import FromSources
from gencontrol.errors import InputError
from gencontrol.finite import check_finite, mend_of
from gencontrol.kinds import checked
from gencontrol.regions.geometry import Geometry

GRADED = "graded_alpha"
"""What a vision tower's configuration says of a tower whose alpha channel was trained on maps of levels."""
DEFAULT_FOCUS = "default_focus"
"""Where it says how a region is looked at by default; see `DefaultLook`."""
DefaultLook = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""A mapping of `name`, a focus strategy, and its settings; or several such, whose looks are added."""


class AlphaCLIP(FromSources, SeveralRegions):
    """An image encoder that can be told where to look, and the text encoder of the same space.

    Both towers are stock transformers classes. A plain CLIP is one whose alpha weights are zero: it gives the same
    answer for any alpha. Nothing here switches gradients off; use `torch.inference_mode` where they are not wanted.

    Source: Sun et al., "Alpha-CLIP: A CLIP Model Focusing on Wherever You Want", CVPR 2024, arXiv 2312.03818.
    """

    @checked
    def __init__(
        self,
        vision: CLIPVisionModelWithProjection,
        *,
        processor: AlphaCLIPProcessor,
        text: CLIPTextModelWithProjection | None = None,
        logit_scale: Tensor | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        one_pass: OnePass | None = None,
    ):
        """Put finished parts together; the `from_...` class methods make them.

        Raises:
            PairingError: Parts that do not fit together, such as towers of different embedding widths.
        """
        super().__init__()
        check_parts(vision, processor, text=text, logit_scale=logit_scale, tokenizer=tokenizer, one_pass=one_pass)
        self.vision = vision
        self.text = text
        self.logit_scale = None if logit_scale is None else nn.Parameter(logit_scale.detach())
        self.tokenizer = tokenizer
        self.processor = processor
        self.one_pass = one_pass

    def to_clip(self) -> CLIPModel:
        """Both towers as one stock CLIPModel that shares their weights.

        Raises:
            InputError: There is no text tower.
        """
        text, scale = self._text_tower(), self.logit_scale
        assert scale is not None
        return put_together(self.vision, text, scale)

    @property
    def embed_dim(self) -> int:
        """Width of the embeddings."""
        return self.vision.config.projection_dim

    @property
    def grid(self) -> int:
        """Patches along a side: patch tokens are this squared, row by row."""
        return self.image_size // square(self.vision.config)[1]

    @property
    def graded(self) -> bool:
        """Whether its alpha channel was trained on maps of levels (see `gencontrol.regions.levels`)."""
        return bool(getattr(self.vision.config, GRADED, False))

    @property
    def default_focus(self) -> DefaultLook | None:
        """How its makers found that it sees a region best; None says nothing."""
        return getattr(self.vision.config, DEFAULT_FOCUS, None)

    @checked
    def with_geometry(self, geometry: Geometry) -> "AlphaCLIP":
        """The same towers behind another geometry, sharing all weights.

        Raises:
            PairingError: A geometry of another size than the tower's.
        """
        return AlphaCLIP(
            self.vision,
            processor=self.processor.with_geometry(geometry),
            text=self.text,
            logit_scale=self.logit_scale,
            tokenizer=self.tokenizer,
            one_pass=self.one_pass,
        ).train(self.training)

    @checked
    def encode_pixels(
        self, pixel_values: Float[Tensor, "n c h w"], *, attention_bias: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "n d"]:
        """Embed pixel values that `preprocess` or `processor` made.

        Args:
            pixel_values: Four channels, normalised, at the tower's size.
            attention_bias: Added to the attention logits of every layer; broadcastable to (n, heads, tokens, tokens),
                the class token first. A bias of zeros changes nothing, to the bit.

        Returns:
            Projected embeddings, not normalised.

        Raises:
            InputError: Another number of channels, or another size.
        """
        return run_vision(self.vision, pixel_values, attention_bias).image_embeds

    @checked
    def encode_text(
        self, text: str | Sequence[str], *, normalize: bool = False, truncate: bool = False
    ) -> Float[Tensor, "t d"]:
        """Embed one or several texts.

        Args:
            text: At least one.
            normalize: Scale each embedding to length one.
            truncate: Cut texts that are too long instead of refusing them.

        Raises:
            InputError: No text tower or tokenizer, a text that is too long, or words that a word-level tokenizer does
                not know.
        """
        tower = self._text_tower()
        if self.tokenizer is None:
            raise InputError("This encoder has a text tower but no tokenizer: give one to from_clip or from_config.")
        texts = [text] if isinstance(text, str) or not isinstance(text, Iterable) else list(text)
        tokens = tokenize(self.tokenizer, texts, length=tower.config.max_position_embeddings, truncate=truncate)
        embeds = tower(**{k: v.to(tower.device) for k, v in tokens.items()}).text_embeds
        check_finite(embeds, name="What the text tower made of the text", mend=mend_of(embeds.dtype))
        return functional.normalize(embeds, dim=-1) if normalize else embeds

    @checked
    def similarity(self, image: Any, text: str | Sequence[str], alpha: Any = None) -> Float[Tensor, "n t"]:
        """Cosine similarity of images, looking where their alpha maps say, and texts; in [-1, 1], float32.

        Args:
            image: See `preprocess`.
            text: See `encode_text`.
            alpha: See `preprocess`; None is the whole image.

        Raises:
            InputError: See `preprocess` and `encode_text`.
        """
        images, texts = self.encode_image(image, alpha).float(), self.encode_text(text).float()
        return functional.normalize(images, dim=-1) @ functional.normalize(texts, dim=-1).T

    @checked
    def patch_tokens(self, image: Any, alpha: Any = None, *, layer: int = -1) -> Float[Tensor, "n p d"]:
        """The patches' hidden states, row by row, without the class token.

        Args:
            image: See `preprocess`.
            alpha: See `preprocess`; None is the whole image.
            layer: After which block: 0 is before the first, -1 after the last (before the final norm), -2 after the
                last but one.

        Raises:
            InputError: An image or map that cannot be used, or no such layer.
        """
        states = run_vision(self.vision, self.preprocess(image, alpha), None, output_hidden_states=True).hidden_states
        self._check_layer(layer, len(states))
        return states[layer][:, 1:]

    @checked
    def attention_maps(
        self, image: Any, alpha: Any = None, *, layer: int = -1, attention_bias: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "n heads p p"]:
        """What each token attends to in one block: `[:, :, 0, 1:]` is what the class token sees of the patches.

        Args:
            image: See `preprocess`.
            alpha: See `preprocess`; None is the whole image.
            layer: Which block; 0 is the first and -1 the last.
            attention_bias: See `encode_pixels`.

        Returns:
            Weights that sum to one over the last axis; the class token comes first; float32.

        Raises:
            InputError: An image or map that cannot be used, or no such layer.
        """
        blocks = self.vision.vision_model.encoder.layers
        self._check_layer(layer, len(blocks))
        states = run_vision(
            self.vision, self.preprocess(image, alpha), attention_bias, output_hidden_states=True
        ).hidden_states
        return attention_weights(blocks[layer], states[layer % len(blocks)], attention_bias)

    @staticmethod
    def _check_layer(layer: int, count: int) -> None:
        if not -count <= layer < count:
            raise InputError(f"There is no layer {layer}: expected {-count} to {count - 1}.")
