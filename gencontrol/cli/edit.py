"""`gencontrol edit`: one part of a photograph painted anew, or removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import UseAppendAction, arg

from gencontrol.cli.flags import EncoderFlags, RegionFlags, RunOptions, called, unset
from gencontrol.cli.parse import check_values, file_settings, given_fields, parse, switched_off, value_of
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.files.spooled import STREAM
from gencontrol.runs.machine.offline import offline
from gencontrol.runs.settings import REGIONS

if TYPE_CHECKING:
    from gencontrol.runs.edits.records import RepeatedEdit


@dataclass(frozen=True, kw_only=True)
@called(
    like=unset("PICTURE"),
    like_mask=(UseAppendAction, arg(metavar="PATH[:WEIGHT]")),
    like_box=(UseAppendAction, arg(metavar="X0,Y0,X1,Y1")),
    like_point=(UseAppendAction, arg(metavar="X,Y[,R]")),
    like_phrase=(UseAppendAction, arg(metavar="TEXT")),
    prompt=unset("TEXT"),
    negative_prompt=unset("TEXT"),
    weight=arg(metavar="W"),
    base=unset("FOLDER|ID"),
    adapter=unset("FILE|FOLDER|ID"),
    image_encoder=unset("FOLDER|ID"),
    height=unset("PIXELS"),
    width=unset("PIXELS"),
    true_guidance=unset("SCALE"),
    strength=arg(metavar="S"),
    schedule=unset("START:END[@FROM:TO]"),
    number=unset("N", aliases=("-n",)),
    seed=arg(metavar="SEED"),
    steps=arg(metavar="N"),
    guidance=unset("SCALE"),
    margin=unset("SHARE"),
    seam=arg(metavar="SHARE"),
)
class EditFlags(RunOptions, RegionFlags, EncoderFlags, EditingSettings):
    """Flags of `gencontrol edit`."""

    output: Annotated[str, arg(aliases=("-o",), metavar="FILE|FOLDER")] = "edits"
    """A folder, or a file (.png, .jpg, .webp), whose name is numbered if several pictures come out."""
    from_picture: Annotated[str | None, unset("OUT.png", name="from")] = None
    """Repeat the edit that wrote this picture; flags given win, such as --no-invert over a recorded --invert."""


FLAGS = EditFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags, repeated = read_flags(arguments)
    if STREAM in (*flags.images, flags.output, flags.like):
        raise ConfigError("`edit` reads and writes files: name them instead of -.")
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json
        from gencontrol.runs.edits.editing import rehearse_edits, run_edits
        from gencontrol.runs.edits.planning import plan_edits

        with notices(FLAGS):
            plan = plan_edits(flags, repeated)
            written = rehearse_edits(plan) if flags.dry_run else run_edits(plan)
    if flags.format == "json":
        state = {"dry_run": True} if flags.dry_run else {}
        print_json(state | {"outputs": [{"path": str(path)} for path in written]})
        return
    for path in written:
        say(f"{'would write' if flags.dry_run else 'wrote'} {path}")
    if not written:
        print("nothing to do: every picture is there already.")


def read_flags(arguments: Sequence[str]) -> "tuple[EditFlags, RepeatedEdit | None]":
    """The flags, and the edit to repeat: its settings lie under a configuration file, and both under the flags.

    Raises:
        ConfigError: A configuration file with an unknown key or a wrong value, or one that names an edit to repeat; or
            a flag that would take the hole out of a record.
        InputError: A picture to repeat that has no record of an edit.
    """
    if any(argument.partition("=")[0] == "--reference" for argument in arguments):
        raise ConfigError(
            "--reference: a hole is filled from one picture, which is --like; several of its parts are one --like-mask "
            "or --like-box each. Several pictures beside a prompt are taken by `gencontrol vary`."
        )
    check_values(EditFlags, arguments)
    source = value_of(arguments, "from")
    repeated, settings = (None, {}) if source is None else _beneath(source, arguments)
    flags = parse(
        EditFlags,
        arguments,
        command="edit",
        description="Paint what is pointed at into a hole of a photograph, or remove what is there; all else stays.",
        settings=settings,
    )
    if flags.from_picture is not None and repeated is None:
        raise ConfigError("from_picture: a file of settings cannot name an edit to repeat; give --from as a flag.")
    return flags, repeated


def _beneath(source: str, arguments: Sequence[str]) -> "tuple[RepeatedEdit, dict[str, Any]]":
    """The edit that wrote a picture, and what of its settings lies under the flags."""
    from pathlib import Path

    from gencontrol.cli.report import notices
    from gencontrol.runs.edits.records import read_edit

    with notices(FLAGS):
        repeated = read_edit(Path(source))
    given = given_fields(EditFlags, arguments) | file_settings(EditFlags, arguments).keys()
    if "alpha_from_image" in switched_off(EditFlags, arguments) and len(given & REGIONS) == 1:
        raise ConfigError("`no_alpha_from_image`: a record holds its hole as masks: show another with `mask` or `box`.")
    senseless = {"number"} if "seed" in given else set()
    return repeated, {name: value for name, value in repeated.settings.items() if name not in senseless}
