"""`gencontrol nerf`: steer a radiance field with text, render it, export it. The short way to `alphaclip-nerf`."""

import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Positional, UseAppendAction, arg

from gencontrol.cli.flags import flag_names, in_flags
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError, GencontrolError
from gencontrol.runs.radiance import CreationSettings, EditSettings, train
from gencontrol.runs.scene_files import check_result

Numbers3 = tuple[float, float, float]
Numbers4 = tuple[float, float, float, float]
Numbers6 = tuple[float, float, float, float, float, float]
_SPRITES = Path("data/sprites/sprites.npz")
# Settings that the method has and a command has under another name.
_SAME_AS = {"data": "scene", "relations": "relation", "machine.seed": "seed", "machine.device_type": "device"}


@dataclass(frozen=True, kw_only=True)
class NewFlags(CreationSettings):
    """Flags of `gencontrol nerf new`."""

    parts: Annotated[Path | None, arg(metavar="FILE.yaml")] = None
    """Several parts with prompts and highlights, instead of --prompt."""
    relation: Annotated[tuple[str, ...], UseAppendAction, arg(metavar="TEXT")] = ()
    """How parts are to stand, as "crown on ball": a steered part, or its prompt; left of, right of (from the front),
    above, below, on, inside or touching; and another part, steered or of the scene. Repeat the flag for more."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("outputs")
    """Where runs go, as nerfstudio lays them out."""


@dataclass(frozen=True, kw_only=True)
class EditFlags(EditSettings):
    """Flags of `gencontrol nerf edit`."""

    scene: Annotated[Positional[Path], arg(metavar="SCENE")] = Path()
    """A scene.safetensors or the folder of a finished run; or of a nerfstudio data set without one, fitted first."""
    parts: Annotated[Path | None, arg(metavar="FILE.yaml")] = None
    """Several parts with prompts and highlights, instead of --prompt, --box, --sphere and --part."""
    relation: Annotated[tuple[str, ...], UseAppendAction, arg(metavar="TEXT")] = ()
    """How parts are to stand, as "crown on ball": a steered part, or its prompt; left of, right of (from the front),
    above, below, on, inside or touching; and another part, steered or of the scene. Repeat the flag for more."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("outputs")
    """Where runs go, as nerfstudio lays them out."""


@dataclass(frozen=True, kw_only=True)
class RenderFlags:
    """Flags of `gencontrol nerf render`."""

    scene: Annotated[Positional[Path], arg(metavar="SCENE")] = Path()
    """A scene.safetensors or the folder of a finished run."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE")] = Path("turntable.mp4")
    """An .mp4 or .gif, or a folder (no suffix) for RGBA PNGs."""
    overwrite: bool = False
    """Replace a film, or a folder of one's frames, that is there already."""
    path: Literal["turntable", "spiral"] | None = None
    """One turn, which it is unless given, or two turns up and down."""
    camera_path: Annotated[Path | None, arg(metavar="FILE.json")] = None
    """A camera path that nerfstudio's viewer exported, instead."""
    frames: int | None = None
    """Number of pictures, 60 unless given."""
    size: int = 256
    """Side of the square pictures in pixels."""
    elevation: float | None = None
    """Height of the turntable's camera in degrees, 20 unless given."""
    background: Numbers3 | None = None
    """Red, green, blue behind MP4 and GIF, 0 to 1, white unless given."""


