"""The flags that several subcommands share, as frozen dataclasses: tyro reads them, and so does a YAML file."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

Existing = Literal["error", "overwrite", "skip"]
"""What to do about output files that are there already."""
Repeatable = Annotated[tuple[str, ...], UseAppendAction]


def unset(metavar: str, *, name: str | None = None, aliases: tuple[str, ...] = ()) -> Any:
    """Describe a flag that is not set unless given, so that `--help` shows no default."""
    return arg(metavar=metavar, name=name, aliases=aliases, help_behavior_hint="")


@dataclass(frozen=True, kw_only=True)
class RegionOptions:
    """Where to look. With no region the whole picture counts."""

    images: Annotated[Positional[tuple[str, ...]], arg(metavar="IMAGE", help_behavior_hint="")] = ()
    """Pictures, or folders of pictures."""
    mask: Annotated[Repeatable, arg(metavar="PATH[:WEIGHT]")] = ()
    """A mask: white, or opaque, is where to look. A folder of masks goes with pictures of the same file name."""
    index_mask: Annotated[Repeatable, arg(metavar="PATH=CLASS[:WEIGHT]")] = ()
    """One class of a mask whose pixels hold classes: its number, #rrggbb, or a colour's name."""
    box: Annotated[Repeatable, arg(metavar="X0,Y0,X1,Y1[:WEIGHT]")] = ()
    """A box in pixels from the top left corner; X1 and Y1 are outside."""
    point: Annotated[Repeatable, arg(metavar="X,Y[,R][:WEIGHT]")] = ()
    """A disc around a point, in pixels; its radius is 5 % of the short side unless given."""
    alpha_from_image: bool = False
    """Look where the picture itself is opaque."""
    invert: bool = False
    """Look everywhere but at the regions."""
    threshold: Annotated[float | None, unset("T")] = None
    """Make masks hard: 1 where they are at least this value in (0, 1], 0 elsewhere."""
    feather: Annotated[float, arg(metavar="PIXELS")] = 0.0
    """Soften the edges of the regions by about this many pixels."""
    resize_mask: bool = False
    """Stretch masks of another size to the picture's instead of refusing them."""


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """Which encoder looks, and how."""

    model: Annotated[str, arg(metavar="NAME")] = "tiny"
    """`tiny`, another preset (`gencontrol models`), a hub id, or a folder."""
    revision: Annotated[str | None, unset("NAME")] = None
    """Branch, tag or commit of the model on its hub."""
    alpha_clip: Annotated[str | None, unset("PATH")] = None
    """Alpha-CLIP folder, hub id, or published .pth checkpoint; unless given, the one that the model comes with."""
    focus: Annotated[str | None, unset("NAME[:KEY=VALUE,...]")] = None
    """How the encoder is made to look: alpha, attention, crop, blank, blur or circle, with settings after a colon;
    unless given, alpha if the encoder's alpha channel is trained, else attention."""
    fit: Annotated[Literal["pad", "squash", "crop"] | None, unset("pad|squash|crop")] = None
    """How picture and mask become square; unless given, as the encoder's processor says."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights; auto is float16 on a GPU and float32 elsewhere."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps, ...; auto takes a GPU if there is one."""
    offline: bool = False
    """Use only what is on this machine."""


@dataclass(frozen=True, kw_only=True)
class FormatOptions:
    """How a command reports."""

    format: Literal["human", "json"] = "human"
    """What is printed on standard output."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(FormatOptions):
    """How a command reads its settings and reports."""

    config: Annotated[str | None, unset("FILE.yaml")] = None
    """Settings by name, as in the flags with underscores; flags given win, such as --no-invert over `invert: true`."""
