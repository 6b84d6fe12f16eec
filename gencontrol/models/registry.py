"""Names for models: the presets, and where the embedded one lies."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gencontrol.errors import CheckpointError

_PACKAGE = "package:"
"""Prefix of models that are data of this package."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model that users can call by a short name."""

    name: str
    """What users call it."""
    host: str
    """Name of its record in `gencontrol.pipelines.HOSTS`."""
    model: str
    """Hub id, or `package:` and a folder beside this module."""
    alpha_clip: str | None = None
    """Alpha-CLIP that belongs to it; None is its own subfolder `alpha_clip`, or what the user names."""
    alpha_folder: str | None = None
    """Folder inside the model that holds an Alpha-CLIP; None if there is none."""
    clip_folder: str = "image_encoder"
    """Folder inside the model that holds the plain CLIP that its denoiser was trained with."""
    encoder: str
    """Architecture of the encoder that its denoiser was trained with."""
    licence: str
    """Of the weights."""
    size_mb: float
    """About how much is fetched or shipped, in megabytes."""
    description: str
    """One line."""


_RECORDS = (
    Preset(
        name="tiny",
        host="tiny",
        model="package:tiny",
        alpha_folder="alpha_clip",
        clip_folder="clip",
        encoder="64 px ViT, patch 8",
        licence="CC-BY-4.0",
        size_mb=40.0,
        description="The embedded model of the sprite world: needs no hub and no GPU.",
    ),
    Preset(
        name="sd-image-variation",
        host="sd-image-variation",
        model="lambdalabs/sd-image-variations-diffusers",
        encoder="ViT-L/14",
        licence="CreativeML OpenRAIL-M",
        size_mb=6200.0,
        description="Stable Diffusion image variation; takes the published Alpha-CLIP L/14 as its alpha_clip.",
    ),
    Preset(
        name="stable-unclip-small",
        host="stable-unclip-small",
        model="stabilityai/stable-diffusion-2-1-unclip-small",
        encoder="ViT-L/14",
        licence="CreativeML OpenRAIL++-M",
        size_mb=6400.0,
        description="Stable unCLIP on ViT-L/14; takes the published Alpha-CLIP L/14 as its alpha_clip.",
    ),
    Preset(
        name="stable-unclip-large",
        host="stable-unclip-large",
        model="stabilityai/stable-diffusion-2-1-unclip",
        encoder="ViT-H/14",
        licence="CreativeML OpenRAIL++-M",
        size_mb=7700.0,
        description="Stable unCLIP on ViT-H/14, for which no Alpha-CLIP is published: uses the focus attention.",
    ),
)

_REFERENCES = frozenset(
    "sd15-ip sd15-ip-plus sdxl-ip sdxl-ip-vit-h sdxl-ip-plus kolors-ip-plus flux-ip flux-ip-v2 flux-redux flux-kontext "
    "flux2-klein flux2 sd35-ip kandinsky-2.1 kandinsky-2.2 karlo".split()
)
_PAINTERS = frozenset({"flux-fill"})
"""Names of models whose records are `gencontrol.pipelines`'s, since they are put together there from several parts."""

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _RECORDS}
"""Name -> preset."""


def find_preset(name: str) -> Preset | None:
    """The preset of that name, if there is one."""
    return PRESETS.get(name)


def is_put_together(name: str) -> bool:
    """Whether a model's name is one of those that are put together from parts."""
    return name in _REFERENCES | _PAINTERS


def put_together(name: str) -> str | None:
    """What to say where the name of a model that is put together from parts is given for one that lies somewhere.

    Args:
        name: As somebody gave it; None comes back for any other name, or where something of that name is a file.
    """
    if Path(name).exists() or not is_put_together(name):
        return None
    if name in _PAINTERS:
        return (
            f"{name} is made for holes and does nothing else: `gencontrol edit --model {name}` paints with it, and in "
            "Python gencontrol.pipelines.paint_with_host; `gencontrol models` lists the others."
        )
    return (
        f"{name} is a host of references, put together from a base and its adapter, and no saved pipeline or "
        f"encoder: `gencontrol vary --model {name}` draws with it, and in Python "
        "gencontrol.pipelines.open_reference_host; an encoder is what `gencontrol models` lists for it."
    )


def resolve_encoder(name_or_path: str, subfolder: str = "", *, has_alpha: bool) -> tuple[str, str]:
    """Where an encoder lies, and the folder inside: a preset becomes the encoder that it comes with.

    Args:
        name_or_path: Preset, folder or hub id.
        subfolder: Folder inside; one that is given wins over the preset's.
        has_alpha: Whether an Alpha-CLIP is wanted, where the preset has one, or the plain CLIP.

    Raises:
        CheckpointError: See `resolve`.
    """
    preset = find_preset(name_or_path)
    if preset is None:
        return name_or_path, subfolder
    inside = (preset.alpha_folder if has_alpha else None) or preset.clip_folder
    where = resolve(name_or_path)
    if isinstance(where, Path):
        return str(where / (subfolder or inside)), ""
    return where, subfolder or inside


def resolve(name_or_path: str) -> Path | str:
    """Where a model lies: a preset becomes its folder or hub id, anything else stays as it is.

    Raises:
        CheckpointError: An embedded model in a build without its weights.
    """
    preset = find_preset(name_or_path)
    if preset is None:
        return name_or_path
    if not preset.model.startswith(_PACKAGE):
        return preset.model
    folder = Path(str(files("gencontrol.models"))) / preset.model.removeprefix(_PACKAGE)
    if not (folder / "model_index.json").is_file():
        raise CheckpointError(
            f"This build of gencontrol has no weights of the embedded model {preset.name!r}. Name another model: "
            f"a preset ({', '.join(n for n in PRESETS if n != preset.name)}), a hub id or a folder."
        )
    return folder
