"""The loss of graded alpha, and the figures of a dial."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.sprites.captions import build_tokenizer
from gencontrol.training.data.levels import wanted_shares
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.stages import registry
from gencontrol.training.stages.alpha_clip import AlphaClipTask, AlphaClipTraining
from gencontrol.training.stages.clip import TowerConfig, build_clip
from gencontrol.training.stages.graded import (
    LEVELS,
    at_once,
    dial_figures,
    falls,
    graded_set,
    scene_shares,
    share_error,
    share_losses,
    sweep,
)
from gencontrol.training.stages.registry import sprite_source

NAMES = torch.eye(5)
SCALE = torch.tensor(10.0)
CONCEPTS = torch.tensor([[0, 2, -1], [1, 3, 4]])


def looking_at(shares: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
    """Unit embeddings whose softmax over the scene's names gives the shares (all above 0)."""
    image = torch.full((len(shares), 5), -5.0)
    for row, (share, ids) in enumerate(zip(shares, concepts, strict=True)):
        for s, i in zip(share.tolist(), ids.tolist(), strict=True):
            if i >= 0:
                image[row, i] = torch.tensor(s).log() / SCALE
    return image


def test_the_right_shares_cost_nothing_and_others_their_divergence() -> None:
    shares = torch.tensor([[0.7, 0.3, 0.0], [0.2, 0.3, 0.5]])
    image = looking_at(shares, CONCEPTS)
    assert torch.allclose(share_losses(image, NAMES, CONCEPTS, shares, scale=SCALE), torch.zeros(2), atol=1e-5)
    other = torch.tensor([[0.4, 0.6, 0.0], [0.2, 0.3, 0.5]])
    divergence = (other[0, :2] * (other[0, :2] / shares[0, :2]).log()).sum()
    found = share_losses(image, NAMES, CONCEPTS, other, scale=SCALE)
    assert torch.allclose(found, torch.stack([1.4 * divergence, torch.tensor(0.0)]), atol=1e-5)


def test_other_names_cost_by_the_second_term_alone() -> None:
    shares = torch.tensor([[0.5, 0.5, 0.0]])
    image = looking_at(shares, CONCEPTS[:1])
    image[0, 4] = image[0, 0]  # a name that is not in the scene, as likely as each of its two
    loss = share_losses(image, NAMES, CONCEPTS[:1], shares, scale=SCALE, among_all=1.0)
    assert torch.allclose(loss, torch.tensor([1.5]).log(), atol=1e-4)
    assert torch.allclose(
        share_losses(image, NAMES, CONCEPTS[:1], shares, scale=SCALE, among_all=0.0), torch.zeros(1), atol=1e-5
    )


