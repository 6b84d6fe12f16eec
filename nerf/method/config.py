"""The method's settings, in nerfstudio's way: plain dataclasses that it mutates, every field documented.

Imports torch and nerfstudio only: this module is read by every `ns-*` command. It holds settings and nothing that they
set up: `gencontrol.nerf.method.entry`, which stands above all of the method, says what each of them stands for.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Optional

from nerfstudio.configs.dataparser_configs import AnnotatedDataParserUnion
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.pixel_samplers import PixelSamplerConfig
from nerfstudio.engine.schedulers import SchedulerConfig
from nerfstudio.models.base_model import ModelConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from tyro.conf import Suppress

from gencontrol.errors import ConfigError
from gencontrol.guidance.augmentation import Augmentation
from gencontrol.guidance.prompts import ViewPrompts
from gencontrol.nerf.rays.cameras import Orbit
from gencontrol.nerf.steering.other_names import SPRITES

Mode = Literal["create", "fit", "edit", "replace", "remove", "recolour"]

# tyro and PyYAML read these classes as nerfstudio writes them, so they follow its conventions: Optional, not `| None`.
# ruff: noqa: UP045


def no_target(config: Any, **_: Any) -> Any:
    """Stands in the place of what a configuration sets up, until `gencontrol.nerf.method.entry` names it.

    Raises:
        ConfigError: Always, naming the configurations that can be set up.
    """
    raise ConfigError(
        f"A {type(config).__name__} made alone holds settings and does not know what they set up: expected one of "
        "`gencontrol.nerf.method.entry`, whose `trainer_config()` has them all."
    )


@dataclass
class FloatDecayConfig(SchedulerConfig):
    """Exponential decay of the learning rate in Python floats: checkpoints then open under `weights_only=True`."""

    _target: Any = field(default_factory=lambda: no_target)
    final: float = 0.2
    """Share of the learning rate that is left after `max_steps`; constant from there on."""
    max_steps: int = 400
    """Steps over which it falls."""


@dataclass
class SteeredDataManagerConfig(VanillaDataManagerConfig):
    """Random orbit cameras; with `--data`, also the rays of its pictures, to fit them first.

    It is a VanillaDataManagerConfig for `ns-render dataset`, which asks for the class; those of its settings that are
    not used here are not offered as flags.
    """

    _target: Any = field(default_factory=lambda: no_target)
    # nerfstudio builds this type of a list of parsers, some of which plug-ins bring.
    dataparser: AnnotatedDataParserUnion = field(  # pyright: ignore[reportInvalidTypeForm]
        default_factory=lambda: NerfstudioDataParserConfig(
            orientation_method="none", center_method="none", auto_scale_poses=False
        )
    )
    """How `--data` is read, named as for nerfstudio's methods (`colmap`, `blender-data`); by default as nerfstudio's
    own, with poses as they are, and the scene must lie in [-1, 1] on each axis."""
    crop: Optional[tuple[float, float, float, float, float, float]] = None
    """For a capture of more than one thing: a box, centre x y z and side lengths in the data set's own units (as its
    parser gives them). The cube around it becomes the scene's; what pictures show outside is fitted as a backdrop,
    which is in no scene file. Pictures then need no alpha channel."""
    orbit: Orbit = field(default_factory=Orbit)
    """Where the random cameras stand."""
    aim: Literal["auto", "scene", "parts"] = "auto"
    """What they look at: the orbit's target, or the parts, large, from as far; auto takes the parts for a change of
    something that is there, and the scene for a creation."""
    views: int = 2
    """Views a guided step renders."""
    size: int = 64
    """Side of a guided step's square views in pixels."""
    eval_views: int = 8
    """Fixed views for previews and scores when there are no held-out pictures."""
    eval_size: int = 96
    """Side of those views in pixels."""
    rays: int = 4096
    """Rays a photometric step renders."""
    fit_steps: int = 500
    """Photometric steps before an edit of `--data` begins; the mode `fit` does nothing else."""
    in_front_of: Optional[tuple[float, float, float]] = None
    """Colour (red green blue, 0 to 1) that pictures without an alpha channel were taken in front of."""
    seed: int = 0
    """Of cameras and rays; a step's draw depends on it and on the step only."""
    masks_on_gpu: Suppress[bool] = False
    """Not used here."""
    images_on_gpu: Suppress[bool] = False
    """Not used here."""
    train_num_rays_per_batch: Suppress[int] = 1024
    """Not used here."""
    train_num_images_to_sample_from: Suppress[int] = -1
    """Not used here."""
    train_num_times_to_repeat_images: Suppress[int] = -1
    """Not used here."""
    eval_num_rays_per_batch: Suppress[int] = 1024
    """Not used here."""
    eval_num_images_to_sample_from: Suppress[int] = -1
    """Not used here."""
    eval_num_times_to_repeat_images: Suppress[int] = -1
    """Not used here."""
    eval_image_indices: Suppress[Optional[tuple[int, ...]]] = (0,)
    """Not used here."""
    camera_res_scale_factor: Suppress[float] = 1.0
    """Not used here."""
    patch_size: Suppress[int] = 1
    """Not used here."""
    pixel_sampler: Suppress[PixelSamplerConfig] = field(default_factory=PixelSamplerConfig)
    """Not used here."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take values from a run's config.yml; settings that came after it are as by default."""
        vars(self).update(vars(type(self)()) | state)


