"""`gencontrol nerf`: steer a radiance field with text, render it, export it. The short way to `alphaclip-nerf`."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from gencontrol.cli.parse import parse
from gencontrol.errors import ConfigError, GencontrolError
from gencontrol.runs.radiance import CreationSettings, EditSettings, train

Numbers3 = tuple[float, float, float]
Numbers4 = tuple[float, float, float, float]
Numbers6 = tuple[float, float, float, float, float, float]
# Flags of `ns-train`; in the second group the name of those that a command has under the same.
_STUDIO_FLAG = (
    r"--(?:pipeline\.(?:model|datamanager)\.([\w-]+)|pipeline\.[\w.-]+|optimizers\.[\w.-]+"
    r"|load-dir\b|data\b|max-num-iterations\b|output-dir\b)"
)
# Those that it has under another.
_SAME_AS = {
    "--optimizers.field.optimizer.lr": "learning_rate",
    "--max-num-iterations": "steps",
    "--output-dir": "output",
    "--data": "scene",
}


@dataclass(frozen=True, kw_only=True)
class NewFlags(CreationSettings):
    """Flags of `gencontrol nerf new`."""

    parts: Annotated[Path | None, arg(metavar="FILE.yaml")] = None
    """Several parts with prompts and highlights, instead of --prompt."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("outputs")
    """Where runs go, as nerfstudio lays them out."""


@dataclass(frozen=True, kw_only=True)
class EditFlags(EditSettings):
    """Flags of `gencontrol nerf edit`."""

    scene: Annotated[Positional[Path], arg(metavar="SCENE")] = Path()
    """A scene.safetensors or the folder of a finished run; or of a nerfstudio data set without one, fitted first."""
    parts: Annotated[Path | None, arg(metavar="FILE.yaml")] = None
    """Several parts with prompts and highlights, instead of --prompt, --box, --sphere and --part."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("outputs")
    """Where runs go, as nerfstudio lays them out."""


@dataclass(frozen=True, kw_only=True)
class RenderFlags:
    """Flags of `gencontrol nerf render`."""

    scene: Annotated[Positional[Path], arg(metavar="SCENE")] = Path()
    """A scene.safetensors or the folder of a finished run."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE")] = Path("turntable.mp4")
    """An .mp4 or .gif, or a folder (no suffix) for RGBA PNGs."""
    path: Literal["turntable", "spiral"] = "turntable"
    """One turn, or two turns up and down."""
    camera_path: Annotated[Path | None, arg(metavar="FILE.json")] = None
    """A camera path that nerfstudio's viewer exported, instead."""
    frames: int = 60
    """Number of pictures."""
    size: int = 256
    """Side of the square pictures in pixels."""
    elevation: float = 20.0
    """Height of the turntable's camera in degrees."""
    background: Numbers3 = (1.0, 1.0, 1.0)
    """Red, green, blue behind MP4 and GIF, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class ExportFlags:
    """Flags of `gencontrol nerf export`."""

    scene: Annotated[Positional[Path], arg(metavar="SCENE")] = Path()
    """A scene.safetensors or the folder of a finished run."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE")] = Path("scene.glb")
    """A .glb, .ply, .obj, .stl (no colours) or .usdz; or a NAME.splat.ply for Gaussian splats."""
    resolution: int | None = None
    """Nodes along a side of the lattice that is searched for the surface, 128 unless given; of splats the scene's."""
    density: float | None = None
    """Density per world unit at the surface; chosen by where light is stopped unless given."""
    part: str = ""
    """Only this part."""
    box: Numbers6 | None = None
    """Only what lies in an upright box: centre x y z and side lengths, world units."""
    sphere: Numbers4 | None = None
    """Only what lies in a ball: centre x y z and radius, world units."""


@dataclass(frozen=True, kw_only=True)
class SceneFlags:
    """Flags of `gencontrol nerf scene`."""

    output: Annotated[Positional[Path], arg(metavar="FOLDER")] = Path()
    """A new folder for the data set."""
    views: int = 40
    """Training pictures."""
    held_out: int = 8
    """Further pictures that training never sees."""
    size: int = 96
    """Side of the square pictures in pixels."""
    sprite: Annotated[tuple[str, ...], UseAppendAction, arg(metavar="NAME")] = ()
    """Up to three sprites by name, cut out thick, in the places of the primitives; repeat the flag."""
    sprites: Path = Path("data/sprites/sprites.npz")
    """The store that `gencontrol data sprites` made."""
    style: str = "noto"
    """Style of the sprites."""


