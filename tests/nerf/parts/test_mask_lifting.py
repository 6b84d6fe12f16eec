"""Lifting painted masks: the known part is found, as far as the views allow."""

import dataclasses

import pytest
import torch
from scipy import ndimage

from gencontrol.errors import InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.mask_lifting import Lifting, lift_masks, splat_weights, spread
from gencontrol.nerf.parts.shapes import Sphere, membership
from gencontrol.nerf.rays.cameras import Cameras, Orbit, orbit_cameras
from gencontrol.nerf.still_life.world import World, bake, photograph, still_life

WORLD = still_life()
SCENE = bake(WORLD, 48)
EXACT = Lifting(grow=0, resolution=40)


def views(*angles: tuple[float, float]) -> Cameras:
    azimuth, elevation = torch.tensor(angles).T
    return orbit_cameras(azimuth, elevation, (64, 64), orbit=Orbit(field_of_view=(45.0, 45.0)))


def mask_of(cameras: Cameras, world: World, index: int) -> torch.Tensor:
    return (photograph(world, cameras).masks[:, index] > 0.5).float()


def overlap(found: torch.Tensor, true: torch.Tensor) -> float:
    return ((found & true).sum() / (found | true).sum()).item()


def known_part(index: int) -> torch.Tensor:
    body = WORLD.things[index].body
    return (membership(body, grid.nodes(40)) > 0).reshape(40, 40, 40)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("index", [0, 1, 2], ids=["ball", "box", "egg"])
def test_masks_from_three_sides_find_the_known_part(index: int) -> None:
    cameras = views((0.0, 30.0), (120.0, 30.0), (240.0, 30.0))
    lifted = lift_masks(SCENE, cameras, mask_of(cameras, WORLD, index), lifting=EXACT)
    # Against the analytic part, never rendered: voxels differ at the surface only.
    assert overlap(lifted.values > 0, known_part(index)) > 0.6


def test_one_view_fills_the_body_it_shows_behind_the_shell() -> None:
    alone = World(things=WORLD.things[:1])
    scene = bake(alone, 48)
    cameras = views((0.0, 20.0))
    lifted = lift_masks(scene, cameras, mask_of(cameras, alone, 0), lifting=EXACT)
    painted, reached = splat_weights(scene, cameras, mask_of(cameras, alone, 0), lifting=EXACT)
    shell = (painted / reached.clamp(min=1e-9) > 0.5) & (reached > reached.max() * 1e-2)
    true = known_part(0)
    assert overlap(lifted.values > 0, true) > 0.6
    assert overlap(shell & true, true) < 0.5


def test_other_things_stay_out() -> None:
    cameras = views((0.0, 30.0), (120.0, 30.0), (240.0, 30.0))
    lifted = lift_masks(SCENE, cameras, mask_of(cameras, WORLD, 0), lifting=EXACT).values > 0
    for other in (1, 2):
        assert (lifted & known_part(other)).sum() == 0


def test_weights_are_shared_out_by_the_mask() -> None:
    cameras = views((0.0, 20.0))
    half = torch.full((1, 64, 64), 0.5)
    painted, reached = splat_weights(SCENE, cameras, half, lifting=EXACT)
    assert torch.allclose(painted, reached / 2, atol=1e-4)
    # Everything that any ray sees is shared out: the sum is the sum of the opacities.
    opacity = photograph(WORLD, cameras).opacity.sum().item()
    assert reached.sum().item() == pytest.approx(opacity, rel=0.05)


def test_spreading_stays_within_a_body() -> None:
    solid = torch.zeros(1, 1, 9, dtype=torch.bool)
    solid[0, 0, :4] = solid[0, 0, 5:] = True
    seen, part = torch.zeros_like(solid), torch.zeros_like(solid)
    seen[0, 0, 0] = seen[0, 0, 3] = part[0, 0, 0] = True
    # Nearest seen: 0 and 1 take the yes of 0, 2 and 3 the no of 3; the second body has never been seen.
    assert spread(part, seen, solid)[0, 0].tolist() == [True, True] + [False] * 7
    # And the other way round: the first has never been seen, the last has.
    assert spread(part.flip(-1), seen.flip(-1), solid.flip(-1))[0, 0].tolist() == [False] * 7 + [True, True]


def test_growth_adds_voxels_all_around() -> None:
    cameras = views((0.0, 30.0), (180.0, 30.0))
    masks = mask_of(cameras, WORLD, 0)
    tight, grown = (lift_masks(SCENE, cameras, masks, lifting=Lifting(grow=g, resolution=40)).values for g in (0, 2))
    assert torch.equal(grown, torch.from_numpy(ndimage.binary_dilation(tight.numpy(), iterations=2)).float())
    assert grown.sum() > tight.sum() and (lift_masks(SCENE, cameras, masks, lifting=EXACT).values == tight).all()


def test_defaults() -> None:
    assert Lifting() == Lifting(resolution=48, threshold=0.5, solid=4.0, grow=1, samples=96)


def test_what_gets_half_of_its_light_from_paint_is_no_part_yet() -> None:
    cameras = views((0.0, 20.0))
    for value, found in ((0.52, True), (0.48, False)):
        masks = torch.full((1, 64, 64), value)
        if not found:
            with pytest.raises(InputError, match="show nothing solid"):
                lift_masks(SCENE, cameras, masks, lifting=EXACT)
            continue
        lifted = lift_masks(SCENE, cameras, masks, lifting=EXACT).values > 0
        # All that is solid, since every body is seen.
        density, _ = SCENE(grid.nodes(40))
        assert torch.equal(lifted, (density > 4.0).reshape(40, 40, 40))


def test_the_lifted_part_is_a_highlight() -> None:
    cameras = views((0.0, 30.0), (120.0, 30.0), (240.0, 30.0))
    lifted = lift_masks(SCENE, cameras, mask_of(cameras, WORLD, 0), lifting=EXACT)
    ball = WORLD.things[0].body
    assert isinstance(ball, Sphere)
    centre = torch.tensor([ball.centre])
    assert membership(lifted, torch.cat([centre, centre + 0.6])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (torch.zeros(1, 32, 32), r"one mask of 64 x 64 for each of 1 views; got \(1, 32, 32\)"),
        (torch.zeros(1, 64, 64), "masks are empty"),
        (torch.zeros(1, 64, 64).index_fill(1, torch.arange(3), 1.0), "lie on empty space"),
    ],
)
def test_masks_that_cannot_be_lifted_are_refused(masks: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lift_masks(SCENE, views((0.0, 20.0)), masks, lifting=EXACT)


def test_weights_of_a_field_in_training_keep_no_gradient() -> None:
    scene = dataclasses.replace(SCENE, lattice=SCENE.lattice.clone().requires_grad_())
    cameras = views((0.0, 20.0))
    painted, reached = splat_weights(scene, cameras, torch.ones(1, 64, 64), lifting=EXACT)
    assert not painted.requires_grad and not reached.requires_grad
