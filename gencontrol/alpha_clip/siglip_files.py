"""SigLIPs from folders, the hub and modules, widened with an alpha channel; and written as folders of stock layout."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, SiglipConfig, SiglipModel, SiglipTextModel, SiglipVisionModel

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.preprocess import ALPHA_MEAN, ALPHA_STD, AlphaCLIPProcessor
from gencontrol.alpha_clip.towers import fill_positions
from gencontrol.alpha_clip.weights.convert import widen_patch_weight
from gencontrol.alpha_clip.weights.pretrained import check_floats, load_strictly, read_stock_processor, read_tokenizer
from gencontrol.alpha_clip.weights.save import save_towers
from gencontrol.errors import CheckpointError
from gencontrol.finite import check_filled_weights
from gencontrol.models.location import Location, read_json
from gencontrol.regions.geometry import Geometry

# SiglipImageProcessor's: pixels in [-1, 1].
_HALF = (0.5, 0.5, 0.5)
_PATCHES = "embeddings.patch_embedding.weight"


@dataclass(frozen=True, kw_only=True)
class SiglipParts:
    """What an AlphaSigLIP is made of."""

    vision: SiglipVisionModel
    """The vision tower; three or four channels."""
    processor: AlphaCLIPProcessor
    """Geometry and normalisation of the input."""
    text: SiglipTextModel | None = None
    """The text tower."""
    logit_scale: Tensor | None = None
    """Logarithm of the inverse temperature; a scalar."""
    logit_bias: Tensor | None = None
    """What is added to the scaled cosines; a scalar."""
    tokenizer: PreTrainedTokenizerBase | None = None
    """The text tower's tokenizer."""


def siglip_processor(size: int) -> AlphaCLIPProcessor:
    """Padding to the tower's size, SigLIP's statistics of colour, and the published ones of alpha maps."""
    return AlphaCLIPProcessor(
        geometry=Geometry(size=size), image_mean=(*_HALF, ALPHA_MEAN), image_std=(*_HALF, ALPHA_STD)
    )


def is_siglip(source: Location) -> bool:
    """Whether a saved model says that it is a SigLIP, of any kind; what cannot be asked is none."""
    try:
        config = None if Path(source.name).is_file() else source.find("config.json")
    except (OSError, ValueError):
        return False  # Whoever opens it says what is wrong with the name.
    return config is not None and str(read_json(config).get("model_type", "")).startswith("siglip")


def open_siglip(source: Location, *, dtype: torch.dtype | None) -> SiglipParts:
    """Open a SigLIP of three or four channels, with its text tower if it has one.

    Args:
        source: Where it is.
        dtype: Of the weights; None is float32 whatever the files hold.

    Raises:
        CheckpointError: Nothing there, another kind of model, or keys that do not fit.
    """
    kind = (source.read("config.json") or {}).get("model_type")
    if kind not in ("siglip", "siglip_vision_model"):
        what = "no saved model" if kind is None else f"a model of type {kind!r}"
        raise CheckpointError(
            f"{source.name} is {what}: expected a SigLIP with a vision tower (model type 'siglip' or "
            "'siglip_vision_model')."
        )
    model = load_strictly(SiglipModel if kind == "siglip" else SiglipVisionModel, source, dtype)
    check_floats(source, "model.safetensors")
    check_filled_weights(model, source=source.name)
    parts = _parts_of(model)
    size, _ = square(parts.vision.config)
    stock = {"image_mean": _HALF, "image_std": _HALF} | read_stock_processor(source)
    parts = replace(parts, processor=AlphaCLIPProcessor.from_stock(stock, size=size))
    return parts if parts.text is None else replace(parts, tokenizer=read_tokenizer(source))


def load_siglip(
    siglip: nn.Module | Location,
    *,
    dtype: torch.dtype | None,
    tokenizer: PreTrainedTokenizerBase | None,
    processor: AlphaCLIPProcessor | None,
) -> SiglipParts:
    """Open or copy a SigLIP and widen it to four channels; see `AlphaSigLIP.from_siglip`."""
    if isinstance(siglip, Location):
        parts = open_siglip(siglip, dtype=dtype)
    else:
        duplicate = copy.deepcopy(siglip)
        # torch's own `to`: transformers' override has opinions about it.
        parts = _parts_of(nn.Module.to(duplicate, dtype) if dtype else duplicate)
    return replace(
        parts,
        vision=widen_siglip(parts.vision),
        tokenizer=tokenizer or parts.tokenizer,
        processor=processor or parts.processor,
    )


def widen_siglip(vision: SiglipVisionModel) -> SiglipVisionModel:
    """A four-channel tower that ignores alpha, sharing all weights but the patch convolution; four stay as they are."""
    if vision.config.num_channels == 4:
        return vision
    config = copy.deepcopy(vision.config)
    config.num_channels = 4
    with torch.device("meta"):
        wide = SiglipVisionModel(config)
    state = {k: widen_patch_weight(v) if k == _PATCHES else v for k, v in vision.state_dict().items()}
    wide.load_state_dict(state, strict=True, assign=True)
    fill_positions(wide.embeddings, vision.device)
    return wide.eval()


def save_siglip(folder: Path, parts: SiglipParts) -> None:
    """See `AlphaSigLIP.save_pretrained`."""
    save_towers(
        folder,
        parts.vision,
        parts.text,
        lambda tower: tower if parts.text is None else _put_together(replace(parts, vision=tower)),
        processor=parts.processor,
        tokenizer=parts.tokenizer,
    )


def _parts_of(siglip: nn.Module) -> SiglipParts:
    if isinstance(siglip, SiglipVisionModel):
        return SiglipParts(vision=siglip, processor=siglip_processor(square(siglip.config)[0]))
    assert isinstance(siglip, SiglipModel)
    return SiglipParts(
        vision=siglip.vision_model,
        processor=siglip_processor(square(siglip.vision_model.config)[0]),
        text=siglip.text_model,
        logit_scale=siglip.logit_scale.reshape(()),
        logit_bias=siglip.logit_bias.reshape(()),
    )


def _put_together(parts: SiglipParts) -> SiglipModel:
    """One stock SiglipModel that shares the towers' weights."""
    assert parts.text is not None and parts.logit_scale is not None and parts.logit_bias is not None
    config = SiglipConfig(
        vision_config=parts.vision.config.to_dict(),
        text_config=parts.text.config.to_dict(),
    )
    with torch.device("meta"):
        model = SiglipModel(config)
    model.vision_model, model.text_model = parts.vision, parts.text
    model.logit_scale = nn.Parameter(parts.logit_scale.detach().reshape(1), requires_grad=False)
    model.logit_bias = nn.Parameter(parts.logit_bias.detach().reshape(1), requires_grad=False)
    return model
