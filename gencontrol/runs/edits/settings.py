"""The settings of an edit: where the hole is, and what is to be painted into it."""

from dataclasses import dataclass
from typing import Literal

from gencontrol.conditioning.sampling import DEFAULT_STEPS, MOST_STEPS, check_guidance
from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.pipelines.editing.window import MARGIN, SEAM
from gencontrol.runs.settings import EncoderSettings, Existing, RegionSettings, check_named, check_regions


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
    remove: bool = False
    """Fill the hole from what is around it instead, without a model."""
    strength: float = 1.0
    """How much the part that shows what to paint counts: 0 is its whole picture, 1 the part, up to 2 beyond it."""
    number: int | None = None
    """How many results of each photograph; 1, or as many as seeds are listed."""
    seed: int | str = 0
    """First seed, or a list or range of them: 7, or 1,2,3, or 5-8; random (or -1) draws one."""
    steps: int = DEFAULT_STEPS
    """Denoising steps."""
    guidance: float | None = None
    """Classifier-free guidance scale; 1 is off. Unless given, the model's own."""
    margin: float = MARGIN
    """What the model sees around the hole on each side, as a share of its long side."""
    seam: float = SEAM
    """Width of the soft border inside the hole, as a share of its long side."""
    output: str = "edits"
    """A folder, or a file (.png, .jpg, .webp), whose name is numbered if several pictures come out."""
    encoding: Literal["png", "jpg", "webp"] = "png"
    """Format of pictures in a folder; JPEG changes every pixel a little, the others none outside of the hole."""
    existing: Existing = "error"
    """What to do about files that are there already: stop, write over them, or skip pictures that are complete."""
    grid: bool = False
    """Also write each photograph and its results as one labelled sheet."""
    metadata: bool = True
    """Write the settings and the inputs' checksums into the pictures."""


def check_edit(settings: EditingSettings) -> None:
    """Refuse settings that exclude each other, or numbers that cannot be, before any picture is read.

    Raises:
        ConfigError: Says which.
    """
    check_regions(settings)
    check_named(settings)
    shown = bool(settings.like or settings.like_mask or settings.like_box or settings.like_point)
    if settings.like is not None and not settings.like.strip():
        raise ConfigError("`like` is empty: leave it out, or name a picture.")
    if settings.remove and shown:
        raise ConfigError("`remove` fills the hole from what is around it: leave it out, or `like` and its masks.")
    if not settings.remove and not shown:
        raise ConfigError(
            "Nothing says what to paint: show it in another picture (`like`, `like_mask`), in the photograph itself "
            "(`like_mask`), or fill the hole from what is around it (`remove`)."
        )
    if settings.level:
        raise ConfigError("`level` shares a look among regions, and a hole is one: leave it out.")
    check_number(settings.steps, name="`steps`", at_least=1, at_most=MOST_STEPS)
    check_number(settings.margin, name="`margin`", at_least=0, at_most=100)
    check_number(settings.seam, name="`seam`", at_least=0, at_most=1)
    if settings.guidance is not None:
        check_guidance(settings.guidance, name="`guidance`", error=ConfigError)
