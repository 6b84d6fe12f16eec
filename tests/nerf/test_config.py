"""A run that version 0.1 made is opened from its config.yml: to be looked at, and to go on."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from gencontrol.nerf.field.scene import load_scene
from gencontrol.nerf.rays.cameras import Orbit

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

OLD = Path(__file__).with_name("config-0.1.yml")


def opened(encoder: Path, folder: Path) -> Any:
    """The old run's settings as nerfstudio reads them, made small, for a run in a folder."""
    config = yaml.load(OLD.read_text(encoding="utf-8"), Loader=yaml.Loader)
    config.output_dir, config.experiment_name = folder, "old"
    config.machine.device_type = "cpu"
    config.max_num_iterations, config.steps_per_save, config.steps_per_eval_image = 4, 2, 0
    model, data = config.pipeline.model, config.pipeline.datamanager
    model.encoders, model.prompt = (str(encoder),), "red cat"
    model.resolution, model.preview_every = "0:8 3:12", 2
    model.turntable_frames, model.turntable_size = 2, 16
    data.size, data.eval_size, data.eval_views = 16, 16, 2
    return config


def train(config: Any) -> Any:
    """Train as `ns-train` does, and give the trainer; nerfstudio's writers are left as they were."""
    from nerfstudio.utils import writer

    with pytest.MonkeyPatch.context() as patch:
        for name, empty in (("EVENT_WRITERS", []), ("EVENT_STORAGE", []), ("GLOBAL_BUFFER", {})):
            patch.setattr(writer, name, empty)
        config.save_config()
        trainer = config.setup()
        trainer.setup()
        trainer.train()
    return trainer


@pytest.fixture(scope="module")
def run(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was trained with the old settings."""
    return train(opened(tiny_folder, tmp_path_factory.mktemp("old"))).base_dir


def callbacks(pipeline: Any) -> list[tuple[Any, ...]]:
    """What a pipeline does around steps, and when."""
    from nerfstudio.engine.callbacks import TrainingCallbackAttributes

    trainer: Any = SimpleNamespace(_start_step=0)
    around = TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=pipeline, trainer=trainer)
    found = pipeline.get_training_callbacks(around)
    return [(c.func.__qualname__, tuple(c.where_to_run), c.update_every_num_iters, c.iters) for c in found]


def test_a_run_of_0_1_has_the_callbacks_of_a_new_one(tiny_folder: Path, tmp_path: Path) -> None:
    from nerfstudio.pipelines.base_pipeline import VanillaPipeline

    from gencontrol.nerf.method.entry import datamanager_config, model_config, pipeline_config

    settings = opened(tiny_folder, tmp_path).pipeline
    given = {name: getattr(settings.model, name) for name in ("prompt", "encoders", "resolution", "preview_every")}
    new = pipeline_config(datamanager_config(eval_views=2, eval_size=16), model_config(**given))
    old = settings.setup(device="cpu")
    assert type(old) is VanillaPipeline
    wanted = ["begin_training", "begin_step", "Interrupt.install", "end_step", "write_preview", "Interrupt.restore"]
    assert [name for name, *_ in callbacks(old)] == [*wanted, "write_results"]
    assert callbacks(old) == callbacks(new.setup(device="cpu"))


def test_a_run_of_0_1_is_trained_and_goes_on(run: Path, tiny_folder: Path, tmp_path: Path) -> None:
    assert sorted(p.name for p in (run / "previews").iterdir()) == ["000000.png", "000002.png"]
    assert (run / "turntable.mp4").stat().st_size > 0
    config = opened(tiny_folder, tmp_path)
    config.load_dir, config.max_num_iterations = run / "nerfstudio_models", 3
    again = train(config)
    assert again._start_step == 4
    assert sorted(p.name for p in (again.base_dir / "previews").iterdir()) == ["000004.png", "000006.png"]
    assert [p.name for p in (again.base_dir / "nerfstudio_models").iterdir()] == ["step-000000006.ckpt"]
    assert (load_scene(again.base_dir).lattice - load_scene(run).lattice).abs().max() > 0.1


def test_a_run_of_0_1_is_opened_by_nerfstudios_tools(run: Path) -> None:
    from nerfstudio.utils.eval_utils import eval_setup

    from gencontrol.nerf.method.config import SteeredDataManagerConfig
    from gencontrol.nerf.method.model import SteeredModel

    config, pipeline, checkpoint, step = eval_setup(run / "config.yml")
    assert (checkpoint.name, step) == ("step-000000003.ckpt", 3)
    model, data, written = pipeline.model, config.pipeline.datamanager, load_scene(run).lattice
    # Without the callbacks around steps the field would have stayed at the resolution that it began with.
    assert written.shape == (4, 12, 12, 12)
    assert isinstance(model, SteeredModel) and torch.equal(model.lattice().cpu(), written)
    assert isinstance(data, SteeredDataManagerConfig) and data.orbit == Orbit()


def test_settings_made_in_the_old_place_set_up_what_they_did(tiny_folder: Path) -> None:
    from nerfstudio.data.scene_box import SceneBox

    from gencontrol.nerf import cameras, config
    from gencontrol.nerf.method.datamanager import SteeredDataManager
    from gencontrol.nerf.method.learning_rate import FloatDecay
    from gencontrol.nerf.method.model import SteeredModel

    assert isinstance(config.SteeredDataManagerConfig(orbit=cameras.Orbit(radius=2.0)).setup(), SteeredDataManager)
    assert isinstance(config.FloatDecayConfig().setup(), FloatDecay)
    box = SceneBox(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))
    settings = config.SteeredModelConfig(prompt="red cat", encoders=(str(tiny_folder),), resolution="0:8")
    assert isinstance(settings.setup(scene_box=box, num_train_data=1), SteeredModel)


def test_the_old_places_name_what_the_new_ones_have() -> None:
    from gencontrol.nerf import cameras, config
    from gencontrol.nerf.method import config as settings
    from gencontrol.nerf.rays import cameras as rays

    assert all(getattr(cameras, name) is getattr(rays, name) for name in cameras.__all__)
    for name in ("FloatDecayConfig", "SteeredDataManagerConfig", "SteeredModelConfig"):
        assert issubclass(getattr(config, name), getattr(settings, name))
