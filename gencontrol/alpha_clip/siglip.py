"""A SigLIP whose vision tower takes an alpha map as fourth channel: no class token, a normalisation of its own.

Hosts that read a SigLIP's tokens (Stable Diffusion 3.5's adapter, Flux Redux) take it in the place of the stock tower.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase, SiglipModel, SiglipTextModel, SiglipVisionModel

from gencontrol.alpha_clip.alpha_slice import patch_convolution
from gencontrol.alpha_clip.encoder import AlphaEncoder
from gencontrol.alpha_clip.pairing import check_siglip_parts
from gencontrol.alpha_clip.patch_product import patch_product_in
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.siglip_files import SiglipParts, load_siglip, open_siglip, save_siglip
from gencontrol.alpha_clip.text import check_texts, check_words
from gencontrol.alpha_clip.weights.save import named
from gencontrol.errors import CheckpointError, InputError
from gencontrol.finite import check_finite, mend_of
from gencontrol.kinds import checked
from gencontrol.models.location import Location

Made = TypeVar("Made", bound="AlphaSigLIP")


class AlphaSigLIP(AlphaEncoder):
    """An image encoder that can be told where to look, and the text encoder of the same space.

    Both towers are stock transformers classes. A plain SigLIP is one whose alpha weights are zero: it gives the same
    answer for any alpha, that of the stock tower, to the bit in float32.

    Source: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", arXiv 2303.15343; the alpha channel as in
    Sun et al., arXiv 2312.03818.
    """

    @checked
    def __init__(
        self,
        vision: SiglipVisionModel,
        *,
        processor: AlphaCLIPProcessor,
        text: SiglipTextModel | None = None,
        logit_scale: Tensor | None = None,
        logit_bias: Tensor | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
    ):
        """Put finished parts together; the `from_...` class methods make them.

        Raises:
            PairingError: Parts that do not fit together, such as towers of different embedding widths.
        """
        super().__init__()
        numbers = {"logit_scale": logit_scale, "logit_bias": logit_bias}
        check_siglip_parts(vision, processor, text=text, numbers=numbers, tokenizer=tokenizer)
        self.vision, self.text, self.tokenizer, self.processor = vision, text, tokenizer, processor
        self.logit_scale = None if logit_scale is None else nn.Parameter(logit_scale.detach())
        self.logit_bias = None if logit_bias is None else nn.Parameter(logit_bias.detach())

    @classmethod
    @checked
    def from_siglip(
        cls: type[Made],
        siglip: SiglipModel | SiglipVisionModel | str | Path,
        *,
        tokenizer: PreTrainedTokenizerBase | None = None,
        processor: AlphaCLIPProcessor | None = None,
        revision: str | None = None,
        subfolder: str = "",
        local_files_only: bool = False,
        dtype: torch.dtype | None = None,
    ) -> Made:
        """Widen a plain SigLIP with an alpha channel of zero weights; one that has four channels stays as it is.

        Args:
            siglip: Both towers or the vision tower: a module, of which copies are made, a folder or a hub id.
            tokenizer: Wins over the folder's.
            processor: Wins over the folder's.
            revision: Branch, tag or commit on the hub.
            subfolder: Folder inside it.
            local_files_only: Look in the cache only.
            dtype: Of the weights; None keeps a module's and is float32 for files.

        Raises:
            CheckpointError: Nothing there, keys that do not fit, or not a SigLIP.
        """
        is_name = isinstance(siglip, str | Path)
        source = _location(siglip, revision, subfolder, local_files_only) if is_name else siglip
        parts = load_siglip(source, dtype=dtype, tokenizer=tokenizer, processor=processor)
        return cls._from_parts(parts, source=str(siglip) if is_name else f"The {type(siglip).__name__}")

    @classmethod
    @checked
    def from_pretrained(
        cls: type[Made],
        name_or_path: str | Path,
        *,
        revision: str | None = None,
        subfolder: str = "",
        local_files_only: bool = False,
        dtype: torch.dtype | None = None,
    ) -> Made:
        """Open what `save_pretrained` wrote, or any SiglipModel or SiglipVisionModel of four channels.

        Args:
            name_or_path: A folder or a hub id.
            revision: Branch, tag or commit on the hub.
            subfolder: Folder inside it.
            local_files_only: Look in the cache only.
            dtype: Of the weights; None is float32 whatever the files hold.

        Raises:
            CheckpointError: Nothing there, keys that do not fit, or a plain SigLIP.
        """
        parts = open_siglip(_location(name_or_path, revision, subfolder, local_files_only), dtype=dtype)
        if parts.vision.config.num_channels != 4:
            raise CheckpointError(
                f"{name_or_path} is a plain SigLIP ({parts.vision.config.num_channels} channels): "
                "AlphaSigLIP.from_siglip gives it an alpha channel, of zero weights until it is trained."
            )
        return cls._from_parts(parts, source=str(name_or_path))

    @checked
    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that stock transformers opens too: weights, configuration, processor, tokenizer.

        It is written whole or not at all, and takes the place of an earlier save. With a text tower it is a
        SiglipModel, of which SiglipVisionModel opens the vision half. A tower split for training is saved merged.

        Raises:
            InputError: The folder holds files that no save wrote.
            CheckpointError: NaN or infinite weights.
        """
        save_siglip(
            named(folder),
            SiglipParts(
                vision=self.vision,
                processor=self.processor,
                text=self.text,
                logit_scale=self.logit_scale,
                logit_bias=self.logit_bias,
                tokenizer=self.tokenizer,
            ),
        )

    @property
    def embed_dim(self) -> int:
        """Width of the embeddings, which is that of the tokens."""
        return self.vision.config.hidden_size

    @checked
    def encode_pixels(self, pixel_values: Float[Tensor, "n 4 s s"]) -> Float[Tensor, "n d"]:
        """Embed pixel values that `preprocess` or `processor` made; what the pooling head gives, not normalised."""
        with patch_product_in(patch_convolution(self.vision)):
            return self.vision(pixel_values=pixel_values).pooler_output

    @checked
    def encode_text(self, text: str | Sequence[str], *, normalize: bool = False) -> Float[Tensor, "t d"]:
        """Embed one or several texts, padded to the tower's full length, as it was trained.

        Args:
            text: At least one.
            normalize: Scale each embedding to length one.

        Raises:
            InputError: No text tower or tokenizer, a text that is too long, or words that a word-level tokenizer does
                not know.
        """
        tower = self._text_tower()
        embeds = tower(input_ids=self.tokens(text).to(tower.device)).pooler_output
        check_finite(embeds, name="What the text tower made of the text", mend=mend_of(embeds.dtype))
        return functional.normalize(embeds, dim=-1) if normalize else embeds

    def tokens(self, text: str | Sequence[str]) -> Tensor:
        """Token ids (t, length) of texts: the tower reads its sentence off the last place, so all are full.

        Raises:
            InputError: See `encode_text`.
        """
        tower, tokenizer = self._text_tower(), self.tokenizer
        if tokenizer is None:
            raise InputError("This encoder has a text tower but no tokenizer: give one to from_siglip.")
        texts = [text] if isinstance(text, str) or not isinstance(text, Iterable) else list(text)
        check_texts(texts)
        for one in texts:
            check_words(tokenizer, one)
        length = tower.config.max_position_embeddings
        ids = tokenizer(texts, padding="max_length", max_length=length, return_tensors="pt", verbose=False)["input_ids"]
        assert isinstance(ids, Tensor)
        if ids.shape[1] > length:
            raise InputError(f"A text is {ids.shape[1]} tokens long; the text tower takes {length}: shorten it.")
        return ids


def _location(name: Any, revision: str | None, subfolder: str, local_files_only: bool) -> Location:
    hub: dict[str, Any] = {"revision": revision, "local_files_only": local_files_only}
    return Location(name=str(name), subfolder=subfolder, **hub).settled()
