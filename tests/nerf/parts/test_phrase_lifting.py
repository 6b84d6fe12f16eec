"""A phrase is decided in the first view, followed through the others, and lifted."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.mask_lifting import Lifting, lift_masks
from gencontrol.nerf.parts.phrase_lifting import (
    Meant,
    Proposed,
    Views,
    masks_of_phrase,
    overlap,
    stored_parts,
    view_picture,
)
from gencontrol.nerf.parts.shapes import Sphere, membership
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene as Shown

LEFT, RIGHT = Sphere(centre=(-0.5, 0.0, 0.0), radius=0.3), Sphere(centre=(0.5, 0.0, 0.0), radius=0.3)
VIEWS = Views(count=4, size=48)


def two_balls(*, stored: bool = True) -> Scene:
    """Two red balls, which only their places tell apart."""
    points = grid.nodes(32)
    solid = torch.stack([membership(ball, points) for ball in (LEFT, RIGHT)]).amax(dim=0).reshape(1, 32, 32, 32)
    red = grid.raw_colour(torch.tensor([0.9, 0.1, 0.1]))[:, None, None, None].expand(3, 32, 32, 32)
    lattice = torch.cat([torch.where(solid > 0, 5.0, grid.EMPTY), red])
    return Scene(lattice=lattice, parts={"one": LEFT, "other": RIGHT} if stored else {})


def halves(picture: Picture) -> Shown:
    """What is not white, in the left and in the right half of a view."""
    marked = picture.rgb[1] < 0.5
    sides = [marked.clone(), marked.clone()]
    sides[0][:, 24:], sides[1][:, :24] = False, False
    regions = tuple(Region(alpha=side.float(), label=n) for n, side in zip("lr", sides, strict=True) if side.any())
    if not regions:
        raise InputError("Nothing is found.")
    return Shown(picture=picture, regions=regions)


def leftmost(shown: Shown) -> Region:
    return shown.regions[0]


def test_views_go_around_from_the_front() -> None:
    assert VIEWS.azimuths == (0.0, 90.0, 180.0, 270.0) and len(VIEWS.cameras(VIEWS.azimuths).pose) == 4
    picture = view_picture(two_balls(), VIEWS.cameras([0.0]))
    assert picture.rgb.shape == (3, 48, 48) and bool((picture.rgb[:, 0, 0] > 0.98).all())
    assert bool((picture.rgb[1] < 0.5).any())


def test_what_is_left_from_the_front_is_one_ball_from_everywhere() -> None:
    propose: Proposed = halves
    meant: Meant = leftmost
    scene = two_balls()
    ahead_and_behind = Views(count=2, size=48)
    masks = masks_of_phrase(scene, propose=propose, meant=meant, views=ahead_and_behind)
    # From behind it is on the right.
    assert list(masks) == [0.0, 180.0]
    assert not masks[0.0][:, 24:].any() and not masks[180.0][:, :24].any() and masks[180.0].any()
    lifted = lift_masks(scene, VIEWS.cameras(list(masks)), torch.stack(list(masks.values())), lifting=Lifting(grow=0))
    nodes = grid.nodes(48)[(lifted.values > 0.5).reshape(-1)]
    # All of the one ball, and nothing of the other.
    assert bool((nodes[:, 0] < 0).all()) and len(nodes) > 0.5 * float((membership(LEFT, grid.nodes(48)) > 0).sum())


def test_views_in_which_nothing_agrees_are_left_out() -> None:
    calls: list[int] = []

    def first_only(picture: Picture) -> Shown:
        calls.append(1)
        if len(calls) == 1:
            return halves(picture)
        if len(calls) == 2:
            raise InputError("Nothing is found.")
        corner = torch.zeros(48, 48)
        corner[:3, :3] = 1
        return Shown(picture=picture, regions=(Region(alpha=corner, label="corner"),))

    masks = masks_of_phrase(two_balls(), propose=first_only, meant=leftmost, views=VIEWS)
    assert list(masks) == [0.0] and len(calls) == 4


def test_nothing_meant_in_the_first_view_is_an_error() -> None:
    def nothing(shown: Shown) -> Region:
        raise InputError("hardly means any")

    with pytest.raises(InputError, match="hardly means any"):
        masks_of_phrase(two_balls(), propose=halves, meant=nothing, views=VIEWS)


def test_a_scenes_own_parts_are_candidates() -> None:
    shown = stored_parts(two_balls(), VIEWS)
    assert [region.label for region in shown.regions] == ["one", "other"]
    one, other = (region.alpha for region in shown.regions)
    assert float(one.max()) > 0.9 and float((one * other).max()) < 0.2
    assert overlap(one > 0.5, one > 0.5) == 1.0 and overlap(one > 0.5, other > 0.5) == 0.0
    empty = torch.zeros(2, 2, dtype=torch.bool)
    assert overlap(empty, empty) == 0.0 and stored_parts(two_balls(stored=False), VIEWS).regions == ()
