"""Fill colours."""

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.focus.fills import check_fill, fill_colour


def test_fill_colour(plain: AlphaCLIP) -> None:
    like, processor = torch.zeros(1), plain.processor
    assert fill_colour("white", processor, like).flatten().tolist() == [1, 1, 1]
    torch.testing.assert_close(fill_colour("#ff8000", processor, like).flatten(), torch.tensor([1, 128 / 255, 0]))
    assert fill_colour("mean", plain.processor, like).flatten().tolist() == pytest.approx(
        plain.processor.image_mean[:3]
    )


def test_check_fill() -> None:
    check_fill("mean")
    check_fill("#123456")
    with pytest.raises(ConfigError, match="got '#12345z'"):
        check_fill("#12345z")
