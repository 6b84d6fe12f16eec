"""Models that are made for holes: found by name, asked before they are opened, opened, and painted with."""

from pathlib import Path

import torch

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError
from gencontrol.images.picture import Picture
from gencontrol.models.registry import PRESETS
from gencontrol.pipelines.editing.stock_inpainting import CONTEXT
from gencontrol.pipelines.editing.with_host import check_painting, for_removal, paint_with_host, remove_with_host
from gencontrol.pipelines.hosts.inpainting import INPAINTING_HOSTS, without_reference
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock.fitting import FittedHost
from gencontrol.pipelines.stock.opening import OpenedHost, open_fitted
from gencontrol.pipelines.stock.wanted import Drawing, check_text_towers
from gencontrol.regions.region import Region
from gencontrol.runs.drawing import warn_of_black
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.machine.devices import choose_device, choose_dtype
from gencontrol.runs.notices import is_watched, quiet_loading
from gencontrol.runs.opening import check_offload
from gencontrol.runs.references.asked import ask_reference_host


def find_painter(model: str) -> ReferenceHost | None:
    """The host that is made for holes that `model` names, if it does; folders and hub ids name none.

    Raises:
        ConfigError: A host that takes references and no holes, or a name that is none, and is nearest to one of theirs.
    """
    if model in INPAINTING_HOSTS:
        return INPAINTING_HOSTS[model]
    known = ", ".join(INPAINTING_HOSTS)
    if model in REFERENCE_HOSTS:
        raise ConfigError(f"`model`: {model} paints no holes here; those that do are {known}.")
    if model not in PRESETS and "/" not in model and not Path(model).exists():
        hint = nearest(model, [*PRESETS, *INPAINTING_HOSTS])
        if any(repr(name) in hint for name in INPAINTING_HOSTS):
            raise ConfigError(f"`model`: there is no {model!r}{hint}")
    return None


def ask_painter(host: ReferenceHost, settings: EditingSettings, *, shown: bool) -> FittedHost:
    """A host with the parts that the settings name; without adapter and vision tower where nothing is shown.

    Raises:
        ConfigError: See `ask_reference_host`.
        CheckpointError: See `ask_reference_host`.
        MissingDependencyError: See `ask_reference_host`.
        PairingError: See `ask_reference_host`.
    """
    return ask_reference_host(host if shown else without_reference(host), settings)


def drawing_of(host: ReferenceHost, settings: EditingSettings) -> Drawing:
    """What is to be painted beside what is shown, in the words of the pipelines.

    Raises:
        InputError: A removal by a host that cannot be told nothing.
    """
    drawing = Drawing(
        prompt=settings.prompt,
        negative_prompt=settings.negative_prompt,
        steps=settings.steps,
        guidance=settings.guidance,
        true_guidance=settings.true_guidance,
        height=settings.height,
        width=settings.width,
    )
    return for_removal(host, drawing) if settings.remove else drawing


def check_painter(fitted: FittedHost, like: RegionReference | None, drawing: Drawing) -> None:
    """Refuse what a host would ignore or fail at.

    Raises:
        InputError: Says what.
    """
    check_text_towers(fitted, drawing)
    check_painting(fitted.host, like, drawing, default=fitted.size)


def open_painter(fitted: FittedHost, settings: EditingSettings) -> OpenedHost:
    """Load a host and put it where it is to run.

    Raises:
        ConfigError: No device is called so.
        InputError: No such device, or offloading without a GPU.
        CheckpointError: Weights that are not there, or are broken.
        PairingError: Parts that do not fit together.
    """
    place = choose_device(settings.device)
    check_offload(settings.offload, place)
    quiet_loading()
    dtype = choose_dtype(settings.dtype, place)
    if settings.dtype == "auto" and dtype == torch.float16:
        # The 16-bit format that the host was made for.
        dtype = getattr(torch, fitted.host.half)
    opened = open_fitted(fitted, dtype=dtype, device=place, offload=settings.offload)
    if settings.slicing:
        opened.pipeline.vae.enable_slicing()
    opened.pipeline.set_progress_bar_config(disable=not is_watched())
    return opened


def paint(
    opened: OpenedHost,
    photo: Picture,
    hole: Region,
    like: RegionReference | None,
    *,
    settings: EditingSettings,
    drawing: Drawing,
    seeds: tuple[int, ...],
) -> list[Picture]:
    """One photograph, once for each seed; warns of what a safety checker blackened."""
    how = {"seeds": seeds, "seam": settings.seam, "margin": CONTEXT if settings.margin is None else settings.margin}
    if settings.remove:
        made = remove_with_host(opened, photo, hole, drawing=drawing, **how)
    else:
        made = paint_with_host(opened, photo, hole, like, drawing=drawing, **how)
    for painted in made:
        if painted.flagged:
            warn_of_black(painted.seed)
    return [painted.picture for painted in made]
