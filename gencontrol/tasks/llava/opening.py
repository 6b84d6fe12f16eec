"""Opening a LLaVA by name, with the tower of an Alpha-CLIP in it where one is named, or where it is a head alone."""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.towers import fill_vision
from gencontrol.alpha_clip.weights.convert import published_to_clip
from gencontrol.alpha_clip.weights.describe import check_weights
from gencontrol.alpha_clip.weights.pretrained import load_strictly, open_tokenizer
from gencontrol.alpha_clip.weights.published import check_published, read_published
from gencontrol.alpha_clip.weights.tensor_files import SUFFIXES
from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.models.location import Location, absence, kind_text, read_json
from gencontrol.models.registry import resolve_encoder
from gencontrol.models.shipped import LANGUAGE, shipped_folder
from gencontrol.tasks.llava.head import TOWER, WEIGHTS, open_head, with_tower
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.processor import LlavaPixels
from gencontrol.tasks.llava.quantised import four_bit
from gencontrol.tasks.llava.tower import check_llava, image_tokens, looks_by, swap_tower, widen_llava

DEFAULT_LLAVA = "llava-hf/llava-1.5-7b-hf"
"""Hub id of the smaller LLaVA-1.5."""
TINY = "tiny"
"""What the language head that comes with the package is called, on the tower of the encoder of that name."""
_KIND = "llava"


def open_llava(
    model: str = TINY,
    *,
    alpha_clip: str | Path | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
    dtype: torch.dtype | None = None,
    four_bit_on: torch.device | None = None,
) -> RegionLlava:
    """Open a LLaVA-1.5, on the CPU unless it comes in four bits.

    Args:
        model: `tiny`, which comes with the package and knows the sprite world; a folder or hub id in llava-hf's layout;
            what `RegionLlava.save_pretrained` wrote; or a folder of a language head (see `head`).
        alpha_clip: Whose tower takes the place of the model's own: a file that Alpha-CLIP's authors published, a
            folder, or a hub id. None keeps the model's own, with a fourth channel of zero weights where it has three.
        revision: Branch, tag or commit of the model on the hub.
        local_files_only: Look on this machine only.
        dtype: Of the weights; None is float32.
        four_bit_on: Where the language model's matrices are put in four bits each; None leaves them as they are.

    Raises:
        CheckpointError: Nothing there, another kind of model or tower, or weights that do not fit.
        ConfigError: A language head of `tiny`'s kind in four bits.
        MissingDependencyError: Four bits without bitsandbytes.
        PairingError: An Alpha-CLIP of another shape than the model's tower.
    """
    source = Location(name=_place(model), revision=revision, local_files_only=local_files_only, names=(TINY,)).settled()
    config = _config(source)
    check_llava(config, source=model)
    if hasattr(config, TOWER) and source.find(WEIGHTS):
        if four_bit_on is not None:
            raise ConfigError(f"{model} is a language head of a few megabytes: leave `quantize` out.")
        loaded = _headed(source, config, local_files_only=local_files_only, dtype=dtype)
    else:
        options = None if four_bit_on is None else four_bit(dtype, four_bit_on)
        loaded = load_strictly(LlavaForConditionalGeneration, source, dtype, options=options)
    if alpha_clip is None:
        widen_llava(loaded)
    else:
        swap_tower(loaded, _tower(str(alpha_clip), looks_by(loaded.config), local_files_only=local_files_only))
    tokenizer = _tokenizer(source)
    check_image_token(tokenizer, loaded.config, source=model)
    return RegionLlava(model=loaded.eval(), tokenizer=tokenizer, processor=_processor(source, loaded.config))


def _place(model: str) -> str:
    """Where a model lies: `tiny` in this package, unless somebody has a folder of that name here.

    Raises:
        CheckpointError: This build comes without.
    """
    if model != TINY or Path(model).exists():
        return model
    folder = shipped_folder(LANGUAGE)
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            "This build of gencontrol has no language head of `tiny`. Name another model: a folder or hub id, such as "
            f"{DEFAULT_LLAVA}, or the export of `gencontrol train language`."
        )
    return str(folder)


