"""What a run starts from, and whether its mode can do anything with it: what only the trainer knows."""

import dataclasses
from typing import Any

from nerfstudio.engine.callbacks import TrainingCallbackAttributes

from gencontrol.errors import ConfigError
from gencontrol.nerf.method.change_record import ChangeRecord, change_record
from gencontrol.nerf.method.config import SteeredDataManagerConfig, SteeredModelConfig


def check_run(
    config: SteeredModelConfig, attributes: TrainingCallbackAttributes, *, change: ChangeRecord | None
) -> None:
    """Refuse a source that the mode does not use, or lacks, before the first step.

    Args:
        config: The model's settings.
        attributes: With a trainer.
        change: What the model's values mean, those of a checkpoint if there is one; None for a fit.

    Raises:
        ConfigError: Saying what to give instead.
    """
    data, start, end = span_of(attributes)
    has_base = change is not None and change.mode != "create"
    if config.mode == "create":
        _check_creation(pictures=data.data is not None, has_base=has_base)
    elif config.mode == "fit":
        _check_fit(pictures=data.data is not None, has_base=has_base)
    else:
        _check_edit(config, data, start=start, end=end, has_base=has_base)
    if data.data is None and data.fit_steps != SteeredDataManagerConfig.fit_steps:
        raise ConfigError(
            f"`fit_steps` {data.fit_steps} would do nothing: it is for pictures that are fitted first, and the run has "
            "none. Leave it out."
        )
    if change is not None:
        _check_same(config, change)


def _check_same(config: SteeredModelConfig, change: ChangeRecord) -> None:
    if change.mode != config.mode:
        if change.mode == "create":
            return  # a fit or an edit of pictures makes something else of its field
        raise ConfigError(
            f"The checkpoint is one of the mode {change.mode!r}, whose change means something else in the mode "
            f"{config.mode!r}: go on with `mode` {change.mode}. To change what that run made, name its folder as "
            "`scene` instead of `load_dir`."
        )
    now = change_record(config, begun=change.begun)
    for field in dataclasses.fields(ChangeRecord):
        name, made, asked = field.name, getattr(change, field.name), getattr(now, field.name)
        if made != asked:
            raise ConfigError(
                f"The checkpoint was made with `{name}` {made}, and its values would be another scene with {asked}: go "
                f"on with {made}."
            )


def span_of(attributes: TrainingCallbackAttributes) -> tuple[Any, int, int]:
    """The data manager's settings, and the steps at which the run begins and ends."""
    # nerfstudio types its trainer's parts as their base classes.
    trainer: Any = attributes.trainer
    data: Any = attributes.pipeline.datamanager.config  # pyright: ignore[reportOptionalMemberAccess]
    start = trainer._start_step
    return data, start, start + trainer.config.max_num_iterations


def check_length(attributes: TrainingCallbackAttributes) -> None:
    """Refuse a run of no steps, which would fail when it is written.

    Raises:
        ConfigError: Fewer than one.
    """
    trainer: Any = attributes.trainer
    check_steps(getattr(getattr(trainer, "config", None), "max_num_iterations", 1))


def check_steps(steps: int) -> None:
    """Refuse fewer than one.

    Raises:
        ConfigError: Fewer.
    """
    if steps < 1:
        raise ConfigError(f"A run needs at least one step; got `steps` {steps}.")


def _check_creation(*, pictures: bool, has_base: bool) -> None:
    if pictures:
        raise ConfigError(
            "Pictures are given (`data`), and the mode 'create' uses none: choose `mode` edit (they are fitted, then "
            "the part is changed) or fit, or leave them out."
        )
    if has_base:
        raise ConfigError(
            "The checkpoint is one of an edit, and the mode is 'create': go on with the `mode` that it had, "
            "such as edit."
        )


def _check_fit(*, pictures: bool, has_base: bool) -> None:
    if not pictures:
        raise ConfigError("The mode 'fit' needs the pictures to fit: `data`, a nerfstudio data set.")
    if has_base:
        raise ConfigError(
            "The checkpoint is one of an edit, which cannot be fitted further: go on with the `mode` that it had, such "
            "as edit, or leave `load_dir` out."
        )


def _check_edit(config: SteeredModelConfig, data: Any, *, start: int, end: int, has_base: bool) -> None:
    pictures = data.data is not None
    if config.scene is not None and pictures:
        raise ConfigError(
            f"Both a scene and pictures are given, and the mode {config.mode!r} starts from one of them: leave out "
            "`scene` or `data`."
        )
    if not has_base and not pictures:
        raise ConfigError(
            f"The mode {config.mode!r} has nothing to start from: give `scene` (a finished run) or `data` (pictures, "
            "which are fitted first). A checkpoint (`load_dir`) has to be one of such a run."
        )
    if has_base and pictures and start < data.fit_steps:
        raise ConfigError(
            f"The checkpoint of step {start - 1} holds what is edited already, so that `data` would be fitted over the "
            "edit: leave it out."
        )
    if not has_base and end <= data.fit_steps:
        raise ConfigError(
            f"The run ends at step {end}, before the edit begins: pictures are fitted for "
            f"{data.fit_steps} steps first. Give `steps` {data.fit_steps + 400 - start}, fewer "
            "`fit_steps`, or the `mode` fit."
        )
