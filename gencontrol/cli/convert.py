"""`gencontrol convert`: a checkpoint into a folder that gencontrol and stock transformers open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from gencontrol.cli.flags import RunOptions, unset
from gencontrol.cli.parse import parse
from gencontrol.runs.machine.offline import offline

if TYPE_CHECKING:
    from gencontrol.alpha_clip.model import AlphaCLIP

Kind = Literal["auto", "published", "clip", "open_clip"]

_ONLY_WITH: dict[str, tuple[str, ...]] = {
    "base": ("published",),
    "pretrained": ("open_clip",),
    "subfolder": ("clip",),
    "revision": ("published", "clip"),
}


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(RunOptions):
    """Flags of `gencontrol convert`."""

    source: Annotated[Positional[str], arg(metavar="SOURCE", help_behavior_hint="")] = ""
    """A published Alpha-CLIP .pth file, a CLIP folder or hub id, or the name of an OpenCLIP ViT such as ViT-L-14."""
    output: Annotated[str, arg(aliases=("-o",), metavar="FOLDER")] = ""
    """The folder to write."""
    kind: Kind = "auto"
    """What the source is; auto takes a file for a published checkpoint, a name that OpenCLIP knows for one of its
    models, and anything else for a CLIP."""
    base: Annotated[str | None, unset("NAME")] = None
    """Of a published checkpoint: the CLIP it was trained from; unless given, OpenAI's of the same shape."""
    pretrained: Annotated[str | None, unset("TAG")] = None
    """Of an OpenCLIP model: the tag of its weights, or a file."""
    subfolder: str = ""
    """Of a CLIP: the folder inside the source, such as image_encoder."""
    revision: Annotated[str | None, unset("NAME")] = None
    """Branch, tag or commit on the hub."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the weights that are written."""
    overwrite: bool = False
    """Write over an encoder that is there already."""
    offline: bool = False
    """Use only what is on this machine."""


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    options = parse(
        ConvertOptions,
        arguments,
        command="convert",
        description="Turn a checkpoint into an Alpha-CLIP folder. A CLIP gets alpha weights of zero: the focus "
        "attention works with it at once, and training makes it an Alpha-CLIP.",
    )
    with offline(options.offline):
        encoder = convert(options)
    from gencontrol.alpha_clip.architectures import name_of
    from gencontrol.cli.report import print_json

    name, has_text = name_of(encoder.vision.config), encoder.text is not None
    about = {"path": options.output, "encoder": name, "has_alpha": encoder.has_alpha, "has_text": has_text}
    if options.format == "json":
        print_json(about)
        return
    alpha = "trained alpha weights" if encoder.has_alpha else "alpha weights of zero"
    print(f"wrote {options.output}: {name} with {alpha}, {'with' if has_text else 'without'} a text tower")


def convert(options: ConvertOptions) -> "AlphaCLIP":
    """Open the source and save it; the folder is written whole or not at all.

    Raises:
        ConfigError: No source or no folder, or a flag that does not go with the kind of source.
        InputError: A folder that is there already, or with other things in it.
        CheckpointError: A source that is broken, or is something else.
    """
    from pathlib import Path

    from gencontrol.alpha_clip.weights.save import check_replaceable
    from gencontrol.errors import ConfigError, InputError

    if not options.source or not options.output:
        raise ConfigError("Expected a source and a folder to write: gencontrol convert SOURCE -o FOLDER.")
    folder = Path(options.output)
    if folder.exists() and not options.overwrite:
        raise InputError(f"{folder} exists already: give --overwrite, or another -o.")
    check_replaceable(folder)
    encoder = _open(options)
    encoder.save_pretrained(folder)
    return encoder


def _kind_of(options: ConvertOptions) -> Kind:
    """What the source is, after a check that the flags go with it."""
    from gencontrol.errors import ConfigError

    kind = _guess(options) if options.kind == "auto" else options.kind
    for flag, goes_with in _ONLY_WITH.items():
        if getattr(options, flag) and kind not in goes_with:
            kinds = " or ".join(goes_with)
            raise ConfigError(f"--{flag} goes with --kind {kinds}, and {options.source} is taken for {kind}.")
    return kind


def _guess(options: ConvertOptions) -> Kind:
    from pathlib import Path

    if Path(options.source).is_file():
        return "published"
    if Path(options.source).is_dir():
        return "clip"
    # Hub ids have a slash. OpenCLIP imports timm, which takes a second.
    if ":" in options.source or "/" not in options.source:
        from gencontrol.alpha_clip.weights.open_clip import is_known

        if ":" in options.source or options.pretrained or is_known(options.source):
            return "open_clip"
    return "clip"


def _open(options: ConvertOptions) -> "AlphaCLIP":
    from gencontrol.alpha_clip.model import AlphaCLIP
    from gencontrol.runs.machine.devices import DTYPES
    from gencontrol.runs.notices import quiet_loading

    quiet_loading()
    kind = _kind_of(options)
    how: Any = {"local_files_only": options.offline, "dtype": DTYPES[options.dtype]}
    if kind == "published":
        return AlphaCLIP.from_published(options.source, base=options.base, revision=options.revision, **how)
    if kind == "open_clip":
        return AlphaCLIP.from_open_clip(options.source, pretrained=options.pretrained, **how)
    return AlphaCLIP.from_clip(options.source, subfolder=options.subfolder, revision=options.revision, **how)
