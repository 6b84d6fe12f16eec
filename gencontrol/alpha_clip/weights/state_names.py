"""A state dict freed of what training scripts and compilers wrap around it: containers, prefixes, extra numbers."""

import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gencontrol.alpha_clip.weights.unpickling import printable
from gencontrol.errors import CheckpointError

_CONTAINERS = ("state_dict", "model_state_dict", "model", "module")
"""What training scripts call the weights among what else they save, the likeliest first."""
_PREFIXES = ("module.", "_orig_mod.")
"""Of DistributedDataParallel and of torch.compile."""
_SCALARS = ("input_resolution", "context_length", "vocab_size")
"""Numbers that OpenAI's archives keep among the weights; the shapes of the weights say the same."""
# As many names as a terminal shows without drowning the sentence around them.
_LISTED = 6


class CheckpointWarning(UserWarning):
    """What of a saved model is not taken as it is: names of weights, or settings that are another tower's."""


def tidy(values: Mapping[Any, Any], *, source: str) -> dict[str, Tensor]:
    """The weights alone, by their plain names; warns with a `CheckpointWarning` of what is taken off.

    That is: a mapping around them (`state_dict`, `model`, ...), the nesting of a TorchScript archive, `module.` and
    `_orig_mod.` before any of the names, and the three numbers in OpenAI's files.

    Args:
        values: What a file holds.
        source: How messages call it.

    Raises:
        CheckpointError: Other things than tensors, two weights that come to one name, or names that cannot be shown.
    """
    notes: list[str] = []
    state = _drop_scalars(_flat(_unwrapped(values, notes)))
    _check_tensors(state, source)
    plain: dict[str, Tensor] = {}
    for name, value in state.items():
        short = _short(name, notes)
        if short in plain:
            raise CheckpointError(f"{source} holds two weights called {short} once their prefixes are off.")
        plain[short] = value
    if state and all(name.startswith("module.") for name in state):
        # As published: the authors save what DistributedDataParallel wraps, which is nothing to tell of.
        notes = [note for note in notes if "`module.`" not in note]
    for note in dict.fromkeys(notes):
        warnings.warn(f"{source}: {note}.", CheckpointWarning, stacklevel=3)
    return plain


def _unwrapped(values: Mapping[Any, Any], notes: list[str]) -> Mapping[Any, Any]:
    """The mapping that holds the weights, however many lie around it."""
    for name in _CONTAINERS:
        inside = values.get(name)
        if isinstance(inside, Mapping) and inside and not _has_tensors(values):
            others = [printable(str(key)) for key in values if key != name]
            left = f", and {', '.join(others[:_LISTED])} left out" if others else ""
            notes.append(f"the weights are taken from its `{name}`{left}")
            return _unwrapped(inside, notes)
    return values


def _has_tensors(values: Mapping[Any, Any]) -> bool:
    return any(isinstance(value, Tensor) for value in values.values())


def _flat(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """A TorchScript archive's modules within modules under dotted names; its other attributes are no weights."""
    if not prefix and "training" not in values:
        return {str(key): value for key, value in values.items()}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        # The causal mask follows from the context's length.
        elif isinstance(value, Tensor) and key != "attn_mask":
            flat[name] = value
    return flat


def _drop_scalars(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name.rpartition(".")[2] not in _SCALARS}


def _check_tensors(state: Mapping[str, Any], source: str) -> None:
    others = {name: type(value).__name__ for name, value in state.items() if not isinstance(value, Tensor)}
    if others:
        listed = ", ".join(f"{printable(name)} ({kind})" for name, kind in list(others.items())[:_LISTED])
        raise CheckpointError(
            f"{source} holds more than tensors: {listed}. If it is a training checkpoint, save its state dict alone."
        )
    odd = next((name for name in state if not name.isprintable()), None)
    if odd is not None:
        raise CheckpointError(f"{source} holds a weight whose name cannot be shown ({printable(odd)}): it is damaged.")


def _short(name: str, notes: list[str]) -> str:
    """The name without its prefixes."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            notes.append(f"the prefix `{prefix}` is taken off its weights' names")
            return _short(name.removeprefix(prefix), notes)
    return name
