"""`gencontrol embed`: embeddings of regions, to a safetensors file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from gencontrol.cli.options import EncoderOptions, RegionOptions, Repeatable, RunOptions
from gencontrol.cli.parse import parse
from gencontrol.runs.offline import offline


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(RegionOptions, EncoderOptions, RunOptions):
    """Flags of `gencontrol embed`."""

    negative_mask: Annotated[Repeatable, arg(metavar="PATH[:WEIGHT]")] = ()
    """A mask of what to keep away from, for `vary --embeds-in`."""
    strength: Annotated[float, arg(metavar="S")] = 1.0
    """How much the regions count: 0 is the whole picture, 1 the regions, up to 2 beyond them."""
    text: Annotated[Repeatable, arg(aliases=("-t",), metavar="TEXT")] = ()
    """A text to embed beside the pictures, as rows of `text_embeds`."""
    output: Annotated[str, arg(aliases=("-o",), metavar="FILE")] = "embeds.safetensors"
    """The file to write."""
    overwrite: bool = False
    """Write over a file that is there already."""


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    options = parse(
        EmbedOptions,
        arguments,
        command="embed",
        description="Embed the regions of pictures: un-normalised rows of image_embeds, which `vary --embeds-in` "
        "takes, and one row of region_embeds for each region.",
    )
    with offline(options.offline):
        result = embed(options)
    from gencontrol.cli.report import print_json

    if options.format == "json":
        print_json(result)
        return
    shapes = ", ".join(f"{name} {tuple(shape)}" for name, shape in result["tensors"].items())
    print(f"wrote {result['path']}: {shapes}")


def embed(options: EmbedOptions) -> dict[str, Any]:
    """Embed and write.

    Raises:
        ConfigError: No picture, or a number that cannot be.
        InputError: A picture, mask or text that cannot be used, or a file that is there already.
    """
    import torch

    from gencontrol.cli.report import notices
    from gencontrol.conditioning.embedding_files import tensors_of, write_tensors
    from gencontrol.errors import InputError
    from gencontrol.runs.embedding import checked_strength, embed_scenes
    from gencontrol.runs.encoders import open_encoder
    from gencontrol.runs.outputs import check_writable
    from gencontrol.runs.scenes import read_scenes

    path = Path(options.output)
    if path.exists() and not options.overwrite:
        raise InputError(f"{path} exists already: give --overwrite, or another -o.")
    check_writable([path])
    strength = checked_strength(options.strength)
    scenes = read_scenes(options, negative_masks=options.negative_mask)
    encoder = open_encoder(options)
    with torch.inference_mode(), notices():
        embeds, labels, regions = embed_scenes(encoder, scenes, options, strength=strength)
        tensors = tensors_of(embeds) | {"region_embeds": regions}
        if options.text:
            tensors["text_embeds"] = encoder.encode_text(list(options.text))
    write_tensors(path, tensors, names=embeds.names, regions=labels, texts=options.text)
    return {"path": str(path), "tensors": {name: list(tensor.shape) for name, tensor in tensors.items()}}
