"""The entry points of `ns-train alphaclip-nerf` and of its variant on a hash grid.

Imports torch and nerfstudio only: a plug-in that fails to import takes every `ns-*` command down.
"""

import dataclasses

from nerfstudio.configs.base_config import LoggingConfig, ViewerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.plugins.types import MethodSpecification

from gencontrol.nerf.method.config import FloatDecayConfig, SteeredDataManagerConfig, SteeredModelConfig

METHOD, METHOD_HASH = "alphaclip-nerf", "alphaclip-nerf-hash"


def trainer_config() -> TrainerConfig:
    """The defaults; a new object each time, since nerfstudio changes it in place."""
    return TrainerConfig(
        method_name=METHOD,
        max_num_iterations=400,
        steps_per_save=200,
        steps_per_eval_batch=0,
        steps_per_eval_image=100,
        steps_per_eval_all_images=0,
        mixed_precision=False,
        pipeline=VanillaPipelineConfig(datamanager=SteeredDataManagerConfig(), model=SteeredModelConfig()),
        optimizers={
            "field": {"optimizer": AdamOptimizerConfig(lr=0.1, eps=1e-8), "scheduler": FloatDecayConfig()},
        },
        logging=LoggingConfig(steps_per_log=10),
        viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
        vis="tensorboard",
    )


def variant(**changes: object) -> TrainerConfig:
    """The default configuration with other settings of the model."""
    config = trainer_config()
    model = config.pipeline.model
    assert isinstance(model, SteeredModelConfig)
    config.pipeline.model = dataclasses.replace(model, **changes)  # pyright: ignore[reportArgumentType]
    return config


def hash_config() -> TrainerConfig:
    """The variant on a hash grid, which takes a tenth of the voxels' learning rate."""
    config = variant(representation="hash")
    config.method_name = METHOD_HASH
    config.optimizers["field"]["optimizer"] = AdamOptimizerConfig(lr=0.01, eps=1e-8)
    return config


method = MethodSpecification(
    config=trainer_config(),
    description="Steer a radiance field, or one highlighted part of it, with text (Alpha-CLIP guidance).",
)
method_hash = MethodSpecification(
    config=hash_config(), description="The same on a hash grid by tiny-cuda-nn, which needs CUDA."
)
