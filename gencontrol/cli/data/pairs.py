"""`gencontrol data pairs`: region-text pairs of plain pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from tyro.conf import Positional, arg

from gencontrol.cli.flags import EncoderFlags, RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.runs.machine.offline import offline
from gencontrol.runs.pairs.settings import PairsSettings


@dataclass(frozen=True, kw_only=True)
@called(
    pictures=(Positional, arg(metavar="PICTURES", help_behavior_hint="")),
    captions=unset("FILE"),
    annotations=unset("FILE"),
    names=unset("FILE"),
    grounder=unset("NAME"),
    tokenizer=arg(metavar="NAME"),
    score=unset("SCORE"),
    most=arg(metavar="N"),
    each=unset("N"),
    overlap=arg(metavar="SHARE"),
    least_area=arg(metavar="SHARE"),
    most_area=arg(metavar="SHARE"),
    least_side=arg(metavar="PIXELS"),
    segmenter=arg(metavar="NAME"),
    agreement=arg(metavar="COSINE"),
    per_class=arg(metavar="N"),
    captioner=unset("NAME"),
    templates=arg(metavar="NAME|FILE"),
    shard=arg(metavar="N"),
    share=arg(metavar="SHARE"),
    seed=arg(metavar="N"),
    licence=arg(metavar="TEXT"),
    output=arg(aliases=("-o",), metavar="FOLDER", help_behavior_hint=""),
    cluster=unset("ADDRESS"),
    workers=unset("N"),
)
class PairsFlags(RunOptions, EncoderFlags, PairsSettings):
    """Flags of `gencontrol data pairs`."""

    # Another default than that of an encoder's other commands, whose flags come first.
    focus: Annotated[str | None, arg(metavar="NAME[:KEY=VALUE,...]")] = PairsSettings.focus
    """How the encoder is made to look at a part: crop, which cuts it out and enlarges it, as published; or another of
    alpha, zoom, attention, blank, blur, circle, masked-pooling, mask-inversion and one-pass."""


FLAGS = PairsFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        PairsFlags,
        arguments,
        command="data pairs",
        description="Make region-text pairs of plain pictures, to train an Alpha-CLIP on. With captions: their phrases "
        "are found as boxes, boxes become masks, and an encoder says what agrees. Of folders that are called after "
        "their classes: the part that agrees best with its class. What is dropped is listed with the reason. A run "
        "that was stopped goes on when it is called again; under `accelerate launch`, "
        "processes share the pictures, and so do machines of a cluster.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json
        from gencontrol.runs.pairs.carrying_out import make_pairs

        with notices(FLAGS):
            made = make_pairs(flags)
    if made is None:
        return
    if flags.format == "json":
        print_json(asdict(made))
        return
    print(told(made.statistics))
    say(f"wrote {made.folder}")


def told(statistics: Mapping[str, Any]) -> str:
    """What came of a run, for people."""
    from gencontrol.cli.report import table

    pairs, seconds = statistics["pairs"], statistics["speed"]["seconds"]
    rows = [
        ("pictures", str(statistics["pictures"])),
        ("with a pair", str(statistics["pictures_used"])),
        ("boxes", str(statistics["boxes"])),
        ("pairs", str(pairs)),
        ("phrases", str(statistics["phrases"])),
        ("mask area", _spread(statistics["mask_area"])),
        ("agreement, kept", _spread(statistics["agreement"]["kept"])),
        ("agreement, rejected", _spread(statistics["agreement"]["rejected"])),
        ("pairs an hour and process", f"{statistics['speed']['pairs_an_hour']} ({seconds:.1f} s)"),
        *((f"rejected: {reason}", str(count)) for reason, count in statistics["rejected"].items()),
    ]
    return table(rows, header=("what", "how many"))


def _spread(spread: Mapping[str, Any]) -> str:
    if not spread["count"]:
        return "-"
    return f"{spread['quantile_0.1']:.3f} to {spread['quantile_0.9']:.3f}, mean {spread['mean']:.3f}"
