"""Settings in messages become the flags that `ns-train` has for them."""

import dataclasses

import pytest

pytest.importorskip("nerfstudio")
pytestmark = pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins


@pytest.mark.parametrize(
    ("setting", "flag"),
    [
        ("grow", "--pipeline.model.grow"),
        ("ball_peak", "--pipeline.model.ball-peak"),
        ("seed", "--pipeline.model.seed"),
        ("augmentation.crop", "--pipeline.model.augmentation.crop"),
        ("fit_steps", "--pipeline.datamanager.fit-steps"),
        ("orbit.field_of_view", "--pipeline.datamanager.orbit.field-of-view"),
        ("pipeline.datamanager.seed", "--pipeline.datamanager.seed"),
        ("prompt", "--prompt"),
        ("data", "--data"),
        ("load_dir", "--load-dir"),
        ("machine.device_type", "--machine.device-type"),
        ("steps", "--max-num-iterations"),
        ("output", "--output-dir"),
        ("learning_rate", "--optimizers.field.optimizer.lr"),
        ("union", None),
        ("alphaclip", None),
    ],
)
def test_a_setting_has_the_flag_of_its_owner(setting: str, flag: str | None) -> None:
    from gencontrol.nerf.flags import studio_flag

    assert studio_flag(setting) == flag


def test_every_setting_of_a_model_has_its_flag() -> None:
    from gencontrol.nerf.flags import studio_flag
    from gencontrol.nerf.method.config import SteeredModelConfig

    for field in dataclasses.fields(SteeredModelConfig):
        assert (studio_flag(field.name) or "").endswith(field.name.replace("_", "-"))


def test_messages_show_flags_and_leave_other_words() -> None:
    from gencontrol.nerf.flags import in_studio_flags

    text = "`grow` enlarges a `part`; give `orbit.radius`, `part:`, `union`, or see `ns-train`."
    assert in_studio_flags(text) == (
        "--pipeline.model.grow enlarges a --pipeline.model.part; give --pipeline.datamanager.orbit.radius, `part:`, "
        "`union`, or see `ns-train`."
    )
