"""View-dependent prompts: which direction counts for which camera."""

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gencontrol.errors import ConfigError
from gencontrol.guidance.prompts import ViewPrompts, mix_views, view_texts, view_weights


def weights(azimuth: int | float, elevation: int | float, **settings) -> list[float]:
    return view_weights(torch.tensor([float(azimuth)]), torch.tensor([float(elevation)]), ViewPrompts(**settings))[
        0
    ].tolist()


def test_texts_are_worded_per_direction() -> None:
    views = ViewPrompts(back="the back of {}")
    assert view_texts("a cat", views) == [
        "a cat, front view",
        "a cat, side view",
        "the back of a cat",
        "a cat, overhead view",
    ]


def test_off_is_the_prompt_alone_everywhere() -> None:
    views = ViewPrompts(mode="off")
    assert view_texts("a cat", views) == ["a cat"]
    assert view_weights(torch.tensor([0.0, 90.0]), torch.zeros(2), views).tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"),
    [(0, 0, 0), (44, 0, 0), (-44, 0, 0), (46, 0, 1), (-90, 0, 1), (134, 0, 1), (136, 0, 2), (-180, 0, 2), (540, 0, 2),
     (361, 0, 0), (0, 61, 3), (180, 89, 3), (0, 59, 0)],
)  # fmt: skip
def test_discrete_takes_one_direction(azimuth: int, elevation: int, direction: int) -> None:
    assert weights(azimuth, elevation, mode="discrete") == [float(i == direction) for i in range(4)]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "expected"),
    [
        (0, 0, [1, 0, 0, 0]),
        (45, 0, [0.5, 0.5, 0, 0]),
        (-45, 0, [0.5, 0.5, 0, 0]),
        (90, 0, [0, 1, 0, 0]),
        (120, 0, [0, 2 / 3, 1 / 3, 0]),
        (180, 30, [0, 0, 1, 0]),
        (0, 60, [0.5, 0, 0, 0.5]),
        (90, 90, [0, 0, 0, 1]),
    ],
)
def test_interpolated_moves_linearly_between_directions(azimuth: int, elevation: int, expected: list[float]) -> None:
    assert weights(azimuth, elevation) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mode", ["discrete", "interpolated"])
def test_weights_sum_to_one_from_everywhere(mode) -> None:
    generator = torch.Generator().manual_seed(0)
    azimuth = torch.rand(200, generator=generator) * 1000 - 500
    elevation = torch.rand(200, generator=generator) * 180 - 90
    found = view_weights(azimuth, elevation, ViewPrompts(mode=mode))
    assert torch.allclose(found.sum(1), torch.ones(200), atol=1e-5)
    assert found.min() >= 0


def test_interpolated_is_continuous_across_the_back() -> None:
    assert weights(179.99, 0) == pytest.approx(weights(-179.99, 0), abs=1e-4)


def test_mixture_lies_between_unit_embeddings() -> None:
    embeds = torch.tensor([[2.0, 0.0], [3.0, 4.0]])
    mixed: Tensor = mix_views(embeds, torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    assert torch.allclose(mixed, F.normalize(torch.tensor([[1.0, 0.0], [1.6, 0.8]]), dim=-1))


def test_a_wording_without_a_place_for_the_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'side' must hold \{\} for the prompt; got 'seen from the side'"):
        ViewPrompts(side="seen from the side")


def test_a_threshold_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"overhead_above must lie in \[45, 90\); got 90"):
        ViewPrompts(overhead_above=90.0)
    with pytest.raises(ConfigError, match=r"front_within must lie in \[0, 90\] degrees; got 100"):
        ViewPrompts(front_within=100.0)
    with pytest.raises(ConfigError, match=r"back_within must lie in .*; got -1"):
        ViewPrompts(back_within=-1.0)


def test_a_threshold_itself_is_not_yet_overhead_and_still_front_and_back() -> None:
    assert weights(0, 60, mode="discrete") == [1, 0, 0, 0]
    assert weights(45, 0, mode="discrete") == [1, 0, 0, 0]
    assert weights(135, 0, mode="discrete") == [0, 0, 1, 0]


def test_between_is_half_overhead_at_the_threshold_and_all_of_it_straight_above() -> None:
    assert weights(0, 75, overhead_above=60.0)[3] == pytest.approx(0.75)
    assert weights(0, 45, overhead_above=60.0)[3] == pytest.approx(0.25)
    assert weights(0, 30, overhead_above=60.0)[3] == 0
    assert weights(0, 90, overhead_above=80.0)[3] == pytest.approx(1)


def test_defaults_and_the_ends_of_what_is_allowed() -> None:
    assert ViewPrompts() == ViewPrompts(
        mode="interpolated",
        front="{}, front view",
        side="{}, side view",
        back="{}, back view",
        overhead="{}, overhead view",
        front_within=45.0,
        back_within=45.0,
        overhead_above=60.0,
    )
    narrow = ViewPrompts(front_within=0.0, back_within=90.0, overhead_above=45.0)
    assert view_weights(torch.tensor([0.0]), torch.tensor([-90.0]), narrow).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    ViewPrompts(front_within=90.0, back_within=0.0, overhead_above=89.9)
    for name in ("front_within", "back_within"):
        with pytest.raises(ConfigError, match=rf"{name} must lie in \[0, 90\] degrees; got -0.1"):
            dataclasses.replace(narrow, **{name: -0.1})
    with pytest.raises(ConfigError, match=r"overhead_above must lie in .*; got 44.9"):
        ViewPrompts(overhead_above=44.9)


@pytest.mark.parametrize("front", ["{} {}", "{} {0}", "{}{y}", "{} {", "}{}"])
def test_other_braces_are_the_wordings_own(front: str) -> None:
    assert view_texts("a cup", ViewPrompts(front=front))[0] == front.replace("{}", "a cup")
