"""OpenAI's own CLIP files: TorchScript archives or state dicts of both towers, whose shapes say the configuration.

Read off the shapes as OpenAI's `build_model` does (https://github.com/openai/CLIP, commit d05afc4, `clip/model.py`,
MIT), where heads are 64 wide and the activation is quick GELU. Nothing of an archive but its tensors is used.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.towers import LOGIT_SCALE, Parts, fill_text, fill_vision
from gencontrol.alpha_clip.weights.convert import (
    open_clip_text_to_clip,
    plain_to_published,
    published_shapes,
    published_to_clip,
    text_shapes,
)
from gencontrol.alpha_clip.weights.describe import Shapes, check_shapes, check_weights, describe
from gencontrol.alpha_clip.weights.open_clip_reader import open_clip_reader
from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.alpha_clip.weights.tower_files import read_towers
from gencontrol.errors import CheckpointError
from gencontrol.regions.geometry import Geometry

_HEAD = 64
"""Width of an attention head in all of OpenAI's towers."""
# The size of OpenAI's byte-pair vocabulary.
_VOCABULARY = 49408


def is_clip_file(path: Path) -> bool:
    """Whether a file holds OpenAI's CLIP, without an alpha convolution; no for one that cannot be read."""
    try:
        with warnings.catch_warnings():
            # What is taken off is said when it is opened.
            warnings.simplefilter("ignore", CheckpointWarning)
            vision = read_towers(path, mmap=True).vision
    except CheckpointError:
        return False
    return "conv1.weight" in vision and "conv1_alpha.weight" not in vision


def load_clip_file(path: Path, *, dtype: torch.dtype | None) -> Parts:
    """Open a file of OpenAI's, with an alpha channel of zero weights unless it has one.

    Args:
        path: A TorchScript archive, a state dict or a safetensors file, of both towers or of the vision tower alone.
        dtype: Of the weights; None is float32.

    Raises:
        CheckpointError: A broken file, or one that is something else.
    """
    towers, source, dtype = read_towers(path), str(path), dtype or torch.float32
    config = vision_config_of(_shapes(towers.vision), source=source)
    vision = towers.vision if "conv1_alpha.weight" in towers.vision else plain_to_published(towers.vision)
    check_shapes(_shapes(vision), published_shapes(config), source=source, wanted="the vision tower of a CLIP")
    check_weights(vision, source=source)
    tower = fill_vision(config, _cast(published_to_clip(vision), dtype))
    processor = AlphaCLIPProcessor(geometry=Geometry(size=square(config)[0]))
    if not towers.text:
        return Parts(vision=tower, processor=processor)
    text_config = text_config_of(_shapes(towers.text), source=source)
    check_shapes(_shapes(towers.text), text_shapes(text_config), source=source, wanted="both towers of a CLIP")
    scale = torch.tensor(LOGIT_SCALE) if towers.logit_scale is None else towers.logit_scale.reshape(())
    check_weights(towers.text | {"logit_scale": scale}, source=source)
    return Parts(
        vision=tower,
        text=fill_text(text_config, _cast(open_clip_text_to_clip(towers.text), dtype)),
        logit_scale=scale.to(dtype),
        tokenizer=_tokenizer(text_config),
        processor=processor,
    )


def vision_config_of(shapes: Shapes, *, source: str) -> CLIPVisionConfig:
    """The four-channel configuration of a vision tower, by its weights' shapes.

    Raises:
        CheckpointError: No such tower; says what it looks like instead.
    """
    patch, positions, fc, proj = _expected(
        shapes, ("conv1.weight", "positional_embedding", "transformer.resblocks.0.mlp.c_fc.weight", "proj"), source
    )
    if len(patch) != 4 or len(positions) != 2 or len(proj) != 2:
        raise CheckpointError(f"{source} holds no vision tower of a CLIP: it looks like {describe(shapes)}.")
    return CLIPVisionConfig(
        hidden_size=patch[0],
        intermediate_size=fc[0],
        projection_dim=proj[1],
        num_hidden_layers=_layers(shapes),
        num_attention_heads=_heads(patch[0], source),
        num_channels=4,
        image_size=round((positions[0] - 1) ** 0.5) * patch[-1],
        patch_size=patch[-1],
        hidden_act="quick_gelu",
    )


def text_config_of(shapes: Shapes, *, source: str) -> CLIPTextConfig:
    """The configuration of a text tower, by its weights' shapes.

    Raises:
        CheckpointError: No such tower; says what it looks like instead.
    """
    tokens, positions, fc, projection = _expected(
        shapes,
        (
            "token_embedding.weight",
            "positional_embedding",
            "transformer.resblocks.0.mlp.c_fc.weight",
            "text_projection",
        ),
        source,
    )
    vocabulary, width = tokens
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=fc[0],
        projection_dim=projection[-1],
        num_hidden_layers=_layers(shapes),
        num_attention_heads=_heads(width, source),
        max_position_embeddings=positions[0],
        hidden_act="quick_gelu",
        # OpenAI pools at the largest token id, which is the end token.
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )


def _expected(shapes: Shapes, names: tuple[str, ...], source: str) -> list[tuple[int, ...]]:
    missing = [name for name in names if name not in shapes]
    if missing:
        raise CheckpointError(f"{source} is no CLIP of OpenAI's (no {missing[0]}): it looks like {describe(shapes)}.")
    return [shapes[name] for name in names]


def _layers(shapes: Shapes) -> int:
    return len({found[1] for name in shapes if (found := re.match(r"transformer\.resblocks\.(\d+)\.", name))})


def _heads(width: int, source: str) -> int:
    if width % _HEAD:
        raise CheckpointError(
            f"{source}: a tower of width {width} is none of OpenAI's, whose attention heads are {_HEAD} wide, and the "
            "weights alone do not say how many there are: convert it where its configuration is known."
        )
    return width // _HEAD


def _tokenizer(config: CLIPTextConfig) -> CLIPTokenizer | None:
    if config.vocab_size != _VOCABULARY:
        return None
    # OpenCLIP ships the vocabulary.
    return open_clip_reader().byte_pair_tokenizer()


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {k: tuple(v.shape) for k, v in state.items()}


def _cast(state: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {k: v.to(dtype) for k, v in state.items()}
