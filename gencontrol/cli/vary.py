"""`gencontrol vary`: variations of the part of a picture that a mask, box or point shows."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import UseAppendAction, arg

from gencontrol.cli.flags import EncoderFlags, RegionFlags, RunOptions, called, in_flags, unset
from gencontrol.cli.parse import check_values, file_settings, given_fields, parse, switched_off, value_of
from gencontrol.cli.streams import standard_streams
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError
from gencontrol.runs.files.spooled import STREAM, in_words, stream_or_path
from gencontrol.runs.machine.offline import offline
from gencontrol.runs.relating.ranking_settings import RankingSettings
from gencontrol.runs.settings import VariationSettings

if TYPE_CHECKING:
    from gencontrol.regions.region import Region
    from gencontrol.runs.files.repeat import Repeated
    from gencontrol.runs.plan import Plan
    from gencontrol.runs.references.plan import ReferencePlan
    from gencontrol.runs.relating.ranked import Ranked, Ranker
    from gencontrol.runs.variation import Outcome
    from gencontrol.studio.warm.client import Told


@dataclass(frozen=True, kw_only=True)
@called(
    negative_mask=(UseAppendAction, arg(metavar="PATH[:WEIGHT]")),
    strength=arg(metavar="S"),
    schedule=unset("START:END[@FROM:TO]"),
    number=unset("N", aliases=("-n",)),
    seed=arg(metavar="SEED"),
    steps=arg(metavar="N"),
    guidance=unset("SCALE"),
    scheduler=unset("NAME"),
    batch=arg(metavar="N"),
    embeds_in=unset("FILE"),
    embeds_out=unset("FILE"),
    output=arg(aliases=("-o",), metavar="FILE|FOLDER|-"),
    sweep=unset("NAME=START:STOP:COUNT|VALUE,..."),
    prompt=unset("TEXT"),
    negative_prompt=unset("TEXT"),
    reference=(UseAppendAction, arg(metavar="PATH[,KEY=VALUE...]")),
    canvas_mask=unset("PATH"),
    weight=arg(metavar="W"),
    base=unset("FOLDER|ID"),
    adapter=unset("FILE|FOLDER|ID"),
    image_encoder=unset("FOLDER|ID"),
    prior=unset("FOLDER|ID"),
    text_share=unset("S"),
    height=unset("PIXELS"),
    width=unset("PIXELS"),
    true_guidance=unset("SCALE"),
    relation=unset("TEXT"),
    at_least=arg(metavar="P"),
)
class VaryFlags(RunOptions, RegionFlags, EncoderFlags, RankingSettings, VariationSettings):
    """Flags of `gencontrol vary`."""

    from_picture: Annotated[str | None, unset("OUT.png", name="from")] = None
    """Repeat the run that wrote this picture; flags given win, such as --no-invert over a recorded --invert."""
    server: Literal["off", "auto"] = "off"
    """auto has the run done by `gencontrol serve` or `gencontrol studio`, if one runs: the same pictures, sooner. What
    repeats, rehearses, ranks, takes references, goes to standard output or names /dev/stdin is done here."""


FLAGS = VaryFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags, repeated = read_flags(arguments)
    if flags.server == "auto" and repeated is None and _by_server(flags):
        return
    with offline(flags.offline):
        from gencontrol.cli.report import notices

        with notices(FLAGS), standard_streams(one_picture(flags), suffix=f".{flags.encoding}") as flags:
            vary(flags, repeated)


def one_picture(flags: VaryFlags) -> VaryFlags:
    """The flags of a run whose `output` is standard output: one variation unless said, and nothing beside it.

    Raises:
        ConfigError: Several pictures, or a sheet, which is one more.
    """
    from gencontrol.runs.notation import is_random, parse_seeds

    if flags.output != STREAM:
        return flags
    more = [name for name in ("sweep", "grid", "compare", "preview") if getattr(flags, name)]
    if more:
        raise ConfigError(f"`{more[0]}` writes more than one picture, and `output` - is one: name a folder.")
    if flags.number is None and (is_random(flags.seed) or str(flags.seed).strip().isdecimal()):
        return replace(flags, number=1)
    count = flags.number if is_random(flags.seed) else len(parse_seeds(flags.seed, flags.number))
    if count != 1:
        raise ConfigError(f"`output` - is one picture, and {count} are asked for: name a folder.")
    return flags


def vary(flags: VaryFlags, repeated: "Repeated | None") -> None:
    """Plan, draw or rehearse, and report for all processes."""
    from gencontrol.runs.machine.processes import is_first_process
    from gencontrol.runs.references.fetching import takes_references

    started = time.monotonic()
    plan, outcome, ranker = (_with_references if takes_references(flags.model) else _without)(flags, repeated)
    if is_first_process():
        ranking = None if ranker is None or flags.dry_run else ranker.rank([one.path for one in outcome.outputs])
        _report(flags, _about(plan), outcome, time.monotonic() - started, ranking=ranking)
        if ranker is not None and ranking and flags.format != "json":
            print_ranking(ranker, ranking)


def _report(
    flags: VaryFlags,
    about: Mapping[str, Any],
    outcome: "Outcome | Told",
    seconds: float,
    *,
    ranking: "Sequence[Ranked] | None" = None,
) -> None:
    if flags.format == "json":
        state: dict[str, Any] = {"dry_run": True} if flags.dry_run else dict(outcome.machine)
        if ranking is not None:
            state["ranking"] = [vars(one) | {"path": str(one.path)} for one in ranking]
        _print_json(about, outcome, state | {"seconds": round(seconds, 2)})
    else:
        _print_lines(outcome, "would write" if flags.dry_run else "wrote", flags.embeds_out)


def _by_server(flags: VaryFlags) -> bool:
    """Have the run done by a server, if there is one that does it; nothing heavy is loaded on this way."""
    from gencontrol.studio.warm.client import find_server, only_here, vary_there

    if flags.dry_run or flags.relation or flags.output == STREAM or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return False
    started, address = time.monotonic(), find_server()
    names = [field.name for field in fields(VariationSettings)]
    if address is None or only_here({name: getattr(flags, name) for name in names}):
        return False
    from gencontrol.cli.report import note

    with standard_streams(flags) as there:
        settings = {name: getattr(there, name) for name in names}
        warned = {"warned": lambda text: note(in_flags(text, FLAGS))}
        told = vary_there(address, settings, folder=Path.cwd(), **warned)
    if told is not None:
        _report(flags, told.about, told, time.monotonic() - started)
    return told is not None


def print_ranking(ranker: "Ranker", ranking: "Sequence[Ranked]") -> None:
    """A table of pictures, the best first, and how many show what was asked for."""
    from gencontrol.cli.report import table

    rows = [(str(one.path), f"{one.fits:.1%}", "accepted" if one.accepted else "rejected") for one in ranking]
    print(table(rows, header=("picture", ranker.text, "")))
    accepted = sum(one.accepted for one in ranking)
    say(
        f"{accepted} of {len(ranking)} show {ranker.text!r} with a probability of {ranker.at_least:.0%} or more, and "
        f"{len(ranking) - accepted} are rejected; things were found by {ranker.found_by}"
    )


def _without(flags: VaryFlags, repeated: "Repeated | None") -> "tuple[Plan, Outcome, Ranker | None]":
    from gencontrol.runs.plan import plan_variations
    from gencontrol.runs.variation import rehearse_variations, run_variations

    plan = plan_variations(flags, repeated)
    ranker = _ranker(flags, ())
    return plan, rehearse_variations(plan) if flags.dry_run else run_variations(plan), ranker


def _with_references(flags: VaryFlags, repeated: "Repeated | None") -> "tuple[ReferencePlan, Outcome, Ranker | None]":
    from gencontrol.runs.references.carrying_out import rehearse_references, run_references
    from gencontrol.runs.references.plan import plan_references

    plan = plan_references(flags, repeated)
    ranker = _ranker(flags, (plan.terms.canvas, *(bound.terms.canvas for bound in plan.further)))
    return plan, rehearse_references(plan) if flags.dry_run else run_references(plan), ranker


def _ranker(flags: VaryFlags, canvases: "Sequence[Region | None]") -> "Ranker | None":
    """What ranks the pictures, open before they are drawn: what is wrong with it is told then."""
    from gencontrol.runs.machine.processes import is_first_process
    from gencontrol.runs.relating.ranked import check_ranking, open_ranker

    if flags.dry_run or not is_first_process():
        check_ranking(flags, canvases)
        return None
    return open_ranker(flags, canvases)


def read_flags(arguments: Sequence[str]) -> "tuple[VaryFlags, Repeated | None]":
    """The flags, and the run to repeat: its settings lie under a configuration file, and both under the flags.

    Raises:
        ConfigError: A configuration file with an unknown key or a wrong value, or one that names a run to repeat; or
            a flag that would take a region out of a record.
        InputError: A picture to repeat that has no record, or whose input has changed.
    """
    check_values(VaryFlags, arguments)
    source = value_of(arguments, "from")
    repeated, settings = (None, {}) if source is None else _beneath(source, arguments)
    flags = parse(
        VaryFlags,
        arguments,
        command="vary",
        description="Variations of the part of a picture that the flags show.",
        settings=settings,
    )
    if flags.from_picture is not None and repeated is None:
        raise ConfigError("from_picture: a file of settings cannot name a run to repeat; give --from as a flag.")
    if repeated is None:
        return flags, None
    from gencontrol.runs.files.repeat import starting_point

    return starting_point(flags, repeated)


def _beneath(source: str, arguments: Sequence[str]) -> "tuple[Repeated, dict[str, Any]]":
    """The run that wrote a picture, and what of its settings lies under the flags."""
    from gencontrol.cli.report import notices
    from gencontrol.runs.files.repeat import read_repeated, settings_beneath

    with notices(FLAGS):
        repeated = read_repeated(Path(source))
    given = given_fields(VaryFlags, arguments) | file_settings(VaryFlags, arguments).keys()
    return repeated, settings_beneath(repeated, given, off=switched_off(VaryFlags, arguments))


def _about(plan: "Plan | ReferencePlan") -> dict[str, Any]:
    """What draws, for programs."""
    from gencontrol.focus.looks import encodes

    about: dict[str, Any] = {"model": plan.name, "host": plan.host.name, "encoder": plan.host.encoder}
    focus = getattr(plan, "focus", None)
    # What a look costs: how often the encoder is run for one map.
    return about | ({} if focus is None else {"encodes": encodes(focus)})


def _print_json(about: Mapping[str, Any], outcome: "Outcome | Told", state: dict[str, Any]) -> None:
    from gencontrol.cli.report import print_json

    outputs = [
        {"path": str(o.path), "image": None if o.image is None else stream_or_path(o.image), "seed": o.seed}
        | ({"swept": dict([o.swept.split(" ", 1)])} if o.swept else {})
        for o in outcome.outputs
    ]
    sheets = [{"path": str(sheet.path), "kind": sheet.kind} for sheet in outcome.sheets]
    state = state | {"drawing_seconds": round(outcome.drawing_seconds, 2)}
    print_json({**about} | state | {"outputs": outputs, "sheets": sheets})


def _print_lines(outcome: "Outcome | Told", verb: str, embeds_out: str | None) -> None:
    for output in outcome.outputs:
        # What goes to standard output is not there yet, and whoever reads it sees that it comes.
        if verb != "wrote" or stream_or_path(output.path) != STREAM:
            say(in_words(f"{verb} {output.path}"))
    for sheet in outcome.sheets:
        say(f"{'wrote' if sheet.kind == 'preview' else verb} {sheet.path}")
    if embeds_out is not None and outcome.outputs:
        say(f"{verb} {embeds_out}")
    if not outcome.outputs:
        print("nothing to do: every picture is there already.")