@dataclass(frozen=True, kw_only=True)
class ExportFlags:
    """Flags of `gencontrol nerf export`."""

    scene: Annotated[Positional[Path], arg(metavar="SCENE")] = Path()
    """A scene.safetensors or the folder of a finished run."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE")] = Path("scene.glb")
    """A .glb, .ply, .obj, .stl (no colours) or .usdz; or a NAME.splat.ply for Gaussian splats."""
    overwrite: bool = False
    """Replace a file that is there already."""
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
    sprites: Annotated[Path | None, arg(metavar="FILE")] = None
    """The store that `gencontrol data sprites` made, data/sprites/sprites.npz unless given."""
    style: str | None = None
    """Style of the sprites, noto unless given."""


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
    check_words(name, flags, arguments[1:])
    options = parse(flags, arguments[1:], command=f"nerf {name}", description=description)
    _require_path(options)
    try:
        run(options)
    except GencontrolError as error:
        raise type(error)(in_own_flags(str(error), flags)) from error
    return None


def check_words(command: str, flags: type, arguments: Sequence[str]) -> None:
    """Refuse words that belong to no flag, beyond the scene or folder that a command takes first.

    Args:
        command: Its name, as `new`.
        flags: Its dataclass.
        arguments: What follows the command.

    Raises:
        ConfigError: Says which flag a text belongs to.
    """
    hints = get_type_hints(flags)
    words, owed = [], 0
    for argument in arguments:
        if argument.startswith("--") or argument in ("-o", "-h"):
            name = argument.removeprefix("--").replace("-", "_")
            owed = 0 if "=" in argument or argument in ("-h", "--help") else _values_of(hints.get(name))
        elif owed:
            owed -= 1
        else:
            words.append(argument)
    taken = 0 if flags is NewFlags else 1
    if len(words) <= taken:
        return
    told = f"what it is to become is given by --prompt {words[taken]!r}"
    how = told if "prompt" in hints else "see --help for its flags"
    raise ConfigError(f"`nerf {command}` does not take the bare word {words[taken]!r}: {how}.")


def _values_of(hint: Any) -> int:
    """How many words follow a flag of that type."""
    counts = [len(get_args(kind)) for kind in (hint, *get_args(hint)) if get_origin(kind) is tuple]
    return max(1, *counts) if counts and Ellipsis not in get_args(hint) else 1


def in_own_flags(message: str, flags: type) -> str:
    """A message with a command's flags in the place of the settings that it names.

    Args:
        message: With settings in backticks, such as `scene`. Those that only the method has are said in its flags.
        flags: The command's.
    """
    for name, same in _SAME_AS.items():
        if same in flag_names(flags):
            message = message.replace(f"`{name}`", f"`{same}`")
    said = in_flags(message, flags)
    if not re.search(r"`[a-z_.]+`", said) or importlib.util.find_spec("nerfstudio") is None:
        return said
    from gencontrol.nerf.flags import in_studio_flags

    theirs = in_studio_flags(said)
    note = " (Those flags are taken by `ns-train alphaclip-nerf`, which `gencontrol nerf` is the short way to.)"
    return theirs + note * (theirs != said)


def help_text() -> str:
    """What `gencontrol nerf --help` prints."""
    rows = [f"  {name:8}{description}" for name, (_, description, _) in COMMANDS.items()]
    return "\n".join(["usage: gencontrol nerf COMMAND [options]", "", *rows])


def _train(options: CreationSettings) -> None:
    from gencontrol.cli.report import notices

    with notices(type(options)):
        folder = train(options)
    say(f"the run is in {folder}")


def _render(options: RenderFlags) -> None:
    from gencontrol.nerf.export.video import VideoSettings, film, read_path, write_film
    from gencontrol.nerf.field.scene import find_scene, load_scene

    if options.camera_path is not None:
        _refuse_idle(options, ("path", "frames", "elevation"), why="`camera_path` says where every camera stands")
    if not options.output.suffix:
        _refuse_idle(options, ("background",), why="a folder's PNGs are transparent")
    given = {name: getattr(options, name) for name in ("path", "frames", "elevation", "background")}
    settings = VideoSettings(size=options.size, **{name: value for name, value in given.items() if value is not None})
    file = find_scene(options.scene)
    reads = {"the scene": file, "the camera path": options.camera_path}
    check_result(options.output, reads=reads, overwrite=options.overwrite)
    cameras = None if options.camera_path is None else read_path(options.camera_path, (options.size, options.size))
    frames = film(load_scene(file), settings, cameras=cameras)
    say(str(write_film(frames, options.output, settings, exclusive=not options.overwrite)))


def _export(options: ExportFlags) -> None:
    from gencontrol.nerf.export.mesh import MeshSettings, check_format, write_mesh
    from gencontrol.nerf.field.scene import find_scene, load_scene
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
    check_format(options.output, settings)
    file = find_scene(options.scene)
    check_result(options.output, reads={"the scene": file}, overwrite=options.overwrite)
    say(str(write_mesh(load_scene(file), options.output, settings, exclusive=not options.overwrite)))


def _scene(options: SceneFlags) -> None:
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.sprite_cutout import sprite_pictures
    from gencontrol.nerf.still_life.world import still_life

    if not options.sprite:
        _refuse_idle(options, ("sprites", "style"), why="no `sprite` is named")
    pictures = sprite_pictures(options.sprite, options.sprites or _SPRITES, style=options.style or "noto")
    settings = DatasetSettings(views=options.views, held_out=options.held_out, size=options.size)
    say(str(write_dataset(still_life(pictures), options.output, settings)))


def _refuse_idle(options: Any, names: Sequence[str], *, why: str) -> None:
    """Refuse flags that were given and would do nothing.

    Raises:
        ConfigError: Naming them, and why.
    """
    given = [f"`{name}`" for name in names if getattr(options, name) is not None]
    if given:
        raise ConfigError(f"{', '.join(given)} would do nothing: {why}. Leave out one or the other.")


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
