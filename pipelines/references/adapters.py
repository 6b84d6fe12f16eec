"""Adapters of several kinds on one denoiser, a base and a plus IP-Adapter say: their arguments in one stock call."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.pipelines.references.steps import Callback

_EMBEDS = "ip_adapter_image_embeds"
_NEGATIVE = "negative_ip_adapter_image_embeds"
_OPTIONS = "cross_attention_kwargs"
_MASKS = "ip_adapter_masks"
_STEP_END = "callback_on_step_end"


@checked
def merged_arguments(*made: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of one stock call whose denoiser has several adapters, from those of each.

    Weights, canvas masks and schedules stay each adapter's own; an adapter without any is as it is alone.

    Args:
        made: What `region_arguments` gives for each adapter's host, in the order in which `load_ip_adapter` was given
            the adapters; all for the same size, guidance and outputs.

    Returns:
        New objects for one call, or for any number of calls one after the other.

    Raises:
        InputError: Hosts that take no second adapter, or two kinds of hosts, or calls with and without guidance.
    """
    _check(made)
    merged: dict[str, Any] = {
        name: [tensor for one in made for tensor in one[name]] for name in (_EMBEDS, _NEGATIVE) if name in made[0]
    }
    if any(_OPTIONS in one for one in made):
        options = {_MASKS: _masks(made)}
        merged[_OPTIONS] = options
        callbacks = [one[_STEP_END] for one in made if _STEP_END in one]
        if callbacks:
            merged[_STEP_END] = _following(callbacks, options, lambda: _masks(made))
    return merged


def _check(made: Sequence[Mapping[str, Any]]) -> None:
    if not made:
        raise InputError("Expected the arguments of at least one adapter, got none.")
    for one in made:
        # Stable Diffusion 3.5 takes a tensor: its one adapter's.
        unknown = sorted(one.keys() - {_EMBEDS, _NEGATIVE, _OPTIONS, _STEP_END})
        if unknown or not isinstance(one.get(_EMBEDS), list):
            raise InputError(
                "Only adapters of UNets, and XLabs' of Flux, stand side by side in one call; got the arguments "
                f"{', '.join(one)}."
            )
        if (_NEGATIVE in one) != (_NEGATIVE in made[0]):
            raise InputError("Expected adapters of one pipeline, got those of a UNet and of Flux.")
        if len(one[_EMBEDS][0]) != len(made[0][_EMBEDS][0]):
            raise InputError("guided: expected the same for every adapter of a call, got some with and some without.")


def _masks(made: Sequence[Mapping[str, Any]]) -> list[Tensor | None]:
    """One entry for each adapter; None is an adapter without masks, which stock code leaves as it is."""
    return [one[_OPTIONS][_MASKS][0] if _OPTIONS in one else None for one in made]


def _following(
    callbacks: Sequence[Callback], options: dict[str, Any], masks: Callable[[], list[Tensor | None]]
) -> Callback:
    """One callback for all: each sets its own masks for the next step, which the call's are made of anew."""

    def on_step_end(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        for callback in callbacks:
            callback(pipeline, step, timestep, tensors)
        options[_MASKS] = masks()
        return {}

    return on_step_end
