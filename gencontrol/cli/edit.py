"""`gencontrol edit`: one part of a photograph painted anew, or removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import UseAppendAction, arg

from gencontrol.cli.flags import EncoderFlags, RegionFlags, RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.errors import ConfigError
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.files.spooled import STREAM
from gencontrol.runs.machine.offline import offline


@dataclass(frozen=True, kw_only=True)
@called(
    like=unset("PICTURE"),
    like_mask=(UseAppendAction, arg(metavar="PATH[:WEIGHT]")),
    like_box=(UseAppendAction, arg(metavar="X0,Y0,X1,Y1")),
    like_point=(UseAppendAction, arg(metavar="X,Y[,R]")),
    strength=arg(metavar="S"),
    number=unset("N", aliases=("-n",)),
    seed=arg(metavar="SEED"),
    steps=arg(metavar="N"),
    guidance=unset("SCALE"),
    margin=arg(metavar="SHARE"),
    seam=arg(metavar="SHARE"),
)
class EditFlags(RunOptions, RegionFlags, EncoderFlags, EditingSettings):
    """Flags of `gencontrol edit`."""

    output: Annotated[str, arg(aliases=("-o",), metavar="FILE|FOLDER")] = "edits"
    """A folder, or a file (.png, .jpg, .webp), whose name is numbered if several pictures come out."""


FLAGS = EditFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        EditFlags,
        arguments,
        command="edit",
        description="Paint what is pointed at into a hole of a photograph, or remove what is there; all else stays.",
    )
    if STREAM in (*flags.images, flags.output, flags.like):
        raise ConfigError("`edit` reads and writes files: name them instead of -.")
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json
        from gencontrol.runs.edits.editing import plan_edits, run_edits

        with notices(FLAGS):
            written = run_edits(plan_edits(flags))
    if flags.format == "json":
        print_json({"outputs": [{"path": str(path)} for path in written]})
        return
    for path in written:
        print(f"wrote {path}")
    if not written:
        print("nothing to do: every picture is there already.")
