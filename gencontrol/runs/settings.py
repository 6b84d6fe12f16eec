"""The settings of a run: plain values, as a file of settings, a picture's record, a notebook or a web page say them.

Messages name a setting in backticks, as `strength`, and each face says what it calls that: the command line, a flag.
"""

from dataclasses import dataclass
from typing import Literal

from gencontrol.conditioning.sampling import DEFAULT_STEPS, MOST_STEPS, check_guidance
from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.runs.references.settings import ReferenceSettings
from gencontrol.runs.referring.phrase_settings import PHRASED, PhraseSettings
from gencontrol.runs.samplers import check_sampler

Existing = Literal["error", "overwrite", "skip"]
"""What to do about output files that are there already."""
Offload = Literal["none", "model", "sequential"]
"""What is kept in main memory: nothing, each model, or each layer until it is used."""

ALTERNATIVES: tuple[frozenset[str], ...] = (
    frozenset({"mask", "index_mask", "box", "point", "alpha_from_image", "phrase"}),
    frozenset({"strength", "schedule"}),
)
"""Settings that together say one thing: giving one of them replaces what lies below for all of them."""
WIDEST_FEATHER = 100_000.0
"""In pixels: wider than any picture, beyond which nothing changes."""
REGIONS = ALTERNATIVES[0]
"""Settings that point at something."""
RECORDED = PHRASED.difference({"like_phrase"}).union(
    "invert threshold feather resize_mask levels_curve model revision alpha_clip focus fit dtype strength schedule "
    "steps guidance scheduler".split()
)
"""Settings that a picture's record holds, and that a record may set: they shape the picture, and write no file."""
NAMES_SOMETHING = (
    "mask index_mask box point negative_mask model alpha_clip focus schedule scheduler embeds_in embeds_out output "
    "config from_picture levels_curve sweep prompt negative_prompt reference canvas_mask base adapter "
    "image_encoder prior phrase like_phrase grounder segmenter phrase_model label_map".split()
)
"""Settings whose text cannot be empty."""


@dataclass(frozen=True, kw_only=True)
class RegionSettings(PhraseSettings):
    """Where to look. With no region the whole picture counts.

    What points is text: `mask` PATH[:WEIGHT], `index_mask` PATH=CLASS[:WEIGHT], `box` X0,Y0,X1,Y1[:WEIGHT], `point`
    X,Y[,RADIUS][:WEIGHT].
    """

    images: tuple[str, ...] = ()
    """Pictures, or folders of pictures."""
    recursive: bool = False
    """Take the pictures in folders inside the folders too."""
    mask: tuple[str, ...] = ()
    """A mask: white, or opaque, is where to look. A folder of masks goes with pictures of the same file name."""
    index_mask: tuple[str, ...] = ()
    """One class of a mask whose pixels hold classes: its number, #rrggbb, or a colour's name."""
    box: tuple[str, ...] = ()
    """A box in pixels from the top left corner, or in percent as 10%,20%,60%,80%; X1 and Y1 are outside."""
    point: tuple[str, ...] = ()
    """A disc around a point, in pixels, or in percent as 50%,25%,10%; its radius, of the short side where it is in
    percent, is 5 % of that unless given."""
    alpha_from_image: bool = False
    """Look where the picture itself is opaque."""
    level: tuple[float, ...] = ()
    """How much to look at a region, 0 to 1, as its share beside the others; once for each region: first masks, then
    classes of masks, boxes, points, the picture's alpha."""
    levels_curve: str | None = None
    """What makes a level a share of attention on an encoder that was not trained on levels: a file that `gencontrol
    calibrate` wrote."""
    invert: bool = False
    """Look everywhere but at the regions."""
    threshold: float | None = None
    """Make masks hard: 1 where they are at least this value in (0, 1], 0 elsewhere."""
    feather: float = 0.0
    """Soften the edges of the regions by about this many pixels."""
    resize_mask: bool = False
    """Stretch masks of another size to the picture's instead of refusing them."""


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """Which encoder looks, and how."""

    model: str = "tiny"
    """`tiny`, another preset (`gencontrol models`), a hub id, or a folder."""
    revision: str | None = None
    """Branch, tag or commit of the model on its hub."""
    alpha_clip: str | None = None
    """Alpha-CLIP folder, hub id, or published .pth checkpoint; unless given, the one that the model comes with."""
    focus: str | None = None
    """How the encoder is made to look: alpha, zoom, attention, crop, blank, blur, circle, masked-pooling,
    mask-inversion or one-pass, with settings after a colon, or several looks added, as zoom+crop; unless given, what
    the encoder's configuration names (of tiny zoom:margin=0.1+zoom:margin=0.7), else alpha if that channel is trained,
    else attention."""
    fit: Literal["pad", "squash", "crop", "published"] | None = None
    """How picture and mask become square: `published` crops the one and squashes the other, as the Alpha-CLIP authors'
    inference code does, for whoever must reproduce its numbers; unless given, as the encoder's processor says."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights; auto is float16 on a GPU and float32 elsewhere."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps, ...; auto takes a GPU if there is one."""
    offline: bool = False
    """Use only what is on this machine."""


