"""A saved pipeline's components, looked at before and while they are loaded: none is made up, none is half random."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError

from gencontrol.alpha_clip.weights.pretrained import check_floats, check_no_folders
from gencontrol.alpha_clip.weights.unpickling import printable
from gencontrol.errors import CheckpointError, GencontrolError, reason_of
from gencontrol.finite import check_filled_weights
from gencontrol.pipelines.component_settings import check_index, check_settings
from gencontrol.pipelines.hosts.host import SavedPipeline

_LIBRARIES = ("diffusers", "transformers")
_CHECKER = "StableDiffusionSafetyChecker"
"""Diffusers' own affair: it may be left out, and says nothing of what is drawn."""
_MOVED = MappingProxyType({"UnCLIPTextProjModel": "diffusers.pipelines.deprecated.unclip.text_proj"})
"""Class -> module, of components that diffusers has put away where its own loader does not find them: Karlo's."""
_LOOKUP = (
    "cache_dir",
    "force_download",
    "local_files_only",
    "proxies",
    "revision",
    "token",
    "use_safetensors",
    "variant",
)
"""Arguments of diffusers' `from_pretrained` that say where a component is."""
_OTHER_WAYS = ("device_map", "quantization_config", "use_flashpack", "use_onnx", "load_connected_pipeline")
"""Arguments with which diffusers loads in ways of its own."""
# As many names as a terminal shows without drowning the sentence around them.
_LISTED = 4


def check_components(saved: SavedPipeline, given: Collection[str] = ()) -> dict[str, Mapping[str, Any]]:
    """Look at the files of settings that diffusers' components were saved with, before any weight is loaded.

    Args:
        saved: The pipeline.
        given: Components that are not taken from it.

    Returns:
        Component -> its settings.

    Raises:
        CheckpointError: A component whose class diffusers has not, or whose settings are not there, are empty, or hold
            what its class can make nothing of; or a tokenizer that is not there.
    """
    import diffusers

    check_index(saved, given)
    found: dict[str, Mapping[str, Any]] = {}
    for name, (library, kind) in _listed(saved).items():
        where = f"{saved.location.name}: the component {name}"
        if library != "diffusers":
            if "Tokenizer" in kind and name not in given and _lacks_folder(saved, name):
                raise CheckpointError(f"{where} is not there: expected the folder {name}. Fetch the whole model.")
            continue
        made = getattr(diffusers, kind, None) or _class_of(library, kind)
        if made is None:
            raise CheckpointError(f"{where} is a {printable(kind)}, a class that this version of diffusers has not.")
        path = f"{name}/{'scheduler_config.json' if kind.endswith('Scheduler') else 'config.json'}"
        settings = saved.location.read(path)
        if settings is None:
            raise CheckpointError(f"{where} is not there: expected its settings in {path}. Fetch the whole model.")
        if "_class_name" not in settings:
            raise CheckpointError(f"{where} has no settings: {path} names no `_class_name`. Fetch the whole model.")
        if name not in given:
            check_settings(made, settings, where=f"{where}: {path}")
        found[name] = settings
    return found


def _lacks_folder(saved: SavedPipeline, name: str) -> bool:
    """Of a pipeline that is a folder here; of one on a hub, folders are found as they are fetched."""
    place = Path(saved.location.name, saved.location.subfolder)
    return place.is_dir() and not (place / name).is_dir()


def open_components(
    saved: SavedPipeline, given: Mapping[str, Any], *, dtypes: Mapping[str, torch.dtype] | torch.dtype
) -> dict[str, Any]:
    """Load the networks of a pipeline, each strictly: diffusers draws weights that a file lacks, and goes on.

    Args:
        saved: The pipeline.
        given: Arguments of `from_pretrained`; components among them are not loaded.
        dtypes: Of the weights, for all or by component.

    Returns:
        Component -> network, of those that are neither given nor loaded in a way of diffusers' own.

    Raises:
        CheckpointError: Weights that are missing, of another shape, or cannot be read; settings that cannot be.
    """
    if any(given.get(name) for name in _OTHER_WAYS):
        return {}
    lookup = {name: given[name] for name in _LOOKUP if name in given}
    loaded = {}
    for name, (library, kind) in _listed(saved).items():
        component = _class_of(library, kind)
        if name in given or kind == _CHECKER or not hasattr(component, "load_state_dict"):
            continue
        dtype = dtypes if isinstance(dtypes, torch.dtype) else dtypes.get(name, dtypes.get("default", torch.float32))
        stem, kept = _stem(component), _kept(saved, name, component)
        with refused(f"{saved.location.name}: the component {name}"):
            how = {"subfolder": name, "dtype": dtype, "output_loading_info": True, **kept, **lookup}
            loaded[name], report = component.from_pretrained(saved.location.name, **how)
        _check_report(report, f"{saved.location.name}: the component {name}")
        # Of other variants nothing is to be fetched.
        variant = f".{given['variant']}" if given.get("variant") else ""
        check_floats(replace(saved.location, subfolder=name), f"{stem}{variant}.safetensors")
        check_filled_weights(loaded[name], source=f"{saved.location.name}: the component {name}")
    return loaded


