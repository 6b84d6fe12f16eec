"""Writing a pipeline as a folder that stock diffusers opens: whole, or not at all."""

import os
import shutil
from pathlib import Path
from typing import Any

from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from gencontrol.errors import InputError
from gencontrol.files import atomic_folder, check_replaceable

_INDEX = "model_index.json"


class WholeSaves(DiffusionPipeline):
    """A pipeline whose saves take the place of an earlier one when they are finished, and not before."""

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Write the pipeline under its stock class's name.

        It is written whole or not at all. An earlier save in the folder is replaced; with a `variant` it stays, and the
        variant's weights come to lie beside it.

        Args:
            save_directory: The folder.
            *args: As in diffusers.
            **kwargs: As in diffusers.

        Raises:
            InputError: A file, or a folder that holds anything but an earlier save.
            OutputError: A full disk, or a folder that may not be written in.
        """
        folder = Path(os.fspath(save_directory))
        if not os.fspath(save_directory).strip():
            raise InputError("save_directory is empty: name the folder to write.")
        ours = (_INDEX, "README.md", *(f"{name}/" for name in self.components))
        check_replaceable(folder, ours)
        if folder.is_dir() and any(folder.iterdir()) and not (folder / _INDEX).is_file():
            raise InputError(f"{folder} holds files and no earlier save (no {_INDEX}): name a new folder.")
        if kwargs.get("push_to_hub"):
            # diffusers would name the repository after the folder that it writes.
            kwargs.setdefault("repo_id", folder.name)
        with atomic_folder(folder, ours=ours) as temporary:
            if folder.is_dir() and _variant(args, kwargs) is not None:
                shutil.copytree(folder, temporary, dirs_exist_ok=True)
            super().save_pretrained(str(temporary), *args, **kwargs)


def _variant(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # The second of diffusers' own arguments behind the folder.
    return args[1] if len(args) > 1 else kwargs.get("variant")
