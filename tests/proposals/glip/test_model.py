"""GLIP against the authors' own answers, and what its parts may depend on."""

from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.proposals.glip.model import Glip, GlipOutput, bert_config


def _check_heads(case: Any, output: GlipOutput, level: int) -> None:
    """Theirs are stored in single precision."""
    logits = case.expected[f"logits{level}"]
    assert (output.logits[level][..., : logits.shape[-1]] - logits).abs().max() < 1e-6
    assert (output.deltas[level] - case.expected[f"deltas{level}"]).abs().max() < 1e-6
    assert (output.centerness[level] - case.expected[f"centerness{level}"]).abs().max() < 1e-6
    assert logits.std() > 0.05


@pytest.mark.parametrize("level", range(5))
def test_raw_heads_are_the_authors(case: Any, output: GlipOutput, level: int) -> None:
    _check_heads(case, output, level)


@pytest.mark.parametrize("level", range(5))
def test_raw_heads_without_fusion_are_the_authors(plain_case: Any, plain_output: GlipOutput, level: int) -> None:
    assert not plain_case.config.early_fusion
    _check_heads(plain_case, plain_output, level)


def test_levels_have_the_sizes_of_their_strides(output: GlipOutput) -> None:
    assert output.sizes == ((16, 24), (8, 12), (4, 6), (2, 3), (1, 2))
    assert [level.shape[1] for level in output.logits] == [384, 96, 24, 6, 2]


def test_a_pyramid_serves_several_captions(case: Any, authors_glip: Glip, output: GlipOutput) -> None:
    ids, mask = (case.expected[name].long() for name in ("input_ids", "attention_mask"))
    with torch.no_grad():
        again = authors_glip.judge(authors_glip.levels(case.pixels), ids, mask)
    assert all(torch.equal(a, b) for a, b in zip(again.logits, output.logits, strict=True))


def _answers(model: Glip, ids: list[int], padding: int = 0) -> GlipOutput:
    pixels = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    tokens = torch.tensor([ids + [0] * padding])
    mask = torch.tensor([[1] * len(ids) + [0] * padding])
    with torch.no_grad():
        return model(pixels, tokens, mask)


@pytest.mark.parametrize("fused", [True, False])
def test_padding_of_the_caption_changes_nothing(detectors: ModuleType, fused: bool) -> None:
    model = detectors.glip(early_fusion=fused)
    short, long = _answers(model, [101, 200, 203, 102]), _answers(model, [101, 200, 203, 102], padding=5)
    for a, b in zip(short.logits, long.logits, strict=True):
        assert torch.allclose(a, b[..., :4], atol=1e-4)
    assert torch.allclose(short.deltas[0], long.deltas[0], atol=1e-4)


def test_with_fusion_alone_the_words_move_the_boxes(detectors: ModuleType) -> None:
    for fused in (True, False):
        model = detectors.glip(early_fusion=fused)
        cat, dog = _answers(model, [101, 200, 203, 102]), _answers(model, [101, 200, 204, 102])
        assert torch.equal(cat.deltas[0], dog.deltas[0]) is not fused
        assert not torch.allclose(cat.logits[0][..., 2], dog.logits[0][..., 2], atol=1e-3)


def test_without_fusion_padding_is_no_word(detectors: ModuleType) -> None:
    """Its features are zero, so that its logits are what the projection's bias makes of the place."""
    model = detectors.glip(early_fusion=False)
    with torch.no_grad():
        model.head.dot_product_projection_text.bias.zero_()
    padded = _answers(model, [101, 200, 102], padding=2).logits[0][..., 3:]
    assert torch.allclose(padded, model.head.bias0.expand_as(padded))


def test_the_temperature_divides_and_the_scales_multiply(detectors: ModuleType) -> None:
    model = detectors.glip()
    before = _answers(model, [101, 200, 102])
    with torch.no_grad():
        model.head.scales[1] *= 2
        model.head.bias_lang.zero_()
        model.head.bias0.zero_()
        plain = _answers(model, [101, 200, 102])
        model.head.log_scale.fill_(1.0)
    after = _answers(model, [101, 200, 102])
    assert torch.allclose(after.logits[0] * torch.e, plain.logits[0], rtol=1e-4, atol=1e-5)
    assert torch.allclose(after.deltas[1], 2 * before.deltas[1], rtol=1e-4, atol=1e-6)
    assert torch.equal(after.deltas[0], before.deltas[0])


def test_a_new_head_finds_everything_rare(detectors: ModuleType) -> None:
    model = Glip(detectors.glip_config())
    assert model.head.bias0.sigmoid().item() == pytest.approx(0.01)
    assert bert_config(model.config).num_hidden_layers == 1
