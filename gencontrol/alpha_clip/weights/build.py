"""Parts of an AlphaCLIP from saved models, from modules in memory and from configurations."""

import copy
import dataclasses
from pathlib import Path

import torch
from torch import nn
from transformers import (
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.architectures import name_of, square, text_config, vision_config
from gencontrol.alpha_clip.one_pass.files import find_one_pass
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.towers import LOGIT_SCALE, Parts, take_apart, widen
from gencontrol.alpha_clip.weights.openai import load_clip_file
from gencontrol.alpha_clip.weights.pretrained import open_clip_folder
from gencontrol.errors import CheckpointError, InputError
from gencontrol.models.location import Location
from gencontrol.regions.geometry import Geometry


def load_pretrained(source: Location, *, dtype: torch.dtype | None) -> Parts:
    """Open a saved CLIP that has four channels, and what is trained beside its tower.

    Raises:
        CheckpointError: See `open_clip_folder` and `find_one_pass`; or it has three channels.
    """
    parts = open_clip_folder(source, dtype=dtype)
    if parts.vision.config.num_channels != 4:
        raise CheckpointError(
            f"{source.name} is a plain CLIP ({name_of(parts.vision.config)}, {parts.vision.config.num_channels} "
            "channels): AlphaCLIP.from_clip gives it an alpha channel, of zero weights until it is trained."
        )
    return dataclasses.replace(parts, one_pass=find_one_pass(source, parts.vision.config, dtype=dtype))


def load_clip(
    clip: nn.Module | Location,
    *,
    share: bool,
    dtype: torch.dtype | None,
    tokenizer: PreTrainedTokenizerBase | None,
    processor: AlphaCLIPProcessor | None,
) -> Parts:
    """Open or take a CLIP and widen it to four channels; see `AlphaCLIP.from_clip`."""
    if share and dtype:
        raise InputError("Shared weights keep their dtype: leave share or dtype out.")
    if isinstance(clip, Location) and Path(clip.name).is_file():
        parts = load_clip_file(Path(clip.name), dtype=dtype)
    elif isinstance(clip, Location):
        parts = open_clip_folder(clip, dtype=dtype)
    else:
        parts = _parts_of(clip if share else _copied(clip, dtype))
    return dataclasses.replace(
        parts,
        vision=widen(parts.vision),
        tokenizer=tokenizer or parts.tokenizer,
        processor=processor or parts.processor,
    )


def _copied(clip: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    # torch's own `to`: only the copy changes, and transformers' and diffusers' overrides have opinions about it.
    duplicate = copy.deepcopy(clip)
    return nn.Module.to(duplicate, dtype) if dtype else duplicate


def _parts_of(clip: nn.Module) -> Parts:
    if isinstance(clip, CLIPModel):
        vision, text = take_apart(clip)
        return Parts(vision=vision, text=text, logit_scale=clip.logit_scale, processor=default_processor(vision.config))
    if isinstance(clip, CLIPVisionModelWithProjection):
        return Parts(vision=clip, processor=default_processor(clip.config))
    raise InputError(
        f"Expected a CLIPModel, a CLIPVisionModelWithProjection, a folder or a hub id, got {type(clip).__name__}."
    )


def default_processor(config: CLIPVisionConfig) -> AlphaCLIPProcessor:
    """Padding to the tower's size, and the statistics of OpenAI's CLIP and of the published alpha maps."""
    return AlphaCLIPProcessor(geometry=Geometry(size=square(config)[0]))


def draw(
    vision: CLIPVisionConfig | str,
    *,
    text: CLIPTextConfig | None,
    tokenizer: PreTrainedTokenizerBase | None,
    processor: AlphaCLIPProcessor | None,
) -> Parts:
    """Random weights; see `AlphaCLIP.from_config`."""
    if isinstance(vision, str):
        vision, text = vision_config(vision, channels=3), text or text_config(vision)
    tower = widen(CLIPVisionModelWithProjection(copy.deepcopy(vision)))
    return Parts(
        vision=tower,
        text=None if text is None else CLIPTextModelWithProjection(copy.deepcopy(text)),
        logit_scale=None if text is None else torch.tensor(LOGIT_SCALE),
        tokenizer=tokenizer,
        processor=processor or default_processor(tower.config),
    )
