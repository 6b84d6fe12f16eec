"""The loss pulls a soft disc to where it should stand, and is 0 there."""

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.relations.steering import STEERED, relation_loss

SIZE = 48


def disc(x, y, radius=6.0):
    """A soft disc at a place in pixels, differentiable in the place."""
    rows, columns = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    # The root has no derivative at 0, where a pixel's middle is the disc's.
    away = ((columns - x).square() + (rows - y).square()).clamp(min=1e-9).sqrt()
    return torch.sigmoid(radius - away)


BALL = disc(24.0, 30.0, 9.0)
# Relation -> a place where it does not hold, and the direction (x, y) in which the loss has to fall.
PULLS = {
    "left of": ((30.0, 30.0), (-1, 0)),
    "right of": ((20.0, 30.0), (1, 0)),
    "above": ((24.0, 32.0), (0, -1)),
    "below": ((24.0, 28.0), (0, 1)),
    "inside": ((38.0, 30.0), (-1, 0)),
    "touching": ((8.0, 8.0), (1, 1)),
}


def pull(relation, place, radius=6.0):
    where = torch.tensor(place, requires_grad=True)
    loss = relation_loss(disc(where[0], where[1], radius), BALL, relation)
    loss.backward()
    assert where.grad is not None
    return loss.item(), -where.grad


@pytest.mark.parametrize("relation", PULLS)
def test_the_gradient_moves_the_subject_to_where_it_should_stand(relation):
    place, wanted = PULLS[relation]
    loss, step = pull(relation, place)
    assert loss > 0.02
    for got, sign in zip(step.tolist(), wanted, strict=True):
        assert (got > 1e-4) == (sign > 0) and (got < -1e-4) == (sign < 0), (relation, step)


@pytest.mark.parametrize(("y", "sign"), [(6.0, 1), (30.0, -1)])
def test_what_hovers_sinks_and_what_sank_rises(y, sign):
    loss, step = pull("on", (24.0, y))
    assert loss > 0.1 and step[1].sign() == sign and step[1].abs() > 10 * step[0].abs()


def test_what_stands_is_in_one_piece():
    whole = torch.zeros(SIZE, SIZE)
    whole[8:21, 20:28] = 1
    split = whole.clone()
    split[12:18] = 0
    ball = (BALL > 0.5).float()
    assert relation_loss(whole, ball, "on").item() < 0.01
    # Six rows of 48 are missing between its upper part and the lower one, which stands.
    assert relation_loss(split, ball, "on").item() == pytest.approx(6 / 48 + relation_loss(whole, ball, "on").item())
    # A mist is asked to thicken all along the row, not in one place.
    mist = whole * 0.2
    mist[18:21, 20:28] = mist[8:12, 20:28] = 1
    mist.requires_grad_()
    (slope,) = torch.autograd.grad(relation_loss(mist, ball, "on"), mist)
    assert (slope[13:17, 20:28] < -1e-4).all() and (slope[13:17, :18].abs() < 0.3 * slope[14, 24].abs()).all()


def test_what_stands_beside_is_moved_over_the_other_too():
    assert pull("on", (44.0, 15.0))[1][0] < -1e-3 and pull("on", (4.0, 15.0))[1][0] > 1e-3


@pytest.mark.parametrize(
    ("relation", "place", "radius"),
    [
        ("left of", (10.0, 30.0), 6.0),
        ("right of", (40.0, 20.0), 6.0),
        ("above", (24.0, 10.0), 6.0),
        ("below", (24.0, 42.0), 4.0),
        ("on", (24.0, 15.0), 6.0),
        ("inside", (24.0, 30.0), 4.0),
        ("touching", (24.0, 15.0), 6.0),
    ],
)
def test_the_loss_is_nothing_where_the_relation_holds(relation, place, radius):
    assert relation_loss(disc(place[0], place[1], radius), BALL, relation).item() == pytest.approx(0, abs=0.025)


def test_steps_along_the_gradient_set_a_hovering_disc_down():
    where = torch.tensor([30.0, 6.0], requires_grad=True)
    optimizer = torch.optim.Adam([where], lr=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        loss = relation_loss(disc(where[0], where[1]), BALL, "on")
        loss.backward()
        optimizer.step()
    # The disc's radius above the ball's: 30 - 9 - 6, and soft edges stand a pixel or two apart.
    assert where[1].item() == pytest.approx(15, abs=2.5)


def test_margins_and_ways_are_shares_of_the_longer_side():
    maps = torch.zeros(3, 20, 40)
    maps[0, :, 10:14], maps[1, :, 12:16], maps[2, :, 30:34] = 1, 1, 1
    # Centres 2 of 40 apart, where 4 are wanted.
    assert_close(relation_loss(maps[0], maps[1], "left of"), torch.tensor(0.05))
    assert_close(relation_loss(maps[1], maps[0], "left of"), torch.tensor(0.15))
    # 16 columns lie between them; many pairs of pixels that are as near make the soft smallest way shorter.
    assert 0.6 * 16 / 40 < relation_loss(maps[0], maps[2], "touching").item() < 16 / 40


def test_an_empty_map_has_no_place():
    empty = torch.zeros(SIZE, SIZE, requires_grad=True)
    for relation in STEERED:
        loss = relation_loss(empty, BALL, relation)
        assert loss.item() == 1
        (gradient,) = torch.autograd.grad(loss, empty, allow_unused=True)
        assert gradient is None or not gradient.any()


@pytest.mark.parametrize("relation", STEERED)
def test_nan_is_not_taken_for_an_empty_map(relation):
    maps = torch.zeros(2, 16, 16)
    maps[:, 2:6, 2:6] = 1
    for place in (0, 1):
        pair = [maps.clone(), maps.clone()]
        pair[place][0, 3, 3] = torch.nan
        found = relation_loss(pair[0], pair[1], relation)
        assert found[0].isnan() and found[1].isfinite()


def test_a_batch_is_its_members():
    many = torch.stack([disc(10.0, 10.0), disc(40.0, 20.0)])
    for relation in STEERED:
        each = torch.stack([relation_loss(one, BALL, relation) for one in many])
        assert_close(relation_loss(many, BALL.expand(2, -1, -1), relation), each)


def test_what_cannot_be_asked_for():
    with pytest.raises(InputError, match=r"nothing steers to 'riding'; known are above, below, inside"):
        relation_loss(BALL, BALL, "riding")
    with pytest.raises(InputError, match="expected two maps of one size, got"):
        relation_loss(BALL, BALL[:10], "on")
