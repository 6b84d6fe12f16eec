"""Opening any captioner by name: those of `gencontrol.proposals`, and LLaVA-1.5 with an alpha channel."""

from typing import Any

import torch

from gencontrol.models.location import Location
from gencontrol.proposals.captioner import Captioner
from gencontrol.proposals.captioner_opening import TEMPLATES, kind_of
from gencontrol.proposals.captioner_opening import open_captioner as open_other
from gencontrol.tasks.llava.captioner import LlavaCaptioner
from gencontrol.tasks.llava.opening import open_llava


def open_captioner(
    model: str = TEMPLATES,
    *,
    alpha_clip: str | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Captioner:
    """Open a captioner.

    Args:
        model: `templates`, or a folder or hub id of BLIP, BLIP-2 or LLaVA-1.5.
        alpha_clip: Of LLaVA: whose tower takes the place of its own; see `open_llava`.
        revision: Branch, tag or commit on the hub.
        local_files_only: Whether to look on this machine only.
        dtype: Of the weights; None is float32.
        device: Where to compute.

    Raises:
        CheckpointError: Nothing there, another kind of model, or weights that do not fit.
        PairingError: An Alpha-CLIP of another shape than the LLaVA's tower.
    """
    where: dict[str, Any] = {"revision": revision, "local_files_only": local_files_only, "dtype": dtype}
    if model == TEMPLATES or _kind(model, revision, local_files_only=local_files_only) != "llava":
        return open_other(model, device=device, **where)
    llava = open_llava(model, alpha_clip=alpha_clip, **where)
    llava.model.to(device)  # pyright: ignore[reportArgumentType]
    return LlavaCaptioner(llava)


def _kind(model: str, revision: str | None, *, local_files_only: bool) -> str | None:
    names = (TEMPLATES,)
    return kind_of(Location(name=model, revision=revision, local_files_only=local_files_only, names=names).settled())
