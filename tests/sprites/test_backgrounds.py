import pytest
import torch

from gencontrol.sprites.backgrounds import BACKGROUND_KINDS, draw_backgrounds


@pytest.mark.parametrize("kind", range(len(BACKGROUND_KINDS)))
def test_every_kind_stays_in_range_and_varies_as_it_should(kind):
    drawn = draw_backgrounds([kind] * 6, 24, "train", torch.Generator().manual_seed(0))
    assert drawn.shape == (6, 3, 24, 24) and drawn.min() >= 0 and drawn.max() <= 1
    spread = drawn.flatten(2).std(-1).amax(-1)
    assert (spread == 0).all() if BACKGROUND_KINDS[kind] == "plain" else (spread > 0.001).all()
    assert not torch.equal(drawn[0], drawn[1])


def test_gradients_are_linear():
    drawn = draw_backgrounds([1] * 4, 16, "train", torch.Generator().manual_seed(0))
    assert drawn.diff(dim=-1).diff(dim=-1).abs().max() < 1e-5


def test_kinds_keep_their_rows():
    mixed = draw_backgrounds([3, 0, 3], 16, "train", torch.Generator().manual_seed(0))
    flat = mixed.flatten(2).std(-1).amax(-1) == 0
    assert flat.tolist() == [False, True, False]
