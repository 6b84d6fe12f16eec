"""`gencontrol calibrate`: a curve by which levels are shares of attention, fitted on one's own pictures and masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional, arg

from gencontrol.cli.flags import EncoderFlags, RunOptions, called
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.runs.calibration.settings import CalibrationSettings
from gencontrol.runs.machine.offline import offline

if TYPE_CHECKING:
    from gencontrol.runs.calibration.carrying_out import Calibrated


@dataclass(frozen=True, kw_only=True)
@called(
    images=(Positional, arg(metavar="IMAGE")),
    masks=arg(metavar="FOLDER"),
    form=arg(metavar="TEXT"),
    points=arg(metavar="N"),
    output=arg(aliases=("-o",), metavar="FILE"),
)
class CalibrateFlags(RunOptions, EncoderFlags, CalibrationSettings):
    """Flags of `gencontrol calibrate`."""


FLAGS = CalibrateFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        CalibrateFlags,
        arguments,
        command="calibrate",
        description="Make a level mean its share of attention on an encoder that was not trained on levels: "
        "FOLDER/PICTURE/NAME.png are the masks, called what they show. --levels-curve takes what is written.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json, table
        from gencontrol.runs.calibration.carrying_out import write_calibration

        with notices(FLAGS):
            done = write_calibration(flags)
    rows = report(done)
    if flags.format == "json":
        print_json({"path": flags.output, "way": done.chosen.way, "errors": rows})
        return
    lines = [tuple(map(_cell, row.values())) for row in rows]
    print(table(lines, header=("way", "share error", "with the curve", "on pictures left out")))
    say(f"wrote {flags.output}: {done.chosen.way}, {len(done.chosen.levels)} points")


def report(done: "Calibrated") -> list[dict[str, Any]]:
    """Mean errors of the share, before and after, of each way."""
    return [
        {"way": way, "before": found.before, "after": found.after, "left_out": found.left_out}
        for way, found in done.ways.items()
    ]


def _cell(value: str | float | None) -> str:
    return value if isinstance(value, str) else "" if value is None else f"{value:.3f}"
