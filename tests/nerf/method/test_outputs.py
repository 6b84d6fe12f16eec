"""Outputs for nerfstudio: there and back, and what they are compared with."""

import math

import pytest
import torch

from gencontrol.nerf.method.outputs import (
    STOPPED,
    beyond_cube,
    from_outputs,
    psnr,
    to_normals,
    to_outputs,
    to_rgba,
)
from gencontrol.nerf.rays.rendering import Rendering, reshape_rays

BEHIND = (0.2, 0.4, 0.6)
FAR = torch.arange(12.0) + 5


def rendering() -> Rendering:
    generator = torch.Generator().manual_seed(0)
    opacity = torch.rand(12, generator=generator) * 0.9 + 0.1
    return Rendering(
        colour=torch.rand(12, 3, generator=generator) * opacity[:, None],
        opacity=opacity,
        depth=torch.rand(12, generator=generator),
        parts=torch.rand(12, 2, generator=generator),
    )


def picture(seen: Rendering) -> dict[str, torch.Tensor]:
    return {k: v.reshape(3, 4, -1) for k, v in to_outputs(seen, ("a", "b"), background=BEHIND, beyond=FAR).items()}


def test_outputs_are_over_the_background_and_name_each_part() -> None:
    seen = rendering()
    outputs = to_outputs(seen, ("a", "b"), background=BEHIND, beyond=FAR)
    assert torch.allclose(outputs["rgb"], seen.colour + (1 - seen.opacity)[:, None] * torch.tensor(BEHIND))
    assert torch.equal(outputs["alpha_b"][:, 0], seen.parts[:, 1]) and torch.equal(outputs["alpha"], outputs["alpha_a"])


def test_a_views_outputs_are_the_rendering_they_came_from() -> None:
    seen = rendering()
    again, there = from_outputs(picture(seen), ("a", "b"), background=BEHIND), reshape_rays(seen, (1, 3, 4))
    for name in ("colour", "opacity", "parts"):
        assert torch.allclose(getattr(again, name), getattr(there, name), atol=1e-6)
    stopped = there.opacity >= 0.5
    assert stopped.any() and not stopped.all()
    assert torch.allclose(again.depth, torch.where(stopped, there.depth, 0.0), atol=1e-6)


def test_depth_is_the_mean_of_what_is_seen_and_behind_everything_where_nothing_stops_a_ray() -> None:
    seen = Rendering(
        colour=torch.zeros(3, 3),
        opacity=torch.tensor([0.5, 0.8, 0.49]),
        depth=torch.tensor([1.0, 2.0, 1.0]),
        parts=torch.zeros(3, 1),
    )
    depth = to_outputs(seen, ("a",), background=BEHIND, beyond=torch.tensor([7.0, 8.0, 9.0]))["depth"]
    assert depth.shape == (3, 1) and depth[:, 0].tolist() == pytest.approx([2.0, 2.5, 9.0])


def test_what_is_beyond_lies_behind_every_corner_of_the_cube() -> None:
    origins = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [-2.0, 5.0, 1.0]])
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
    farthest = torch.cdist(origins, corners).amax(dim=1)
    beyond = beyond_cube(origins)
    assert (beyond >= farthest - 1e-5).all() and (beyond < farthest + 2).all()
    assert beyond[0].item() == pytest.approx(math.sqrt(3))


def test_normals_look_out_of_what_grows_denser_inwards() -> None:
    normals = to_normals(torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, -3.0], [0.0, 0.0, 0.0]]), torch.full((3,), STOPPED))
    assert normals.tolist() == [[0.0, 0.5, 0.5], [0.5, 0.5, 1.0], [0.5, 0.5, 0.5]]


def test_what_is_seen_through_has_no_normal() -> None:
    normals = to_normals(torch.tensor([[2.0, 0.0, 0.0], [1e-6, 0.0, 0.0]]), torch.tensor([STOPPED, STOPPED - 1e-3]))
    assert normals.tolist() == [[0.0, 0.5, 0.5], [0.5, 0.5, 0.5]]


def test_the_background_is_taken_out_of_rgba() -> None:
    seen = rendering()
    rgba = to_rgba(picture(seen), "rgb", background=BEHIND).reshape(12, 4)
    assert torch.allclose(rgba[:, :3] * rgba[:, 3:], seen.colour, atol=1e-5)
    assert torch.equal(rgba[:, 3], seen.opacity)


def test_psnr_is_against_the_picture_over_the_background() -> None:
    outputs = {"rgb": torch.full((2, 2, 3), 0.5), "accumulation": torch.full((2, 2, 1), 0.25)}
    straight = torch.tensor([0.9, 0.9, 0.9, 0.25]).expand(2, 2, 4)
    over = [0.9 * 0.25 + 0.75 * b for b in BEHIND]
    expected = -10 * math.log10(sum((v - 0.5) ** 2 for v in over) / 3)
    assert psnr(straight, outputs, background=BEHIND) == pytest.approx(expected, rel=1e-4)
    assert psnr(torch.full((2, 2, 3), 0.6), outputs, background=BEHIND) == pytest.approx(20, rel=1e-4)


def test_psnr_of_a_picture_in_front_of_a_colour_is_of_the_rendering_in_front_of_it() -> None:
    seen = rendering()
    outputs, wall = picture(seen), torch.tensor([0.0, 1.0, 0.3])
    taken = seen.colour.reshape(3, 4, 3) + (1 - seen.opacity.reshape(3, 4, 1)) * wall
    assert psnr(taken, outputs, background=BEHIND, in_front_of=wall) > 100
    assert psnr(taken + 0.1, outputs, background=BEHIND, in_front_of=wall) == pytest.approx(20, abs=1e-3)
    assert psnr(taken, outputs, background=BEHIND) < 20
