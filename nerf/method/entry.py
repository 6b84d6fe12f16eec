"""The entry points of `ns-train alphaclip-nerf` and of its variant on a hash grid, and what their settings set up.

Imports torch and nerfstudio only: a plug-in that fails to import takes every `ns-*` command down. What does the work is
imported when a configuration is set up.
"""

import dataclasses
from typing import Any

from nerfstudio.configs.base_config import LoggingConfig, ViewerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.plugins.types import MethodSpecification

from gencontrol.nerf.method.config import (
    FloatDecayConfig,
    SteeredDataManagerConfig,
    SteeredModelConfig,
    SteeredPipelineConfig,
)
from gencontrol.nerf.trainer import SteeredTrainer, SteeredTrainerConfig, ending_in_one_line

METHOD, METHOD_HASH = "alphaclip-nerf", "alphaclip-nerf-hash"


# nerfstudio writes the names of these into a run's config.yml: renamed, they would have to be found there still.
def make_pipeline(config: SteeredPipelineConfig, **kwargs: Any) -> Any:
    """Build the pipeline; imports it first."""
    from gencontrol.nerf.export.ffmpeg import offer_ffmpeg
    from gencontrol.nerf.method.pipeline import SteeredPipeline

    if kwargs.get("test_mode", "val") != "val":
        offer_ffmpeg()  # Not for a run: only tools open a finished one.
    with ending_in_one_line():
        return SteeredPipeline(config, **kwargs)


def make_datamanager(config: SteeredDataManagerConfig, **kwargs: Any) -> Any:
    """Build the data manager; imports it first."""
    from gencontrol.nerf.method.datamanager import SteeredDataManager

    return SteeredDataManager(config, **kwargs)


def make_model(config: SteeredModelConfig, **kwargs: Any) -> Any:
    """Build the model; imports it first."""
    from gencontrol.nerf.method.model import SteeredModel

    return SteeredModel(config, **kwargs)


def make_scheduler(config: FloatDecayConfig) -> Any:
    """Build the learning-rate schedule; imports it first."""
    from gencontrol.nerf.method.learning_rate import FloatDecay

    return FloatDecay(config)


def pipeline_config(datamanager: SteeredDataManagerConfig, model: SteeredModelConfig) -> SteeredPipelineConfig:
    """Settings that set up the method's pipeline."""
    return SteeredPipelineConfig(_target=make_pipeline, datamanager=datamanager, model=model)


class DataManagerTarget:
    """What a configuration sets up: the data manager, imported first.

    A class where the others are functions, for `ns-render dataset`, which puts something in the place of its two
    methods while it sets a data manager up, and puts them back.
    """

    def __new__(cls, config: SteeredDataManagerConfig, **kwargs: Any) -> Any:
        """Build it."""
        return make_datamanager(config, **kwargs)

    def setup_train(self) -> None:
        """Nothing: pictures are read when it is built."""

    def setup_eval(self) -> None:
        """Nothing."""


def datamanager_config(**settings: Any) -> SteeredDataManagerConfig:
    """Settings that set up the method's data manager, these and the defaults."""
    return SteeredDataManagerConfig(_target=DataManagerTarget, **settings)


def model_config(**settings: Any) -> SteeredModelConfig:
    """Settings that set up the method's model, these and the defaults."""
    return SteeredModelConfig(_target=make_model, **settings)


def scheduler_config(**settings: Any) -> FloatDecayConfig:
    """Settings that set up the method's learning-rate schedule, these and the defaults."""
    return FloatDecayConfig(_target=make_scheduler, **settings)


def trainer_config() -> SteeredTrainerConfig:
    """The defaults; a new object each time, since nerfstudio changes it in place."""
    return SteeredTrainerConfig(
        _target=SteeredTrainer,
        method_name=METHOD,
        max_num_iterations=400,
        steps_per_save=200,
        steps_per_eval_batch=0,
        steps_per_eval_image=100,
        steps_per_eval_all_images=0,
        mixed_precision=False,
        pipeline=pipeline_config(datamanager_config(), model_config()),
        optimizers={
            "field": {"optimizer": AdamOptimizerConfig(lr=0.1, eps=1e-8), "scheduler": scheduler_config()},
            # Of a capture that is cropped to a box; other runs have nothing in this group.
            "backdrop": {"optimizer": AdamOptimizerConfig(lr=0.05, eps=1e-8), "scheduler": scheduler_config()},
        },
        # Its table of seconds is printed last of all, after an error too.
        logging=LoggingConfig(steps_per_log=10, profiler="none"),
        viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
        vis="tensorboard",
    )


def variant(**changes: object) -> SteeredTrainerConfig:
    """The default configuration with other settings of the model."""
    config = trainer_config()
    model = config.pipeline.model
    assert isinstance(model, SteeredModelConfig)
    config.pipeline.model = dataclasses.replace(model, **changes)  # pyright: ignore[reportArgumentType]
    return config


def hash_config() -> SteeredTrainerConfig:
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
