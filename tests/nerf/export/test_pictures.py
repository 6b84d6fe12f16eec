"""Renderings as pictures."""

import torch

from gencontrol.nerf.export.pictures import rgba_picture


def test_straight_colour_keeps_what_a_thin_edge_has() -> None:
    picture = rgba_picture(torch.full((3, 1, 1), 0.1), torch.full((1, 1, 1), 0.2))
    assert picture.getpixel((0, 0)) == (128, 128, 128, 51)
