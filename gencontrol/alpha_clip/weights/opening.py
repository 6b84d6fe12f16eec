"""Where an encoder comes from, and how it is saved: the class methods of `AlphaCLIP`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import (
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.encoder import AlphaEncoder
from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.weights.build import draw, load_clip, load_pretrained
from gencontrol.alpha_clip.weights.export import open_clip_settings, save_open_clip, save_published, to_open_clip
from gencontrol.alpha_clip.weights.open_clip_reader import open_clip_reader
from gencontrol.alpha_clip.weights.published import load_published
from gencontrol.alpha_clip.weights.save import named, save_parts
from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.models.location import Location
from gencontrol.models.registry import resolve_encoder

if TYPE_CHECKING:
    from open_clip import CLIP

Made = TypeVar("Made", bound="FromSources")


class FromSources(AlphaEncoder):
    """What `AlphaCLIP` can be made from. In all loaders, a key that is missing, unexpected or misshapen is an error."""

    vision: CLIPVisionModelWithProjection
    text: CLIPTextModelWithProjection | None
    logit_scale: Tensor | None
    tokenizer: PreTrainedTokenizerBase | None
    processor: AlphaCLIPProcessor
    one_pass: OnePass | None

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
        """Open what `save_pretrained` wrote, or any CLIPModel or CLIPVisionModelWithProjection of four channels.

        Args:
            name_or_path: `tiny` or another preset, a folder or a hub id.
            revision: Branch, tag or commit on the hub.
            subfolder: Folder inside it.
            local_files_only: Look in the cache only.
            dtype: Of the weights; None is float32 whatever the files hold.

        Raises:
            CheckpointError: Nothing there, keys that do not fit, or a plain CLIP.
        """
        source = _source(name_or_path, revision, local_files_only, subfolder, has_alpha=True)
        return cls._from_parts(load_pretrained(source, dtype=dtype), source=source.name)

    @classmethod
    @checked
    def from_clip(
        cls: type[Made],
        clip: CLIPModel | CLIPVisionModelWithProjection | str | Path,
        *,
        tokenizer: PreTrainedTokenizerBase | None = None,
        processor: AlphaCLIPProcessor | None = None,
        share: bool = False,
        revision: str | None = None,
        subfolder: str = "",
        local_files_only: bool = False,
        dtype: torch.dtype | None = None,
    ) -> Made:
        """Widen a plain CLIP with an alpha channel of zero weights; one that has four channels stays as it is.

        Args:
            clip: Both towers or the vision tower: a module, preset, folder, hub id, or file of OpenAI's (its archive,
                of which nothing but the tensors is read, or a state dict).
            tokenizer: Wins over the folder's.
            processor: Wins over the folder's.
            share: Use a module's own weights instead of copies: saves memory, and training this trains that.
            revision: Branch, tag or commit on the hub.
            subfolder: Folder inside it.
            local_files_only: Look in the cache only.
            dtype: Of the weights; None keeps a module's and is float32 for files.

        Raises:
            CheckpointError: Nothing there, keys that do not fit, or not a CLIP.
            InputError: A module of another class, or both `share` and a dtype.
        """
        is_name = isinstance(clip, (str, Path))
        source = _source(clip, revision, local_files_only, subfolder) if is_name else clip
        parts = load_clip(source, share=share, dtype=dtype, tokenizer=tokenizer, processor=processor)
        return cls._from_parts(parts, source=str(clip) if is_name else f"The {type(clip).__name__}")

    @classmethod
    @checked
    def from_published(
        cls: type[Made],
        checkpoint: str | Path,
        *,
        base: CLIPModel | str | Path | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        dtype: torch.dtype | None = None,
    ) -> Made:
        """Open a checkpoint of the Alpha-CLIP authors: a vision tower, its tuned projection included.

        Args:
            checkpoint: The `.pth` (or `.safetensors`) file.
            base: The CLIP it was trained from, for text tower, logit scale and tokenizer: a module, preset, folder, hub
                id or file of OpenAI's. None is OpenAI's of the checkpoint's own shape (B/16, L/14 or L/14@336).
            revision: Branch, tag or commit of the base on the hub.
            local_files_only: Look for the base in the cache only.
            dtype: Of the weights; None is float32.

        Raises:
            CheckpointError: A broken file, one that is something else, or one that does not fit the base.
        """
        is_name = isinstance(base, (str, Path))
        source = _source(base, revision, local_files_only) if is_name else base
        hub = {"revision": revision, "local_files_only": local_files_only}
        parts = load_published(Path(checkpoint), base=source, dtype=dtype, **hub)
        return cls._from_parts(parts, source=str(checkpoint))

    @classmethod
    @checked
    def from_open_clip(
        cls: type[Made],
        model: str | nn.Module,
        *,
        pretrained: str | None = None,
        local_files_only: bool = False,
        dtype: torch.dtype | None = None,
    ) -> Made:
        """Widen one of OpenCLIP's plain ViTs (such as ViT-B-32, ViT-L-14, ViT-H-14, ViT-bigG-14).

        Args:
            model: OpenCLIP's name of the architecture, a folder in its layout, or a model that it made.
            pretrained: With a name: OpenCLIP's tag of the weights, or a file.
            local_files_only: Fetch nothing: the weights have to be a file.
            dtype: Of the weights; None keeps a model's, and is float32 for a name.

        Raises:
            CheckpointError: Not a plain ViT; names the field that does not fit.
            InputError: An unknown name, a name without weights, or weights that would have to be fetched.
        """
        load = open_clip_reader().load_open_clip
        parts = load(model, pretrained=pretrained, local_files_only=local_files_only, dtype=dtype)
        return cls._from_parts(parts, source=model if isinstance(model, str) else f"The {type(model).__name__}")

    @classmethod
    @checked
    def from_config(
        cls: type[Made],
        vision: CLIPVisionConfig | str,
        *,
        text: CLIPTextConfig | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        processor: AlphaCLIPProcessor | None = None,
    ) -> Made:
        """Random weights, drawn from torch's generator.

        Args:
            vision: The vision tower's configuration, or an architecture's name, which brings its text tower along. With
                three channels the alpha weights are zero; with four they are drawn as the others.
            text: The text tower's configuration.
            tokenizer: For the text tower.
            processor: None fits the tower's size by padding.

        Raises:
            ConfigError: An unknown name.
            PairingError: Parts that do not fit together.
        """
        parts = draw(vision, text=text, tokenizer=tokenizer, processor=processor)
        return cls._from_parts(parts, source="The configuration")

    @checked
    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that stock transformers opens too: weights, configuration, processor, tokenizer.

        It is written whole or not at all, and takes the place of an earlier save. With a text tower it is a CLIPModel,
        of which CLIPVisionModelWithProjection opens the vision half. A tower split for training is saved merged.

        Raises:
            InputError: The folder holds files that no save wrote.
            CheckpointError: NaN or infinite weights.
        """
        save_parts(
            named(folder),
            vision=self.vision,
            processor=self.processor,
            text=self.text,
            logit_scale=self.logit_scale,
            tokenizer=self.tokenizer,
            one_pass=self.one_pass,
        )

    @checked
    def save_published(self, path: str | Path) -> None:
        """Write the vision tower as the Alpha-CLIP authors' checkpoints are: `from_published` reads it back, equal.

        Args:
            path: A `.pth` file, or a `.safetensors` one of the same names.

        Raises:
            CheckpointError: NaN or infinite weights.
        """
        save_published(named(path), self.vision)

    def to_open_clip(self) -> "CLIP":
        """Both towers as an OpenCLIP model whose patch convolution takes four channels, the normalised alpha last.

        The weights are copies; `from_open_clip` takes it back, equal.

        Raises:
            InputError: No text tower, or one that reads its sentence off another place than OpenCLIP's.
        """
        if self.text is None or self.logit_scale is None:
            raise InputError("OpenCLIP's models have two towers, and this encoder has no text tower.")
        return to_open_clip(self.vision, self.text, self.logit_scale)

    @checked
    def save_open_clip(self, folder: str | Path) -> None:
        """Write `to_open_clip` as a folder in OpenCLIP's layout: `from_open_clip(FOLDER)` reads it back.

        OpenCLIP itself makes three channels of the settings: an application replaces `visual.conv1` before it loads the
        weights.

        Raises:
            InputError: See `to_open_clip`; or a folder that holds other files.
            CheckpointError: NaN or infinite weights.
        """
        model = self.to_open_clip()
        assert self.text is not None
        save_open_clip(named(folder), model, self.processor, open_clip_settings(self.vision.config, self.text.config))


def _source(
    name: Any, revision: str | None, local_files_only: bool, subfolder: str = "", *, has_alpha: bool = False
) -> Location:
    place, inside = resolve_encoder(str(name), subfolder, has_alpha=has_alpha)
    hub: dict[str, Any] = {"revision": revision, "local_files_only": local_files_only}
    return Location(name=place, subfolder=inside, **hub).settled()
