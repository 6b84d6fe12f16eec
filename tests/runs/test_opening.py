"""Which encoder a run opens."""

from pathlib import Path

import pytest

from gencontrol.errors import ConfigError
from gencontrol.models.registry import resolve
from gencontrol.runs.opening import encoder_location
from gencontrol.runs.settings import EncoderSettings


def test_the_encoder_of_a_preset_is_its_own() -> None:
    place = encoder_location(EncoderSettings(model="tiny"))
    assert Path(place.name) == Path(resolve("tiny"), "alpha_clip") and place.subfolder == ""


def test_a_revision_of_a_model_that_is_not_opened_is_refused() -> None:
    settings = EncoderSettings(model="some/model", revision="v2", alpha_clip="tiny")
    with pytest.raises(ConfigError, match=r"`revision` v2 is of `model`.*`alpha_clip` \(tiny\) alone.*leave one"):
        encoder_location(settings)
    place = encoder_location(EncoderSettings(model="some/model", alpha_clip="tiny"))
    assert Path(place.name) == Path(resolve("tiny"), "alpha_clip")
