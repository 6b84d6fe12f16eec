"""The files of a folder that OpenCLIP opens as `local-dir:FOLDER`."""

from pathlib import Path

CONFIG = "open_clip_config.json"
"""Settings: `model_cfg` and `preprocess_cfg`."""
WEIGHTS = "open_clip_model.safetensors"
"""A state dict of both towers."""


def is_open_clip_folder(folder: Path) -> bool:
    """Whether OpenCLIP alone can open a folder: some hold the same model for transformers too."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()
