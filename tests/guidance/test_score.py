"""Scores under one and several encoders, against the encoder's own embeddings."""

import dataclasses
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPModel, PreTrainedTokenizerFast

from gencontrol.errors import InputError
from gencontrol.guidance.score import (
    Guide,
    active,
    alpha_similarity_loss,
    embed,
    guide_losses,
    region_target,
    text_targets,
)
from gencontrol.schedules import Schedule, constant


@dataclasses.dataclass(frozen=True)
class Plain:
    """The smallest thing that is an encoder: the real towers, no resizing."""

    model: CLIPModel
    tokenizer: PreTrainedTokenizerFast

    def processor(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        planes = torch.cat([rgb, alpha[:, None]], dim=1)
        return F.interpolate((planes - 0.5) / 0.26, size=(64, 64), mode="bilinear")

    def encode_pixels(self, pixel_values: Tensor) -> Tensor:
        found = self.model.get_image_features(pixel_values=pixel_values)
        return found.pooler_output  # pyright: ignore

    def encode_text(self, text: str | Sequence[str]) -> Tensor:
        texts = [text] if isinstance(text, str) else list(text)
        found = self.model.get_text_features(**self.tokenizer(texts, padding=True, return_tensors="pt"))
        return found.pooler_output  # pyright: ignore


@pytest.fixture(scope="module")
def encoders(tiny: ModuleType) -> list[Plain]:
    return [Plain(tiny.alpha_clip_model(seed=s).requires_grad_(False), tiny.tokenizer()) for s in (0, 1)]


def inputs(count: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, 48, 48, generator=generator), torch.rand(count, 1, 48, 48, generator=generator)


def cosine_loss(encoder: Plain, rgb: Tensor, alpha: Tensor, target: Tensor) -> Tensor:
    image = encoder.encode_pixels(encoder.processor(rgb, alpha[:, 0]))
    image = image / image.norm(dim=-1, keepdim=True)
    return 1 - (image * target / target.norm(dim=-1, keepdim=True)).sum(-1)


def test_loss_is_the_weighted_sum_over_encoders(encoders: list[Plain]) -> None:
    rgb, alpha = inputs()
    guides = [Guide(encoder=encoders[0]), Guide(encoder=encoders[1], weight=constant(0.5))]
    targets = [text_targets(e, "red cat") for e in encoders]
    got = alpha_similarity_loss(guides, targets, rgb, alpha)
    expected = cosine_loss(encoders[0], rgb, alpha, targets[0]) + 0.5 * cosine_loss(encoders[1], rgb, alpha, targets[1])
    assert got.shape == (2,)
    assert torch.allclose(got, expected, atol=1e-5)


def test_an_encoder_joins_at_its_start_and_follows_its_schedule(encoders: list[Plain]) -> None:
    rgb, alpha = inputs()
    late = Guide(encoder=encoders[1], start=10, weight=Schedule(points=((10, 1.0), (20, 3.0))))
    targets = [text_targets(e, "red cat") for e in encoders]
    first, second = (cosine_loss(e, rgb, alpha, t) for e, t in zip(encoders, targets, strict=True))
    for step, weight in ((9, 0.0), (10, 1.0), (15, 2.0), (30, 3.0)):
        got = alpha_similarity_loss([Guide(encoder=encoders[0]), late], targets, rgb, alpha, step=step)
        assert torch.allclose(got, first + weight * second, atol=1e-5)


def test_the_contrast_is_a_cross_entropy_per_guide_beside_the_similarity(encoders: list[Plain]) -> None:
    rgb, alpha = inputs()
    guides = [Guide(encoder=encoders[0]), Guide(encoder=encoders[1], weight=constant(0.5))]
    targets = [text_targets(e, "red cat") for e in encoders]
    others = [text_targets(encoders[0], ["blue boat", "green dog"]), torch.zeros(0, 1)]
    near, apart = guide_losses(guides, targets, rgb, alpha, others=others, scale=7.0)
    assert torch.allclose(near, alpha_similarity_loss(guides, targets, rgb, alpha), atol=1e-5)
    cosines = [1 - cosine_loss(encoders[0], rgb, alpha, text[None]) for text in (*targets[0], *others[0])]
    expected = torch.nn.functional.cross_entropy(
        7 * torch.stack(cosines, dim=1), torch.zeros(2, dtype=torch.long), reduction="none"
    )
    assert torch.allclose(apart, expected, atol=1e-4)
    assert torch.equal(guide_losses(guides, targets, rgb, alpha)[1], torch.zeros(2))
    with pytest.raises(InputError, match="2 targets, 1 sets of other texts"):
        guide_losses(guides, targets, rgb, alpha, others=others[:1])


def test_several_texts_are_averaged_and_targets_may_differ_by_picture(encoders: list[Plain]) -> None:
    rgb, alpha = inputs()
    guide, texts = [Guide(encoder=encoders[0])], text_targets(encoders[0], ["red cat", "blue boat"])
    each = [cosine_loss(encoders[0], rgb, alpha, text) for text in texts]
    assert torch.allclose(alpha_similarity_loss(guide, [texts[None]], rgb, alpha), (each[0] + each[1]) / 2, atol=1e-5)
    per_picture = alpha_similarity_loss(guide, [texts], rgb, alpha)
    assert torch.allclose(per_picture, torch.stack([each[0][0], each[1][1]]), atol=1e-5)


def test_a_reference_region_is_reached_by_the_reference_itself(encoders: list[Plain]) -> None:
    rgb, alpha = inputs(1)
    target = region_target(encoders[0], rgb, alpha)
    assert target.norm().item() == pytest.approx(1, abs=1e-5)
    assert alpha_similarity_loss([Guide(encoder=encoders[0])], [target], rgb, alpha).item() == pytest.approx(
        0, abs=1e-5
    )
    elsewhere = alpha_similarity_loss([Guide(encoder=encoders[0])], [target], rgb, 1 - alpha)
    assert elsewhere.item() > 1e-3


def test_no_alpha_means_the_whole_picture(encoders: list[Plain]) -> None:
    rgb, _ = inputs()
    assert torch.equal(embed(encoders[0], rgb), embed(encoders[0], rgb, torch.ones(2, 1, 48, 48)))
    assert not torch.allclose(embed(encoders[0], rgb), embed(encoders[0], rgb, torch.zeros(2, 1, 48, 48)), atol=1e-3)


def test_gradients_reach_colour_and_alpha(encoders: list[Plain]) -> None:
    rgb, alpha = (plane.requires_grad_() for plane in inputs())
    target = text_targets(encoders[0], "red cat")
    loss = alpha_similarity_loss([Guide(encoder=encoders[0])], [target], rgb, alpha).sum()
    loss.backward()
    assert rgb.grad is not None and alpha.grad is not None
    for plane in (rgb, alpha):
        # A step against the gradient lowers the loss by about the step times the squared norm.
        assert plane.grad is not None
        stepped = plane.detach() - 1e-3 / plane.grad.norm() * plane.grad
        moved = [stepped if p is plane else p.detach() for p in (rgb, alpha)]
        after = alpha_similarity_loss([Guide(encoder=encoders[0])], [target], moved[0], moved[1]).sum()
        assert (loss - after).item() == pytest.approx(1e-3 * plane.grad.norm().item(), rel=0.2)


def test_one_target_per_guide_is_asked_for(encoders: list[Plain]) -> None:
    with pytest.raises(InputError, match="2 guides, 1 targets"):
        alpha_similarity_loss([Guide(encoder=e) for e in encoders], [torch.ones(24)], *inputs())


@pytest.mark.parametrize("shape", [(7,), (3, 24), (3, 1, 24), (1, 1, 1, 24)])
def test_a_target_that_does_not_fit_is_refused(encoders: list[Plain], shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="fits neither 2 pictures nor an embedding of 24"):
        alpha_similarity_loss([Guide(encoder=encoders[0])], [torch.ones(shape)], *inputs())


def test_a_negative_weight_steers_away_and_zero_is_not_even_asked(encoders: list[Plain]) -> None:
    rgb, alpha = inputs()
    target = text_targets(encoders[0], "red cat")
    away = alpha_similarity_loss([Guide(encoder=encoders[0], weight=constant(-1.0))], [target], rgb, alpha)
    assert torch.allclose(away, -cosine_loss(encoders[0], rgb, alpha, target), atol=1e-5)
    mute = Guide(encoder=Plain(encoders[0].model, encoders[0].tokenizer), weight=constant(0.0))
    assert active([Guide(encoder=encoders[0]), mute], 0) == [(0, 1.0)]


def test_texts_and_regions_each_have_unit_length(encoders: list[Plain]) -> None:
    texts = text_targets(encoders[0], ["red cat", "blue boat", "green dog"])
    assert texts.norm(dim=-1).tolist() == pytest.approx([1.0] * 3)
    assert region_target(encoders[0], *inputs(3)).norm(dim=-1).tolist() == pytest.approx([1.0] * 3)


def test_a_guide_takes_part_from_the_first_step_with_its_whole_weight(encoders: list[Plain]) -> None:
    assert Guide(encoder=encoders[0]) == Guide(encoder=encoders[0], weight=constant(1.0), start=0)
    late = Guide(encoder=encoders[0], start=1)
    assert active([late], 0) == [] and active([late, Guide(encoder=encoders[1])], 1) == [(0, 1.0), (1, 1.0)]
    rgb, alpha = inputs()
    target = [text_targets(encoders[0], "red cat")]
    # Nothing said, it is step 0.
    assert not alpha_similarity_loss([late], target, rgb, alpha).any()
    assert not guide_losses([late], target, rgb, alpha)[0].any()


def test_the_contrast_is_weighted_and_averaged_over_texts(encoders: list[Plain]) -> None:
    rgb, alpha = inputs()
    texts, others = (text_targets(encoders[0], t) for t in (["red cat", "a cat"], ["blue boat", "green dog"]))

    def contrast(weight: float, target: Tensor, **settings: Any) -> Tensor:
        guide = Guide(encoder=encoders[0], weight=constant(weight))
        return guide_losses([guide], [target], rgb, alpha, others=[others], **settings)[1]

    each = [contrast(1.0, text) for text in texts]
    assert torch.allclose(contrast(0.5, texts[None]), (each[0] + each[1]) / 4, atol=1e-5)
    assert torch.equal(contrast(1.0, texts[0], scale=50.0), each[0]) and (each[0] > 0).all()


def test_targets_keep_no_gradient(tiny: ModuleType) -> None:
    trained = Plain(tiny.alpha_clip_model(seed=0), tiny.tokenizer())
    assert embed(trained, *inputs()).requires_grad
    assert not text_targets(trained, "red cat").requires_grad and not region_target(trained, *inputs()).requires_grad
