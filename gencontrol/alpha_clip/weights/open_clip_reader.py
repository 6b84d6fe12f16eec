"""The module that knows OpenCLIP, imported where it is needed: it brings timm, which takes a second and warns."""

import importlib
import warnings
from types import ModuleType


def open_clip_reader() -> ModuleType:
    """`gencontrol.alpha_clip.weights.open_clip`, without what its imports warn of, which no user of ours can mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return importlib.import_module("gencontrol.alpha_clip.weights.open_clip")