def _headed(
    source: Location, config: LlavaConfig, *, local_files_only: bool, dtype: torch.dtype | None
) -> LlavaForConditionalGeneration:
    """A language head on the tower that its configuration names."""
    path, inside = resolve_encoder(str(getattr(config, TOWER)), has_alpha=True)
    encoder = AlphaCLIP.from_pretrained(path, subfolder=inside, local_files_only=local_files_only)
    weights = source.find(WEIGHTS)
    assert weights is not None
    model: Any = with_tower(open_head(weights.parent, config), config, encoder)
    return model if dtype is None else model.to(dtype)


def read_config(folder: str) -> LlavaConfig:
    """The configuration of a LLaVA, or of a language head, in a folder.

    Raises:
        CheckpointError: There is none, or it is of another kind of model.
    """
    return _config(Location(name=folder, revision=None, local_files_only=True, names=()))


def _config(source: Location) -> LlavaConfig:
    values = source.read("config.json")
    if values is None:
        raise CheckpointError(
            f"No LLaVA at {source.name!r}: there is no config.json{absence(source)}. Expected a folder or hub id, such "
            f"as {DEFAULT_LLAVA}."
        )
    kind = values.get("model_type")
    if kind != _KIND:
        raise CheckpointError(f"{source.name} is {kind_text(kind)}: expected LLaVA-1.5, whose type is {_KIND!r}.")
    try:
        return LlavaConfig.from_dict(values)
    except Exception as error:  # Of settings that contradict each other, transformers raises anything.
        raise CheckpointError(f"{source.name}: config.json cannot be used: {' '.join(str(error).split())}") from error


def _tower(name: str, config: CLIPVisionConfig, *, local_files_only: bool) -> CLIPVisionModelWithProjection:
    """An Alpha-CLIP's vision tower; of a published file without the text tower that it was trained beside."""
    path = Path(name)
    if not path.is_file() and path.suffix not in SUFFIXES:
        return AlphaCLIP.from_pretrained(name, local_files_only=local_files_only).vision
    state = read_published(path)
    values: dict[str, Any] = config.to_dict() | {"num_channels": 4}
    if "proj" in state and state["proj"].ndim == 2:
        # LLaVA has no use for the projection, and its configuration need not say how wide it is.
        values["projection_dim"] = state["proj"].shape[1]
    wanted = CLIPVisionConfig(**values)
    check_published(state, wanted, source=name)
    check_weights(state, source=name)
    return fill_vision(wanted, {key: value.float() for key, value in published_to_clip(state).items()})


def _tokenizer(source: Location) -> PreTrainedTokenizerBase:
    # Asked without one of these files, transformers makes a tokenizer up that knows no word.
    if not any(source.find(file) for file in ("tokenizer.json", "tokenizer.model")):
        raise CheckpointError(f"{source.name} has no tokenizer{absence(source)}: a LLaVA needs one to read questions.")
    return open_tokenizer(source)


def check_image_token(tokenizer: PreTrainedTokenizerBase, config: LlavaConfig, *, source: str) -> None:
    """Refuse a tokenizer that does not read `<image>` as the token that stands for the picture.

    Raises:
        CheckpointError: Says what it reads.
    """
    count = image_tokens(config)
    ids = list(tokenizer("<image>" * count, add_special_tokens=False)["input_ids"])  # pyright: ignore[reportArgumentType]
    if ids != [config.image_token_index] * count:
        raise CheckpointError(
            f"{source}: its tokenizer reads <image> as {ids[:3]}, and the model's image token is "
            f"{config.image_token_index}."
        )


def _processor(source: Location, config: LlavaConfig) -> LlavaPixels:
    own, both = source.find("preprocessor_config.json"), source.find("processor_config.json")
    stock = read_json(own) if own else read_json(both).get("image_processor", {}) if both else {}
    size, _ = square(looks_by(config))
    read = LlavaPixels.from_stock(stock, size=size)
    assert isinstance(read, LlavaPixels)
    return read
