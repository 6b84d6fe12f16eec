"""Patches that speak in words."""

from math import log

import pytest
import torch
from torch.testing import assert_close

from gencontrol.training.language.naming import SHARPNESS, named_patches, naming_losses, tokens_of_names
from gencontrol.training.language.words import language_tokenizer

NAMES = torch.tensor([[0, -1], [1, -1], [2, 3]])


def views(look: int, *things: tuple[int, float, float, float]) -> dict[str, torch.Tensor]:
    """One view of sixteen patches with things of (concept, x, y, seen)."""
    values = torch.tensor([things])
    return {
        "patches": torch.zeros(1, 16, 2),
        "look": torch.tensor([look]),
        "facts.concept": values[..., 0].long(),
        "facts.place": values[..., 1:3].half(),
        "facts.seen": values[..., 3].half(),
    }


def test_the_patch_in_a_thing_s_middle_is_named() -> None:
    things = ((4, 0.3, 0.8, 1.0), (7, 0.99, 0.0, 0.4), (9, 0.6, 0.6, 0.3), (-1, -1.0, -1.0, -1.0))
    # Columns of a quarter each: x 0.3 is the second of them, y 0.8 the fourth line; what is hardly seen has none.
    wanted = torch.full((1, 16), -1)
    wanted[0, 3 * 4 + 1], wanted[0, 3] = 4, 7
    for whole_frame in (0, 2):
        assert torch.equal(named_patches(views(whole_frame, *things)), wanted)
    for close_up in (1, 3, 4):
        assert (named_patches(views(close_up, *things)) == -1).all()
    # A middle may lie beside the picture.
    assert named_patches(views(0, (5, 1.2, -0.1, 0.9)))[0].tolist() == [-1, -1, -1, 5] + [-1] * 12


def test_names_are_tokens_in_rows() -> None:
    tokenizer = language_tokenizer(("cat", "red apple"))
    rows = tokens_of_names(tokenizer, ["cat", "red apple"])
    assert rows.shape == (2, 2) and rows[0, 1] == -1
    assert tokenizer.decode(rows[1].tolist()) == "red apple" and tokenizer.decode(rows[0, :1].tolist()) == "cat"


def test_losses_are_cross_entropies_over_names_and_over_patches() -> None:
    words = torch.eye(4)
    named = torch.tensor([[0, -1, -1], [-1, 2, -1]])
    spoken = torch.zeros(2, 3, 4)
    spoken[0, 0, 0], spoken[1, 1, 2:] = 5.0, 0.1
    assert (naming_losses(spoken, words, NAMES, named) < 1e-5).all()
    # What says nothing: three names and six patches are alike.
    assert_close(naming_losses(torch.zeros(2, 3, 4), words, NAMES, named), torch.full((2,), log(3) + log(6)))
    # A name of two words is their mean, and only directions count: its own cosine with one of the words is 0.7071.
    spoken[1, 1] = torch.tensor([0.0, 0.0, 3.0, 0.0])
    over_names = log(2 * 1 + torch.tensor(SHARPNESS * 0.5**0.5).exp().item()) - SHARPNESS * 0.5**0.5
    over_patches = log(5 + torch.tensor(SHARPNESS * 0.5**0.5).exp().item()) - SHARPNESS * 0.5**0.5
    assert naming_losses(spoken, words, NAMES, named)[1].item() == pytest.approx(over_names + over_patches, abs=1e-4)


def test_another_patch_of_the_same_name_is_no_mistake() -> None:
    words, spoken = torch.eye(4), torch.zeros(2, 3, 4)
    spoken[0, 0, 0], spoken[1, 1, 0] = 1.0, 1.0
    assert (naming_losses(spoken, words, NAMES, torch.tensor([[0, -1, -1], [-1, 0, -1]])) < 1e-5).all()
    # Where it is not named, it is one.
    alone = naming_losses(spoken, words, NAMES, torch.tensor([[0, -1, -1], [-1, -1, -1]]))
    assert alone.shape == (1,) and alone.item() == pytest.approx(log(2), abs=1e-4)


def test_nothing_named_is_no_loss() -> None:
    found = naming_losses(torch.zeros(1, 3, 4), torch.eye(4), NAMES, torch.full((1, 3), -1))
    assert found.shape == (0,)
