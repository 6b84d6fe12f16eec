"""`gencontrol assemble`: the four stages' results as one model folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say


@dataclass(frozen=True, kw_only=True)
class AssembleOptions:
    """Flags of `gencontrol assemble`."""

    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("models/sprites")
    """The folder to write: image variation, `clip/`, `alpha_clip/`, and a card for each model."""
    clip: Annotated[Path, arg(metavar="FOLDER")] = Path("runs/clip")
    """Run of stage 1, or the folder `clip` of an assembled model, whose card is kept."""
    alpha_clip: Annotated[Path, arg(metavar="FOLDER")] = Path("runs/alpha-clip")
    """Run of stage 2, or the folder `alpha_clip` of an assembled model."""
    autoencoder: Annotated[Path, arg(metavar="FOLDER")] = Path("runs/autoencoder")
    """Run of stage 3, or the folder `vae` of an assembled model."""
    denoiser: Annotated[Path, arg(metavar="FOLDER")] = Path("runs/denoiser")
    """Run of stage 4, or an assembled model itself."""
    once: bool = False
    """Store the plain vision tower, which `clip/` and `image_encoder/` both have, in the latter alone: for a folder
    that stays whole on a disk. A hub wants it in both."""


def main(arguments: Sequence[str]) -> None:
    """Write the folder, whole or not at all."""
    options = parse(
        AssembleOptions,
        arguments,
        command="assemble",
        description="Put trained stages together as a folder for `gencontrol vary --model FOLDER` and stock diffusers.",
    )
    from gencontrol.training.stages.assemble import Exports, assemble

    exports = Exports(
        clip=options.clip,
        alpha_clip=options.alpha_clip,
        autoencoder=options.autoencoder,
        denoiser=options.denoiser,
    )
    assemble(exports, options.output, once=options.once)
    say(f"wrote {options.output}")
