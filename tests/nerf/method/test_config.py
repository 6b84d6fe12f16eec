"""The method's settings: every one that `ns-train --help` lists is documented."""

import ast
import dataclasses
import inspect
import itertools
import textwrap
from typing import Any

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def ours(value: Any) -> list[type]:
    """The settings class of a value and those within it, of this package."""
    if not dataclasses.is_dataclass(value) or not type(value).__module__.startswith("gencontrol"):
        return []
    within = (ours(getattr(value, field.name)) for field in dataclasses.fields(value))
    return [type(value), *itertools.chain.from_iterable(within)]


def undocumented(cls: type) -> list[str]:
    """Fields without a docstring below."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(body, ast.ClassDef)
    fields = [
        (ast.unparse(field.target), isinstance(below, ast.Expr))
        for field, below in itertools.pairwise([*body.body, ast.Pass()])
        if isinstance(field, ast.AnnAssign)
    ]
    return [f"{cls.__name__}.{name}" for name, documented in fields if not (documented or name.startswith("_"))]


def test_every_field_is_documented() -> None:
    from gencontrol.nerf.method.entry import trainer_config

    config: Any = trainer_config()
    roots = (
        config.pipeline,
        config.pipeline.model,
        config.pipeline.datamanager,
        config.optimizers["field"]["scheduler"],
    )
    classes = [cls for root in roots for cls in ours(root)]
    assert {"SteeredPipelineConfig", "Orbit", "Augmentation", "ViewPrompts", "FloatDecayConfig"} <= {
        cls.__name__ for cls in classes
    }
    assert [name for cls in classes for name in undocumented(cls)] == []


def test_a_missing_docstring_is_found() -> None:
    @dataclasses.dataclass
    class Bad:
        a: int = 0
        """Said."""
        b: int = 0

    assert undocumented(Bad) == ["Bad.b"]


@pytest.mark.parametrize(
    "name", ["SteeredModelConfig", "SteeredDataManagerConfig", "FloatDecayConfig", "SteeredPipelineConfig"]
)
def test_settings_alone_set_up_nothing_and_say_which_do(name: str) -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method import config

    with pytest.raises(ConfigError, match=rf"A {name} made alone .*`gencontrol.nerf.method.entry`.*trainer_config"):
        getattr(config, name)().setup(device="cpu")


def values(config: Any) -> dict[str, Any]:
    """The settings that are numbers, switches and words."""
    found = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: value for name, value in found.items() if isinstance(value, bool | int | float | str | tuple)}


def test_defaults_of_the_model() -> None:
    from gencontrol.guidance.augmentation import Augmentation
    from gencontrol.guidance.prompts import ViewPrompts
    from gencontrol.nerf.method.config import SteeredModelConfig

    config = SteeredModelConfig()
    ours = {name: value for name, value in values(config).items() if name in SteeredModelConfig.__annotations__}
    assert ours == {
        "enable_collider": False,
        "eval_num_rays_per_chunk": 32768,
        "mode": "create",
        "softness": 0.0,
        "encoders": ("tiny",),
        "alpha_input": "part",
        "free": False,
        "representation": "voxels",
        "resolution": "0:24 100:32 200:40",
        "hash_resolution": 128,
        "symmetry": "none",
        "ball_radius": 0.5,
        "ball_sharpness": 20.0,
        "ball_peak": -2.5,
        "samples": 64,
        "eval_samples": 96,
        "skip_every": 16,
        "guidance_weight": "0.3",
        "contrast_weight": "0.05",
        "contrast_scale": 30.0,
        "apart_from": "sprites",
        "transmittance_weight": "1",
        "transmittance_ceiling": "0:0.6 150:0.87",
        "replace_ceiling": "0:0.35 150:0.55",
        "entropy_weight": "100:0 350:0.5",
        "density_variation_weight": "0.0001",
        "colour_variation_weight": "1",
        "fit_colour_variation_weight": "0.001",
        "removal_weight": "1",
        "relation_weight": "1",
        "relations": (),
        "stop_alpha_gradient": False,
        "background": (1.0, 1.0, 1.0),
        "preview_every": 50,
        "turntable_frames": 60,
        "turntable_size": 160,
        "seed": 0,
    }
    assert config.augmentation == Augmentation(widest=1.3, soften=0.04, noise=0.05)
    assert config.view_prompts == ViewPrompts(mode="off")


def test_defaults_of_the_cameras_and_of_the_decay() -> None:
    from gencontrol.nerf.method.config import FloatDecayConfig, SteeredDataManagerConfig
    from gencontrol.nerf.rays.cameras import Orbit

    config = SteeredDataManagerConfig()
    names = ("aim", "views", "size", "eval_views", "eval_size", "rays", "fit_steps", "seed")
    assert tuple(getattr(config, name) for name in names) == ("auto", 2, 64, 8, 96, 4096, 500, 0)
    assert config.crop is None and config.in_front_of is None and config.orbit == Orbit()
    # What is not used here is as nerfstudio has it, which reads some of it.
    unused = {
        "masks_on_gpu": False,
        "images_on_gpu": False,
        "train_num_rays_per_batch": 1024,
        "train_num_images_to_sample_from": -1,
        "train_num_times_to_repeat_images": -1,
        "eval_num_rays_per_batch": 1024,
        "eval_num_images_to_sample_from": -1,
        "eval_num_times_to_repeat_images": -1,
        "eval_image_indices": (0,),
        "camera_res_scale_factor": 1.0,
        "patch_size": 1,
    }
    assert {name: getattr(config, name) for name in unused} == unused
    parser: Any = config.dataparser
    assert (parser.orientation_method, parser.center_method, parser.auto_scale_poses) == ("none", "none", False)
    assert (FloatDecayConfig().final, FloatDecayConfig().max_steps) == (0.2, 400)
