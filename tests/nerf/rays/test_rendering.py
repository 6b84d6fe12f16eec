"""The renderer against the integral it approximates, against nerfacc, and against itself without skipping."""

import math

import pytest
import torch

from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.rays.rendering import Quadrature, cube_span, ray_weights, render_rays, render_view


def lattice(resolution: int = 9) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    density = torch.randn(1, *(resolution,) * 3, generator=generator) * 4 - 6
    density[:, resolution // 2 :] = grid.EMPTY
    return torch.cat([density, torch.randn(3, *(resolution,) * 3, generator=generator)])


def rays(count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    origins = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1) * 3
    aims = torch.rand(count, 3, generator=generator) * 3 - 1.5
    return origins, torch.nn.functional.normalize(aims - origins, dim=1)


def constant_field(sigma: float, rgb: tuple[float, float, float]):
    def field(points: torch.Tensor):
        return torch.full((len(points),), sigma), torch.tensor(rgb).expand(len(points), 3)

    return field


def test_cube_span_meets_the_faces() -> None:
    origins = torch.tensor([[-3.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 5.0, 0.0], [-3.0, 2.0, 0.0]])
    directions = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    near, far = cube_span(origins, directions)
    assert near.tolist()[:3] == pytest.approx([2, 0, 4])
    assert far.tolist()[:3] == pytest.approx([4, 1, 6])
    assert near[3] == far[3]  # misses


def test_weights_follow_the_discrete_volume_rendering_equation() -> None:
    density = torch.rand(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 5
    step = torch.tensor([[0.1], [0.2], [0.3]], dtype=torch.float64)
    weights = ray_weights(density, step)
    for r in range(3):
        transmittance = 1.0
        for s in range(6):
            opacity = 1 - math.exp(-density[r, s].item() * step[r].item())
            assert weights[r, s].item() == pytest.approx(transmittance * opacity)
            transmittance *= 1 - opacity


def test_weights_agree_with_nerfacc() -> None:
    nerfacc = pytest.importorskip("nerfacc")
    density = torch.rand(5, 32, generator=torch.Generator().manual_seed(0)) * 20
    edges = torch.linspace(0, 2, 33).expand(5, 33)
    expected, _, _ = nerfacc.render_weight_from_density(edges[:, :-1], edges[:, 1:], density)
    assert torch.allclose(ray_weights(density, torch.full((5, 1), 2 / 32)), expected, atol=1e-5)


def test_a_uniform_cube_absorbs_as_beer_and_lambert_say() -> None:
    origins, directions = rays()
    near, far = cube_span(origins, directions)
    rgb = (0.2, 0.6, 0.9)
    seen = render_rays(constant_field(0.8, rgb), origins, directions, quadrature=Quadrature(samples=16))
    expected = 1 - torch.exp(-0.8 * (far - near))
    assert torch.allclose(seen.opacity, expected, atol=1e-5)
    assert torch.allclose(seen.colour, expected[:, None] * torch.tensor(rgb), atol=1e-5)
    assert seen.parts.shape == (200, 0)


def test_depth_is_where_an_opaque_face_is() -> None:
    origins, directions = torch.tensor([[-3.0, 0.1, 0.1]]), torch.tensor([[1.0, 0.0, 0.0]])
    seen = render_rays(constant_field(1e4, (1.0, 1.0, 1.0)), origins, directions, quadrature=Quadrature(samples=100))
    assert seen.depth.item() == pytest.approx(2.01)  # the middle of the first interval
    assert seen.opacity.item() == pytest.approx(1)


def test_skipping_empty_cells_changes_nothing() -> None:
    scene = Scene(lattice=lattice())
    with torch.no_grad():
        full = render_rays(scene, *rays(), quadrature=Quadrature())
        skipped = render_rays(scene, *rays(), quadrature=Quadrature(), cells=scene.cells())
    assert scene.cells().float().mean() < 0.95
    # What is skipped is at most one per cent of opacity along the longest way through the cube.
    for name, limit in (("colour", 0.01), ("opacity", 0.01), ("depth", 0.05)):
        assert torch.allclose(getattr(full, name), getattr(skipped, name), atol=limit, rtol=0)


def test_parts_are_sums_of_weight_times_membership() -> None:
    scene = Scene(lattice=lattice())

    def halves(points: torch.Tensor) -> torch.Tensor:
        left = (points[:, 0] < 0).float()
        return torch.stack([left, 1 - left, torch.ones_like(left), 0.25 * left], dim=1)

    seen = render_rays(scene, *rays(), quadrature=Quadrature(), membership=halves)
    left, right, both, quarter = seen.parts.unbind(-1)
    assert torch.allclose(left + right, seen.opacity, atol=1e-5)
    assert torch.allclose(both, seen.opacity, atol=1e-5)
    assert torch.allclose(quarter, 0.25 * left, atol=1e-6)
    assert left.max() > 0.1 and right.max() > 0.1


def gradients(stop: bool) -> tuple[torch.Tensor, torch.Tensor]:
    values = lattice().requires_grad_()
    seen = render_rays(
        Scene(lattice=values),
        *rays(),
        quadrature=Quadrature(stop_alpha_gradient=stop),
        membership=lambda points: torch.ones_like(points[:, :1]),
    )
    total = seen.parts.sum() if not stop else seen.parts.sum() + 0 * seen.opacity.sum()
    (grad,) = torch.autograd.grad(total, values)
    return grad, seen.parts


def test_a_part_that_fills_its_rays_still_has_a_gradient() -> None:
    # Opaque, and wholly of the part: the sum is 1, give or take rounding, which is where it is clamped.
    share = torch.ones((), requires_grad=True)
    origins, directions = torch.tensor([[-3.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    rendered = render_rays(
        constant_field(1e4, (0.5, 0.5, 0.5)),
        origins,
        directions,
        quadrature=Quadrature(samples=48),
        membership=lambda points: share.expand(len(points), 1),
    )
    assert rendered.parts.item() == 1.0
    (gradient,) = torch.autograd.grad(rendered.parts.sum(), share)
    assert gradient.item() == pytest.approx(1.0)


def test_alpha_passes_gradients_to_density_unless_told_not_to() -> None:
    flowing, parts = gradients(False)
    stopped, same = gradients(True)
    assert flowing[0].abs().sum() > 0 and flowing[1:].abs().sum() == 0
    assert stopped.abs().sum() == 0
    assert torch.equal(parts, same)


def test_gradients_agree_with_finite_differences() -> None:
    values = lattice(3).double().requires_grad_()
    origins, directions = (r.double() for r in rays(4))

    def call(v: torch.Tensor):
        seen = render_rays(
            Scene(lattice=v),
            origins,
            directions,
            quadrature=Quadrature(samples=8),
            membership=lambda points: (points[:, :1] < 0).to(points),
        )
        return seen.colour, seen.opacity, seen.depth, seen.parts

    assert torch.autograd.gradcheck(call, (values,))


def test_a_view_is_the_same_in_pieces() -> None:
    scene = Scene(lattice=lattice())
    cameras = orbit_cameras(torch.tensor([0.0, 50.0]), torch.tensor([10.0, 20.0]), (6, 8), orbit=Orbit())
    whole = render_view(scene, cameras, quadrature=Quadrature())
    pieces = render_view(scene, cameras, quadrature=Quadrature(), chunk=7)
    assert whole.colour.shape == (2, 6, 8, 3) and whole.opacity.shape == (2, 6, 8)
    assert torch.allclose(whole.colour, pieces.colour, atol=1e-6)


def test_jitter_repeats_with_the_seed_and_moves_samples_within_their_intervals() -> None:
    ramp = Scene(
        lattice=torch.cat([grid.ball(9, grid.Ball(radius=0.6, sharpness=8.0, peak=1.0)), torch.zeros(3, 9, 9, 9)])
    )

    def draw(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return render_rays(ramp, *rays(), quadrature=Quadrature(samples=32), generator=generator).opacity

    still = render_rays(ramp, *rays(), quadrature=Quadrature(samples=32)).opacity
    assert torch.equal(draw(0), draw(0)) and not torch.equal(draw(0), draw(1))
    assert (draw(0) - still).abs().max() < 0.25


def test_defaults_and_samples_at_the_middles_of_their_intervals() -> None:
    assert Quadrature() == Quadrature(samples=64, stop_alpha_gradient=False)
    asked: list[torch.Tensor] = []

    def field(points: torch.Tensor):
        asked.append(points)
        return constant_field(1.0, (1.0, 1.0, 1.0))(points)

    render_rays(
        field, torch.tensor([[-3.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]]), quadrature=Quadrature(samples=4)
    )
    assert asked[0][:, 0].tolist() == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    # One offset a ray, within the interval.
    generator = torch.Generator().manual_seed(0)
    origins, directions = (
        torch.tensor([[-3.0, 0.0, 0.0]]).expand(300, 3),
        torch.tensor([[1.0, 0.0, 0.0]]).expand(300, 3),
    )
    render_rays(field, origins, directions, quadrature=Quadrature(samples=4), generator=generator)
    places = asked[1][:, 0].reshape(300, 4)
    assert torch.allclose(places.diff(dim=1), torch.full((300, 3), 0.5), atol=1e-5)
    assert places[:, 0].min() < -0.98 and places[:, 0].max() > -0.52 and places.abs().max() <= 1


def test_rays_that_miss_ask_nothing_and_see_nothing() -> None:
    def refused(points: torch.Tensor):
        assert len(points) == 0
        return points.new_zeros(0), points.new_zeros(0, 3)

    origins, directions = torch.tensor([[-3.0, 2.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    seen = render_rays(refused, origins, directions, quadrature=Quadrature(samples=4))
    assert not seen.opacity.any() and not seen.colour.any() and not seen.depth.any()
