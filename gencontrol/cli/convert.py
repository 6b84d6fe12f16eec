"""`gencontrol convert`: a checkpoint into a folder that gencontrol and stock transformers open."""

from collections.abc import Sequence
from dataclasses import dataclass

from tyro.conf import Positional, arg

from gencontrol.cli.flags import RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.runs.machine.offline import offline
from gencontrol.runs.settings import ConversionSettings


@dataclass(frozen=True, kw_only=True)
@called(
    source=(Positional, arg(metavar="SOURCE", help_behavior_hint="")),
    output=arg(aliases=("-o",), metavar="FOLDER"),
    base=unset("NAME"),
    pretrained=unset("TAG"),
    revision=unset("NAME"),
)
class ConvertFlags(RunOptions, ConversionSettings):
    """Flags of `gencontrol convert`."""


FLAGS = ConvertFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        ConvertFlags,
        arguments,
        command="convert",
        description="Turn a checkpoint into an Alpha-CLIP folder. A CLIP gets alpha weights of zero: the focus "
        "attention works with it at once, and training makes it an Alpha-CLIP. --to writes it for "
        "applications that stand on other code.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices
        from gencontrol.runs.conversion import convert

        with notices(FLAGS):
            encoder = convert(flags).encoder
    from gencontrol.alpha_clip.architectures import name_of
    from gencontrol.cli.report import print_json

    name, has_text = name_of(encoder.vision.config), encoder.text is not None and flags.to != "published"
    about = {"path": flags.output, "encoder": name, "has_alpha": encoder.has_alpha, "has_text": has_text}
    if flags.format == "json":
        print_json(about)
        return
    alpha = "trained alpha weights" if encoder.has_alpha else "alpha weights of zero"
    say(f"wrote {flags.output}: {name} with {alpha}, {'with' if has_text else 'without'} a text tower")
