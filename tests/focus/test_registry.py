"""Strategies by name, with settings that are checked."""

from typing import Any

import pytest

from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.focus import (
    FOCUS,
    AlphaFocus,
    AttentionFocus,
    CropFocus,
    SumFocus,
    ZoomFocus,
    configured_focus,
    focus_strategy,
)


def test_names() -> None:
    assert set(FOCUS) == {
        *("alpha", "zoom", "attention", "crop", "blank", "blur", "circle"),
        *("masked-pooling", "mask-inversion", "one-pass"),
    }
    assert all(strategy.name == name for name, strategy in FOCUS.items())
    assert all(type(focus_strategy(name)) is strategy for name, strategy in FOCUS.items())


def test_settings() -> None:
    assert focus_strategy("crop", margin=0.25, masked=False) == CropFocus(margin=0.25, masked=False)
    assert focus_strategy("attention", scale="2", floor=1e-4) == AttentionFocus(scale=2.0, floor=1e-4)


def test_unknown_names_and_settings_are_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown focus 'atention'; did you mean 'attention'"):
        focus_strategy("atention")
    with pytest.raises(ConfigError, match="focus 'crop': unknown key 'margn'; did you mean 'margin'"):
        focus_strategy("crop", margn=0.1)
    with pytest.raises(ConfigError, match="focus 'blur': unknown key 'name'"):
        focus_strategy("blur", **{"name": "x"})
    with pytest.raises(ConfigError, match="focus 'crop': margin: expected a number, got True"):
        focus_strategy("crop", margin=True)


def test_names_with_a_plus_are_a_sum() -> None:
    assert focus_strategy("alpha+zoom") == SumFocus(looks=(AlphaFocus(), ZoomFocus()))
    assert focus_strategy("zoom + crop + alpha") == SumFocus(looks=(ZoomFocus(), CropFocus(), AlphaFocus()))


def test_sums_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="unknown focus 'zom'; did you mean 'zoom'"):
        focus_strategy("zom+crop")
    with pytest.raises(ConfigError, match=r"^a focus without a name, such as on one side of a \+; known are alpha, "):
        focus_strategy("zoom+")
    with pytest.raises(ConfigError, match=r"focus 'zoom\+crop': settings are of one look"):
        focus_strategy("zoom+crop", margin=0.2)


def test_an_encoders_configuration_may_name_a_look() -> None:
    assert configured_focus({"name": "zoom", "outside": "blank"}) == ZoomFocus(outside="blank")
    assert configured_focus({"name": "alpha"}) == AlphaFocus()
    looks = [{"name": "zoom", "margin": 0.1}, {"name": "crop"}]
    assert configured_focus(looks) == SumFocus(looks=(ZoomFocus(margin=0.1), CropFocus()))
    assert configured_focus(looks[:1]) == ZoomFocus(margin=0.1)


@pytest.mark.parametrize(
    ("look", "message"),
    [
        ({"name": "zom"}, r"config.json holds a default_focus that cannot be used: unknown focus 'zom'; did you mean"),
        ({"name": "zoom", "closenes": 1}, "unknown key 'closenes'"),
        ({"name": "zoom", "closeness": 2}, "closeness: expected 0"),
        ({"closeness": 1}, "expected a mapping with the name of a focus"),
        ("zoom", "expected a mapping with the name of a focus, or a list of such, got 'zoom'"),
        (["zoom"], "expected a mapping with the name of a focus, or a list of such, got 'zoom'"),
        ([], "looks: expected at least two to add, got 0"),
        ([{"name": "zoom"}] * 2, "zoom"),
        ({"name": 3}, "expected a mapping with the name"),
    ],
)
def test_a_look_that_is_none_is_an_error_of_the_encoder(look: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        configured_focus(look)
