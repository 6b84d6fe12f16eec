"""The weighted losses beside guidance, against the core's own."""

import math

import pytest
import torch

from gencontrol.errors import GencontrolError
from gencontrol.guidance.losses import opacity_entropy
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.rays.rendering import Rendering
from gencontrol.nerf.steering.guidance import Guidance
from gencontrol.nerf.steering.losses import check_finite, emptiness, smoothness, weighted_guidance
from gencontrol.schedules import as_schedule, constant

SCHEDULES = {
    "guidance": as_schedule("0:1 10:2"),
    "contrast": constant(0.2),
    "entropy": constant(0.1),
    "transmittance": constant(0.5),
    "transmittance_ceiling": as_schedule("0:0.2 10:0.4"),
    "replace_ceiling": as_schedule("0:0.1 10:0.3"),
    "removal": constant(3.0),
    "density_variation": constant(2.0),
    "colour_variation": constant(5.0),
    "fit_colour_variation": constant(0.5),
}


def rendering() -> Rendering:
    generator = torch.Generator().manual_seed(0)
    opacity = torch.rand(2, 3, 3, generator=generator)
    return Rendering(
        colour=torch.rand(2, 3, 3, 3, generator=generator),
        opacity=opacity,
        depth=opacity,
        parts=torch.rand(2, 3, 3, 2, generator=generator),
    )


def test_guidance_is_the_mean_times_both_weights() -> None:
    parts = [Part(name="a", prompt="x", weight=constant(0.5)), Part(name="b", prompt="y")]
    similarity = {"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([4.0])}
    guidance = Guidance(similarity=similarity, contrast={"a": torch.tensor([5.0, 7.0])})
    found = weighted_guidance(guidance, parts, SCHEDULES, step=5)
    assert {k: v.item() for k, v in found.items()} == pytest.approx(
        {"guidance_a": 1.5, "guidance_b": 6.0, "contrast_a": 0.5 * 0.2 * 6}
    )


def test_a_creation_is_rewarded_for_emptiness_up_to_the_scheduled_ceiling() -> None:
    seen = rendering()
    found = emptiness(seen, SCHEDULES, mode="create", step=10)
    transmittance = (1 - seen.opacity).flatten(1).mean(1)
    expected = -0.5 * transmittance.clamp(max=0.4).mean()
    assert found["transmittance"].item() == pytest.approx(expected.item())
    assert found["entropy"].item() == pytest.approx(0.1 * opacity_entropy(seen.opacity).mean().item())
    assert set(found) == {"entropy", "transmittance"}


def test_a_replacement_is_rewarded_where_its_highlight_is_empty() -> None:
    seen = rendering()
    crossed = torch.zeros(2, 3, 3, dtype=torch.bool)
    crossed[:, 0] = True
    found = emptiness(seen, SCHEDULES, mode="replace", step=5, crossed=crossed.reshape(-1))
    transmittance = 1 - seen.parts.max(dim=-1).values[:, 0].mean(dim=1)
    assert 0 < transmittance.min() and transmittance.max() > 0.2  # clipped in one view at least
    assert found["transmittance"].item() == pytest.approx(-0.5 * transmittance.clamp(max=0.2).mean().item())
    assert found["entropy"].item() == pytest.approx(0.1 * opacity_entropy(seen.opacity).mean().item())
    assert set(found) == {"entropy", "transmittance"}


def test_a_removal_pays_for_what_is_left_of_any_part() -> None:
    seen = rendering()
    found = emptiness(seen, SCHEDULES, mode="remove", step=0, dense=torch.tensor([0.0, 1.0, 3.0, 0.0]))
    assert found["removal"].item() == pytest.approx(3 * seen.parts.max(dim=-1).values.mean().item())
    assert found["removal_within"].item() == pytest.approx(3 * math.log(2 * 4) / 4)
    assert set(found) == {"removal", "removal_within"}
    assert set(emptiness(seen, SCHEDULES, mode="edit", step=0)) == {"entropy"}
    assert emptiness(seen, SCHEDULES, mode="recolour", step=0) == {}


def test_smoothness_weighs_density_and_colour_apart() -> None:
    ramp = torch.arange(4.0)[:, None, None].expand(4, 4, 4)
    change = torch.stack([ramp, 2 * ramp, torch.zeros(4, 4, 4), torch.zeros(4, 4, 4)])
    found = smoothness(change, SCHEDULES, step=0)
    assert found["density_variation"].item() == pytest.approx(2 * 1)
    assert found["colour_variation"].item() == pytest.approx(5 * 4 / 3)
    fitted = smoothness(change, SCHEDULES, step=0, fitting=True)
    assert fitted["colour_variation"].item() == pytest.approx(0.5 * 4 / 3)


def test_a_diverging_run_says_what_and_when() -> None:
    check_finite({"entropy": torch.tensor(1.0)}, step=3)
    with pytest.raises(GencontrolError, match=r"diverged: guidance_a is nan at step 7\. Lower the learning rate"):
        check_finite({"guidance_a": torch.tensor(float("nan"))}, step=7)
