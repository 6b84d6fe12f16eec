"""The authors' names under ours."""

from typing import Any

import torch

from gencontrol.proposals.glip.config import CONFIGS, GLIP_L, GLIP_T, GLIP_T_A
from gencontrol.proposals.glip.model import Glip
from gencontrol.proposals.glip.weights import config_of, from_published


def test_every_weight_has_its_place(case: Any, authors_glip: Glip) -> None:
    converted = from_published(case.state)
    assert converted.keys() == authors_glip.state_dict().keys()
    assert sum(value.numel() for value in converted.values()) == sum(value.numel() for value in case.state.values())


def test_queries_keys_and_values_come_in_this_order() -> None:
    block = "backbone.body.layers.1.blocks.0.attn"
    converted = from_published({f"{block}.qkv.bias": torch.arange(6.0)})
    ours = "swin.swin.encoder.layers.1.blocks.0.attention"
    assert {name: value.tolist() for name, value in converted.items()} == {
        f"{ours}.q_proj.bias": [0, 1],
        f"{ours}.k_proj.bias": [2, 3],
        f"{ours}.v_proj.bias": [4, 5],
    }


def test_with_fusion_three_entries_are_one_block() -> None:
    one = torch.zeros(1)
    fused = {"rpn.head.dyhead_tower.3.b_attn.gamma_v": one, "rpn.head.dyhead_tower.4.output.dense.bias": one}
    fused |= {"rpn.head.dyhead_tower.5.DyConv.2.bn.bias": one, "rpn.head.dyhead_tower.5.relu.fc.2.bias": one}
    assert list(from_published(fused)) == [
        "head.blocks.1.fusion.gamma_v",
        "head.blocks.1.text.output.dense.bias",
        "head.blocks.1.dynamic.parts.2.norm.bias",
        "head.blocks.1.dynamic.activation.expand.bias",
    ]
    plain = {"rpn.head.dyhead_tower.5.offset.bias": one, "rpn.head.dyhead_tower.5.AttnConv.1.bias": one}
    assert list(from_published(plain)) == [
        "head.blocks.5.dynamic.steering.bias",
        "head.blocks.5.dynamic.attention.bias",
    ]


def test_what_is_computed_is_left_out_and_what_is_unknown_stays() -> None:
    one = torch.zeros(1)
    dropped = {
        "backbone.body.layers.0.blocks.0.attn.relative_position_index": one,
        "language_backbone.body.model.embeddings.position_ids": one,
        "rpn.anchor_generator.cell_anchors.0": one,
        "rpn.head.cls_logits.weight": one,
    }
    assert from_published(dropped) == {}
    assert list(from_published({"rpn.something.else": one})) == ["rpn.something.else"]


def test_scales_become_one_weight() -> None:
    scales = {f"rpn.head.scales.{n}.scale": torch.tensor([float(n)]) for n in range(5)}
    assert from_published(scales)["head.scales"].tolist() == [0, 1, 2, 3, 4]


def _looks_like(width: int, entries: int, *, fused: bool) -> dict[str, torch.Tensor]:
    state = {"backbone.body.patch_embed.proj.weight": torch.empty(width, 3, 4, 4)}
    names = ["b_attn.gamma_v", "output.dense.bias", "offset.bias"] if fused else ["offset.bias"]
    for n in range(entries):
        state[f"rpn.head.dyhead_tower.{n}.{names[n % len(names)]}"] = torch.empty(1)
    return state


def test_published_sizes_are_told_apart() -> None:
    assert config_of(_looks_like(96, 18, fused=True), CONFIGS) is GLIP_T
    assert config_of(_looks_like(96, 6, fused=False), CONFIGS) is GLIP_T_A
    assert config_of(_looks_like(192, 24, fused=True), CONFIGS) is GLIP_L
    assert config_of(_looks_like(128, 18, fused=True), CONFIGS) is None
    assert config_of({"weight": torch.empty(1)}, CONFIGS) is None
