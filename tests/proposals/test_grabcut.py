"""GrabCut: masks from colours and edges."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from gencontrol.errors import InputError
from gencontrol.proposals import grabcut
from gencontrol.proposals.grabcut import GrabCutSegmenter, grab_cut


def _disc(width: int = 200, height: int = 150) -> tuple[Image.Image, torch.Tensor]:
    """A disc in two colours on a ground of two others, with some noise; and its mask."""
    image = Image.new("RGB", (width, height), (60, 120, 60))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height // 2, width, height), fill=(90, 90, 160))
    place = (width * 0.3, height * 0.2, width * 0.7, height * 0.8)
    draw.ellipse(place, fill=(220, 60, 40))
    draw.chord(place, 0, 180, fill=(240, 200, 60))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse(place, fill=255)
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    noisy = np.clip(np.asarray(image.filter(ImageFilter.GaussianBlur(0.7))) + noise, 0, 255)
    return Image.fromarray(noisy.astype(np.uint8)), torch.from_numpy(np.asarray(mask) > 127)


def _overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a & b).sum() / (a | b).sum()).item()


def test_a_thing_in_its_box() -> None:
    """The box alone has an intersection over union of 0.79 with the disc."""
    image, mask = _disc()
    box = torch.tensor([[58.0, 28, 142, 122]])
    found = GrabCutSegmenter().segment(image, box)
    assert found.scores is None and found.masks.shape == (1, 150, 200)
    assert _overlap(found.masks[0], mask) > 0.97
    assert torch.equal(found.masks, GrabCutSegmenter().segment(image, box).masks)


def test_a_large_picture_is_looked_at_small() -> None:
    image, mask = _disc(1000, 750)
    found = GrabCutSegmenter().segment(image, torch.tensor([[290.0, 140, 710, 610], [0, 0, 100, 100]]))
    assert found.masks.shape == (2, 750, 1000) and _overlap(found.masks[0], mask) > 0.97


def test_nothing_of_a_mask_is_outside_its_box() -> None:
    image, mask = _disc()
    found = GrabCutSegmenter().segment(image, torch.tensor([[66.0, 28, 142, 122], [60, 30, 100, 120]]))
    inside = torch.zeros(2, 150, 200, dtype=torch.bool)
    inside[0, 28:122, 66:142] = True
    inside[1, 30:120, 60:100] = True
    assert not (found.masks & ~inside).any()
    assert _overlap(found.masks[0], mask & inside[0]) > 0.97
    # Half of the disc is outside of the second box, so its colours are the surroundings': the cut leaves nothing.
    assert torch.equal(found.masks[1], inside[1])


def test_what_has_no_surroundings_or_no_edges_is_its_box() -> None:
    image, _ = _disc()
    assert GrabCutSegmenter().segment(image, torch.tensor([[0.0, 0, 200, 150]])).masks.all()
    flat = GrabCutSegmenter().segment(Image.new("RGB", (60, 40), (9, 9, 9)), torch.tensor([[10.0, 10, 30, 20]]))
    assert flat.masks.sum() == 200 and flat.masks[0, 10:20, 10:30].all()
    assert GrabCutSegmenter().segment(Image.new("RGB", (1, 1)), torch.tensor([[0.0, 0, 1, 1]])).masks.all()
    assert GrabCutSegmenter().segment(image, torch.zeros(0, 4)).masks.shape == (0, 150, 200)
    with pytest.raises(InputError, match=r"boxes\[0\]"):
        GrabCutSegmenter().segment(image, torch.tensor([[5.0, 5, 5, 9]]))


def test_the_cut_is_the_cheapest_of_all() -> None:
    """On pictures of 3 x 3 pixels every mask can be tried."""
    masks = [np.array(bits).reshape(3, 3) for bits in itertools.product([False, True], repeat=9)]
    sizes = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        thing, rest = rng.normal(0, 150, (2, 3, 3))
        edges = grabcut._edge_weights(rng.uniform(0, 255, (3, 3, 3)))
        costs = [np.where(mask, thing, rest).sum() + _edges_cut(mask, edges) for mask in masks]
        found = grabcut._minimum_cut(thing, rest, edges)
        assert np.array_equal(found, masks[int(np.argmin(costs))]), seed
        sizes.append(int(found.sum()))
    assert sum(0 < size < 9 for size in sizes) >= 4


def _edges_cut(mask: np.ndarray, edges: Sequence[np.ndarray]) -> float:
    pairs = (grabcut._pairs(mask, direction) for direction in grabcut._NEIGHBOURS)
    return sum(float((weights * (a != b)).sum()) for (a, b), weights in zip(pairs, edges, strict=True))


def test_edges_by_hand() -> None:
    """Two of four pixels are white: of the six pairs the four across cost little, aslant less for their length."""
    colours = np.array([[[0.0] * 3, [255.0] * 3], [[0.0] * 3, [255.0] * 3]])
    right, down, aslant, back = grabcut._edge_weights(colours)
    # Four of the six pairs differ, all by as much, so the mean is two thirds of that.
    across = np.exp(-1 / (2 * 2 / 3))
    assert np.allclose(right, 50 * across) and right.shape == (2, 1)
    assert np.allclose(down, 50) and down.shape == (1, 2)
    assert np.allclose([aslant, back], 50 * across / np.sqrt(2))


def test_a_mixture_by_hand() -> None:
    """All of one colour: one Gaussian, of variance 4."""
    colours = np.array([[[10.0, 10, 10], [14.0, 10, 10]]])
    found = grabcut._log_likelihood(colours, np.full((7, 3), 10.0))
    assert np.allclose(found, [[-1.5 * np.log(4), -1.5 * np.log(4) - 2]])


def test_what_is_outside_is_never_the_thing() -> None:
    image, _ = _disc(40, 30)
    inside = np.zeros((30, 40), dtype=np.bool_)
    inside[8:20, 14:26] = True
    mask = grab_cut(np.asarray(image, dtype=np.float64), inside)
    assert mask.any() and not (mask & ~inside).any()
    assert np.array_equal(grab_cut(np.asarray(image, dtype=np.float64), inside, rounds=0), inside)
