"""The measures against pictures made by hand."""

import pytest
import torch

from benchmarks.nerf.measures import (
    EQUAL,
    PAPER,
    Stage,
    change_outside,
    covered,
    part_views,
    psnr_outside,
    rank_of,
    shaded,
    ssim_outside,
    whole_views,
)
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import Box, Sphere
from gencontrol.nerf.still_life.world import Thing, World, bake

# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

BOX = Box(centre=(0.0, 0.0, 0.0), size=(0.8, 0.8, 0.8))


def ball(x: float, rgb: tuple[float, float, float] = (0.9, 0.1, 0.1), radius: float = 0.3) -> Thing:
    return Thing(name=f"ball{x}", body=Sphere(centre=(x, 0.0, 0.0), radius=radius), colour=rgb)


def test_the_part_alone_is_seen_on_paper_and_shaded_grey() -> None:
    scene = bake(World(things=(ball(0.0), ball(0.75, (0.1, 0.1, 0.9), 0.2))), 48)
    stage = Stage(box=BOX, views=4, size=24)
    pictures = part_views(scene, stage)
    red, _, blue = pictures[:, :, 12, 12].T
    assert (red > 2 * blue).all()  # the blue ball is not in the part, from whatever side
    assert torch.allclose(pictures[:, :, 0, 0], torch.full((4, 3), PAPER), atol=1e-3)
    grey = part_views(scene, stage, textured=False)
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-4)
    middle = grey[:, 0, 8:16, 8:16].flatten(1)
    assert (middle.std(dim=1) > 0.02).all()  # shape is visible


def test_shading_is_brightest_towards_the_light() -> None:
    field = shaded(bake(World(things=(ball(0.0, radius=0.5),)), 48))
    light = torch.nn.functional.normalize(torch.tensor([-0.4, -0.7, 0.6]), dim=0)
    _, rgb = field(torch.stack([light, -light]) * 0.48)
    assert rgb[0, 0].item() == pytest.approx(0.9, abs=0.05) and rgb[1, 0].item() == pytest.approx(0.36, abs=0.05)


def test_the_silhouette_is_the_boxs_outline_grown() -> None:
    tight, grown = (Stage(box=BOX, views=2, size=48, grown=g).silhouette() for g in (0, 3))
    assert not (tight & ~grown).any() and grown.sum() > 1.2 * tight.sum()
    seen = whole_views(bake(World(things=(Thing(name="b", body=BOX),)), 64), Stage(box=BOX, views=2, size=48))
    drawn = (seen < 0.9).any(dim=1, keepdim=True)
    assert not (drawn & ~grown).any() and (drawn ^ tight).float().mean() < 0.03


def test_what_stands_in_the_part_covers_its_own_outline() -> None:
    stage = Stage(box=BOX, views=2, size=48, grown=0)
    small, beside = (bake(World(things=things), 64) for things in ((ball(0.0),), (ball(0.0), ball(0.75))))
    outline = covered(small, stage)
    drawn = (whole_views(small, stage) < 0.5).any(dim=1, keepdim=True)
    assert (outline ^ drawn).float().mean() < 0.02 and outline.any()
    assert torch.equal(covered(beside, stage), outline)  # what stands outside of the part is not in it
    assert (outline & ~stage.silhouette()).sum() == 0
    thin = Scene(lattice=small.lattice.clone())
    thin.lattice[0] -= thin.lattice[0].max() + 4  # haze covers nothing
    assert not covered(thin, stage).any()


def test_picture_measures_look_outside_only() -> None:
    before = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    inside = torch.zeros(2, 1, 24, 24, dtype=torch.bool)
    inside[..., :12] = True
    after = before.clone()
    after[..., :8] = 0.5
    assert psnr_outside(before, after, inside) == EQUAL
    assert ssim_outside(before, after, inside) == pytest.approx(1, abs=0.01)
    after[..., 12:] += 0.1
    assert psnr_outside(before, after, inside) == pytest.approx(20, abs=1e-3)
    after[..., 12:] = 0.5
    assert ssim_outside(before, after, inside) < 0.3


def test_change_of_the_rest_is_a_share_of_what_there_was() -> None:
    before = bake(World(things=(ball(0.0), ball(0.7))), 48)
    inside = bake(World(things=(ball(0.7),)), 48)
    gone = bake(World(things=(ball(0.0),)), 48)
    assert change_outside(before, before, BOX) == 0
    assert change_outside(before, inside, BOX) < 0.02
    assert change_outside(before, gone, BOX) == pytest.approx(1, abs=0.01)
    lattice = before.lattice.clone()
    lattice[1:] = 0.0  # grey
    recoloured = change_outside(before, Scene(lattice=lattice), BOX)
    assert 0.1 < recoloured < 0.5


def test_the_rank_is_by_the_mean_over_views() -> None:
    log_probabilities = torch.tensor([[-1.0, -2.0, -9.0], [-4.0, -2.0, -9.0]])
    assert rank_of(log_probabilities, 1) == (1, -2.0)
    assert rank_of(log_probabilities, 0) == (2, -2.5)
    assert rank_of(log_probabilities, 2)[0] == 3