@dataclass
class SteeredModelConfig(ModelConfig):
    """A voxel field, steered by text."""

    _target: Any = field(default_factory=lambda: no_target)
    enable_collider: bool = False
    """Unused: rays are cut at the scene's cube."""
    eval_num_rays_per_chunk: int = 32768
    """Rays rendered at a time outside training."""
    prompt: Optional[str] = None
    """What the highlighted part is to become; `--prompt` is short for it."""
    mode: Mode = "create"
    """Create from nothing; fit pictures; or change the highlighted part of a scene: edit what is there, replace it by
    something that grows anew from a mist, remove it, or recolour it."""
    scene: Optional[Path] = None
    """Scene to edit: a scene.safetensors, or the folder of a finished run of this method."""
    box: Optional[tuple[float, float, float, float, float, float]] = None
    """Highlight: an upright box, centre x y z and side lengths, world units."""
    sphere: Optional[tuple[float, float, float, float]] = None
    """Highlight: a ball, centre x y z and radius, world units."""
    part: Optional[str] = None
    """Highlight: a part of the scene, by the name that it is stored under."""
    grow: Optional[float] = None
    """How much larger than in the scene a part is that is named by `part`, world units; by default one spacing of the
    scene's nodes, over which a thing's surface is blurred, and nothing where a run has changed the part before, or for
    a lifted mask. Also for those in `parts`."""
    parts: Optional[Path] = None
    """Highlights and prompts from a YAML file or a preset's name, any number; replaces prompt, box, sphere and part."""
    softness: float = 0.0
    """Width of an edit's soft edge, inwards from the highlight's surface, world units."""
    encoders: tuple[str, ...] = ("tiny",)
    """Encoders that guide: preset or folder, then optionally `:weight@first_step`; `clip:` takes its plain CLIP."""
    alpha_input: Literal["part", "whole"] = "part"
    """What an encoder is told to look at: the part, or the whole picture (what a plain CLIP sees)."""
    free: bool = False
    """Let an edit change the whole field instead of the highlight only; to compare with composition. The encoder's look
    at the part then bounds it best with `--optimizers.field.optimizer.eps 1e-4`: with Adam's usual 1e-8 every value
    moves as far in a step, however small its gradient."""
    view_prompts: ViewPrompts = field(default_factory=lambda: ViewPrompts(mode="off"))
    """Wording by direction; off by default, since the embedded encoder knows names and no directions."""
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(widest=1.3, soften=0.04, noise=0.05))
    """How views are varied before they are encoded; blur and noise stop patterns that only an encoder sees."""
    representation: Literal["voxels", "hash"] = "voxels"
    """What is trained: a voxel lattice, or a hash grid by tiny-cuda-nn (CUDA), which wants a tenth of the learning
    rate: the method `alphaclip-nerf-hash` has both."""
    resolution: str = "0:24 100:32 200:40"
    """Nodes along a side of the voxel lattice, by step; held between the points."""
    hash_resolution: int = 128
    """Nodes along a side of the lattice that a hash grid is baked to for its scene file and for skipping."""
    symmetry: Literal["none", "mirror", "quarter"] = "none"
    """Of a creation around the vertical axis, or of a replacement around that of its part: mirrored left-right and
    front-back, or also repeated by quarter turns. For round things (a mushroom), of which several half-made copies
    would else grow into each other; not for a cactus, whose arms would be."""
    ball_radius: float = 0.5
    """Radius of the ball that a creation starts from, world units."""
    ball_sharpness: float = 20.0
    """Fall of the ball's raw density (before the softplus) per world unit."""
    ball_peak: float = -2.5
    """Raw density within the ball: a thin mist grows limbs and hollows, where an opaque ball only gets painted. An edit
    of an empty place, and what replaces a part, start from as thin a mist."""
    samples: int = 64
    """Samples along a ray in training."""
    eval_samples: int = 96
    """Samples along a ray otherwise."""
    skip_every: int = 16
    """Steps between looks at which cells are empty."""
    guidance_weight: str = "0.3"
    """Weight of the guidance loss (one minus cosine). This and the following take a number or points such as
    '0:0.5 500:1 cosine'."""
    contrast_weight: str = "0.05"
    """Weight of the contrastive loss: the prompt has to win against other names, see `apart_from`."""
    contrast_scale: float = 30.0
    """Inverse temperature of that comparison; CLIP trains with up to 100."""
    apart_from: str = SPRITES
    """Names to tell a prompt apart from: `sprites` (some hundred everyday things), a text file with one name a line, or
    '' for none. Those that share a word with the prompt, or that an encoder's tokenizer cannot take, are left out."""
    transmittance_weight: str = "1"
    """Weight of the clipped additive transmittance (creation and replacement)."""
    transmittance_ceiling: str = "0:0.6 150:0.87"
    """Mean transmittance above which more emptiness earns nothing (Dream Fields: 0.4 to 0.88 in 500 steps)."""
    replace_ceiling: str = "0:0.35 150:0.55"
    """The same for a replacement, where transmittance is that of the part, over the rays that cross the highlight."""
    entropy_weight: str = "100:0 350:0.5"
    """Weight of the opacity's entropy, which clears haze once there is a shape (creation and edit)."""
    density_variation_weight: str = "0.0001"
    """Weight of the total variation of raw density."""
    colour_variation_weight: str = "1"
    """Weight of the total variation of raw colour: surfaces of one colour, where the encoder likes speckles."""
    fit_colour_variation_weight: str = "0.001"
    """The same while pictures are fitted, which say what the colours are."""
    removal_weight: str = "1"
    """Weight of what remains of the part, its opacity and the logarithm of its density (removal only)."""
    relations: tuple[str, ...] = ()
    """How parts are to stand, each as "crown on ball": a steered part (or its prompt), one of left of, right of, above,
    below, on, inside or touching, and another part, steered or of the scene. Left and right are seen from the front,
    from azimuths within 45 degrees of 0; the others hold from all sides."""
    relation_weight: str = "1"
    """Weight of how far each of them is from holding."""
    stop_alpha_gradient: bool = False
    """Keep the gradient of the alpha map from reaching density."""
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Colour behind the scene in renderings and previews, 0 to 1."""
    preview_every: int = 50
    """Steps between preview sheets (written to the run's folder and the logs); 0 for none."""
    turntable_frames: int = 60
    """Pictures of the turntable at the end; 0 for none."""
    turntable_size: int = 160
    """Side of the turntable's pictures in pixels."""
    seed: int = 0
    """Of the start and of the augmentations; a step's draw depends on it and on the step only."""


@dataclass
class SteeredPipelineConfig(VanillaPipelineConfig):
    """The data manager's settings and the model's."""

    _target: Any = field(default_factory=lambda: no_target)
