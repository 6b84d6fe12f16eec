"""`gencontrol evaluate`: an encoder measured on a data set's own files, as publications do it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tyro.conf import Positional, arg

from gencontrol.cli.flags import EncoderFlags, RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.runs.evaluation.settings import EvaluationSettings
from gencontrol.runs.machine.offline import offline

if TYPE_CHECKING:
    from gencontrol.runs.evaluation.imagenet_s import Evaluated


@dataclass(frozen=True, kw_only=True)
@called(
    data=(Positional, arg(metavar="DATA", help_behavior_hint="")),
    root=arg(metavar="FOLDER"),
    split=arg(metavar="NAME"),
    names=unset("FILE"),
    templates=arg(metavar="NAME|FILE"),
    limit=unset("N"),
    output=arg(aliases=("-o",), metavar="FILE"),
)
class EvaluateFlags(RunOptions, EncoderFlags, EvaluationSettings):
    """Flags of `gencontrol evaluate`."""


FLAGS = EvaluateFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        EvaluateFlags,
        arguments,
        command="evaluate",
        description="Measure an encoder on ImageNet-S: which class the masked thing has. Accuracy is the mean over "
        "classes.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json
        from gencontrol.runs.evaluation.imagenet_s import evaluate_imagenet_s

        with notices(FLAGS):
            done = evaluate_imagenet_s(flags)
    if flags.format == "json":
        print_json(asdict(done))
        return
    _print(done)
    say(f"{done.pictures} pictures, {done.classes} classes, {done.without_mask} left out; wrote {flags.output}")


def _print(done: "Evaluated") -> None:
    from gencontrol.cli.report import table

    lines = [(row.focus, row.fit, f"{row.top1:.2%}", f"{row.top5:.2%}") for row in done.rows]
    lines += [(f"published: {name}", "crop", f"{a:.2f}%", f"{b:.2f}%") for name, (a, b) in done.published.items()]
    print(table(lines, header=("focus", "fit", "top 1", "top 5")))
