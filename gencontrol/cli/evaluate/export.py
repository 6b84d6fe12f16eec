"""`gencontrol data export`: the sprite world in the file formats of published data sets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from gencontrol.cli.flags import Repeatable
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.files import check_folder, check_replaceable
from gencontrol.numbers import check_number

_MOST = 10_000_000
"""Pictures: eight times ImageNet's; their names have eight digits."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Flags of `gencontrol data export`."""

    format: Literal["imagenet-s", "refcoco", "coco"] = "imagenet-s"
    """How files are laid out, as `gencontrol evaluate` reads them."""
    store: Annotated[Path, arg(metavar="FILE")] = Path("data/sprites/sprites.npz")
    """The prepared sprites, which `gencontrol data sprites` writes."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("data/export")
    """The folder to write; nothing may be in it."""
    number: Annotated[int, arg(aliases=("-n",), metavar="N")] = 1000
    """How many pictures."""
    size: Annotated[int, arg(metavar="PIXELS")] = 64
    """Side of a picture."""
    split: Literal["train", "test"] = "test"
    """Which backgrounds and pairs of things; those of test are never trained on."""
    style: Annotated[Repeatable, arg(metavar="NAME")] = ()
    """A drawing style; repeat it for several. Unless given, those of training."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of the scenes."""


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    options = parse(
        ExportOptions,
        arguments,
        command="data export",
        description="Write scenes of the sprite world as a data set's files are laid out: ImageNet-S's pictures, "
        "masks of classes and names, RefCOCO's pictures, annotations and sentences, or COCO's pictures, instances and "
        "captions.",
    )
    from gencontrol.runs.notation import LARGEST_SEED
    from gencontrol.sprites.compose import LARGEST, SMALLEST, SceneConfig
    from gencontrol.sprites.exports.coco import export_coco
    from gencontrol.sprites.exports.imagenet_s import export_imagenet_s
    from gencontrol.sprites.exports.refcoco import export_refcoco
    from gencontrol.sprites.store import open_store

    check_number(options.number, name="--number", at_least=1, at_most=_MOST)
    check_number(options.seed, name="--seed", at_least=0, at_most=LARGEST_SEED)
    check_number(options.size, name="--size", at_least=SMALLEST, at_most=LARGEST, unit="pixels")
    check_folder(options.output)
    check_replaceable(options.output, ())
    config = SceneConfig(size=options.size, split=options.split)
    config = replace(config, styles=options.style) if options.style else config
    store = open_store(options.store)
    store.style_indices(config.styles)
    exports = {"imagenet-s": export_imagenet_s, "refcoco": export_refcoco, "coco": export_coco}
    done = exports[options.format](store, options.output, config=config, count=options.number, seed=options.seed)
    say(f"wrote {done.pictures} pictures of {done.classes} classes to {options.output}")
