"""`gencontrol score`: how well texts describe the regions of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import arg

from gencontrol.cli.flags import EncoderFlags, RegionFlags, Repeatable, RunOptions
from gencontrol.cli.parse import parse
from gencontrol.cli.streams import standard_streams
from gencontrol.errors import ConfigError
from gencontrol.runs.files.spooled import stream_or_path
from gencontrol.runs.machine.offline import offline


@dataclass(frozen=True, kw_only=True)
class ScoreFlags(RunOptions, RegionFlags, EncoderFlags):
    """Flags of `gencontrol score`."""

    text: Annotated[Repeatable, arg(aliases=("-t",), metavar="TEXT")] = ()
    """A text to score; repeat it for several."""
    truncate: bool = False
    """Cut texts that are too long for the text tower instead of refusing them."""
    sweep_level: bool = False
    """Look at all regions at once, with the first one's level at 0, 0.25, 0.5, 0.75 and 1 beside the others'."""


FLAGS = ScoreFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        ScoreFlags,
        arguments,
        command="score",
        description="Score texts against the regions of pictures: cosine similarity, and the share among the texts.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json, table

        with notices(FLAGS), standard_streams(flags) as flags:
            rows = score(flags)
    if flags.format == "json":
        print_json(rows)
        return
    lines = [
        (row["image"], row["region"], text, f"{scores['cosine']:.3f}", f"{scores['share']:.1%}")
        for row in rows
        for text, scores in row.get("scores", {}).items()
    ]
    if lines:
        print(table(lines, header=("image", "region", "text", "cosine", "share")))
    meant = [line for row in rows if "assignments" in row for line in _meant(row)]
    if meant:
        print(table(meant, header=("image", "text", "subject", "relation", "object", "probability")))


def _meant(row: dict[str, Any]) -> list[tuple[str, ...]]:
    """Which regions a phrase means, as lines of a table."""
    from gencontrol.runs.relating.telling import told_rows

    return [(row["image"], *line) for line in told_rows(row)]


def score(flags: ScoreFlags) -> list[dict[str, Any]]:
    """One row for each region of each picture; the whole picture where none is shown.

    Where levels are given, one look at all regions of a picture is a row, and so is each step of a sweep. A text that
    says how things stand to each other is no region's: where there are two regions at least, its row says which it
    means.

    Raises:
        ConfigError: No text or no picture.
        InputError: A picture, mask or text that cannot be used.
    """
    import torch

    from gencontrol.conditioning.calibrated import set_curve
    from gencontrol.runs.idle import warn_of_idle
    from gencontrol.runs.notation import parse_focus
    from gencontrol.runs.notices import naming
    from gencontrol.runs.opening import open_encoder
    from gencontrol.runs.pointing import read_pointing
    from gencontrol.runs.relating.scoring import phrases_among, score_phrases, warn_of_whole
    from gencontrol.runs.scenes import read_scenes
    from gencontrol.tasks.classify import check_distinct

    if not flags.text:
        raise ConfigError('No text is given: gencontrol score IMAGE --mask MASK --text "a cat" --text "a dog".')
    if flags.sweep_level and flags.invert:
        raise ConfigError(
            "`sweep_level` looks at one region beside others, and `invert` makes one of them all: leave one out."
        )
    check_distinct(flags.text)
    focus = parse_focus(flags.focus)
    pointing = read_pointing(flags)
    scenes = read_scenes(flags.images, pointing, recursive=flags.recursive)
    apart = len(pointing.pointers) > 1 and not (pointing.invert or flags.level or flags.sweep_level)
    phrases = phrases_among(flags.text) if apart else ()
    if not apart:
        warn_of_whole(flags.text, _why_whole(len(pointing.pointers)))
    plain = [text for text in flags.text if text not in phrases]
    warn_of_idle([flags], shown=bool(pointing.pointers))
    encoder = open_encoder(flags)
    if pointing.curve is not None:
        set_curve(encoder.vision, pointing.curve)
    rows = []
    with torch.inference_mode():
        texts = encoder.encode_text(plain, truncate=flags.truncate) if plain else None
        for recorded in scenes:
            image = stream_or_path(recorded.path)
            with naming(recorded.path, among=recorded.among):
                told = score_phrases(encoder, recorded.scene, phrases, focus=focus, truncate=flags.truncate)
                rows += [{"image": image, **row} for row in told]
                if texts is None:
                    continue
                result = _look(
                    encoder, recorded.scene, texts, focus, at_levels=bool(flags.level), sweep=flags.sweep_level
                )
            for region, cosines, shares in zip(
                result.regions, result.cosines.tolist(), result.shares.tolist(), strict=True
            ):
                pairs = zip(plain, cosines, shares, strict=True)
                scores = {text: {"cosine": cosine, "share": share} for text, cosine, share in pairs}
                rows.append({"image": image, "region": region, "scores": scores})
    return rows


def _why_whole(regions: int) -> str:
    if regions > 1:
        return "Regions that are looked at all at once, by `level`, `sweep_level` or `invert`, have no relations."
    there = "and there is one" if regions else "and none is shown"
    return f"That takes two regions, {there}: show each thing by a mask or a box."


def _look(encoder: Any, scene: Any, texts: Any, focus: Any, *, at_levels: bool, sweep: bool) -> Any:
    """Each region by itself, or all of them at their levels, or at each step of a sweep."""
    from gencontrol.tasks.classify import classify
    from gencontrol.tasks.levels import classify_levels, swept

    if not (at_levels or sweep):
        return classify(encoder, scene, texts, focus=focus)
    levels = swept([region.level for region in scene.regions]) if sweep else None
    return classify_levels(encoder, scene, texts, levels=levels, focus=focus)