def check_weight_files(saved: SavedPipeline, given: Collection[str] = ()) -> None:
    """Refuse networks without a file of weights, before others are loaded; of a folder on this machine alone.

    Args:
        saved: The pipeline.
        given: Components that are not taken from it.

    Raises:
        CheckpointError: Says which.
    """
    for name, (library, kind) in _listed(saved).items():
        component = _class_of(library, kind)
        if name not in given and kind != _CHECKER and hasattr(component, "load_state_dict"):
            _kept(saved, name, component)


def _kept(saved: SavedPipeline, name: str, component: Any) -> dict[str, bool]:
    folder = Path(saved.location.name) / name
    return _kept_as(folder, f"{saved.location.name}: the component {name}", _stem(component))


def _stem(component: Any) -> str:
    """What the file of a component's weights is called, by the library that its class is built on."""
    from transformers import PreTrainedModel

    return "model" if issubclass(component, PreTrainedModel) else "diffusion_pytorch_model"


def is_moved(saved: SavedPipeline) -> bool:
    """Whether diffusers' own loader would not find the class of one of its components."""
    return any(kind in _MOVED for _, kind in _listed(saved).values())


def open_rest(saved: SavedPipeline, given: Mapping[str, Any], how: Mapping[str, Any]) -> dict[str, Any]:
    """The components without weights, such as samplers and tokenizers, for a pipeline that diffusers cannot open.

    Args:
        saved: The pipeline.
        given: Components that there are.
        how: Arguments of `from_pretrained`.

    Raises:
        CheckpointError: One that cannot be read.
    """
    lookup = {name: how[name] for name in _LOOKUP if name in how and name not in ("use_safetensors", "variant")}
    rest = {}
    for name, (library, kind) in _listed(saved).items():
        if name not in given:
            with refused(f"{saved.location.name}: the component {name}"):
                rest[name] = _class_of(library, kind).from_pretrained(saved.location.name, subfolder=name, **lookup)
    return rest


def _kept_as(folder: Path, what: str, stem: str) -> dict[str, bool]:
    """How a component's weights are kept on this machine, as its class takes it; where that is open, it looks itself.

    Raises:
        CheckpointError: The folder has no weights, or folders in their place: diffusers would first advise on
            arguments of its own.
    """
    check_no_folders(folder)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return {}
    if any(folder.glob("*.bin")):
        return {"use_safetensors": False}
    raise CheckpointError(f"{what} has no weights: expected {stem}.safetensors in {folder}. Fetch the whole model.")


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Turn what the libraries raise while they load into one of our errors.

    Args:
        what: How the message calls what is loaded.

    Raises:
        CheckpointError: Says it in one line, without advice on the libraries' own arguments.
    """
    try:
        yield
    except (GencontrolError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # Of settings that contradict each other, the libraries raise anything.
        said = reason_of(error)
        is_cut = isinstance(error, SafetensorError) or str(error).startswith("Unable to load weights")
        mend = ". Fetch the whole model." if is_cut else ""
        reason = printable(next(iter(said.splitlines()), "") or type(error).__name__, 200)
        raise CheckpointError(f"{what} cannot be opened: {reason}{mend}") from error


@contextmanager
def without_advice(loggers: Sequence[str], advice: Sequence[str]) -> Iterator[None]:
    """Leave out what diffusers says where it does not apply.

    Args:
        loggers: Below `diffusers.`, that say it.
        advice: Parts of the sentences.
    """

    def is_other(record: logging.LogRecord) -> bool:
        return not any(text in record.getMessage() for text in advice)

    found = [logging.getLogger(f"diffusers.{name}") for name in loggers]
    for logger in found:
        logger.addFilter(is_other)
    try:
        yield
    finally:
        for logger in found:
            logger.removeFilter(is_other)


def trusting() -> AbstractContextManager[None]:
    """Leave out that a component's class cannot be verified: `open_components` loaded it as just that class."""
    return without_advice(["pipelines.pipeline_loading_utils"], ["You have passed a non-standard module"])


def _listed(saved: SavedPipeline) -> dict[str, tuple[str, str]]:
    """Component -> library and class, of those that the pipeline has."""
    entries = {name: entry for name, entry in saved.index.items() if not name.startswith("_")}
    named = {
        name: (str(entry[0]), str(entry[1]))
        for name, entry in entries.items()
        if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
    }
    return named


def _class_of(library: str, kind: str) -> Any:
    """A component's class; of a pipeline's own ones, such as Kolors' text tower, the library is the pipeline's folder.

    None is a class that is not known here: diffusers says what it makes of it.
    """
    if kind in _MOVED:
        return getattr(import_module(_MOVED[kind]), kind)
    module = import_module(library) if library in _LIBRARIES else None
    if module is None:
        module = getattr(import_module("diffusers.pipelines"), library, None)
    return getattr(module, kind, None)


def _check_report(report: Mapping[str, Any], what: str) -> None:
    missing = sorted(report["missing_keys"])
    misshapen = sorted(str(entry[0]) for entry in report["mismatched_keys"])
    if missing or misshapen:
        kind, names = ("lacks weights", missing) if missing else ("has weights of another shape", misshapen)
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        raise CheckpointError(f"{what} {kind}: {', '.join(names[:_LISTED])}{more}. Fetch the whole model.")
