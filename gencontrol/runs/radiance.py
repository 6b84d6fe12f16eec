"""Runs that steer a radiance field: from plain settings to nerfstudio's, and through its trainer."""

import importlib.util
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gencontrol.errors import ConfigError, MissingDependencyError, OutputError
from gencontrol.runs.referring.phrase_settings import ProposalSettings

# An edit need not begin coarsely; this is what creations end at, so that their own lattice is kept.
_EDIT_RESOLUTION = "0:40"
# What numpy, which nerfstudio seeds too, takes as a seed; and a learning rate beyond which nothing but the bounds of
# float32 is reached.
_LIMITS = {
    "steps": (1, 10**9),
    "seed": (0, 2**32 - 1),
    "learning_rate": (1e-9, 100.0),
    "preview_every": (0, 10**9),
}
# Letters of a prompt that go into the name of its run's folder.
_LONGEST_NAME = 40


@dataclass(frozen=True, kw_only=True)
class CreationSettings:
    """What a run makes, of nothing; and what it has in common with an edit."""

    prompt: str = ""
    """What the scene, or the part, is to become."""
    parts: Path | None = None
    """A YAML file of several parts with prompts and highlights, instead of one prompt and its highlight."""
    symmetry: Literal["none", "mirror", "quarter"] = "none"
    """Of what is new, or replaces a part, around its upright axis: two mirrors, or quarter turns too (round things)."""
    relation: tuple[str, ...] = ()
    """How parts are to stand, as "crown on ball": a steered part, or its prompt; left of, right of (from the front),
    above, below, on, inside or touching; and another part, steered or of the scene."""
    encoder: str = ""
    """Encoder that guides: a preset or a folder; by default the method's own choice."""
    steps: int = 400
    """Guided steps."""
    seed: int = 0
    """The same seed gives the same scene on the same machine."""
    learning_rate: float = 0.1
    """How far a value of the field moves in a step, at first."""
    preview_every: int = 50
    """Steps between two sheets of previews in the run's folder; 0 for none."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to work; auto takes CUDA if there is one."""
    output: Path = Path("outputs")
    """Where runs go, as nerfstudio lays them out."""


@dataclass(frozen=True, kw_only=True)
class EditSettings(ProposalSettings, CreationSettings):
    """What a run changes in a scene that is there."""

    scene: Path = Path()
    """A scene.safetensors or the folder of a finished run; or of a nerfstudio data set without one, fitted first."""
    mode: Literal["edit", "replace", "remove", "recolour", "fit"] = "edit"
    """Change what is in the part, grow something new in its place, only take away, or only recolour; or only fit the
    pictures of a data set, and change nothing."""
    box: tuple[float, float, float, float, float, float] | None = None
    """The part as an upright box: centre x y z and side lengths, world units."""
    sphere: tuple[float, float, float, float] | None = None
    """The part as a ball: centre x y z and radius, world units."""
    part: str = ""
    """The part by the name that the scene stores it under."""
    phrase: str = ""
    """The part in words, said from the front, such as "the ball behind the box": one of those that the scene stores, or
    what a grounder finds in views."""
    phrase_model: str = "tiny"
    """The encoder that tells what a phrase means: a preset, folder or hub id with a text tower."""
    offline: bool = False
    """Use only what is on this machine, for a phrase."""
    grow: float | None = None
    """How much larger than its stored shape a named part is; by default one spacing of the scene's lattice, and
    nothing for one that a run has changed before, or for a painted mask. Also for those in a list of parts."""
    softness: float = 0.0
    """Width of a soft edge, inwards, world units."""
    fit_steps: int = 500
    """Steps in which a data set is fitted before its edit begins."""
    in_front_of: tuple[float, float, float] | None = None
    """Of a data set without an alpha channel or masks: the plain colour behind, red green blue, 0 to 1."""
    crop: tuple[float, float, float, float, float, float] | None = None
    """Of a data set that shows more than the thing: the box around it, centre x y z and side lengths, in the data set's
    own units. The cube around it becomes the scene's."""


