"""Settings of references: which they are, and which runs have no use for them."""

from dataclasses import fields
from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.runs.references.settings import (
    REFERENCE_RECORDED,
    ReferenceSettings,
    check_no_references,
    check_reference_run,
    given_references,
)
from gencontrol.runs.settings import RECORDED, VariationSettings


def test_defaults_are_nothing() -> None:
    """Files of settings count on them, and on a run with one picture that says none of them."""
    settings = ReferenceSettings()
    assert (settings.weight, settings.slicing, settings.reference) == (1.0, False, ())
    rest = {field.name for field in fields(settings)} - {"weight", "slicing", "reference"}
    assert all(getattr(settings, name) is None for name in rest)
    check_no_references(VariationSettings())


def test_what_is_recorded_shapes_the_picture() -> None:
    known = {field.name for field in fields(ReferenceSettings)}
    # References and canvas masks are recorded as they were read; slicing changes nothing.
    assert known - REFERENCE_RECORDED == {"reference", "canvas_mask", "slicing"}
    assert not REFERENCE_RECORDED & RECORDED


def test_given_ones_are_named() -> None:
    settings = VariationSettings(prompt="a", weight=0.5, reference=("2.png",), slicing=True)
    assert given_references(settings) == ["prompt", "reference", "weight", "slicing"]
    text = "`prompt`, `reference`, `weight`, `slicing`: the model tiny takes none; those that do are listed by"
    with pytest.raises(ConfigError, match=text):
        check_no_references(settings)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("embeds_in", "starts from pictures"),
        ("embeds_out", "starts from pictures"),
        ("sweep", "is run once for each value"),
    ],
)
def test_what_a_run_with_references_has_no_use_for(name: str, way: str) -> None:
    given: dict[str, Any] = {"model": "karlo", name: "x"}
    with pytest.raises(ConfigError, match=f"`{name}`: a model that takes references, as karlo, {way}"):
        check_reference_run(VariationSettings(**given))
    check_reference_run(VariationSettings(model="karlo"))
