"""`gencontrol embed`: embeddings of regions, to a safetensors file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import UseAppendAction, arg

from gencontrol.cli.flags import EncoderFlags, RegionFlags, RunOptions, called
from gencontrol.cli.parse import parse
from gencontrol.cli.streams import standard_streams
from gencontrol.cli.terminal import say
from gencontrol.runs.files.spooled import STREAM, stream_or_path
from gencontrol.runs.machine.offline import offline
from gencontrol.runs.settings import EmbeddingSettings


@dataclass(frozen=True, kw_only=True)
@called(
    negative_mask=(UseAppendAction, arg(metavar="PATH[:WEIGHT]")),
    strength=arg(metavar="S"),
    text=(UseAppendAction, arg(aliases=("-t",), metavar="TEXT")),
    output=arg(aliases=("-o",), metavar="FILE|-"),
)
class EmbedFlags(RunOptions, RegionFlags, EncoderFlags, EmbeddingSettings):
    """Flags of `gencontrol embed`."""


FLAGS = EmbedFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        EmbedFlags,
        arguments,
        command="embed",
        description="Embed the regions of pictures: un-normalised rows of image_embeds, which `vary --embeds-in` "
        "takes, and one row of region_embeds for each region.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json
        from gencontrol.runs.embedding import write_embeddings

        with notices(FLAGS), standard_streams(flags, suffix=".safetensors") as flags:
            shapes = write_embeddings(flags)
            if flags.format == "json":
                print_json({"path": flags.output, "tensors": {name: list(shape) for name, shape in shapes.items()}})
                return
            if stream_or_path(Path(flags.output)) != STREAM:
                say(f"wrote {flags.output}: " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()))
