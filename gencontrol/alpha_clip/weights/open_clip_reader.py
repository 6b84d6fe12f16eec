"""The modules that know OpenCLIP, imported where they are needed: it brings timm, which takes a second and warns."""

import importlib
import warnings
from types import ModuleType


def open_clip_reader() -> ModuleType:
    """`gencontrol.alpha_clip.weights.open_clip`, without what its imports warn of, which no user of ours can mend."""
    return _quietly("gencontrol.alpha_clip.weights.open_clip")


def open_clip_models() -> ModuleType:
    """`gencontrol.alpha_clip.weights.open_clip_models`, likewise."""
    return _quietly("gencontrol.alpha_clip.weights.open_clip_models")


def _quietly(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return importlib.import_module(name)
