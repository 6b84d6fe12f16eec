"""What settings exclude each other, and which numbers cannot be."""

from dataclasses import fields
from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.runs.idle import idle_settings
from gencontrol.runs.settings import (
    ConversionSettings,
    EmbeddingSettings,
    EncoderSettings,
    RegionSettings,
    VariationSettings,
    check_regions,
    check_variation,
    has_regions,
)


def test_defaults() -> None:
    """Recorded pictures and files of settings count on them."""
    settings = VariationSettings()
    assert (settings.model, settings.dtype, settings.device, settings.offline) == ("tiny", "auto", "auto", False)
    assert (settings.steps, settings.batch, settings.seed, settings.number) == (25, 4, 0, None)
    assert (settings.strength, settings.feather, settings.guidance) == (1.0, 0.0, None)
    assert (settings.output, settings.existing, settings.metadata, settings.offload) == (
        "variations",
        "error",
        True,
        "none",
    )
    switches = [field.name for field in fields(settings) if getattr(settings, field.name) is True]
    assert switches == ["metadata"]


def test_every_setting_has_a_sentence() -> None:
    import ast
    import inspect

    for cls in (RegionSettings, EncoderSettings, VariationSettings):
        (body,) = ast.parse(inspect.getsource(cls)).body
        assert isinstance(body, ast.ClassDef)
        for node, after in zip(body.body, [*body.body[1:], None], strict=True):
            if isinstance(node, ast.AnnAssign):
                assert isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant), ast.unparse(node)


@pytest.mark.parametrize("feather", [0.0, 3.5])
@pytest.mark.parametrize("threshold", [None, 0.01, 1.0])
def test_numbers_of_regions(feather: float, threshold: float | None) -> None:
    check_regions(RegionSettings(feather=feather, threshold=threshold))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"feather": -0.5}, "`feather`: expected 0 or more pixels, got -0.5"),
        ({"feather": float("inf")}, "`feather`: expected 0 or more pixels, got inf"),
        ({"threshold": 0.0}, "`threshold`: expected a value above 0 and at most 1, got 0"),
        ({"threshold": 1.01}, "`threshold`: expected a value above 0 and at most 1, got 1.01"),
    ],
)
def test_numbers_of_regions_that_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_regions(RegionSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "has_negative"),
    [
        ({}, True),
        ({"steps": 1, "batch": 1, "guidance": 0.0}, False),
        ({"guidance": 1.01}, True),
        ({"schedule": "1:0", "embeds_out": "e", "existing": "overwrite"}, False),
        ({"embeds_in": "e", "feather": 2.0, "grid": True}, False),
    ],
)
def test_settings_that_go_together(settings: dict[str, Any], has_negative: bool) -> None:
    check_variation(VariationSettings(**settings), has_negative=has_negative)


EMBEDS_IN = [{"images": ("a",)}, {"box": ("1,2,3,4",)}, {"alpha_from_image": True}, {"negative_mask": ("a",)}]
EMBEDS_IN += [{"invert": True}, {"schedule": "1:0"}, {"strength": 0.5}]
EMBEDS_IN += [{"compare": True}, {"preview": True}, {"embeds_out": "f"}]


@pytest.mark.parametrize("more", EMBEDS_IN)
def test_finished_embeddings_leave_no_sense_to_regions(more: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="`embeds_in` starts from finished embeddings"):
        check_variation(VariationSettings(embeds_in="e", **more), has_negative=False)


@pytest.mark.parametrize(
    ("settings", "has_negative", "message"),
    [
        ({"steps": 0}, False, "`steps`: expected at least 1, got 0"),
        ({"batch": 0}, False, "`batch`: expected at least 1, got 0"),
        ({"guidance": -0.1}, False, "`guidance`: expected a scale of 0 or more, got -0.1"),
        ({"guidance": 1.0}, True, "`negative_mask` acts through classifier-free guidance: give `guidance` above 1"),
        ({"scheduler": "eular"}, False, "`scheduler`: there is no 'eular'; did you mean 'euler'"),
        ({"schedule": "1:0", "strength": 0.5}, False, "Give either `strength` or `schedule`"),
        ({"embeds_out": "e", "existing": "skip"}, False, "`embeds_out` would lack what `existing` skip leaves out"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], has_negative: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_variation(VariationSettings(**settings), has_negative=has_negative)


@pytest.mark.parametrize("name", ["mask", "index_mask", "box", "point"])
def test_what_points(name: str) -> None:
    shown: dict[str, Any] = {name: ("x",)}
    assert has_regions(RegionSettings(**shown))
    assert not has_regions(RegionSettings(images=("x",), invert=True, feather=3.0))


def test_what_does_nothing_without_a_region() -> None:
    assert idle_settings(VariationSettings()) == []
    shaping: dict[str, Any] = {"strength": 0.9, "feather": 0.1, "focus": "crop", "threshold": 0.5}
    assert idle_settings(VariationSettings(**shaping)) == ["strength", "feather", "focus", "threshold"]
    # A negative region is a region to look at, and a mask to harden.
    assert idle_settings(VariationSettings(**shaping, negative_mask=("a",))) == ["strength", "feather"]
    assert idle_settings(VariationSettings(schedule="1:0")) == ["schedule"]


def test_numbers_far_beyond_use_are_refused() -> None:
    with pytest.raises(ConfigError, match="`feather`: expected at most 100,000 pixels, got 1e\\+300"):
        check_regions(RegionSettings(feather=1e300))
    with pytest.raises(ConfigError, match="`guidance`: expected a scale of at most 1000, got 1e\\+30"):
        check_variation(VariationSettings(guidance=1e30), has_negative=False)
    with pytest.raises(ConfigError, match="`steps`: expected at most 10,000, got 10001"):
        check_variation(VariationSettings(steps=10_001), has_negative=False)


def test_defaults_of_embeddings_and_conversions() -> None:
    made = EmbeddingSettings()
    assert (made.strength, made.output, made.overwrite, made.truncate) == (1.0, "embeds.safetensors", False, False)
    assert (made.negative_mask, made.text, made.images) == ((), (), ())
    turned = ConversionSettings()
    assert (turned.kind, turned.to, turned.dtype) == ("auto", "folder", "float32")
    assert (turned.overwrite, turned.offline) == (False, False)
    for settings in (made, turned):
        assert not any(getattr(settings, field.name) is True for field in fields(settings))