@dataclass(frozen=True, kw_only=True)
class ConversionSettings:
    """A checkpoint to turn into a folder."""

    source: str = ""
    """A published Alpha-CLIP .pth file, OpenAI's .pt file, a preset, a CLIP folder or hub id, a folder in
    OpenCLIP's layout, or the name of an OpenCLIP ViT such as ViT-L-14."""
    output: str = ""
    """The folder to write."""
    kind: Literal["auto", "published", "clip", "open_clip"] = "auto"
    """What the source is; auto takes a file for a published checkpoint unless OpenAI's CLIP is in it, a name that
    OpenCLIP knows for one of its models, and anything else for a CLIP."""
    to: Literal["folder", "published", "open-clip"] = "folder"
    """What to write: a folder for gencontrol and transformers; the vision tower as a .pth (or .safetensors) file as the
    Alpha-CLIP authors publish them; or a folder as OpenCLIP lays one out, of a model with four input channels."""
    base: str | None = None
    """Of a published checkpoint: the CLIP it was trained from; unless given, OpenAI's of the same shape."""
    pretrained: str | None = None
    """Of an OpenCLIP model: the tag of its weights, or a file."""
    subfolder: str = ""
    """Of a CLIP: the folder inside the source, such as image_encoder."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the weights that are written."""
    overwrite: bool = False
    """Write over an encoder that is there already."""
    offline: bool = False
    """Use only what is on this machine."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingSettings(RegionSettings, EncoderSettings):
    """Embeddings of regions, to a file."""

    negative_mask: tuple[str, ...] = ()
    """A mask of what to keep away from, for a run that starts from these embeddings."""
    strength: float = 1.0
    """How much the regions count: 0 is the whole picture, 1 the regions, up to 2 beyond them."""
    text: tuple[str, ...] = ()
    """A text to embed beside the pictures, as rows of `text_embeds`."""
    truncate: bool = False
    """Cut texts that are too long for the text tower instead of refusing them."""
    output: str = "embeds.safetensors"
    """The file to write."""
    overwrite: bool = False
    """Write over a file that is there already."""


@dataclass(frozen=True, kw_only=True)
class VariationSettings(ReferenceSettings, RegionSettings, EncoderSettings):
    """Variations of the part of a picture that the settings show."""

    negative_mask: tuple[str, ...] = ()
    """A mask of what to keep away from."""
    strength: float = 1.0
    """How much the regions count: 0 is the whole picture, 1 the regions, up to 2 beyond them."""
    schedule: str | None = None
    """A strength that changes over the steps, such as 1:0.3; FROM and TO are fractions of the run. Of a model that
    takes references, the weight over the steps."""
    number: int | None = None
    """How many variations of each picture; 4, or as many as seeds are listed."""
    seed: int | str = 0
    """First seed, or a list or range of them: 7, or 1,2,3, or 5-8; random (or -1) draws one. Each picture has its own,
    which its record says."""
    steps: int = DEFAULT_STEPS
    """Denoising steps."""
    guidance: float | None = None
    """Classifier-free guidance scale; off at 1 and below. Unless given, 3 for image variation and 10 for unCLIP."""
    scheduler: str | None = None
    """Sampler: ddim, ddpm, deis, dpm++, dpm++-karras, euler, euler-a, heun, lms, pndm, unipc; else the model's own."""
    batch: int = 4
    """Variations that are drawn at once; changes speed and memory, not pictures."""
    offload: Offload = "none"
    """Keep weights in main memory and bring each model, or each layer, to the GPU when it is used."""
    embeds_in: str | None = None
    """Start from embeddings that an earlier run or `gencontrol embed` wrote instead of from a picture."""
    embeds_out: str | None = None
    """Also write the embeddings, as safetensors."""
    output: str = "variations"
    """A folder, or a file (.png, .jpg, .webp), whose name is numbered if several pictures come out."""
    encoding: Literal["png", "jpg", "webp"] = "png"
    """Format of pictures in a folder; of a file, its name says it."""
    existing: Existing = "error"
    """What to do about files that are there already: stop, write over them, or skip pictures that are complete and that
    these settings made, as their record says."""
    sweep: str | None = None
    """One setting at several values, as the rows of a labelled sheet beside the pictures: strength=0:1.5:4 is four from
    0 to 1.5, focus=alpha,crop a list; zoom:closeness=0:1:3 sweeps a focus's own setting, weight and level the
    first region's."""
    grid: bool = False
    """Also write each picture's variations as one labelled sheet."""
    compare: bool = False
    """Also write a sheet with the same seeds: with the regions, without, plain CLIP, masked crop."""
    preview: bool = False
    """Also write what the encoder sees; a dry run does that too."""
    metadata: bool = True
    """Write the settings, the masks and the input's checksum into the pictures."""
    dry_run: bool = False
    """Check everything, say what would be written, and load no weights."""


