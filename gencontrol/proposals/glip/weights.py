"""Published GLIP weights under this package's names: pure functions, nothing is loaded here.

The authors' names are those of https://github.com/microsoft/GLIP (commit 9dda955, MIT), and stand in `module["model"]`
of their files.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from gencontrol.proposals.glip.config import GlipConfig

State = Mapping[str, Tensor]

_DROPPED = re.compile(
    # Buffers that stock code computes, anchors that are computed, and scores of a fixed list of classes, never used.
    r"\.relative_position_index$|\.embeddings\.position_ids$|^rpn\.anchor_generator\.|^rpn\.head\.cls_logits\."
)
_RENAMED: tuple[tuple[str, str], ...] = (
    (r"^backbone\.body\.patch_embed\.proj\.", "swin.swin.embeddings.patch_embeddings.projection."),
    (r"^backbone\.body\.patch_embed\.norm\.", "swin.swin.embeddings.norm."),
    (r"^backbone\.body\.layers\.", "swin.swin.encoder.layers."),
    (r"^(swin\..*\.blocks\.\d+)\.norm1\.", r"\1.layernorm_before."),
    (r"^(swin\..*\.blocks\.\d+)\.norm2\.", r"\1.layernorm_after."),
    (r"^(swin\..*)\.attn\.proj\.", r"\1.attention.o_proj."),
    (r"^(swin\..*)\.attn\.(relative_position_bias_table)$", r"\1.attention.relative_position_bias.\2"),
    (r"^backbone\.fpn\.top_blocks\.", "pyramid."),
    (r"^language_backbone\.body\.model\.", "text."),
    (r"^rpn\.head\.", "head."),
    (r"\.b_attn\.(attn\.)?", ".fusion."),
    (r"\.DyConv\.(\d)\.bn\.", r".dynamic.parts.\1.norm."),
    (r"\.DyConv\.", ".dynamic.parts."),
    (r"\.AttnConv\.1\.", ".dynamic.attention."),
    (r"\.offset\.", ".dynamic.steering."),
    (r"\.relu\.fc\.0\.", ".dynamic.activation.squeeze."),
    (r"\.relu\.fc\.2\.", ".dynamic.activation.expand."),
)
"""Pattern -> replacement, one after another."""


def from_published(state: State) -> dict[str, Tensor]:
    """The weights of `Glip` out of a published file's.

    Args:
        state: Authors' names, without a prefix `module.`; an unknown one stays, and a strict load refuses it.
    """
    fused = any(".b_attn." in name for name in state)
    kept = {name: value for name, value in state.items() if not _DROPPED.search(name)}
    scales = [kept.pop(f"rpn.head.scales.{n}.scale", None) for n in range(5)]
    converted: dict[str, Tensor] = {}
    for name, value in kept.items():
        converted |= _converted(name, value, fused=fused)
    there = [scale.reshape(1) for scale in scales if scale is not None]
    if there:
        converted["head.scales"] = torch.cat(there)
    return converted


def _converted(name: str, value: Tensor, *, fused: bool) -> dict[str, Tensor]:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"^backbone\.body\.norm(\d)\.", lambda n: f"swin.hidden_states_norms.stage{int(n[1]) + 1}.", name)
    name = re.sub(r"^backbone\.fpn\.fpn_(inner|layer)(\d)\.", lambda n: f"pyramid.{n[1]}.{int(n[2]) - 2}.", name)
    name = re.sub(r"^head\.dyhead_tower\.(\d+)\.", lambda n: _block(int(n[1]), fused=fused), name)
    joined = re.match(r"^(swin\..*)\.attn\.qkv\.(weight|bias)$", name)
    if joined is None:
        return {name: value}
    names = [f"{joined[1]}.attention.{n}_proj.{joined[2]}" for n in "qkv"]
    return dict(zip(names, (part.contiguous() for part in value.chunk(3)), strict=True))


def _block(number: int, *, fused: bool) -> str:
    """Where an entry of the authors' flat list goes: with fusion three of them are one block."""
    if not fused:
        return f"head.blocks.{number}."
    return f"head.blocks.{number // 3}." + ("text." if number % 3 == 1 else "")


def config_of(state: State, known: Mapping[str, GlipConfig]) -> GlipConfig | None:
    """Which of the known sizes a published file has, judged by what distinguishes them; None if there is none."""
    patch = state.get("backbone.body.patch_embed.proj.weight")
    towers = {name.split(".")[3] for name in state if name.startswith("rpn.head.dyhead_tower.")}
    fused = any(".b_attn." in name for name in state)
    blocks = len(towers) // 3 if fused else len(towers)
    if patch is None:
        return None
    found = (patch.shape[0], fused, blocks)
    return next((c for c in known.values() if (c.swin_width, c.early_fusion, c.blocks) == found), None)
