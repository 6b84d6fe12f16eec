"""The file of an adapter, as callers name it: on this machine or on a hub, and never a pickle."""

from pathlib import Path

from gencontrol.errors import CheckpointError

WEIGHTS = ".safetensors"
"""The suffix of files of weights that are read."""
_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})


def is_on_hub(name: str) -> bool:
    """Whether a name can be nothing but a place on a hub: no path is there, and it does not look like one."""
    return not (Path(name).exists() or Path(name).is_absolute() or name.startswith((".", "~")))


def adapter_file(given: str, *, like: str) -> tuple[str, str]:
    """Folder or hub id of an adapter, and the file in it.

    Args:
        given: See `find_sources`.
        like: Where the published repository has its file.

    Raises:
        CheckpointError: A pickle, nothing there, or several files to choose from.
    """
    path = Path(given)
    if path.suffix.lower() in _PICKLES and not path.is_dir():
        raise CheckpointError(_pickled(given))
    if path.is_dir():
        return given, _chosen(path, like)
    if path.suffix == WEIGHTS:
        if is_on_hub(given) and given.count("/") > 1:
            owner, name, file = given.split("/", 2)
            return f"{owner}/{name}", file
        if not path.is_file():
            raise CheckpointError(f"`adapter`: no file at {given}.")
        return str(path.parent), path.name
    if path.is_file():
        raise CheckpointError(f"`adapter` {given}: expected a {WEIGHTS} file, a folder with one, or a hub id.")
    return given, like


def _chosen(folder: Path, like: str) -> str:
    for file in (like, Path(like).name):
        if (folder / file).is_file():
            return file
    found = sorted(path.name for path in folder.glob(f"*{WEIGHTS}"))
    if len(found) == 1:
        return found[0]
    if found:
        raise CheckpointError(f"`adapter`: {folder} holds {', '.join(found)}: name one of the files.")
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _PICKLES)
    if pickles:
        raise CheckpointError(_pickled(str(folder / pickles[0])))
    raise CheckpointError(f"`adapter`: {folder} holds no {WEIGHTS} file; the published one is called {like}.")


def _pickled(name: str) -> str:
    return (
        f"`adapter` {name} is a pickle, which can run programs when it is read: expected {WEIGHTS}. Take a "
        "revision of its repository that has them, or have it converted on the hub (safetensors/convert)."
    )