def train(settings: CreationSettings) -> Path:
    """Carry a run out.

    Returns:
        Its folder.

    Raises:
        MissingDependencyError: nerfstudio is not installed.
        ConfigError: Settings that contradict each other, or a device that is not there.
        InputError: A scene, a highlight, pictures or a folder for runs that cannot be used.
        OutputError: A checkpoint that could not be written.
    """
    if importlib.util.find_spec("nerfstudio") is None:
        raise MissingDependencyError(
            "Steering a scene needs nerfstudio (Python 3.11 or 3.12): pip install 'gencontrol[nerf]'."
        )
    from nerfstudio.scripts.train import main

    from gencontrol.runs.notices import quiet_loading

    quiet_loading()
    config = training_config(settings)
    if isinstance(settings, EditSettings) and settings.phrase:
        _set_phrase(config, settings)
    try:
        main(config)
    except RuntimeError as error:
        # torch's writer of checkpoints has no class of errors of its own.
        if not re.search(r"PytorchStreamWriter|inline_container", str(error)):
            raise
        remove_torn_checkpoints(config.get_checkpoint_dir())
        raise OutputError(
            f"A checkpoint of the run in {config.get_base_dir()} could not be written: is the disk full? Make room, "
            "and begin anew."
        ) from error
    return config.get_base_dir()


def remove_torn_checkpoints(folder: Path) -> None:
    """Remove checkpoints that were not written to their end: as the newest ones, nerfstudio would open them."""
    for file in folder.glob("*.ckpt"):
        if not zipfile.is_zipfile(file):
            file.unlink()


def training_config(settings: CreationSettings) -> Any:
    """The nerfstudio configuration that the settings stand for.

    Raises:
        ConfigError: Steps, a seed or a learning rate that cannot be.
        InputError: An edit's scene is not there.
    """
    from gencontrol.nerf.limits import check_limits
    from gencontrol.nerf.method.entry import trainer_config

    check_limits(settings, _LIMITS)
    config: Any = trainer_config()  # nerfstudio's own types are those of its base classes.
    model, data = config.pipeline.model, config.pipeline.datamanager
    model.prompt, model.parts, model.symmetry = settings.prompt or None, settings.parts, settings.symmetry
    model.preview_every, model.relations = settings.preview_every, settings.relation
    if settings.encoder:
        model.encoders = (settings.encoder,)
    config.max_num_iterations, config.output_dir = settings.steps, settings.output
    config.optimizers["field"]["scheduler"].max_steps = settings.steps
    config.optimizers["field"]["optimizer"].lr = settings.learning_rate
    config.experiment_name = folder_name(settings.prompt)
    config.machine.seed = model.seed = data.seed = settings.seed
    config.machine.device_type = _device(settings.device)
    if isinstance(settings, EditSettings):
        _set_edit(config, settings)
    return config


def is_data_set(folder: Path) -> bool:
    """Whether a folder holds pictures for nerfstudio, and no scene that was written beside them."""
    return (folder / "transforms.json").is_file() and not list(folder.glob("*.safetensors"))


def folder_name(prompt: str) -> str:
    """What a run's folder is called after its prompt: words of letters and digits joined by hyphens."""
    words = "".join(c if c.isalnum() else " " for c in prompt.lower()).split()
    return "-".join(words)[:_LONGEST_NAME] or "scene"


def _set_edit(config: Any, settings: EditSettings) -> None:
    from gencontrol.nerf.field.scene import find_scene
    from gencontrol.runs.referring.in_scenes import check_scene_phrase

    check_scene_phrase(settings, is_scene=not is_data_set(settings.scene))
    model, data = config.pipeline.model, config.pipeline.datamanager
    model.mode, model.box, model.sphere = settings.mode, settings.box, settings.sphere
    model.part, model.grow, model.softness = settings.part or None, settings.grow, settings.softness
    model.resolution = _EDIT_RESOLUTION
    data.fit_steps, data.in_front_of, data.crop = settings.fit_steps, settings.in_front_of, settings.crop
    if is_data_set(settings.scene):
        data.data = settings.scene
        # A fit alone has no guided steps.
        config.max_num_iterations = settings.fit_steps + (0 if settings.mode == "fit" else settings.steps)
    elif settings.mode == "fit":
        raise ConfigError(
            f"The mode 'fit' needs the pictures to fit, and {settings.scene} is no data set (a folder with a "
            "transforms.json and no scene beside it)."
        )
    elif settings.in_front_of is not None or settings.crop is not None:
        raise ConfigError(
            f"`in_front_of` and `crop` are for pictures, and {settings.scene} is no data set (a folder with a "
            "transforms.json and no scene beside it): leave them out."
        )
    else:
        model.scene = find_scene(settings.scene)


def _set_phrase(config: Any, settings: EditSettings) -> None:
    """Look for the part that is meant; the masks that show it are kept in the run's folder."""
    from gencontrol.runs.referring.in_scenes import point_in_scene

    model = config.pipeline.model
    # Else the folder has another name when the run begins.
    config.set_timestamp()
    part, listed = point_in_scene(settings, model.scene, config.get_base_dir())
    model.part, model.parts = part or None, listed
    if listed is not None:
        model.prompt = None


def _device(name: str) -> str:
    import torch

    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
