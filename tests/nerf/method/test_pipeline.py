"""The pipeline owns what happens around steps."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_pipeline_gives_the_methods_callbacks_of_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
    from nerfstudio.pipelines.base_pipeline import VanillaPipeline

    from gencontrol.nerf.method.callbacks import callbacks_of
    from gencontrol.nerf.method.entry import datamanager_config, model_config, pipeline_config

    settings = pipeline_config(datamanager_config(eval_views=1, eval_size=16), model_config(prompt="red cat"))
    pipeline = settings.setup(device="cpu")
    trainer: Any = SimpleNamespace(_start_step=0)
    around = TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=pipeline, trainer=trainer)
    found, wanted = pipeline.get_training_callbacks(around), callbacks_of(pipeline.model, around)
    assert [callback.func.__qualname__ for callback in found] == [c.func.__qualname__ for c in wanted]
    assert all(callback.args[0] is pipeline.model for callback in found if callback.args)
    # Those that nerfstudio's own pipeline gathers, of the data manager, come first.
    theirs = TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN], lambda step: None)
    monkeypatch.setattr(VanillaPipeline, "get_training_callbacks", lambda *_: [theirs])
    assert pipeline.get_training_callbacks(around)[0] is theirs
