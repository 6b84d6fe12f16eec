"""A host of references, asked before it is opened: where its parts are, and whether they fit."""

from dataclasses import replace
from typing import Any

from gencontrol.errors import ConfigError
from gencontrol.models.fingerprint import fingerprint
from gencontrol.models.location import Location
from gencontrol.pipelines.components import check_weight_files
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.stock.fitting import FittedHost, fit_host
from gencontrol.pipelines.stock.priors import is_mixed
from gencontrol.pipelines.stock.sources import check_reachable, find_sources
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.idle import warn_of_revision
from gencontrol.runs.notices import warn
from gencontrol.runs.references.fetching import fetching_lines
from gencontrol.runs.samplers import check_steps
from gencontrol.runs.settings import VariationSettings

_DECODES = "decoder_scheduler"
"""What a model with several samplers (Karlo) takes its steps by; the others have theirs from stock code."""


def ask_reference_host(host: ReferenceHost, settings: VariationSettings | EditingSettings) -> FittedHost:
    """A host with the parts that the settings name, compared by their files of settings.

    Warns with a `RunWarning` of what has to be fetched and under which terms, before anything is; and of a revision of
    a base that is on this machine.

    Raises:
        ConfigError: A sampler or a fit that the host has no use for, or steps that its sampler cannot take.
        CheckpointError: Parts that are not there, or of another layout.
        MissingDependencyError: A package that the stock class needs.
        PairingError: Parts that do not fit together.
    """
    sources = find_sources(
        host,
        base=settings.base,
        adapter=settings.adapter,
        image_encoder=settings.image_encoder,
        alpha_clip=settings.alpha_clip,
        **_prior_asked(host, settings),
        revision=settings.revision,
        local_files_only=settings.offline,
    ).settled()
    check_reachable(sources, name=host.name)
    warn_of_revision(sources.base.location.name, settings.revision)
    for line in fetching_lines(host, sources):
        warn(line)
    fitted = fit_host(host, sources, alpha_clip=settings.alpha_clip)
    # A vision tower in the base, where another takes its place, is not opened.
    check_weight_files(fitted.saved, given=("image_encoder",))
    _check_sampler(fitted, settings.steps, scheduler=getattr(settings, "scheduler", None))
    if settings.slicing and "vae" not in fitted.settings:
        raise ConfigError(f"`slicing`: {host.name} decodes in a way that cannot be sliced.")
    if settings.fit is None:
        return fitted
    if host.takes == "picture":
        raise ConfigError(f"`fit`: {host.name} takes pictures as they are.")
    geometry = replace(fitted.host.geometry, fit=settings.fit)
    return replace(fitted, host=replace(fitted.host, geometry=geometry))


def fingerprints(fitted: FittedHost) -> dict[str, str]:
    """Of a host's parts, by the settings that name them; "" of what is not on this machine yet."""
    sources = fitted.sources
    parts = {"base": sources.base, "adapter": sources.adapter, "image_encoder": sources.tower, "prior": sources.prior}
    found = {name: fingerprint(part.location, part.file) for name, part in parts.items() if part is not None}
    alpha_clip = fitted.alpha_clip
    return found if alpha_clip is None else found | {"alpha_clip": fingerprint(Location(name=alpha_clip))}


def _prior_asked(host: ReferenceHost, settings: VariationSettings | EditingSettings) -> dict[str, Any]:
    """The prior that the prompt goes through; no model that paints into holes has one."""
    if not isinstance(settings, VariationSettings):
        return {}
    is_read = is_mixed(host, prompt=settings.prompt, text_share=settings.text_share)
    if settings.prior is not None and host.mixes_text and not is_read:
        what = "`prompt`" if not settings.prompt else "`text_share`"
        raise ConfigError(f"`prior`: expected {what} beside it; a vision tower alone is `image_encoder`.")
    return {"prior": settings.prior, "with_prior": is_read}


def _check_sampler(fitted: FittedHost, steps: int, *, scheduler: str | None) -> None:
    if fitted.sampler is not None:
        check_steps(scheduler, fitted.sampler, steps)
        return
    if _DECODES in fitted.settings:
        check_steps(None, fitted.settings[_DECODES], steps)
    if scheduler is not None:
        raise ConfigError(f"`scheduler`: {fitted.host.name} has no sampler that can be exchanged.")
