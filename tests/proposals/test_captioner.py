"""Captioners that put names into sentences."""

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.proposals import Captioner
from gencontrol.proposals.captioner import TemplateCaptioner, check_regions_of
from gencontrol.regions.region import Region

PICTURE = Picture(rgb=torch.zeros(3, 20, 30))


def region(label: str, *, size: tuple[int, int] = (20, 30), value: float = 1.0) -> Region:
    return Region(alpha=torch.full(size, value), label=label)


def test_names_in_sentences() -> None:
    captioner = TemplateCaptioner()
    assert isinstance(captioner, Captioner)
    assert captioner.caption(PICTURE, [region("red cup"), region(" dog ")]) == (
        "a photo of a red cup.",
        "a photo of a dog.",
    )
    assert TemplateCaptioner("{} here").caption(PICTURE, [region("{x}")]) == ("{x} here",)


def test_a_sentence_has_one_place() -> None:
    for template in ("a photo", "{} and {}"):
        with pytest.raises(ConfigError, match=r"expected a sentence with one \{\}"):
            TemplateCaptioner(template)


def test_names_are_needed() -> None:
    for regions in ([], [region("a"), region(" ")]):
        with pytest.raises(InputError, match="give at least one region, and each a label"):
            TemplateCaptioner().caption(PICTURE, regions)


def test_regions_of_another_picture_or_of_nothing() -> None:
    with pytest.raises(InputError, match=r"regions\[1\] is 20 x 30, and the picture is 30 x 20"):
        check_regions_of([region("a"), region("b", size=(30, 20))], (20, 30))
    check_regions_of([region("a", value=0.5)], (20, 30))