def main(arguments: Sequence[str]) -> int | None:
    """Run one of the commands."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return 0 if arguments else 2
    name = arguments[0]
    if name not in COMMANDS:
        from gencontrol.configuration import nearest

        raise ConfigError(f"No command `nerf {name}`{nearest(name, COMMANDS)}")
    flags, description, run = COMMANDS[name]
    options = parse(flags, arguments[1:], command=f"nerf {name}", description=description)
    _require_path(options)
    try:
        run(options)
    except GencontrolError as error:
        raise type(error)(in_own_flags(str(error), flags)) from error
    return None


def in_own_flags(message: str, flags: type) -> str:
    """What the method says in flags of `ns-train`, in those of a command that has them too.

    Args:
        message: With flags such as `--pipeline.model.scene FOLDER`.
        flags: The command's.
    """
    names = {field.name for field in dataclasses.fields(flags)}

    def own(found: re.Match[str]) -> str:
        name, value = _SAME_AS.get(found[1], found[2] or "").replace("-", "_"), found[3] or ""
        if name not in names:
            return found[0]
        return "SCENE" if name == "scene" else f"--{name.replace('_', '-')}{value}"

    said = re.sub(rf"({_STUDIO_FLAG})( [A-Z]+)?", own, message)
    if not re.search(_STUDIO_FLAG, said):
        return said
    return f"{said} (Those flags are taken by `ns-train alphaclip-nerf`, which `gencontrol nerf` is the short way to.)"


def help_text() -> str:
    """What `gencontrol nerf --help` prints."""
    rows = [f"  {name:8}{description}" for name, (_, description, _) in COMMANDS.items()]
    return "\n".join(["usage: gencontrol nerf COMMAND [options]", "", *rows])


def _train(options: CreationSettings) -> None:
    print(f"the run is in {train(options)}")


def _render(options: RenderFlags) -> None:
    from gencontrol.nerf.export.video import VideoSettings, film, read_path, write_film
    from gencontrol.nerf.field.scene import load_scene

    settings = VideoSettings(
        path=options.path,
        frames=options.frames,
        size=options.size,
        elevation=options.elevation,
        background=options.background,
    )
    scene = load_scene(options.scene)
    cameras = None if options.camera_path is None else read_path(options.camera_path, (options.size, options.size))
    print(write_film(film(scene, settings, cameras=cameras), options.output, settings))


def _export(options: ExportFlags) -> None:
    from gencontrol.nerf.export.mesh import MeshSettings, check_format, write_mesh
    from gencontrol.nerf.field.scene import load_scene
    from gencontrol.nerf.parts.highlights import box_or_sphere

    check_format(options.output)
    if options.box is not None and options.sphere is not None:
        raise ConfigError("Give --box or --sphere, not both: each says alone what is exported.")
    settings = MeshSettings(
        resolution=options.resolution,
        density=options.density,
        part=options.part,
        crop=box_or_sphere(options.box, options.sphere),
    )
    print(write_mesh(load_scene(options.scene), options.output, settings))


def _scene(options: SceneFlags) -> None:
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.sprite_cutout import sprite_pictures
    from gencontrol.nerf.still_life.world import still_life

    pictures = sprite_pictures(options.sprite, options.sprites, style=options.style)
    settings = DatasetSettings(views=options.views, held_out=options.held_out, size=options.size)
    print(write_dataset(still_life(pictures), options.output, settings))


def _require_path(options: Any) -> None:
    for name in ("scene", "output"):
        is_here = name == "scene" and any(Path(file).is_file() for file in ("scene.safetensors", "transforms.json"))
        if getattr(options, name, None) == Path() and not is_here:
            raise ConfigError(f"Name the {'scene' if name == 'scene' else 'folder'} first; see --help.")


COMMANDS: dict[str, tuple[type, str, Callable[[Any], None]]] = {
    "new": (NewFlags, "make a scene from a prompt", _train),
    "edit": (EditFlags, "change, recolour or remove one part of a scene", _train),
    "render": (RenderFlags, "film a scene: MP4, GIF or RGBA PNGs", _render),
    "export": (ExportFlags, "a scene as a mesh (GLB, PLY, OBJ, STL, USDZ) or as Gaussian splats", _export),
    "scene": (SceneFlags, "write an analytic scene as a nerfstudio data set, to try things on", _scene),
}
"""Command -> its flags, one line for the help, and what carries it out."""
