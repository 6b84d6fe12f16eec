"""What a run reads. None of it is ever written over, whatever setting named it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.errors import ConfigError, InputError
from gencontrol.files import resolved
from gencontrol.models.registry import is_put_together, resolve
from gencontrol.runs.files.records import is_result
from gencontrol.runs.notation import split_name, split_weight
from gencontrol.runs.notices import warn

_PLAIN: Mapping[str, str] = {
    "embeds_in": "the file of embeddings",
    "config": "the file of settings",
    "from_picture": "the picture to repeat",
    "model": "the model",
    "alpha_clip": "the Alpha-CLIP",
    "source": "the source",
    "base": "the base",
    "adapter": "the adapter",
    "image_encoder": "the vision tower",
    "prior": "the prior",
    "canvas_mask": "the canvas mask",
    "levels_curve": "the curve of levels",
    "pretrained": "the source",
    "image": "the picture to look at",
    "label_map": "the map of classes",
    "masks": "the folder of masks",
    "module": "the trained module",
    "grounder": "the grounder",
    "phrase_model": "the encoder that reads phrases",
    "segmenter": "the segmenter",
    "tokenizer": "the tokenizer",
    "root": "the data set",
    "names": "the file of names",
    "detections": "the file of detections",
    "captions": "the file of captions",
    "clip": "the plain CLIP",
    "meteor": "METEOR's program",
    "labels": "a file of text that is read",
    "templates": "a file of text that is read",
}
"""Settings that are paths -> what they name."""
MODELS = frozenset(
    "model alpha_clip source base adapter image_encoder prior pretrained module grounder segmenter tokenizer "
    "phrase_model clip".split()
)
"""Those of them that are whole as they are: a file that is added to such a folder is a file of a model's too."""
_POINTING: Mapping[str, str] = {"mask": "a mask", "index_mask": "a mask", "negative_mask": "a negative mask"}
"""Settings that are lists of paths with more behind them."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A file or a folder that a run reads."""

    path: Path
    """Where."""
    what: str
    """What it is to the run, for messages."""
    is_model: bool = False
    """Whether it is a model: nothing is written into its folder, where pictures may lie among pictures."""


def inputs_of(settings: Any, images: Iterable[Path] = (), *, use: str = "to vary") -> list[Input]:
    """Everything on this machine's disk that the settings of a run name.

    Args:
        settings: Any of `gencontrol.runs.settings`, with a face's own fields or without.
        images: The pictures that `images` stands for.
        use: What is done with the pictures.
    """
    named = [Input(path=path, what=f"one of the pictures {use}") for path in images]
    for name, what in {**_PLAIN, **_POINTING}.items():
        for text in _texts(getattr(settings, name, None)):
            if _is_name(settings, name, text):
                continue
            for place in _places(name, text):
                # What lies beside a part of a model that is converted is not read.
                within = getattr(settings, "subfolder", "") if name == "source" else ""
                named.append(Input(path=place / within, what=what, is_model=name in MODELS))
    return [entry for entry in named if _is_there(entry.path)]


def without_results(paths: Sequence[Path], images: Sequence[str], output: str, *, marked: bool = True) -> list[Path]:
    """The pictures less what earlier runs wrote among them, where the output lies in the folder that is varied.

    Warns with a `RunWarning` of what is left out.

    Args:
        paths: All pictures.
        images: Files and folders, as they were named: a file that is named is meant.
        output: Where the results go.
        marked: Whether the run's results are told from other pictures by their records.

    Raises:
        ConfigError: Results without records would lie among the pictures, and be varied by the next run.
        InputError: Nothing is left.
    """
    target, named = resolved(Path(output)), {Path(name) for name in images}
    among = [path for path in paths if path not in named and target in resolved(path).parents]
    if among and not marked:
        raise ConfigError(
            f"`no_metadata`: results in {output} could not be told from the pictures there: give another `output`."
        )
    ours = {path for path in among if is_result(path)}
    if not ours:
        return list(paths)
    said = "is the result of an earlier run, which is" if len(ours) == 1 else "are results of earlier runs, which are"
    warn(f"{len(ours)} of the pictures in {output} {said} left out.")
    left = [path for path in paths if path not in ours]
    if not left:
        raise InputError(f"{output} holds nothing but results of earlier runs: name those to vary one by one.")
    return left


def check_apart(outputs: Sequence[Path], inputs: Sequence[Input], *, setting: str = "output") -> None:
    """Refuse to write over what is read: under its own name, another name, a link, or as a file of a folder; and to
    write into a model's folder.

    Args:
        outputs: What is to be written.
        inputs: What is read.
        setting: What names the outputs.

    Raises:
        InputError: Says what it is.
    """
    files = {key: entry for entry in inputs if not entry.path.is_dir() for key in _identities(entry.path)}
    folders = {resolved(entry.path): entry for entry in inputs if entry.path.is_dir()}
    for path in outputs:
        keys = list(_identities(path))
        entry = next((files[key] for key in keys if key in files), None)
        if entry is None:
            around = [folders[above] for above in resolved(path).parents if above in folders]
            entry = next((folder for folder in around if folder.is_model or _is_there(path)), None)
        if entry is not None:
            of = (" a file of" if _is_there(path) else " in") if entry.path.is_dir() else ""
            text = f"{path} is{of} {entry.what}, which is not written over: give another `{setting}`."
            # Nor is it taken for a result that is there already.
            raise InputError(text)


def check_folder_apart(folder: Path, inputs: Sequence[Input]) -> None:
    """Refuse to replace a folder that is, or holds, what is read, or that lies in it, and to make one in a model's.

    Raises:
        InputError: Says what it is.
    """
    place, is_there = resolved(folder), _is_there(folder)
    for entry in inputs:
        read = resolved(entry.path)
        if read.is_relative_to(place) or ((is_there or entry.is_model) and place.is_relative_to(read)):
            how = "is" if read == place else "holds" if read.is_relative_to(place) else "lies in"
            raise InputError(f"{folder} {how} {entry.what}, which is not written over: give another `output`.")


def _is_name(settings: Any, setting: str, text: str) -> bool:
    """Whether a setting names what lies nowhere; a folder that is called so is then not read."""
    if setting == "segmenter":
        from gencontrol.proposals.segmenter_opening import WITHOUT_WEIGHTS

        return text in WITHOUT_WEIGHTS
    # Elsewhere than where models are put together from a base and more, the folder is what is meant.
    return setting == "model" and hasattr(settings, "base") and is_put_together(text)


def _places(setting: str, text: str) -> Iterator[Path]:
    """What a text of a setting may name: it may begin with a region's name, as dog=dog.png, and end with a weight."""
    if setting in MODELS:
        # A preset's name is the folder that it stands for, also the one inside this package.
        yield Path(resolve(text))
        return
    if setting in _PLAIN:
        yield Path(text)
        return
    for value in dict.fromkeys((text, split_name(text)[1])):
        path = split_weight(value, setting=setting)[0]
        yield Path(path.rpartition("=")[0] if setting == "index_mask" else path)


def _texts(value: str | Sequence[str] | None) -> Sequence[str]:
    return () if not value else (value,) if isinstance(value, str) else value


def _identities(path: Path) -> Iterator[object]:
    """The path without links, and the file itself, which may have several names."""
    yield resolved(path)
    try:
        status = path.stat()
    except OSError:
        return
    yield status.st_dev, status.st_ino


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # A hub id, or a text, that is too long for a name.
        return False
