"""The end of a fit: what is left in empty space goes, and a fit that failed is told of."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gencontrol.nerf.field import grid

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


def around(data: Any, *, steps: int) -> Any:
    from nerfstudio.engine.callbacks import TrainingCallbackAttributes

    trainer: Any = SimpleNamespace(_start_step=0, config=SimpleNamespace(max_num_iterations=steps), base_dir=Path())
    pipeline: Any = SimpleNamespace(datamanager=data)
    return TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=pipeline, trainer=trainer)


@pytest.mark.parametrize("mode", ["fit", "edit"])
def test_a_fit_far_from_its_pictures_is_told_of_after_its_last_step(
    mode: str, make: Any, manager: Any, still: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from gencontrol.nerf.checks.fit_end import end_step

    model, data = make(mode=mode, prompt="red cat", resolution="0:8"), manager(data=still, fit_steps=7, rays=64)
    model.train()
    attributes = around(data, steps=7 if mode == "fit" else 20)
    with caplog.at_level(logging.WARNING):
        end_step(model, attributes, 5)
        assert not caplog.records
        end_step(model, attributes, 6)
    assert "The fit is far from its pictures: " in caplog.text and "intrinsics" in caplog.text


def test_a_good_fit_passes_in_silence(
    make: Any, manager: Any, still: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from gencontrol.nerf.checks.fit_end import warn_of_bad_fit

    model, data = make(mode="fit"), manager(data=still, fit_steps=7, rays=64)
    for score, said in ((15.0, False), (14.9, True)):
        monkeypatch.setattr(type(model), "get_metrics_dict", lambda *_, score=score: {"psnr": score})
        caplog.clear()
        warn_of_bad_fit(model, around(data, steps=7), 3)
        assert bool(caplog.records) is said


def test_a_creation_has_no_fit_to_tell_of(make: Any, manager: Any, caplog: pytest.LogCaptureFixture) -> None:
    from gencontrol.nerf.checks.fit_end import end_step

    end_step(make(prompt="red cat"), around(manager(), steps=1), 0)
    assert not caplog.records


def test_the_scene_and_the_checkpoint_of_a_fit_leave_its_haze_out(make: Any, manager: Any, still: Path) -> None:
    from gencontrol.nerf.checks.fit_end import end_step

    model = make(mode="fit", resolution="0:9")
    with torch.no_grad():
        model.field.change[0] = -5.0  # 0.13 a unit: below haze, above what training skips
        model.field.change[0, 2, 3, 4] = 1.0
    model.look_for_empty_cells()
    assert model.cells.all()
    end_step(model, around(manager(data=still, fit_steps=2, rays=32), steps=2), 1)
    assert int(model.cells.sum()) == 8
    density = model.scene().lattice[0]
    assert density[2, 3, 4] == 1 and density[2, 3, 5] == -5 and density[2, 3, 6] == grid.EMPTY
    assert int((density > grid.EMPTY).sum()) == 27


def test_an_edit_of_pictures_begins_without_the_fits_haze(make: Any) -> None:
    model = make(mode="edit", prompt="red cat", sphere=(0.0, 0.0, 0.0, 0.5), resolution="0:9")
    with torch.no_grad():
        model.field.change[0] = -5.0
        model.field.change[0, 4, 4, 4] = 3.0
    model.begin_edit()
    assert model.field.base[0, 0, 0, 0] == grid.EMPTY and model.field.base[0, 4, 4, 4] == 3


def test_other_modes_keep_what_is_thin(make: Any) -> None:
    model = make(prompt="red cat", resolution="0:8")
    with torch.no_grad():
        model.field.change[0] = -5.0
    assert torch.allclose(model.scene().lattice[0], torch.full((8, 8, 8), -5.0))
