"""What a run starts from has to fit its mode."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")

DATA, SCENE = Path("data"), Path("scene")


def run(*, data: Path | None = None, start: int = 0, steps: int = 400, fit_steps: int = 500) -> Any:
    from nerfstudio.engine.callbacks import TrainingCallbackAttributes

    config = SimpleNamespace(max_num_iterations=steps)
    trainer: Any = SimpleNamespace(_start_step=start, config=config, base_dir=Path())
    manager = SimpleNamespace(config=SimpleNamespace(data=data, fit_steps=fit_steps))
    pipeline: Any = SimpleNamespace(datamanager=manager)
    return TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=pipeline, trainer=trainer)


def check(mode: str, attributes: Any, /, *, scene: Path | None = None, has_base: bool = False, **made: Any) -> None:
    from gencontrol.nerf.checks.check_run import check_run
    from gencontrol.nerf.method.change_record import change_record
    from gencontrol.nerf.method.config import SteeredModelConfig

    config = SteeredModelConfig(mode=mode, scene=scene, prompt="x")  # pyright: ignore[reportArgumentType]
    change = dataclasses.replace(change_record(config, begun=0), **made)
    check_run(config, attributes, change=change if has_base else None)


@pytest.mark.parametrize(
    ("mode", "settings", "scene", "has_base", "message"),
    [
        ("create", {"data": DATA}, None, False, r"the mode 'create' uses none: choose `mode` edit"),
        ("fit", {}, None, False, r"'fit' needs the pictures to fit: `data`"),
        ("fit", {"data": DATA, "start": 5}, None, True, r"cannot be fitted further.*leave `load_dir` out"),
        ("edit", {}, None, False, r"'edit' has nothing to start from: give `scene` .* or `data`"),
        ("remove", {}, None, False, r"'remove' has nothing to start from"),
        ("recolour", {"data": DATA}, SCENE, True, r"Both a scene and pictures are given"),
        ("edit", {"data": DATA, "start": 7}, None, True, r"checkpoint of step 6 holds what is edited already"),
        ("edit", {"data": DATA}, None, False, r"ends at step 400, before the edit begins.*`steps` 900"),
        ("edit", {"data": DATA, "steps": 500}, None, False, r"ends at step 500, before the edit begins"),
        ("edit", {"data": DATA, "start": 499}, None, True, r"checkpoint of step 498 holds what is edited already"),
    ],
)
def test_a_source_that_the_mode_lacks_or_leaves_unused_is_refused(
    mode: str, settings: dict[str, Any], scene: Path | None, has_base: bool, message: str
) -> None:
    from gencontrol.errors import ConfigError

    with pytest.raises(ConfigError, match=message):
        check(mode, run(**settings), scene=scene, has_base=has_base)


def test_sources_that_fit_the_mode_are_taken() -> None:
    check("create", run())
    check("edit", run(), scene=SCENE, has_base=True)
    check("edit", run(data=DATA, steps=900))
    check("edit", run(data=DATA, steps=501))
    check("edit", run(data=DATA, start=500), has_base=True)
    check("remove", run(data=DATA, start=600), has_base=True)  # the checkpoint of an edit goes on
    check("edit", run(start=5), has_base=True)


def test_a_creation_does_not_go_on_from_an_edit() -> None:
    from gencontrol.errors import ConfigError

    with pytest.raises(ConfigError, match=r"is one of an edit, and the mode is 'create'"):
        check("create", run(start=5), has_base=True, mode="edit")
    check("create", run(start=5), has_base=True)
    with pytest.raises(ConfigError, match=r"'edit' has nothing to start from"):
        check("edit", run(start=5), has_base=True, mode="create")


@pytest.mark.parametrize(
    ("mode", "name", "made"),
    [
        ("create", "symmetry", "quarter"),
        ("replace", "symmetry", "mirror"),
        ("edit", "softness", 0.2),
        ("recolour", "free", True),
        ("create", "representation", "hash"),
        ("create", "ball_peak", -1.0),
    ],
)
def test_a_checkpoint_goes_on_with_the_settings_that_its_values_mean(mode: str, name: str, made: Any) -> None:
    from gencontrol.errors import ConfigError

    wanted = rf"made with `{name}` {made}, .* another scene with .*go on with {made}\.$"
    with pytest.raises(ConfigError, match=wanted):
        check(mode, run(start=5), has_base=True, **{name: made})
    # A fit of a creation's field makes it anew.
    check("fit", run(data=DATA, start=5), has_base=True, **{"mode": "create", name: made})


def test_a_change_goes_on_in_the_mode_that_it_was_made_in() -> None:
    from gencontrol.errors import ConfigError

    with pytest.raises(ConfigError, match=r"one of the mode 'replace'.*in the mode 'edit': go on with `mode` replace"):
        check("edit", run(start=5), has_base=True, mode="replace")
    check("replace", run(start=5), has_base=True)


@pytest.mark.parametrize(("start", "steps", "expected"), [(0, 2000, 2000), (400, 400, 800), (0, 100, 500)])
def test_a_fit_fits_until_its_last_step(make, start: int, steps: int, expected: int) -> None:
    from gencontrol.nerf.method.callbacks import callbacks_of

    model, attributes = make(mode="fit", preview_every=0), run(data=DATA, start=start, steps=steps)
    check("fit", attributes)
    first = callbacks_of(model, attributes)[0]
    first.run_callback_at_location(start, first.where_to_run[0])
    manager: Any = attributes.pipeline
    assert manager.datamanager.config.fit_steps == expected


def test_a_run_is_checked_before_its_first_step(make) -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method.callbacks import callbacks_of

    model, attributes = make(prompt="red cat", preview_every=0), run(data=DATA)
    first = callbacks_of(model, attributes)[0]
    with pytest.raises(ConfigError, match="uses none"):
        first.run_callback_at_location(0, first.where_to_run[0])


def test_a_creation_that_goes_on_from_a_fit_says_what_it_is(make) -> None:
    from gencontrol.nerf.method.callbacks import callbacks_of
    from gencontrol.nerf.method.change_record import change_record, stored_change_record

    model, attributes = make(prompt="red cat", symmetry="quarter", preview_every=0), run(start=5)
    model.load_state_dict(make(mode="fit", prompt="red cat").state_dict())
    first = callbacks_of(model, attributes)[0]
    first.run_callback_at_location(5, first.where_to_run[0])
    assert stored_change_record(model) == change_record(model.config, begun=0)


def test_a_run_of_no_steps_is_refused_before_anything_is_made(make) -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method.callbacks import callbacks_of

    model = make(prompt="red cat", preview_every=0)
    with pytest.raises(ConfigError, match=r"A run needs at least one step; got `steps` 0\."):
        callbacks_of(model, run(steps=0))
    callbacks_of(model, run(steps=1))


def test_a_run_that_the_disk_has_no_room_for_is_refused(make, monkeypatch: pytest.MonkeyPatch) -> None:
    from gencontrol.errors import InputError
    from gencontrol.nerf.method.callbacks import callbacks_of

    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    first = callbacks_of(make(prompt="red cat", preview_every=0), run())[0]
    with pytest.raises(InputError, match="has 0 MB left"):
        first.run_callback_at_location(0, first.where_to_run[0])


def test_a_fit_without_pictures_is_refused() -> None:
    from gencontrol.errors import ConfigError

    with pytest.raises(ConfigError, match="`fit_steps` 7 would do nothing: it is for pictures that are fitted first"):
        check("remove", run(fit_steps=7), has_base=True)
