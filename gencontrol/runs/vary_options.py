"""The flags of `gencontrol vary`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

from gencontrol.cli.options import EncoderOptions, Existing, RegionOptions, Repeatable, RunOptions, unset


@dataclass(frozen=True, kw_only=True)
class VaryOptions(RegionOptions, EncoderOptions, RunOptions):
    """Variations of the part of a picture that the flags show."""

    negative_mask: Annotated[Repeatable, arg(metavar="PATH[:WEIGHT]")] = ()
    """A mask of what to keep away from."""
    strength: Annotated[float, arg(metavar="S")] = 1.0
    """How much the regions count: 0 is the whole picture, 1 the regions, up to 2 beyond them."""
    schedule: Annotated[str | None, unset("START:END[@FROM:TO]")] = None
    """A strength that changes over the steps, such as 1:0.3; FROM and TO are fractions of the run."""
    number: Annotated[int | None, unset("N", aliases=("-n",))] = None
    """How many variations of each picture; 4, or as many as seeds are listed."""
    seed: Annotated[int | str, arg(metavar="SEED")] = 0
    """First seed, or a list or range of them: 7, or 1,2,3, or 5-8. Each picture has its own seed."""
    steps: Annotated[int, arg(metavar="N")] = 25
    """Denoising steps."""
    guidance: Annotated[float | None, unset("SCALE")] = None
    """Classifier-free guidance scale; 1 is off. Unless given, 3 for image variation and 10 for unCLIP."""
    scheduler: Annotated[str | None, unset("NAME")] = None
    """Sampler: ddim, ddpm, deis, dpm++, dpm++-karras, euler, euler-a, heun, lms, pndm, unipc; else the model's own."""
    batch: Annotated[int, arg(metavar="N")] = 4
    """Variations that are drawn at once; changes speed and memory, not pictures."""
    offload: Literal["none", "model", "sequential"] = "none"
    """Keep weights in main memory and bring each model, or each layer, to the GPU when it is used."""
    embeds_in: Annotated[str | None, unset("FILE")] = None
    """Start from embeddings that --embeds-out or `gencontrol embed` wrote instead of from a picture."""
    embeds_out: Annotated[str | None, unset("FILE")] = None
    """Also write the embeddings, as safetensors."""
    from_picture: Annotated[str | None, unset("OUT.png", name="from")] = None
    """Repeat the run that wrote this picture; flags given win, such as --no-invert over a recorded --invert."""
    output: Annotated[str, arg(aliases=("-o",), metavar="FILE|FOLDER")] = "variations"
    """A folder, or a .png file, whose name is numbered if several pictures come out."""
    existing: Existing = "error"
    """What to do about files that are there already: stop, write over them, or skip pictures that are complete."""
    grid: bool = False
    """Also write each picture's variations as one labelled sheet."""
    compare: bool = False
    """Also write a sheet with the same seeds: with the regions, without, plain CLIP, masked crop."""
    preview: bool = False
    """Also write what the encoder sees; works with --dry-run."""
    metadata: bool = True
    """Write the settings, the masks and the input's checksum into the pictures."""
    dry_run: bool = False
    """Check everything, say what would be written, and load no weights."""
