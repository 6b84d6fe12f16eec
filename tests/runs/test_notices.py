"""What a run says of one of several pictures names it."""

import warnings
from pathlib import Path

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.regions.region import RegionWarning
from gencontrol.runs.notices import RunWarning, ShareWarning, naming, warn

PICTURE = Path("folder/a.png")


def test_a_single_pictures_words_are_as_they_are() -> None:
    with pytest.warns(ShareWarning) as caught, naming(PICTURE, among=1):
        warn("blackened.", ShareWarning)
    assert [str(warning.message) for warning in caught] == ["blackened."]
    with pytest.raises(InputError, match=r"^no mask$"), naming(PICTURE, among=1):
        raise InputError("no mask")


def test_of_several_the_picture_is_named_once() -> None:
    with pytest.warns(UserWarning) as caught, naming(PICTURE, among=2):
        warn("blackened.", ShareWarning)
        warnings.warn(f"{PICTURE} is dark.", RegionWarning, stacklevel=1)
    assert [(str(warning.message), warning.category) for warning in caught] == [
        (f"{PICTURE}: blackened.", ShareWarning),
        (f"{PICTURE} is dark.", RegionWarning),
    ]
    with pytest.raises(ConfigError, match=rf"^{PICTURE}: no mask$"), naming(PICTURE, among=2):
        raise ConfigError("no mask")


@pytest.mark.parametrize("end", [KeyboardInterrupt, InputError])
def test_what_was_said_before_an_early_end_is_not_lost(end: type[BaseException]) -> None:
    with pytest.warns(RunWarning, match=rf"^{PICTURE}: blackened"), pytest.raises(end), naming(PICTURE, among=2):
        warn("blackened.")
        raise end("ended")
