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
        for text, scores in row["scores"].items()
    ]
    print(table(lines, header=("image", "region", "text", "cosine", "share")))


def score(flags: ScoreFlags) -> list[dict[str, Any]]:
    """One row for each region of each picture; the whole picture where none is shown.

    Raises:
        ConfigError: No text or no picture.
        InputError: A picture, mask or text that cannot be used.
    """
    import torch

    from gencontrol.runs.notation import parse_focus
    from gencontrol.runs.opening import open_encoder
    from gencontrol.runs.pointing import read_pointing
    from gencontrol.runs.scenes import read_scenes
    from gencontrol.tasks.classify import check_distinct, classify

    if not flags.text:
        raise ConfigError('No text is given: gencontrol score IMAGE --mask MASK --text "a cat" --text "a dog".')
    check_distinct(flags.text)
    focus = parse_focus(flags.focus)
    scenes = read_scenes(flags.images, read_pointing(flags), recursive=flags.recursive)
    encoder = open_encoder(flags)
    rows = []
    with torch.inference_mode():
        texts = encoder.encode_text(list(flags.text), truncate=flags.truncate)
        for recorded in scenes:
            result = classify(encoder, recorded.scene, texts, focus=focus)
            for region, cosines, shares in zip(
                result.regions, result.cosines.tolist(), result.shares.tolist(), strict=True
            ):
                pairs = zip(flags.text, cosines, shares, strict=True)
                scores = {text: {"cosine": cosine, "share": share} for text, cosine, share in pairs}
                rows.append({"image": stream_or_path(recorded.path), "region": region, "scores": scores})
    return rows
