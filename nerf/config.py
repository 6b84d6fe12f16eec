"""The old place of the method's settings, which the `config.yml` of runs made by 0.1 name, and what those set up.

Such a run's pipeline is nerfstudio's own, which asks the model for the callbacks around steps, and its configurations
know by themselves what they set up: both stay true here, and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Any

from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes

from gencontrol.nerf.method import config
from gencontrol.nerf.method.callbacks import callbacks_of
from gencontrol.nerf.method.entry import make_datamanager, make_scheduler
from gencontrol.nerf.method.model import SteeredModel

__all__ = [
    "FloatDecayConfig",
    "SteeredDataManagerConfig",
    "SteeredModelConfig",
    "make_datamanager",
    "make_model",
    "make_scheduler",
]


class _ModelWithCallbacks(SteeredModel):
    """The model as 0.1 had it: a run's callbacks come from it."""

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """Those that `SteeredPipeline` gives otherwise."""
        return callbacks_of(self, training_callback_attributes)


def make_model(config: Any, **kwargs: Any) -> Any:
    """Build the model for a pipeline of nerfstudio's own."""
    return _ModelWithCallbacks(config, **kwargs)


@dataclass
class FloatDecayConfig(config.FloatDecayConfig):
    """As `gencontrol.nerf.method.config` has it, for the learning-rate schedule that 0.1 made of it."""

    _target: Any = field(default_factory=lambda: make_scheduler)


@dataclass
class SteeredDataManagerConfig(config.SteeredDataManagerConfig):
    """As `gencontrol.nerf.method.config` has it, for the data manager that 0.1 made of it."""

    _target: Any = field(default_factory=lambda: make_datamanager)


@dataclass
class SteeredModelConfig(config.SteeredModelConfig):
    """As `gencontrol.nerf.method.config` has it, for the model that 0.1 made of it."""

    _target: Any = field(default_factory=lambda: make_model)
