"""The nerfstudio pipeline: a data manager and a model, and what happens around their steps."""

from typing import Any

from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes
from nerfstudio.pipelines.base_pipeline import VanillaPipeline

from gencontrol.nerf.method.callbacks import callbacks_of


class SteeredPipeline(VanillaPipeline):
    """nerfstudio's own, with the method's callbacks: the model itself knows nothing of a run around it."""

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """What happens around steps: resolution, empty cells, previews, the end."""
        model: Any = self.model  # nerfstudio types it as any model.
        return [
            *super().get_training_callbacks(training_callback_attributes),
            *callbacks_of(model, training_callback_attributes),
        ]
