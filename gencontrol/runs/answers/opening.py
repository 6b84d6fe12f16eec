"""Opening a LLaVA where it is to compute."""

from dataclasses import replace
from typing import Any

import torch

from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.runs.idle import warn_of_revision
from gencontrol.runs.machine.devices import choose_device, choose_dtype
from gencontrol.runs.notices import quiet_loading
from gencontrol.runs.opening import check_offload
from gencontrol.runs.settings import Offload
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.opening import DEFAULT_LLAVA, TINY, open_llava


def open_answerer(settings: AnswerSettings) -> RegionLlava:
    """Load the model of the settings and put it where it is to compute.

    Warns with a `RunWarning` of a revision of a model that is on this machine.

    Raises:
        ConfigError: No device is called so.
        InputError: No such device, or offloading without a GPU.
        CheckpointError: Nothing there, another kind of model, or weights that do not fit.
        MissingDependencyError: Four bits without bitsandbytes.
        PairingError: An Alpha-CLIP of another shape than the model's tower.
    """
    device = choose_device(settings.device)
    check_offload(settings.offload, device)
    quiet_loading()
    model = settings.model or (TINY if settings.alpha_clip is None else DEFAULT_LLAVA)
    warn_of_revision(model, settings.revision)
    llava = open_llava(
        model,
        alpha_clip=settings.alpha_clip,
        revision=settings.revision,
        local_files_only=settings.offline,
        dtype=choose_dtype(settings.dtype, device),
        four_bit_on=device if settings.quantize == "4bit" else None,
    )
    if settings.fit is not None:
        geometry = replace(llava.processor.geometry, fit=settings.fit)
        llava = replace(llava, processor=llava.processor.with_geometry(geometry))
    return placed(llava, device, offload=settings.offload)


def placed(llava: RegionLlava, device: torch.device, *, offload: Offload = "none") -> RegionLlava:
    """The model where it computes, or in main memory until it does; its weights are moved, not copied.

    Args:
        llava: The model.
        device: Where it computes.
        offload: What stays in main memory until it is used: nothing, the model, or each layer.
    """
    model: Any = llava.model
    if offload == "sequential":
        from accelerate import cpu_offload

        cpu_offload(model, execution_device=device, offload_buffers=True)
    elif offload == "model":
        from accelerate import cpu_offload_with_hook

        model, _ = cpu_offload_with_hook(model, execution_device=device)
    else:
        model = model.to(device)
    return replace(llava, model=model, device=device)
