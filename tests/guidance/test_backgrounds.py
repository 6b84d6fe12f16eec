"""Backgrounds: kinds, blur, compositing."""

import itertools
import math

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.guidance.backgrounds import BACKGROUNDS, check_kinds, composite, random_backgrounds


def draw(kinds, *, count: int = 3, size: tuple[int, int] = (20, 24), blur: float = 0.0, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return random_backgrounds(count, size, kinds, blur=blur, generator=generator)


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_every_kind_fills_the_range_and_repeats_with_its_seed(kind) -> None:
    first = draw((kind,), blur=0.1)
    assert first.shape == (3, 3, 20, 24)
    assert first.min() >= 0 and first.max() <= 1
    assert torch.equal(first, draw((kind,), blur=0.1))


def test_a_kind_that_there_is_not_is_refused() -> None:
    check_kinds(BACKGROUNDS)
    with pytest.raises(ConfigError, match="There is no background 'sold'; did you mean 'solid'"):
        check_kinds(("black", "sold"))


def test_solid_is_one_colour_and_a_checker_two() -> None:
    solid, checker = draw(("solid",), count=1)[0], draw(("checker",), count=1)[0]
    assert len(solid.flatten(1).T.unique(dim=0)) == 1
    assert len(checker.flatten(1).T.unique(dim=0)) == 2
    assert len(draw(("noise",), count=1)[0].flatten(1).T.unique(dim=0)) == 20 * 24


def test_black_and_white_are_exact() -> None:
    assert draw(("black",)).max() == 0
    assert draw(("white",)).min() == 1


def test_texture_is_smoother_than_noise() -> None:
    def roughness(kind) -> float:
        picture = draw((kind,), count=8)
        return float(picture.diff(dim=-1).square().mean() / picture.var())

    assert roughness("texture") < 0.5 * roughness("noise")


def test_composite_shows_the_background_where_nothing_is() -> None:
    colour = torch.tensor([0.2, 0.0]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
    opacity = torch.tensor([0.25, 0.0]).reshape(1, 1, 1, 2)
    over = composite(colour, opacity, torch.full((1, 3, 1, 2), 0.8))
    assert over[0, 0, 0].tolist() == pytest.approx([0.2 + 0.75 * 0.8, 0.8])


def test_black_and_white_are_themselves_among_others() -> None:
    either = draw(("black", "white"), count=40)
    assert set(either.mean(dim=(1, 2, 3)).tolist()) == {0.0, 1.0}


def test_the_widest_blur_is_a_share_of_the_shorter_side() -> None:
    def variance(blur: float) -> torch.Tensor:
        pictures = random_backgrounds(60, (32, 128), ("noise",), blur=blur, generator=torch.Generator().manual_seed(0))
        return pictures.var(dim=(1, 2, 3))

    # White noise blurred by s pixels keeps 1 / (4 pi s^2) of its variance; the widest here is 0.1 * 32.
    kept = (variance(0.1) / variance(0.0)).min().item()
    assert kept == pytest.approx(1 / (4 * math.pi * (0.1 * 32) ** 2), rel=0.2)


def test_a_checkers_cells_are_a_sixteenth_to_a_third_of_the_side_and_begin_anywhere() -> None:
    sizes, begins = set(), {"down": set(), "across": set()}
    for picture in draw(("checker",), count=300, size=(48, 48)):
        for along, line in (("down", picture[0, :, 0]), ("across", picture[0, 0])):
            changes = (line.diff() != 0).nonzero().flatten().tolist()
            cells = {later - earlier for earlier, later in itertools.pairwise(changes)}
            assert len(cells) == 1
            sizes |= cells
            # How much of the first cell lies before the picture.
            begins[along].add(cells.pop() - 1 - changes[0])
    assert sizes == set(range(48 // 16, 48 // 3))
    assert begins["down"] == begins["across"] == set(range(48 // 3 - 1))


def test_textures_amplitude_falls_as_one_over_the_frequency() -> None:
    size = 64
    pictures = draw(("texture",), count=60, size=(size, size))
    field = torch.logit(pictures.double().clamp(1e-6, 1 - 1e-6))
    amplitude = torch.fft.rfft2(field).abs().square().mean(dim=(0, 1)).sqrt()[0]
    assert (amplitude[4] / amplitude[16]).item() == pytest.approx(4, rel=0.15)


def test_a_textures_channels_are_spread_alike_about_means_of_their_own() -> None:
    field = torch.logit(draw(("texture",), count=200, size=(16, 24)).double())
    assert torch.allclose(field.std(dim=(2, 3)), torch.ones(200, 3).double(), atol=1e-3)
    means = field.mean(dim=(2, 3))
    assert means.mean().item() == pytest.approx(0, abs=0.1) and means.std().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_small_pictures_have_values_too(size: tuple[int, int]) -> None:
    for kind in BACKGROUNDS:
        pictures = draw((kind,), count=20, size=size)
        assert pictures.shape == (20, 3, *size) and bool(((pictures >= 0) & (pictures <= 1)).all()), kind


def test_one_pixel_of_texture_is_its_mean() -> None:
    assert torch.logit(draw(("texture",), count=2000, size=(1, 1)).double()).std().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("size", "largest"), [((5, 5), 1), ((12, 96), 3)])
def test_the_shorter_side_says_how_large_a_checkers_cells_are(size: tuple[int, int], largest: int) -> None:
    widths = set()
    for picture in draw(("checker",), count=60, size=size):
        changes = (picture[0, 0].diff() != 0).nonzero().flatten().tolist()
        widths |= {later - earlier for earlier, later in itertools.pairwise(changes)}
    assert widths == set(range(1, largest + 1))


def test_a_slight_blur_does_not_ring_out_of_the_range() -> None:
    blurred = draw(("checker",), count=200, blur=0.015)
    assert blurred.min() == 0 and blurred.max() == 1


def test_kinds_are_drawn_alike_and_blurred_each_by_its_own_width() -> None:
    either = draw(("black", "white"), count=400).mean(dim=(1, 2, 3))
    assert either.mean().item() == pytest.approx(0.5, abs=0.06)
    variance = draw(("noise",), count=60, blur=0.1).var(dim=(1, 2, 3))
    assert variance.max() > 0.07 and variance.min() < 0.02


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"count": 0}, "count: expected 1 or more and below 2,147,483,648, got 0"),
        ({"count": 10**30}, "count: expected 1 or more and below"),
        ({"blur": -0.1}, "blur: expected 0 or more and at most 1, got -0.1"),
        ({"blur": math.nan}, "blur: expected 0 or more and at most 1, got nan"),
        ({"size": (0, 5)}, r"expected sides of at least a pixel and a kind, got \(0, 5\)"),
    ],
)
def test_what_cannot_be_drawn(changed, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw(("noise",), **changed)
    with pytest.raises(ConfigError, match="and a kind, got"):
        draw(())
    assert draw(("noise",), count=True).shape[0] == 1
