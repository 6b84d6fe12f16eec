"""The settings of an edit: where the hole is, and what is to be painted into it."""

from dataclasses import dataclass, fields, replace
from typing import Literal

from gencontrol.conditioning.sampling import DEFAULT_STEPS, MOST_STEPS, check_guidance
from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.runs.referring.phrase_settings import PHRASED
from gencontrol.runs.settings import EncoderSettings, Existing, Offload, RegionSettings, check_named, check_regions


@dataclass(frozen=True, kw_only=True)
class EditingSettings(RegionSettings, EncoderSettings):
    """Photographs, the hole in each (`mask`, `box`, ...), and what is painted into it."""

    like: str | None = None
    """The picture that shows what to paint; unless given, the photograph itself."""
    like_mask: tuple[str, ...] = ()
    """A mask of what to paint, in the picture that shows it."""
    like_box: tuple[str, ...] = ()
    """A box around what to paint, in pixels or percent."""
    like_point: tuple[str, ...] = ()
    """A disc on what to paint."""
    like_phrase: tuple[str, ...] = ()
    """What to paint in words, such as "the red cup", as `phrase` is the hole."""
    prompt: str | None = None
    """A text beside what is shown, or in its place, for a model that is made for holes (`gencontrol models --holes`),
    as are those below it up to `slicing`."""
    negative_prompt: str | None = None
    """A text to keep away from."""
    weight: float = 1.0
    """How much what is shown counts beside the prompt, 0 to 2."""
    base: str | None = None
    """Folder or hub id of a pipeline in the place of the published one."""
    adapter: str | None = None
    """Adapter in the place of the published one: a .safetensors file, a folder, or a hub id."""
    image_encoder: str | None = None
    """Folder or hub id of the vision tower, in the place of the published one."""
    height: int | None = None
    """At which the model works, in pixels; unless given, its own."""
    width: int | None = None
    """At which the model works, in pixels; unless given, its own."""
    true_guidance: float | None = None
    """Scale of classifier-free guidance of models whose guidance is distilled (Flux); off at 1 and below,
    and twice the time above."""
    slicing: bool = False
    """Decode in slices: less memory, the same pictures."""
    remove: bool = False
    """Fill the hole from what is around it instead: smoothly without a model, or by one that is made for holes and is
    told nothing."""
    strength: float = 1.0
    """How much the part that shows what to paint counts: 0 is its whole picture, 1 the part, up to 2 beyond it."""
    schedule: str | None = None
    """A strength that changes over the steps, such as 1:0.3; FROM and TO are fractions of the run. Of a model that is
    made for holes, the weight over the steps."""
    number: int | None = None
    """How many results of each photograph; 1, or as many as seeds are listed."""
    seed: int | str = 0
    """First seed, or a list or range of them: 7, or 1,2,3, or 5-8; random (or -1) draws one."""
    steps: int = DEFAULT_STEPS
    """Denoising steps."""
    guidance: float | None = None
    """Classifier-free guidance scale; off at 1 and below. Unless given, the model's own."""
    margin: float | None = None
    """What the model sees around the hole on each side, as a share of its long side; unless given, 0.05, and 0.5 for
    models that are made for holes, which fit what they paint to it."""
    seam: float = 0.05
    """Width of the soft border inside the hole, as a share of its long side."""
    offload: Offload = "none"
    """Keep weights in main memory and bring each model, or each layer, to the GPU when it is used."""
    output: str = "edits"
    """A folder, or a file (.png, .jpg, .webp), whose name is numbered if several pictures come out."""
    encoding: Literal["png", "jpg", "webp"] = "png"
    """Format of pictures in a folder; JPEG changes every pixel a little, the others none outside of the hole."""
    existing: Existing = "error"
    """What to do about files that are there already: stop, write over them, or skip pictures that are complete."""
    grid: bool = False
    """Also write each photograph and its results as one labelled sheet."""
    metadata: bool = True
    """Write the settings, the masks and the inputs' checksums into the pictures."""
    dry_run: bool = False
    """Check everything, say what would be written, and load no weights."""


RECORDED = PHRASED.union(
    "model revision alpha_clip focus fit dtype strength schedule steps guidance margin seam remove invert threshold "
    "feather resize_mask prompt negative_prompt weight base adapter image_encoder height width true_guidance".split()
)
"""Settings that a picture's record holds, and that a record may set: they shape the picture, and write no file."""
_OF_HOSTS = (
    "prompt",
    "negative_prompt",
    "weight",
    "base",
    "adapter",
    "image_encoder",
    "height",
    "width",
    "true_guidance",
    "slicing",
)
"""Settings that only models take that are made for holes."""
OF_MODELS = (
    "revision",
    "alpha_clip",
    "focus",
    "fit",
    "dtype",
    "device",
    "strength",
    "steps",
    "guidance",
    "margin",
    "seam",
    "offload",
)
"""Settings that a removal without a model leaves aside."""
_OF_REFERENCES = ("weight", "strength", "schedule", "adapter", "image_encoder", "alpha_clip", "focus", "fit")
"""Those that say how what is shown counts."""


