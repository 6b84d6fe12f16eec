"""From a checkpoint of any known kind to a folder that gencontrol and stock transformers open."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from transformers import CLIPConfig

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.export import open_clip_settings
from gencontrol.alpha_clip.weights.open_clip_files import is_open_clip_folder
from gencontrol.alpha_clip.weights.open_clip_reader import open_clip_reader
from gencontrol.alpha_clip.weights.openai import is_clip_file
from gencontrol.alpha_clip.weights.save import check_replaceable
from gencontrol.alpha_clip.weights.tensor_files import SUFFIXES
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_folder
from gencontrol.models.location import Location
from gencontrol.models.registry import find_preset, resolve_encoder
from gencontrol.pipelines.hosts.reference_registry import check_no_reference_host
from gencontrol.runs.files.inputs import check_folder_apart, inputs_of
from gencontrol.runs.idle import warn_of_revision
from gencontrol.runs.machine.devices import DTYPES
from gencontrol.runs.notices import quiet_loading
from gencontrol.runs.settings import ConversionSettings
from gencontrol.text_files import web_address

Kind = Literal["published", "clip", "open_clip"]
Target = Literal["folder", "published", "open-clip"]

_GOES_WITH: Mapping[str, tuple[Kind, ...]] = MappingProxyType(
    {
        "base": ("published",),
        "pretrained": ("open_clip",),
        "subfolder": ("clip",),
        "revision": ("published", "clip"),
    }
)
"""Setting -> the kinds of source that it says something of."""
_FILES = frozenset({".pth", ".pt", ".bin", ".safetensors", ".ckpt"})
"""Endings of names of checkpoints."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What was written."""

    folder: Path
    """Where it is; of a published checkpoint, the file."""
    encoder: AlphaCLIP
    """What it holds."""


def convert(settings: ConversionSettings) -> Converted:
    """Open the source and save it; the folder is written whole or not at all.

    Warns with a `RunWarning` of a revision of a source that is on this machine.

    Raises:
        ConfigError: No source or no folder, or a setting that does not go with the kind of source or target.
        InputError: A folder that is there already, or with other things in it; or towers that OpenCLIP cannot hold.
        CheckpointError: A source that is broken, or is something else.
        PairingError: The name of a host of references.
    """
    if not settings.source or not settings.output:
        raise ConfigError("Expected a source and a folder to write: gencontrol convert SOURCE -o FOLDER.")
    folder = Path(settings.output)
    check_folder_apart(folder, inputs_of(settings))
    _check_target(settings.to, folder)
    if folder.exists() and not settings.overwrite:
        raise InputError(f"{folder} exists already: give `overwrite`, or another `output`.")
    check_no_reference_host(settings.source)
    kind = _checked_kind(settings)
    quiet_loading()
    _check_towers(settings, kind)
    if kind == "clip":
        warn_of_revision(settings.source, settings.revision)
    encoder = _open(settings, kind)
    if settings.to == "published":
        encoder.save_published(folder)
    elif settings.to == "open-clip":
        encoder.save_open_clip(folder)
    elif settings.overwrite:
        encoder.save_pretrained(folder)
    else:
        with atomic_folder(folder, exclusive=True) as temporary:
            encoder.save_pretrained(temporary)
    return Converted(folder=folder, encoder=encoder)


def _check_target(to: Target, path: Path) -> None:
    """Refuse a place that what is to be written cannot take.

    Raises:
        ConfigError: A published checkpoint whose name is not a file of weights'.
        InputError: Other things lie there.
    """
    if to != "published" and path.suffix in _FILES and not path.is_dir():
        raise ConfigError(
            f"`output` {path.name} has the name of a file, and what is to be written is a folder: name one, or have "
            "the vision tower alone written as a checkpoint (`to` published)."
        )
    if to != "published":
        check_replaceable(path)
    elif path.suffix not in (".pth", ".safetensors"):
        raise ConfigError(f"`to` published writes one file: name it .pth or .safetensors in `output`, not {path.name}.")


def _check_towers(settings: ConversionSettings, kind: Kind) -> None:
    """Refuse towers that OpenCLIP cannot hold by their settings, before their weights are read.

    Raises:
        InputError: See `open_clip_settings`; or there is no text tower.
    """
    if settings.to != "open-clip" or kind != "clip" or Path(settings.source).is_file():
        return
    place, inside = resolve_encoder(settings.source, settings.subfolder, has_alpha=_has_alpha_folder(settings))
    how: dict[str, Any] = {"revision": settings.revision, "local_files_only": settings.offline}
    values = Location(name=place, subfolder=inside, **how).settled().read("config.json")
    if values is None:
        # Whoever loads it says what is expected there.
        return
    if "text_config" not in values or "vision_config" not in values:
        raise InputError(
            f"{settings.source} has no text tower, and OpenCLIP's models have two: `to` published takes the vision "
            "tower alone."
        )
    towers: Any = CLIPConfig.from_dict(values)
    open_clip_settings(towers.vision_config, towers.text_config)


def _has_alpha_folder(settings: ConversionSettings) -> bool:
    preset = find_preset(settings.source)
    return preset is not None and preset.alpha_folder is not None and not settings.subfolder


def kind_of(source: str, *, has_tag: bool = False) -> Kind:
    """What a source is taken for.

    Args:
        source: A file, a folder, a hub id, or a name of OpenCLIP's.
        has_tag: Whether a tag of OpenCLIP's weights is given beside it.
    """
    if Path(source).is_file():
        return "clip" if is_clip_file(Path(source)) else "published"
    if Path(source).is_dir():
        return "open_clip" if is_open_clip_folder(Path(source)) else "clip"
    if find_preset(source) is not None:
        return "clip"
    if web_address(source) is not None and Path(source).suffix.lower() not in SUFFIXES:
        # What opens models says that it is an address.
        return "clip"
    if Path(source).suffix.lower() in SUFFIXES:
        # A file that is not there, which its reader says.
        return "published"
    # Hub ids have a slash; is_known imports timm, which takes a second, so it comes last.
    if ":" in source or ("/" not in source and (has_tag or open_clip_reader().is_known(source))):
        return "open_clip"
    return "clip"


def _checked_kind(settings: ConversionSettings) -> Kind:
    """What the source is, after a check that the settings go with it."""
    given = settings.kind
    kind = kind_of(settings.source, has_tag=settings.pretrained is not None) if given == "auto" else given
    if given == "auto" and kind == "clip" and "/" not in settings.source and not Path(settings.source).exists():
        hint = "" if find_preset(settings.source) else open_clip_reader().like(settings.source)
        if hint:
            raise ConfigError(f"There is no model {settings.source!r}{hint}")
    for name, goes_with in _GOES_WITH.items():
        if getattr(settings, name) and kind not in goes_with:
            kinds = " or ".join(goes_with)
            raise ConfigError(f"`{name}` goes with `kind` {kinds}, and {settings.source} is taken for {kind}.")
    return kind


def _open(settings: ConversionSettings, kind: Kind) -> AlphaCLIP:
    source, revision = settings.source, settings.revision
    how: dict[str, Any] = {"local_files_only": settings.offline, "dtype": DTYPES[settings.dtype]}
    if kind == "published":
        return AlphaCLIP.from_published(source, base=settings.base, revision=revision, **how)
    if kind == "open_clip":
        return AlphaCLIP.from_open_clip(source, pretrained=settings.pretrained, **how)
    if _has_alpha_folder(settings):
        return AlphaCLIP.from_pretrained(source, revision=revision, **how)
    return AlphaCLIP.from_clip(source, subfolder=settings.subfolder, revision=revision, **how)
