"""`gencontrol score`: how well texts describe the regions of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import arg

from gencontrol.cli.options import EncoderOptions, RegionOptions, Repeatable, RunOptions
from gencontrol.cli.parse import parse
from gencontrol.runs.offline import offline


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(RegionOptions, EncoderOptions, RunOptions):
    """Flags of `gencontrol score`."""

    text: Annotated[Repeatable, arg(aliases=("-t",), metavar="TEXT")] = ()
    """A text to score; repeat it for several."""


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    options = parse(
        ScoreOptions,
        arguments,
        command="score",
        description="Score texts against the regions of pictures: cosine similarity, and the share among the texts.",
    )
    with offline(options.offline):
        rows = score(options)
    from gencontrol.cli.report import print_json, table

    if options.format == "json":
        print_json(rows)
        return
    print(
        table(
            [
                (row["image"], row["region"], text, f"{scores['cosine']:.3f}", f"{scores['share']:.1%}")
                for row in rows
                for text, scores in row["scores"].items()
            ],
            header=("image", "region", "text", "cosine", "share"),
        )
    )


def score(options: ScoreOptions) -> list[dict[str, Any]]:
    """One row for each region of each picture; the whole picture where none is shown.

    Raises:
        ConfigError: No text or no picture.
        InputError: A picture, mask or text that cannot be used.
    """
    import torch

    from gencontrol.cli.report import notices
    from gencontrol.errors import ConfigError
    from gencontrol.runs.embedding import embed_each, strategy_for
    from gencontrol.runs.encoders import open_encoder
    from gencontrol.runs.scenes import read_scenes

    if not options.text:
        raise ConfigError('No text is given: gencontrol score IMAGE --mask MASK --text "a cat" --text "a dog".')
    scenes = read_scenes(options)
    encoder = open_encoder(options)
    focus = strategy_for(encoder, options.focus)
    rows = []
    with torch.inference_mode(), notices():
        texts = encoder.encode_text(list(options.text), normalize=True).float()
        scale = 1.0 if encoder.logit_scale is None else encoder.logit_scale.exp().float()
        for scene in scenes:
            labels, embeds = embed_each(encoder, scene, focus)
            cosines = torch.nn.functional.normalize(embeds.float(), dim=-1) @ texts.T
            shares = (scale * cosines).softmax(dim=-1)
            for label, cosine, share in zip(labels, cosines.tolist(), shares.tolist(), strict=True):
                pairs = zip(options.text, cosine, share, strict=True)
                scores = {text: {"cosine": c, "share": s} for text, c, s in pairs}
                rows.append({"image": str(scene.path), "region": label, "scores": scores})
    return rows
