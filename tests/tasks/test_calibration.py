"""How shares follow what is given, and curves that undo it."""

import itertools
from types import ModuleType

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import weighted_mean
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions import Region
from gencontrol.regions.curves import LevelsCurve, identity
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha
from gencontrol.tasks.calibration import (
    Response,
    calibrated,
    fitted,
    measure,
    monotone_path,
    share_errors,
    values_of,
    wanted_above,
    wanted_below,
)

SIZE = (64, 64)
BOXES = ((0, 0, 20, 64), (24, 0, 40, 64), (44, 0, 64, 64))
TEXTS = ("a cat", "a dog", "a boat")


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


@pytest.fixture(scope="module")
def scene(tiny: ModuleType) -> Scene:
    alphas = [box_alpha(box, SIZE) for box in BOXES]
    return Scene(picture=read_image(tiny.photo(*SIZE)), regions=tuple(Region(alpha=alpha) for alpha in alphas))


def shares(encoder: AlphaCLIP, embeds: torch.Tensor) -> torch.Tensor:
    texts = encoder.encode_text(list(TEXTS), normalize=True)
    assert encoder.logit_scale is not None
    return (encoder.logit_scale.exp() * torch.nn.functional.normalize(embeds, dim=-1) @ texts.T).softmax(-1)


def test_one_pass_is_measured_on_maps(encoder: AlphaCLIP, scene: Scene) -> None:
    found = measure(encoder, scene, TEXTS, way="one-pass", steps=5)
    assert found.below.shape == found.above.shape == (3, 5)
    a, b, c = (region.alpha for region in scene.regions)
    maps = {"below": a + 0.25 * b + c, "above": 0.25 * a + b + 0.25 * c}
    for name, alpha in maps.items():
        expected = shares(encoder, encoder.encode_image(scene.picture, alpha))[0, 1]
        torch.testing.assert_close(getattr(found, name)[1, 1], expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.below[:, -1], found.above[:, -1])


def test_mixtures_are_measured_by_their_weights(encoder: AlphaCLIP, scene: Scene) -> None:
    alphas = torch.stack([region.alpha for region in scene.regions])
    focus = CropFocus()
    looks = focus.embed(encoder, scene.picture.rgb[None].expand(3, -1, -1, -1), alphas)
    found = measure(encoder, scene, TEXTS, way="passes", steps=3, focus=focus)
    for name, weights in (("below", [1.0, 1.0, 0.5]), ("above", [0.5, 0.5, 1.0])):
        expected = shares(encoder, weighted_mean(looks, torch.tensor(weights))[None])[0, 2]
        torch.testing.assert_close(getattr(found, name)[2, 1], expected, atol=1e-5, rtol=1e-5)
    alone = shares(encoder, looks)
    torch.testing.assert_close(found.above[:, 0], alone.diagonal(), atol=1e-5, rtol=1e-5)


def test_what_cannot_be_measured(encoder: AlphaCLIP, scene: Scene) -> None:
    with pytest.raises(InputError, match="at least two regions in a picture"):
        measure(encoder, Scene(picture=scene.picture, regions=scene.regions[:1]), ("a cat",), way="passes", steps=3)
    with pytest.raises(InputError, match="texts: expected one for each of 3 regions, got 2"):
        measure(encoder, scene, TEXTS[:2], way="passes", steps=3)
    with pytest.raises(InputError, match="'a dog' is given twice"):
        measure(encoder, scene, ("a cat", "a dog", "a dog"), way="passes", steps=3)


def test_what_is_wanted() -> None:
    levels = torch.tensor([0.0, 0.5, 1.0])
    torch.testing.assert_close(wanted_below(levels, 3), torch.tensor([0.0, 0.2, 1 / 3]))
    torch.testing.assert_close(wanted_above(levels, 3), torch.tensor([1.0, 0.5, 1 / 3]))


