"""Homographies and warping against torchvision's own."""

import pytest
import torch
from torchvision.transforms.functional import perspective

from gencontrol.guidance.warp import homography, random_homographies, warp


def picture(seed: int = 0, *, size: tuple[int, int] = (12, 16)) -> torch.Tensor:
    return torch.rand(1, 5, *size, generator=torch.Generator().manual_seed(seed))


def test_identity_changes_nothing() -> None:
    assert torch.allclose(warp(picture(), torch.eye(3)[None]), picture(), atol=1e-5)


def test_translation_by_whole_pixels_moves_and_fills_with_zero() -> None:
    move = torch.eye(3)[None].clone()
    move[0, 0, 2] = 2 * 3 / 16  # output x reads input x + 3 pixels
    moved = warp(picture(), move)
    assert torch.allclose(moved[..., :-3], picture()[..., 3:], atol=1e-5)
    assert moved[..., -3:].abs().max() < 1e-6


def test_homography_takes_the_points_to_the_points() -> None:
    source, target = torch.rand(2, 2, 4, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = homography(source, target)
    mapped = torch.cat([source, torch.ones(2, 4, 1).double()], -1) @ found.transpose(1, 2)
    assert torch.allclose(mapped[..., :2] / mapped[..., 2:], target, atol=1e-8)


def test_perspective_agrees_with_torchvision() -> None:
    size = 20
    image = picture(size=(size, size))
    start = [[0, 0], [size - 1, 0], [size - 1, size - 1], [0, size - 1]]
    end = [[3, 1], [size - 2, 4], [size - 4, size - 3], [1, size - 2]]
    expected = perspective(image, start, end)

    def normalised(points: list[list[int]]) -> torch.Tensor:
        # torchvision counts from the picture's corner, not from the first pixel's centre.
        return 2 * torch.tensor([points]).float() / size - 1

    assert torch.allclose(warp(image, homography(normalised(end), normalised(start))), expected, atol=1e-3)


def test_drawn_maps_are_identities_at_zero_strength_and_repeat_with_the_seed() -> None:
    def draw(strength: float) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        return random_homographies(
            6, perspective=strength, window=(1 - strength, 1.0), translation=strength, generator=generator
        )

    assert torch.allclose(draw(0.0), torch.eye(3).expand(6, 3, 3), atol=1e-5)
    assert torch.equal(draw(0.3), draw(0.3))
    assert len(draw(0.3).flatten(1).unique(dim=0)) == 6


@pytest.mark.parametrize("crop", [0.5, 0.8])
def test_a_crop_alone_stays_inside_the_picture(crop: float) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = random_homographies(50, perspective=0.0, window=(crop, 1.0), translation=0.0, generator=generator)
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    reached = (maps @ corners.T)[:, :2]
    assert reached.abs().max() <= 1 + 1e-5
    assert maps[:, 0, 0].min() >= crop - 1e-5


def test_warp_is_differentiable() -> None:
    image = picture(size=(4, 5)).double().requires_grad_()
    maps = random_homographies(
        1, perspective=0.4, window=(0.7, 1.0), translation=0.1, generator=torch.Generator().manual_seed(1)
    ).double()
    assert torch.autograd.gradcheck(lambda x: warp(x, maps), (image,))


def test_a_window_above_one_shows_the_whole_picture_smaller() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = random_homographies(40, perspective=0.0, window=(2.0, 2.0), translation=0.0, generator=generator)
    planes = torch.ones(40, 1, 16, 16)
    # Half the side, wherever it lies: a quarter of the area, all of it inside.
    assert torch.allclose(warp(planes, maps).mean(dim=(1, 2, 3)), torch.full((40,), 0.25), atol=0.03)


def test_a_translation_is_a_share_of_the_side_in_both_directions() -> None:
    maps = random_homographies(
        500, perspective=0.0, window=(1.0, 1.0), translation=0.1, generator=torch.Generator().manual_seed(0)
    )
    shift = maps[:, :2, 2]
    assert torch.allclose(maps[:, :2, :2], torch.eye(2).expand(500, 2, 2), atol=1e-5)
    # The picture's side is 2 in these coordinates.
    assert 0.195 < shift.max() <= 0.2 and -0.2 <= shift.min() < -0.195
    assert abs(shift.mean().item()) < 0.01


def test_a_window_lies_anywhere_in_the_picture_and_has_any_size_of_its_range() -> None:
    maps = random_homographies(
        500, perspective=0.0, window=(0.4, 0.8), translation=0.0, generator=torch.Generator().manual_seed(0)
    )
    scale, centre = maps[:, 0, 0], maps[:, :2, 2]
    assert 0.4 <= scale.min() < 0.41 and 0.79 < scale.max() <= 0.8 + 1e-6
    reach = (centre.abs() / (1 - scale)[:, None]).max()
    assert 0.99 < reach <= 1 + 1e-5


def test_a_perspective_moves_corners_inwards_by_up_to_its_share() -> None:
    maps = random_homographies(
        500, perspective=0.5, window=(1.0, 1.0), translation=0.0, generator=torch.Generator().manual_seed(0)
    )
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    reached = (maps @ corners.T).transpose(1, 2)
    reached = reached[..., :2] / reached[..., 2:]
    inwards = 1 - reached * corners[:, :2]
    assert -1e-4 <= inwards.min() < 0.01 and 0.49 < inwards.max() <= 0.5 + 1e-4
    assert inwards.mean().item() == pytest.approx(0.25, abs=0.01)


def test_planes_of_each_picture_go_through_its_own_map() -> None:
    planes = torch.cat([picture(0), picture(1)])
    maps = random_homographies(
        2, perspective=0.3, window=(0.7, 1.2), translation=0.1, generator=torch.Generator().manual_seed(0)
    )
    both = warp(planes, maps)
    for row in range(2):
        assert torch.allclose(both[row : row + 1], warp(planes[row : row + 1], maps[row : row + 1]), atol=1e-6)