def has_regions(settings: RegionSettings) -> bool:
    """Whether any setting points at something."""
    return any(getattr(settings, name) for name in REGIONS)


def check_named(settings: object) -> None:
    """Refuse a name that is empty: it would mean the current folder, and comes of a shell variable that is not set.

    Args:
        settings: Any of these, with a face's own fields or without.

    Raises:
        ConfigError: Says which.
    """
    for name in NAMES_SOMETHING:
        value = getattr(settings, name, None)
        if any(not text.strip() for text in ((value,) if isinstance(value, str) else value or ())):
            raise ConfigError(f"`{name}` is empty: leave it out, or say what it is to be.")


def check_regions(settings: RegionSettings) -> None:
    """Refuse numbers that cannot be and names that are empty, before any picture is read.

    Raises:
        ConfigError: Says which.
    """
    check_named(settings)
    check_number(settings.feather, name="`feather`", at_least=0, unit="pixels")
    check_number(settings.feather, name="`feather`", at_most=WIDEST_FEATHER, unit="pixels")
    for level in settings.level:
        check_number(level, name="`level`", at_least=0, at_most=1)
    if settings.threshold is not None and not 0 < settings.threshold <= 1:
        raise ConfigError(f"`threshold`: expected a value above 0 and at most 1, got {settings.threshold:g}.")


def check_variation(settings: VariationSettings, *, has_negative: bool) -> None:
    """Refuse settings that exclude each other, or numbers that cannot be; `check_regions` looks at those of regions.

    Args:
        settings: As given.
        has_negative: Whether there is anything to keep away from, a repeated run's negative regions included.

    Raises:
        ConfigError: Says which.
    """
    if settings.scheduler is not None:
        check_sampler(settings.scheduler)
    for name in ("steps", "batch"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"`{name}`: expected at least 1, got {getattr(settings, name)}.")
    check_number(settings.steps, name="`steps`", at_most=MOST_STEPS)
    _check_guidance(settings.guidance, has_negative=has_negative)
    if settings.schedule is not None and settings.strength != 1.0:
        raise ConfigError("Give either `strength` or `schedule`: a schedule says the strength at every step.")
    if settings.embeds_out is not None and settings.existing == "skip":
        raise ConfigError("`embeds_out` would lack what `existing` skip leaves out: leave one of them out.")
    if settings.embeds_in is not None:
        _check_embeds_in(settings)


def _check_guidance(guidance: float | None, *, has_negative: bool) -> None:
    if guidance is None:
        return
    negative = "`negative_mask`" if has_negative else None
    check_guidance(guidance, name="`guidance`", negative=negative, error=ConfigError)


def _check_embeds_in(settings: VariationSettings) -> None:
    pointing = settings.images or has_regions(settings) or settings.negative_mask
    shaping = settings.invert or settings.schedule or settings.strength != 1.0
    if pointing or shaping or settings.compare or settings.preview or settings.embeds_out:
        raise ConfigError(
            "`embeds_in` starts from finished embeddings: leave out the picture, its regions, `strength`, `schedule`, "
            "`compare`, `preview` and `embeds_out`."
        )
