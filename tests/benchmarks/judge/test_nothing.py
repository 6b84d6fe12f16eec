import torch

from benchmarks.judge.nothing import without_things


def test_grounds_pieces_and_blots() -> None:
    generator = torch.Generator().manual_seed(0)
    rgb, ground = torch.rand(90, 3, 16, 16, generator=generator), torch.full((90, 3, 16, 16), 0.25)
    made = without_things(rgb, ground, generator)
    alone = (made == 0.25).flatten(1).all(-1)
    same_pixels = (made.flatten(2).sort(-1).values == rgb.flatten(2).sort(-1).values).flatten(1).all(-1)
    smooth = made.diff(dim=-1).abs().mean((1, 2, 3)) < 0.5 * rgb.diff(dim=-1).abs().mean((1, 2, 3))
    blots = smooth & ~alone
    assert (alone.int() + same_pixels.int() + blots.int() == 1).all()
    assert min(alone.sum(), same_pixels.sum(), blots.sum()) > 15
    assert (made[same_pixels] != rgb[same_pixels]).flatten(1).any(-1).all()
    torch.testing.assert_close(made[blots].mean((2, 3)), rgb[blots].mean((2, 3)), atol=0.05, rtol=0)
    tile = made[same_pixels][0][:, :4, :4]
    pieces = rgb[same_pixels][0].unfold(1, 4, 4).unfold(2, 4, 4).flatten(1, 2).transpose(0, 1)
    assert any(torch.equal(tile, piece) for piece in pieces)
