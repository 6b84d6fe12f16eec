"""What is painted comes from the reference, and nothing outside of the hole changes."""

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from gencontrol.errors import InputError, PairingError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.pipelines import edit, remove
from gencontrol.pipelines.editing.composing import composing, latents_of, touched
from gencontrol.regions import Region, from_box
from gencontrol.regions.scene import Scene

SIZE = (50, 70)
HOLE = from_box((20, 10, 44, 34), size=SIZE)
FAST: Any = {"num_inference_steps": 3}


@pytest.fixture
def photo(tiny: ModuleType) -> Picture:
    return read_image(tiny.photo(*SIZE))


@pytest.fixture
def like(tiny: ModuleType) -> Scene:
    mask = tiny.half_mask(40, 40, side="left")
    return Scene(picture=read_image(tiny.photo(40, 40, seed=1)), regions=(Region(alpha=mask),))


def bytes_of(picture: Picture) -> Tensor:
    return (picture.rgb * 255).round().to(torch.uint8)


def test_the_hole_alone_changes(variation: Any, photo: Picture, like: Scene) -> None:
    first, second = edit(variation, photo, HOLE, like, seeds=(0, 1), **FAST)
    outside = HOLE.alpha == 0
    for painted in (first, second):
        assert painted.size == SIZE and painted.stored_rgb.dtype == torch.uint8
        assert torch.equal(painted.stored_rgb[:, outside], bytes_of(photo)[:, outside])
        assert not torch.equal(painted.stored_rgb, bytes_of(photo))
    assert not torch.equal(first.stored_rgb, second.stored_rgb)


def test_a_seed_is_a_picture_alone_or_beside_others(variation: Any, photo: Picture, like: Scene) -> None:
    alone = edit(variation, photo, HOLE, like, seeds=(5,), **FAST)[0]
    beside = edit(variation, photo, HOLE, like, seeds=(2, 5), **FAST)[1]
    assert int((alone.stored_rgb.int() - beside.stored_rgb.int()).abs().max()) <= 1


def test_an_embedding_in_the_place_of_a_reference(variation: Any, photo: Picture, like: Scene) -> None:
    embeds = variation.encode_regions(like.picture, list(like.regions))[0].image_embeds
    shown, given = edit(variation, photo, HOLE, like, **FAST)[0], edit(variation, photo, HOLE, embeds, **FAST)[0]
    assert int((shown.stored_rgb.int() - given.stored_rgb.int()).abs().max()) <= 1
    nothing = edit(variation, photo, HOLE, torch.zeros_like(embeds), **FAST)[0]
    assert not torch.equal(nothing.stored_rgb, given.stored_rgb)
    # Guidance departs from nothing: towards it, it has no effect.
    other = edit(variation, photo, HOLE, torch.zeros_like(embeds), guidance_scale=1.0, **FAST)[0]
    assert int((nothing.stored_rgb.int() - other.stored_rgb.int()).abs().max()) <= 1


def test_the_reference_and_its_region_count(variation: Any, photo: Picture, like: Scene, tiny: ModuleType) -> None:
    def painted(scene: Scene, **more: Any) -> Tensor:
        return edit(variation, photo, HOLE, scene, **FAST | more)[0].stored_rgb

    other = Scene(picture=like.picture, regions=(Region(alpha=tiny.half_mask(40, 40, side="right")),))
    base = painted(like)
    assert torch.equal(base, painted(like))
    assert not torch.equal(base, painted(other))
    assert not torch.equal(base, painted(Scene(picture=photo)))
    assert not torch.equal(base, painted(like, focus="crop"))
    assert not torch.equal(base, painted(like, strength=0.0))
    assert not torch.equal(base, painted(like, guidance_scale=1.0))
    # What the function does unless told, by value.
    defaults: Any = {"guidance_scale": 3.0, "margin": 0.05, "seam": 0.05, "strength": 1.0, "seeds": (0,)}
    assert torch.equal(base, painted(like, **defaults))
    assert not torch.equal(base, painted(like, margin=1.0))
    assert not torch.equal(base, painted(like, seam=0.5))


def test_alpha_and_bytes_stay(variation: Any, like: Scene) -> None:
    generator = torch.Generator().manual_seed(0)
    rgb = torch.randint(0, 256, (3, *SIZE), generator=generator, dtype=torch.uint8)
    alpha = torch.randint(0, 256, SIZE, generator=generator, dtype=torch.uint8)
    cut_out = Picture(rgb=rgb, alpha=alpha)
    for painted in (edit(variation, cut_out, HOLE, like, **FAST)[0], remove(cut_out, HOLE)):
        assert painted.stored_alpha is not None and torch.equal(painted.stored_alpha, alpha)
        assert torch.equal(painted.stored_rgb[:, HOLE.alpha == 0], rgb[:, HOLE.alpha == 0])
    floats = Picture(rgb=rgb / 255, alpha=alpha / 255)
    assert torch.equal(remove(floats, HOLE).stored_rgb, remove(cut_out, HOLE).stored_rgb)


