"""`gencontrol evaluate`: an encoder measured on a data set's own files, as publications do it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tyro.conf import Positional, arg

from gencontrol.cli.flags import EncoderFlags, RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.runs.evaluation.settings import STATEMENTS, EvaluationSettings
from gencontrol.runs.machine.offline import offline

if TYPE_CHECKING:
    from gencontrol.cli.evaluate.tables import Evaluated


@dataclass(frozen=True, kw_only=True)
@called(
    data=(Positional, arg(metavar="DATA", help_behavior_hint="")),
    root=arg(metavar="FOLDER"),
    split=unset("NAME"),
    names=unset("FILE"),
    templates=arg(metavar="NAME|FILE"),
    by=unset("NAME"),
    detections=unset("FILE"),
    segmenter=unset("NAME"),
    grounder=unset("FOLDER|ID"),
    module=unset("FOLDER"),
    source=unset("NAME"),
    meteor=unset("FILE.jar"),
    max_tokens=arg(metavar="N"),
    captions=unset("FILE"),
    clip=unset("NAME"),
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
        description="Measure an encoder as publications do: on ImageNet-S, which class the masked thing has (the mean "
        "over classes); on RefCOCO, RefCOCO+ and RefCOCOg, which box an expression means; region-caption, what a LLaVA "
        "says of regions; whole, classes and captions of whole pictures, beside plain CLIP; on VSR, What'sUp, "
        "SugarCrepe and ARO, whether what is said of how things stand is true. A measurement that was "
        "broken off goes on when it is called again; under `accelerate launch`, processes share the pictures.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json

        with notices(FLAGS):
            done = _measured(flags)
    if done is None:
        return
    if flags.format == "json":
        print_json(asdict(done))
        return
    from gencontrol.cli.evaluate.tables import print_evaluated

    print_evaluated(done, flags.output)


def _measured(flags: EvaluateFlags) -> "Evaluated | None":
    if flags.data == "imagenet-s":
        from gencontrol.runs.evaluation.imagenet_s import evaluate_imagenet_s

        return evaluate_imagenet_s(flags)
    if flags.data == "region-caption":
        from gencontrol.runs.evaluation.region_caption import evaluate_region_caption

        return evaluate_region_caption(flags)
    if flags.data == "whole":
        from gencontrol.runs.evaluation.whole import evaluate_whole

        return evaluate_whole(flags)
    if flags.data in STATEMENTS:
        from gencontrol.runs.evaluation.statements import evaluate_statements

        return evaluate_statements(flags)
    from gencontrol.runs.evaluation.refcoco import evaluate_refcoco

    # Also what is no data set: it is refused there.
    return evaluate_refcoco(flags)
