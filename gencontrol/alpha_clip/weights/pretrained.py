"""Opening saved CLIPs, from a folder or the hub, strictly: no weight is left to chance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from transformers import (
    AutoTokenizer,
    CLIPModel,
    CLIPVisionModelWithProjection,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.towers import Parts, shapes_of, take_apart
from gencontrol.alpha_clip.weights.describe import check_shapes
from gencontrol.alpha_clip.weights.open_clip_files import is_open_clip_folder
from gencontrol.alpha_clip.weights.unpickling import printable
from gencontrol.errors import CheckpointError, reason_of
from gencontrol.finite import check_filled_weights
from gencontrol.models.location import Location, no_model, noun_of, read_json

# Older transformers saved this buffer; it is 0, 1, 2, ... and made anew.
_DERIVED = ".embeddings.position_ids"
# Whole numbers by right: that one, and how many batches a batch norm has seen (the autoencoder of FLUX.2 has one).
_WHOLE = (_DERIVED, "num_batches_tracked")


def open_clip_folder(source: Location, *, dtype: torch.dtype | None) -> Parts:
    """Open a CLIP of three or four channels, with its text tower if it has one.

    Args:
        source: Where it is.
        dtype: Of the weights; None is float32 whatever the files hold.

    Raises:
        CheckpointError: Nothing there, another kind of model, or keys that do not fit; says what it looks like.
    """
    config = _read_config(source)
    kind = config.get("model_type")
    if kind == "clip":
        clip = _load(CLIPModel, source, dtype)
        check_filled_weights(clip, source=source.name)
        vision, text = take_apart(clip)
        processor = _read_processor(source, vision)
        tokenizer = read_tokenizer(source)
        return Parts(vision=vision, text=text, logit_scale=clip.logit_scale, tokenizer=tokenizer, processor=processor)
    if kind == "clip_vision_model":
        vision = _load(CLIPVisionModelWithProjection, source, dtype)
        check_filled_weights(vision, source=source.name)
        return Parts(vision=vision, processor=_read_processor(source, vision))
    looks = "the text tower of a CLIP" if kind == "clip_text_model" else f"a model of type {kind!r}"
    if kind is None:
        looks = f"no model of transformers' (its config.json says {config.get('_class_name', 'no type')})"
    raise CheckpointError(
        f"{Path(source.name, source.subfolder)} is {looks}: expected a CLIP with a vision tower "
        "(model type 'clip' or 'clip_vision_model')."
    )


def _read_config(source: Location) -> dict[str, Any]:
    path = Path(source.name)
    if path.is_file():
        raise CheckpointError(
            f"{path} is a file: give the folder of a saved model. Published Alpha-CLIP checkpoints (.pth) are opened "
            "with AlphaCLIP.from_published."
        )
    if path.is_dir() and not (path / source.subfolder / "config.json").is_file():
        raise CheckpointError(f"{path / source.subfolder} has no config.json: it is {what_it_is(path)}.")
    if not path.exists() and (path.is_absolute() or source.name.startswith(".") or source.name.count("/") > 1):
        if noun_of(source.name) == "file":
            raise CheckpointError(f"No file at {path}; expected the folder of a saved CLIP or Alpha-CLIP.")
        raise CheckpointError(f"No folder at {path / source.subfolder}: expected that of a saved CLIP or Alpha-CLIP.")
    try:
        return PreTrainedConfig.get_config_dict(source.name, **source.lookup())[0]
    except (OSError, ValueError, RecursionError) as error:
        if path.is_dir():
            # It is there, and broken: this says which file, and how.
            source.read("config.json")
        raise no_model(source, error) from error


def what_it_is(folder: Path) -> str:
    """A noun phrase for a folder that is not a saved CLIP."""
    if is_open_clip_folder(folder):
        return "a model in OpenCLIP's layout, which `gencontrol convert` and AlphaCLIP.from_open_clip open"
    if not (folder / "model_index.json").is_file():
        return "no saved model"
    inside = [n for n in ("alpha_clip", "image_encoder") if (folder / n / "config.json").is_file()]
    return f"a diffusers pipeline, with encoders in its subfolders: {' and '.join(inside) or 'none'}"


def _load(model_class: Any, source: Location, dtype: torch.dtype | None) -> Any:
    model = load_strictly(model_class, source, dtype)
    check_floats(source, "model.safetensors")
    return model


def load_strictly(
    model_class: Any, source: Location, dtype: torch.dtype | None, *, options: Mapping[str, Any] | None = None
) -> Any:
    """A saved model of one of transformers' classes, with no weight missing, left over or of another shape.

    Args:
        model_class: The class.
        source: Where it is.
        dtype: Of the weights; None is float32 whatever the files hold.
        options: Further arguments of the class's `from_pretrained`, such as how weights are quantised.

    Raises:
        CheckpointError: Nothing that can be read, or weights that do not fit.
    """
    check_no_folders(Path(source.name, source.subfolder))
    try:
        model, report = model_class.from_pretrained(
            source.name,
            dtype=dtype or torch.float32,
            output_loading_info=True,
            # Not to accept them: so that the error can list them beside missing and unexpected keys.
            ignore_mismatched_sizes=True,
            **source.lookup(),
            **(options or {}),
        )
    except Exception as error:  # Of settings that contradict each other, transformers raises anything.
        reason = printable(" ".join(reason_of(error).split()), 200)
        mend = ". Fetch the whole model." if isinstance(error, safetensors.SafetensorError) else ""
        raise CheckpointError(f"The weights of {source.name} cannot be read: {reason}{mend}") from error
    _check_report(model, report, source)
    return model.eval()


def check_no_folders(folder: Path) -> None:
    """Refuse folders in the place of files of weights: the libraries would look for older files, and ask for those.

    Args:
        folder: Of a saved model; of what is none, nothing is looked at.

    Raises:
        CheckpointError: Names the folder.
    """
    for path in sorted(folder.glob("*.safetensors")):
        if path.is_dir():
            raise CheckpointError(f"{path} is a folder; expected a file of weights. Fetch the whole model.")


def check_floats(source: Location, file: str) -> None:
    """Refuse whole numbers among saved weights: transformers and diffusers cast them and go on.

    Args:
        source: A saved model.
        file: Its weights, or what the index of several files of weights is called after; where there is neither,
            nothing is looked at.

    Raises:
        CheckpointError: Names the weights.
    """
    types: dict[str, str] = {}
    for path in _weight_files(source, file):
        with safetensors.safe_open(path, framework="pt") as opened:
            types |= {key: opened.get_slice(key).get_dtype() for key in opened.keys()}
    whole = [f"{key} ({kind})" for key, kind in types.items() if not _is_float(kind) and not key.endswith(_WHOLE)]
    if whole:
        raise CheckpointError(
            f"{source.name} holds no floating-point numbers where weights should be: {', '.join(whole[:4])}. Quantised "
            "or compressed weights are not read: get the original ones."
        )


def _weight_files(source: Location, file: str) -> list[Path]:
    path = source.find(file)
    if path is not None:
        return [path]
    named = (source.read(f"{file}.index.json") or {}).get("weight_map")
    names = {str(name) for name in named.values()} if isinstance(named, dict) else set()
    return [found for name in sorted(names) if (found := source.find(name)) is not None]


def _is_float(kind: str) -> bool:
    return kind in ("F16", "BF16", "F32", "F64")


def _check_report(model: PreTrainedModel, report: dict[str, Any], source: Location) -> None:
    """transformers draws missing and misshapen weights at random and goes on; this does not."""
    expected = shapes_of(model)
    found = {k: s for k, s in expected.items() if k not in report["missing_keys"]}
    found |= {k: () for k in report["unexpected_keys"] if not k.endswith(_DERIVED)}
    found |= {k: tuple(shape) for k, shape, _ in report["mismatched_keys"]}
    wanted = f"the {type(model).__name__} that its config.json describes"
    check_shapes(found, expected, source=source.name, wanted=wanted)


def _read_processor(source: Location, vision: CLIPVisionModelWithProjection) -> AlphaCLIPProcessor:
    return AlphaCLIPProcessor.from_stock(read_stock_processor(source), size=square(vision.config)[0])


def read_stock_processor(source: Location) -> dict[str, Any]:
    """The settings of a saved model's image processor, in either of the files that may hold them; none is empty."""
    own, both = source.find("preprocessor_config.json"), source.find("processor_config.json")
    if own:
        return read_json(own)
    return read_json(both).get("image_processor", {}) if both else {}


def read_tokenizer(source: Location) -> PreTrainedTokenizerBase | None:
    """A saved model's tokenizer; None where it has none.

    Raises:
        CheckpointError: One that cannot be read.
    """
    # Asked without one of these files, transformers makes a tokenizer up that knows no word.
    if not (source.find("tokenizer.json") or source.find("vocab.json")):
        return None
    return open_tokenizer(source)


def open_tokenizer(source: Location) -> PreTrainedTokenizerBase:
    """The tokenizer in a saved model that has the files of one.

    Raises:
        CheckpointError: One that cannot be read.
    """
    try:
        return AutoTokenizer.from_pretrained(source.name, **source.lookup())
    except Exception as error:  # The tokenizers library raises bare ones.
        reason = printable(" ".join(reason_of(error).split()), 200).rstrip(".")
        raise CheckpointError(
            f"The tokenizer of {source.name} cannot be read: {reason}. Fetch the whole model."
        ) from error
