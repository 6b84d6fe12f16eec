"""`gencontrol nerf`: steer a radiance field with text, render it, export it. The short way to `alphaclip-nerf`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from gencontrol.cli.parse import parse
from gencontrol.errors import ConfigError

if TYPE_CHECKING:
    from gencontrol.nerf.method.config import Mode

Numbers3 = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """What `new` and `edit` have in common."""

    prompt: str = ""
    """What the scene, or the part, is to become."""
    parts: Annotated[Path | None, arg(metavar="FILE.yaml")] = None
    """Several parts with prompts and highlights, instead of --prompt, --box and --sphere."""
    symmetry: Literal["none", "mirror", "quarter"] = "none"
    """Of what is new, or replaces a part, around its upright axis: two mirrors, or quarter turns too (round things)."""
    encoder: str = ""
    """Encoder that guides: a preset or a folder; by default the method's own choice."""
    steps: int = 400
    """Guided steps."""
    seed: int = 0
    """The same seed gives the same scene on the same machine."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to work; auto takes CUDA if there is one."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("outputs")
    """Where runs go, as nerfstudio lays them out."""


@dataclass(frozen=True, kw_only=True)
class NewFlags(RunFlags):
    """Flags of `gencontrol nerf new`."""


@dataclass(frozen=True, kw_only=True)
class EditFlags(RunFlags):
    """Flags of `gencontrol nerf edit`."""

    scene: Annotated[Positional[Path], arg(metavar="SCENE")] = Path()
    """A scene.safetensors or the folder of a finished run; or of a nerfstudio data set without one, fitted first."""
    mode: Literal["edit", "replace", "remove", "recolour"] = "edit"
    """Change what is in the part, grow something new in its place, only take away, or only recolour."""
    box: tuple[float, float, float, float, float, float] | None = None
    """The part as an upright box: centre x y z and side lengths, world units."""
    sphere: tuple[float, float, float, float] | None = None
    """The part as a ball: centre x y z and radius, world units."""
    part: str = ""
    """The part by the name that the scene stores it under."""
    grow: float | None = None
    """How much larger than its stored shape a named part is; by default one spacing of the scene's lattice, and
    nothing for one that a run has changed before, or for a painted mask. Also for those in a list of parts."""
    softness: float = 0.0
    """Width of a soft edge, inwards, world units."""


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
    """A .glb, .ply or .obj."""
    resolution: int = 128
    """Nodes along a side of the lattice that is searched for the surface."""
    density: float = 15.0
    """Density per world unit at the surface."""
    part: str = ""
    """Only this part."""


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
    run(options)
    return None


def help_text() -> str:
    """What `gencontrol nerf --help` prints."""
    rows = [f"  {name:8}{description}" for name, (_, description, _) in COMMANDS.items()]
    return "\n".join(["usage: gencontrol nerf COMMAND [options]", "", *rows])


def training_config(options: RunFlags) -> Any:
    """The nerfstudio configuration that the flags stand for."""
    from gencontrol.nerf.method.entry import trainer_config

    config: Any = trainer_config()  # nerfstudio's own types are those of its base classes.
    model, data = config.pipeline.model, config.pipeline.datamanager
    model.prompt, model.parts, model.symmetry = options.prompt or None, options.parts, options.symmetry
    if options.encoder:
        model.encoders = (options.encoder,)
    config.max_num_iterations, config.output_dir = options.steps, options.output
    config.optimizers["field"]["scheduler"].max_steps = options.steps
    config.experiment_name = _slug(options.prompt or "scene")
    config.machine.seed = model.seed = data.seed = options.seed
    config.machine.device_type = _device(options.device)
    if isinstance(options, EditFlags):
        _set_edit(config, options)
    return config


def _set_edit(config: Any, options: EditFlags) -> None:
    model, data = config.pipeline.model, config.pipeline.datamanager
    mode: Mode = options.mode
    model.mode, model.box, model.sphere, model.part = mode, options.box, options.sphere, options.part or None
    model.grow, model.softness = options.grow, options.softness
    # An edit need not begin coarsely; this is what creations end at, so that their own lattice is kept.
    model.resolution = "0:40"
    if (options.scene / "transforms.json").is_file() and not list(options.scene.glob("*.safetensors")):
        data.data = options.scene
        config.max_num_iterations += data.fit_steps
        return
    from gencontrol.nerf.field.scene import find_scene

    model.scene = find_scene(options.scene)


def _train(options: RunFlags) -> None:
    _need_nerfstudio()
    from nerfstudio.scripts.train import main as train

    config = training_config(options)
    train(config)
    print(f"the run is in {config.get_base_dir()}")


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
    from gencontrol.nerf.export.mesh import MeshSettings, write_mesh
    from gencontrol.nerf.field.scene import load_scene

    settings = MeshSettings(resolution=options.resolution, density=options.density, part=options.part)
    print(write_mesh(load_scene(options.scene), options.output, settings))


def _scene(options: SceneFlags) -> None:
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    pictures = []
    if len(options.sprite) > 3 or len(set(options.sprite)) < len(options.sprite):
        raise ConfigError(f"Name up to three different sprites; got {', '.join(options.sprite)}.")
    if options.sprite:
        from gencontrol.nerf.still_life.sprite_cutout import sprite_picture
        from gencontrol.sprites.store import open_store

        store = open_store(options.sprites)
        pictures = [sprite_picture(store, name, style=options.style) for name in options.sprite]
    settings = DatasetSettings(views=options.views, held_out=options.held_out, size=options.size)
    print(write_dataset(still_life(pictures), options.output, settings))


def _require_path(options: Any) -> None:
    for name in ("scene", "output"):
        if getattr(options, name, None) == Path():
            raise ConfigError(f"Name the {'scene' if name == 'scene' else 'folder'} first; see --help.")


def _need_nerfstudio() -> None:
    import importlib.util

    from gencontrol.errors import MissingDependencyError

    if importlib.util.find_spec("nerfstudio") is None:
        raise MissingDependencyError(
            "Steering a scene needs nerfstudio (Python 3.11 or 3.12): pip install 'gencontrol[nerf]'."
        )


def _device(name: str) -> Any:
    import torch

    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def _slug(text: str) -> str:
    return "-".join(word for word in "".join(c if c.isalnum() else " " for c in text.lower()).split())[:40] or "scene"


COMMANDS: dict[str, tuple[type, str, Callable[[Any], None]]] = {
    "new": (NewFlags, "make a scene from a prompt", _train),
    "edit": (EditFlags, "change, recolour or remove one part of a scene", _train),
    "render": (RenderFlags, "film a scene: MP4, GIF or RGBA PNGs", _render),
    "export": (ExportFlags, "a scene as a mesh with colours: GLB, PLY or OBJ", _export),
    "scene": (SceneFlags, "write an analytic scene as a nerfstudio data set, to try things on", _scene),
}
"""Command -> its flags, one line for the help, and what carries it out."""