def test_a_removal_is_what_is_around() -> None:
    rgb = torch.full((3, *SIZE), 77, dtype=torch.uint8)
    spoilt = torch.where(HOLE.alpha > 0, torch.tensor(200, dtype=torch.uint8), rgb)
    assert torch.equal(remove(Picture(rgb=spoilt), HOLE).stored_rgb, rgb)
    # A soft border of the mask is in the hole: nothing of what was there is left in it.
    soft = Region(alpha=torch.where(HOLE.alpha > 0, 0.2, 0.0))
    assert torch.equal(remove(Picture(rgb=spoilt), soft).stored_rgb, rgb)


@pytest.mark.parametrize("side", [1, 2, 4])
@pytest.mark.parametrize("corner", [(0, 0), (9, 7)])
def test_a_hole_of_some_pixels_is_filled_from_all_around(side: int, corner: tuple[int, int]) -> None:
    columns = torch.arange(0, 4 * SIZE[1], 4, dtype=torch.uint8).expand(3, *SIZE)
    alpha = torch.zeros(SIZE)
    alpha[corner[0] : corner[0] + side, corner[1] : corner[1] + side] = 1.0
    spoilt = torch.where(alpha > 0, torch.tensor(255, dtype=torch.uint8), columns)
    gone = remove(Picture(rgb=spoilt), Region(alpha=alpha)).stored_rgb.int()
    # A slope goes on through the hole where there is something on both sides of it.
    assert (gone - columns.int()).abs().max() <= (0 if all(corner) else 4 * side)


def test_holes_may_be_files_and_reach_the_edges(variation: Any, photo: Picture, like: Scene) -> None:
    mask = torch.zeros(SIZE)
    mask[:, :15] = 1.0
    painted = edit(variation, photo, mask, like, **FAST)[0]
    assert torch.equal(painted.stored_rgb[:, :, 15:], bytes_of(photo)[:, :, 15:])
    everything = edit(variation, photo, Region(alpha=torch.ones(SIZE)), like, **FAST)[0]
    assert not (everything.stored_rgb == bytes_of(photo)).all(dim=0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": ()}, "seeds: expected at least one, got none"),
        ({"seam": -0.1}, "seam: expected 0 or more and at most 1, got -0.1"),
        ({"seam": 1.1}, "seam: expected 0 or more and at most 1, got 1.1"),
        ({"margin": float("nan")}, "margin: expected 0 or more"),
        ({"guidance_scale": float("inf")}, "guidance_scale"),
        ({"hole": Region(alpha=torch.ones(5, 6))}, r"The hole is 6 x 5, and the photograph 70 x 50 \(width x height\)"),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str, variation: Any, photo: Picture, like: Scene) -> None:
    settings: Any = {"hole": HOLE, "like": like} | FAST | change
    with pytest.raises(InputError, match=message):
        edit(variation, photo, **settings)


def test_what_cannot_edit_or_be_removed(photo: Picture, like: Scene) -> None:
    with pytest.raises(PairingError, match="edit: expected an image-variation host, such as `tiny`, got object"):
        edit(object(), photo, HOLE, like)
    with pytest.raises(InputError, match="The hole is the whole photograph"):
        remove(photo, Region(alpha=torch.ones(SIZE)))


def test_latents_outside_are_on_the_photographs_way(variation: Any, photo: Picture) -> None:
    pipeline = variation
    pipeline.scheduler.set_timesteps(4)
    times = pipeline.scheduler.timesteps
    known, noise = torch.full((1, 4, 4, 4), 0.5), torch.ones(2, 4, 4, 4)
    inside = torch.zeros(1, 1, 4, 4)
    inside[..., 0] = 1.0
    drawn, step = torch.full((2, 4, 4, 4), 9.0), composing(known, inside, noise)
    for index in range(4):
        kept = step(pipeline, index, times[index], {"latents": drawn})["latents"]
        assert bool((kept[..., 0] == 9.0).all())
        expected = known.expand(2, -1, -1, -1)
        if index < 3:
            expected = pipeline.scheduler.add_noise(expected, noise, times[index + 1].expand(2))
        assert_close(kept[..., 1:], expected[..., 1:])


def test_a_picture_goes_through_the_autoencoder_and_back(variation: Any) -> None:
    picture = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents, vae = latents_of(variation, picture), variation.vae
    assert_close(latents, vae.encode(2 * picture[None] - 1).latent_dist.mode() * vae.config.scaling_factor)


def test_latents_that_hold_any_of_the_hole_are_inside() -> None:
    hole = torch.zeros(16, 16)
    hole[3, 9] = 0.1
    assert touched(hole, (4, 4)).nonzero().tolist() == [[0, 0, 0, 2]]