def bent(power: float, regions: int, steps: int = 21) -> Response:
    """An encoder that takes every value to a power: the curve that undoes it is known."""
    taken = values_of(steps) ** power
    return Response(
        below=wanted_below(taken, regions).expand(regions, -1), above=wanted_above(taken, regions).expand(regions, -1)
    )


@pytest.mark.parametrize(("power", "regions"), [(2.0, 2), (2.0, 3), (0.5, 2)])
def test_a_known_bend_is_undone(power: float, regions: int) -> None:
    response = bent(power, regions)
    curve = fitted([response], way="one-pass")
    assert curve.way == "one-pass" and (curve.levels[1], curve.levels[-1]) == (0.05, 1.0)
    errors = [abs(value - level ** (1 / power)) for level, value in zip(curve.levels, curve.values, strict=True)]
    assert max(errors[1:]) < 0.05
    before, after = (share_errors(response, c).mean() for c in (identity("one-pass"), curve))
    assert after < 0.2 * before


def test_what_is_right_stays() -> None:
    curve = fitted([bent(1.0, 2), bent(1.0, 3)], way="passes")
    assert curve.values == curve.levels
    assert share_errors(bent(1.0, 3), curve).max() < 5e-3


def test_errors_are_those_of_each_region_at_each_level() -> None:
    below, above = torch.tensor([[0.0, 0.4, 0.6], [0.1, 0.3, 0.4]]), torch.tensor([[1.0, 0.7, 0.6], [0.9, 0.6, 0.4]])
    errors = share_errors(Response(below=below, above=above), identity("passes"))
    # Levels 0, .25, .5, .75, 1 beside 0.5: shares 0, 1/3, 1/2, 3/5, 2/3; the last two at 2/3 and 1/2 of the others.
    expected = [0.0, 0.1, 0.4 - 1 / 3, 1 / 3 - 0.3, 0.1, 0.1]
    torch.testing.assert_close(errors[:6], torch.tensor(expected))
    between = [0.7 - 0.1 / 3 - 0.6, 0.6 - 0.2 / 3 - 0.6, 0.7 - 2 / 3, 0.6 - 2 / 3]
    torch.testing.assert_close(errors[6:], torch.tensor(between).abs(), atol=1e-6, rtol=1e-4)
    steps = LevelsCurve(way="passes", levels=(0.0, 0.5, 1.0), values=(0.0, 0.25, 1.0))
    torch.testing.assert_close(share_errors(Response(below=below, above=above), steps)[2], torch.tensor(1 / 3 - 0.2))


def test_paths_are_the_best_that_never_fall() -> None:
    costs = torch.rand(5, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rising = (path for path in itertools.product(range(5), repeat=3) if list(path) == sorted(path))
    best = min(([0, *path, 4] for path in rising), key=lambda p: sum(costs[row, c].item() for row, c in enumerate(p)))
    assert monotone_path(costs) == best


def test_what_it_brings_is_told_of_pictures_left_out_too() -> None:
    both = calibrated([bent(2.0, 2), bent(0.5, 2)], way="passes")
    assert both.left_out is not None and both.left_out > both.before > 0
    assert both.curve == fitted([bent(2.0, 2), bent(0.5, 2)], way="passes")
    one = calibrated([bent(2.0, 2)], way="passes")
    assert one.left_out is None and one.after < 0.2 * one.before
    same = calibrated([bent(2.0, 2), bent(2.0, 3)], way="passes")
    assert same.left_out == pytest.approx(same.after, abs=5e-3)
    with pytest.raises(InputError, match="at least one picture"):
        calibrated([], way="passes")


@pytest.mark.parametrize("steps", [1, -3, 10**30])
def test_a_number_of_values_out_of_range(steps: int, encoder: AlphaCLIP, scene: Scene) -> None:
    with pytest.raises(ConfigError, match="steps: expected 2 or more and at most 10,001, got"):
        measure(encoder, scene, ["cat", "dog"], way="passes", steps=steps)
