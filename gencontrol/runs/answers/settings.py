"""The settings of captions and answers. It imports no torch: the command line reads it first."""

from dataclasses import dataclass
from typing import Literal

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_temperature
from gencontrol.runs.settings import Offload, RegionSettings, check_regions, has_regions


@dataclass(frozen=True, kw_only=True)
class AnswerSettings(RegionSettings):
    """What a LLaVA is to say about the regions of pictures."""

    model: str | None = None
    """tiny, which comes with the package and knows the sprite world, or a folder or hub id of LLaVA-1.5; unless given,
    tiny, and with an alpha_clip llava-hf/llava-1.5-7b-hf."""
    alpha_clip: str | None = None
    """Whose tower takes the place of the model's own: a published Alpha-CLIP .pth file of ViT-L/14@336, a folder or a
    hub id."""
    revision: str | None = None
    """Branch, tag or commit of the model on its hub."""
    focus: str | None = None
    """How the part is looked at: alpha, zoom, crop, blank, blur or circle, with settings after a colon; unless given,
    alpha."""
    fit: Literal["pad", "squash", "crop", "published"] | None = None
    """How picture and mask become square; unless given, as the model's processor says, else pad."""
    max_tokens: int = 128
    """Tokens of an answer at most; a word is one or two."""
    temperature: float = 0.0
    """0 takes the likeliest word each time; above, words are drawn, the flatter the higher."""
    top_p: float = 1.0
    """Draw among the likeliest words that together have this probability."""
    seed: int = 0
    """Of the draws."""
    batch: int = 4
    """Answers that are made at once, unless they are streamed or drawn; changes speed and memory."""
    stream: bool = False
    """Show answers word by word as they come."""
    output: str | None = None
    """Also write the answers to this file (.csv, .json)."""
    overwrite: bool = False
    """Write over a file that is there already."""
    offload: Offload = "none"
    """Keep weights in main memory and bring the model, or each layer, to the GPU when it is used."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights; auto is float16 on a GPU and float32 elsewhere."""
    quantize: Literal["none", "4bit"] = "none"
    """4bit keeps each number of the language model's matrices in four bits, by bitsandbytes: a fourth of the memory."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps, ...; auto takes a GPU if there is one."""
    offline: bool = False
    """Use only what is on this machine."""


def check_answers(settings: AnswerSettings) -> None:
    """Refuse settings that cannot be, before any picture is read.

    Raises:
        ConfigError: Says which.
    """
    check_regions(settings)
    if not has_regions(settings):
        raise ConfigError(
            "No region is shown: say what it is about with `mask`, `box`, `point`, `phrase` or `alpha_from_image`; "
            "`box` 0%,0%,100%,100% is the whole picture."
        )
    if settings.level or settings.levels_curve is not None:
        raise ConfigError(
            "`level`: each region is asked about by itself, so it has no share beside others: leave it out."
        )
    if settings.quantize != "none" and settings.offload != "none":
        raise ConfigError("`quantize` and `offload` both save memory of the GPU, and do not go together: choose one.")
    if settings.output is not None and not settings.output.lower().endswith((".csv", ".json")):
        raise ConfigError(f"`output` {settings.output}: expected a name that ends in .csv or .json.")
    check_temperature(settings.temperature, name="`temperature`")
    if settings.temperature == 0 and (settings.top_p != 1 or settings.seed):
        raise ConfigError("`top_p` and `seed` are of words that are drawn: give a `temperature` above 0 too.")
