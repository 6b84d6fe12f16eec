"""`gencontrol convert`: a checkpoint into a folder that gencontrol and stock transformers open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from gencontrol.cli.options import RunOptions, unset
from gencontrol.cli.parse import parse

if TYPE_CHECKING:
    from gencontrol.alpha_clip.model import AlphaCLIP

Kind = Literal["auto", "published", "clip", "open_clip"]


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(RunOptions):
    """Flags of `gencontrol convert`."""

    source: Annotated[Positional[str], arg(metavar="SOURCE", help_behavior_hint="")] = ""
    """A published Alpha-CLIP .pth file, a CLIP folder or hub id, or the name of an OpenCLIP ViT such as ViT-L-14."""
    output: Annotated[str, arg(aliases=("-o",), metavar="FOLDER")] = ""
    """The folder to write."""
    kind: Kind = "auto"
    """What the source is; auto takes a file for a published checkpoint, and anything else for a CLIP."""
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
        ConfigError: No source or no folder.
        InputError: A folder that is there already.
        CheckpointError: A source that is broken, or is something else.
    """
    from pathlib import Path

    from gencontrol.errors import ConfigError, InputError

    if not options.source or not options.output:
        raise ConfigError("Expected a source and a folder to write: gencontrol convert SOURCE -o FOLDER.")
    folder = Path(options.output)
    if folder.exists() and not options.overwrite:
        raise InputError(f"{folder} exists already: give --overwrite, or another -o.")
    encoder = _open(options)
    encoder.save_pretrained(folder)
    return encoder


def _open(options: ConvertOptions) -> "AlphaCLIP":
    from pathlib import Path

    from gencontrol.alpha_clip.model import AlphaCLIP
    from gencontrol.cli.device import DTYPES
    from gencontrol.cli.report import quiet_loading

    quiet_loading()
    dtype = DTYPES[options.dtype]
    kind = options.kind
    if kind == "auto":
        kind = "published" if Path(options.source).is_file() else "clip"
    if kind == "published":
        return AlphaCLIP.from_published(
            options.source,
            base=options.base,
            revision=options.revision,
            local_files_only=options.offline,
            dtype=dtype,
        )
    if kind == "open_clip":
        return AlphaCLIP.from_open_clip(options.source, pretrained=options.pretrained, dtype=dtype)
    return AlphaCLIP.from_clip(
        options.source,
        subfolder=options.subfolder,
        revision=options.revision,
        local_files_only=options.offline,
        dtype=dtype,
    )