def check_edit(settings: EditingSettings, *, made_for_holes: bool = False, shown: bool = False) -> None:
    """Refuse settings that exclude each other, or numbers that cannot be, before any picture is read.

    Args:
        settings: As given.
        made_for_holes: Whether the model is of those that take a prompt.
        shown: Whether what to paint is known beside the settings, from the run that is repeated.

    Raises:
        ConfigError: Says which.
    """
    check_regions(settings)
    check_named(settings)
    _check_content(settings, made_for_holes=made_for_holes, shown=shown or shows(settings))
    for name in ("level", "levels_curve"):
        if getattr(settings, name):
            raise ConfigError(f"`{name}` shares a look among regions, and a hole is one: leave it out.")
    check_number(settings.steps, name="`steps`", at_least=1, at_most=MOST_STEPS)
    if settings.margin is not None:
        check_number(settings.margin, name="`margin`", at_least=0, at_most=100)
    check_number(settings.seam, name="`seam`", at_least=0, at_most=1)
    check_number(settings.weight, name="`weight`", at_least=0, at_most=2)
    for name in ("height", "width"):
        # To stock calls 0 is their own size.
        if getattr(settings, name) is not None:
            check_number(getattr(settings, name), name=f"`{name}`", at_least=8, unit="pixels")
    for name in ("guidance", "true_guidance"):
        if getattr(settings, name) is not None:
            check_guidance(getattr(settings, name), name=f"`{name}`", error=ConfigError)


def shown_by(settings: EditingSettings) -> EditingSettings:
    """What points at what to paint, as if it were the region of a run."""
    usual = RegionSettings()
    names = {field.name for field in fields(RegionSettings)} - PHRASED - {"images", "recursive", "resize_mask"}
    plain = replace(settings, **{name: getattr(usual, name) for name in names}, like_phrase=())
    like = {name: getattr(settings, f"like_{name}") for name in ("mask", "box", "point", "phrase")}
    return replace(plain, **like)


def shows(settings: EditingSettings) -> bool:
    """Whether the settings show what to paint."""
    return any(getattr(settings, name) for name in ("like", "like_mask", "like_box", "like_point", "like_phrase"))


def _check_content(settings: EditingSettings, *, made_for_holes: bool, shown: bool) -> None:
    if settings.like is not None and not settings.like.strip():
        raise ConfigError("`like` is empty: leave it out, or name a picture.")
    if settings.remove and shown:
        raise ConfigError("`remove` fills the hole from what is around it: leave it out, or `like` and its masks.")
    if settings.remove and settings.prompt is not None:
        raise ConfigError("`remove` says nothing of what is to be painted: leave it out, or `prompt`.")
    if not made_for_holes:
        given = _given(settings, _OF_HOSTS)
        if given:
            raise ConfigError(
                f"{given}: the model {settings.model} takes none; those that are made for holes do, and are listed by "
                "`gencontrol models --holes`."
            )
        _check_course(settings, shown=shown)
    elif not shown and (given := _given(settings, _OF_REFERENCES)):
        raise ConfigError(f"{given}: nothing shows what to paint (`like`, `like_mask`), so it would act on nothing.")
    if not (settings.remove or shown or settings.prompt is not None):
        raise ConfigError(
            "Nothing says what to paint: show it in another picture (`like`, `like_mask`), in the photograph itself "
            "(`like_mask`), say it to a model that is made for holes (`prompt`), or fill the hole from what is around "
            "it (`remove`)."
        )


def _check_course(settings: EditingSettings, *, shown: bool) -> None:
    """Of a model of image variation, whose schedule is the strength's."""
    if settings.schedule is not None and not shown:
        raise ConfigError("`schedule`: nothing shows what to paint (`like`, `like_mask`), so it would act on nothing.")
    if settings.schedule is not None and settings.strength != 1.0:
        raise ConfigError("Give either `strength` or `schedule`: a schedule says the strength at every step.")


def _given(settings: EditingSettings, names: tuple[str, ...]) -> str:
    """Those of the settings that are given, for messages."""
    return ", ".join(f"`{name}`" for name in names if getattr(settings, name) != getattr(EditingSettings, name))