def test_rows_without_a_graded_map_cost_nothing_and_have_no_gradient() -> None:
    image = torch.randn(2, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    shares = torch.tensor([[0.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    loss = share_losses(functional.normalize(image, dim=-1), NAMES, CONCEPTS, shares, scale=SCALE)
    loss.sum().backward()
    assert loss[0] == 0 and loss[1] > 0
    assert image.grad is not None and not image.grad[0].any() and image.grad[1].any()
    assert image.grad.isfinite().all()


def test_scene_shares_are_a_softmax_over_the_scenes_names() -> None:
    found = scene_shares(2 * torch.eye(5)[[0, 3]], NAMES, CONCEPTS, scale=1.0)
    e = torch.tensor(1.0).exp()
    expected = torch.stack([torch.stack([e, torch.tensor(1.0), torch.tensor(0.0)]) / (e + 1), torch.stack([torch.tensor(1.0), e, torch.tensor(1.0)]) / (e + 2)])  # fmt: skip # noqa: E501
    assert torch.allclose(found, expected)


def test_errors_are_of_what_is_there() -> None:
    found, wanted = torch.tensor([[0.6, 0.4, 0.0]]), torch.tensor([[0.5, 0.5, 0.0]])
    assert torch.allclose(share_error(found, wanted, CONCEPTS[:1] >= 0), torch.tensor([0.1, 0.1]))


def perfect(test, scale: float):
    """An encoder that reads each sprite's level off the map and looks as asked."""

    def encode(rgb, alpha):
        inside = test.alpha > 0.99
        levels = (alpha[:, None] * inside).sum((-1, -2)) / inside.sum((-1, -2)).clamp(min=1)
        shares = wanted_shares(levels).clamp(min=1e-6)
        image = torch.full((len(rgb), 60), -2.0)
        return image.scatter(1, test.concepts, shares.log() / scale)

    return encode


def test_a_perfect_dial_and_a_switch(sprite_store) -> None:
    test = graded_set(sprite_store, sprites=2, size=32, count=20)
    assert test.name == "2" and set(test.levels.unique().tolist()) <= set(LEVELS)
    assert (test.levels[:, 0] != test.levels[:, 1]).all()

    def figures(encode):
        # Lengths matter not: a large scale against small logits keeps the shares after normalising.
        return dial_figures(encode, torch.eye(60), test, scale=1.0)

    def switch(rgb, alpha):
        image = perfect(test, 1.0)(rgb, alpha)
        return torch.zeros_like(image).scatter(1, image.argmax(1, keepdim=True), 50.0)

    assert figures(switch)["share-error/2"] > 0.1
    assert figures(switch)["rising/2"] == 1.0
    falling = dial_figures(lambda rgb, alpha: perfect(test, 1.0)(rgb, 1 - alpha), torch.eye(60), test, scale=1.0)
    assert falling["rising/2"] < 0.2


def test_a_sweep_turns_the_first_and_leaves_the_others(sprite_store) -> None:
    test = graded_set(sprite_store, sprites=2, size=32, count=6)
    seen = []

    def encode(rgb, alpha):
        seen.append(alpha)
        return torch.eye(60, requires_grad=True)[test.concepts[:, 0]]

    swept = sweep(
        at_once(encode), torch.eye(60), rgb=test.rgb, alpha=test.alpha, concepts=test.concepts,
        levels=torch.full((6, 2), 0.5), scale=1.0,
    )  # fmt: skip
    assert swept.shape == (6, 5) and not swept.requires_grad
    for level, alpha in zip(LEVELS, seen, strict=True):
        assert torch.allclose(alpha, level * test.alpha[:, 0] + 0.5 * test.alpha[:, 1])


def test_a_fall_is_more_than_the_slack() -> None:
    swept = torch.tensor([[0.1, 0.2, 0.19], [0.1, 0.2, 0.17], [0.3, 0.3, 0.3]])
    assert falls(swept).tolist() == [False, True, False]


@pytest.fixture
def task(sprite_store, monkeypatch):
    monkeypatch.setattr(registry, "recognition_sets", lambda store, size: [])
    run = RunConfig(steps=2, batch=32, chunk=32, evaluate_every=0, sheet_every=0)
    config = AlphaClipTraining(run=run, graded=0.5, anchor=1.0)
    towers = TowerConfig(vision_width=32, vision_layers=1, vision_heads=2, text_width=32, text_layers=1, embedding=16)
    tokenizer = build_tokenizer(sprite_store.concepts)
    base = AlphaCLIP.from_clip(build_clip(towers, tokenizer), tokenizer=tokenizer)
    source, names, _ = sprite_source(config, base, sprite_store)
    return AlphaClipTask(config, base, source, names=names)


def test_graded_rows_are_taught_shares_and_nothing_else(task) -> None:
    batch = task.draw(0)
    graded = batch["shares"].sum(-1) > 0
    assert graded.any() and not graded.all() and not batch["anchored"][graded].any()
    losses = task.losses(task.module, batch)
    assert set(losses) == {"image_to_text", "text_to_image", "shares", "anchor"} and losses["shares"] > 0
    without = dict(batch, shares=torch.zeros_like(batch["shares"]))
    assert task.losses(task.module, without)["shares"] == 0
    assert task.losses(task.module, without)["image_to_text"] > losses["image_to_text"]


def test_the_dials_are_128_scenes_that_published_figures_are_of(sprite_store) -> None:
    test = graded_set(sprite_store, sprites=2, size=8)
    again = graded_set(sprite_store, sprites=2, size=8, count=128, seed=0)
    assert torch.equal(test.rgb, again.rgb) and torch.equal(test.levels, again.levels) and len(test.rgb) == 128
    assert test.concepts.sum() == 8150 and test.levels.mean(0).tolist() == pytest.approx([0.5098, 0.4785], abs=1e-3)
    assert not torch.equal(graded_set(sprite_store, sprites=2, size=8, seed=1).rgb, test.rgb)
    crowd = graded_set(sprite_store, sprites=5, size=16, count=4)
    assert crowd.concepts.shape == (len(crowd.rgb), 5) and len(crowd.levels[0].unique()) == 5


def test_the_weight_of_graded_maps_scales_their_loss(task) -> None:
    batch = task.draw(0)
    plain = task.losses(task.module, batch)
    task.config = dataclasses.replace(task.config, graded_weight=3.0, anchor=0.5)
    changed = task.losses(task.module, batch)
    assert torch.allclose(changed["shares"], 3 * plain["shares"])
    assert torch.allclose(changed["anchor"], plain["anchor"] / 2)
    assert torch.equal(changed["image_to_text"], plain["image_to_text"])
