"""What a saved pipeline's files of settings say that cannot be: found before any weight is loaded.

The libraries fail at such values long after, in words about their own insides.
"""

import inspect
import math
from collections.abc import Collection, Mapping
from typing import Any

from gencontrol.alpha_clip.weights.unpickling import printable
from gencontrol.errors import CheckpointError
from gencontrol.pipelines.hosts.host import SavedPipeline

_NEEDED = frozenset({"unet", "transformer", "decoder", "vae", "movq", "scheduler"})
"""Components without which nothing is drawn; a pipeline may be saved without its text towers or its encoder."""
_PREDICTIONS = ("epsilon", "flow_prediction", "original_sample", "sample", "v_prediction")
"""What a denoiser may predict, in diffusers' words."""


def check_index(saved: SavedPipeline, given: Collection[str] = ()) -> None:
    """Look at how a pipeline's index lists its components: each is a library and a class.

    Args:
        saved: The pipeline.
        given: Components that are not taken from it.

    Raises:
        CheckpointError: Names the entry.
    """
    import diffusers

    kind = getattr(diffusers, saved.class_name, None)
    if kind is None:
        return
    for name in inspect.signature(kind.__init__).parameters:
        if name not in saved.index or name in given or name in _values(kind):
            continue
        entry = saved.index[name]
        empty = entry is None or entry == [None, None]
        if empty and name not in _NEEDED:
            continue
        if empty or not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)):
            raise CheckpointError(
                f"{saved.location.name}: model_index.json says of the component {name} {printable(repr(entry), 60)}; "
                "expected its library and its class. Fetch the whole model."
            )


def check_settings(kind: Any, settings: Mapping[str, Any], *, where: str) -> None:
    """Refuse settings of a component of which its class can make nothing: texts for numbers, no steps to train on.

    Args:
        kind: The class.
        settings: As they were saved.
        where: The component and its file, for the message.

    Raises:
        CheckpointError: Names the setting, its value and what was expected.
    """
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        value = settings.get(name)
        expected = None if value is None else _expected(name, value, parameter)
        if expected is not None:
            raise CheckpointError(
                f"{where}: `{name}` is {printable(repr(value), 60)}; expected {expected}. Fetch the whole model."
            )


def _expected(name: str, value: Any, parameter: inspect.Parameter) -> str | None:
    """What should stand in the place of a value; None if it can be."""
    if name == "prediction_type" and value not in _PREDICTIONS:
        return f"one of {', '.join(_PREDICTIONS)}"
    if type(parameter.default) is bool:
        return None if isinstance(value, (bool, int)) else "true or false"
    if type(parameter.default) not in (int, float):
        return None
    if isinstance(value, list) and parameter.annotation not in (int, float):
        # One number for each block.
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "a number"
    if not math.isfinite(value):
        return "a finite number"
    if name == "num_train_timesteps" and value < 1:
        return "at least 1"
    return "a number other than 0" if name == "scaling_factor" and value == 0 else None


def _values(kind: Any) -> frozenset[str]:
    """Arguments of a pipeline that are no components: those whose default is a value."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return frozenset(p.name for p in parameters if p.default not in (inspect.Parameter.empty, None))
