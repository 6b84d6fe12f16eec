"""What a file of weights looks like, judged by its keys and shapes, for errors that say so."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from gencontrol.alpha_clip.architectures import architecture_name
from gencontrol.errors import CheckpointError
from gencontrol.finite import check_filled_weights, check_finite_weights

Shapes = Mapping[str, tuple[int, ...]]

# As many keys as a terminal shows without drowning the sentence that explains them.
_LISTED = 6


def check_shapes(found: Shapes, expected: Shapes, *, source: str, wanted: str) -> None:
    """Compare every key and shape.

    Args:
        found: What the file holds.
        expected: What the tower needs.
        source: How the error calls the file.
        wanted: What the file should have been, such as "the published Alpha-CLIP ViT-L/14".

    Raises:
        CheckpointError: Listing missing, unexpected and misshapen keys, and what the file looks like instead.
    """
    problems = [
        _listed("missing", [k for k in expected if k not in found]),
        _listed("unexpected", sorted(k for k in found if k not in expected)),
        _listed(
            "of another shape",
            [f"{k} {found[k]} instead of {s}" for k, s in expected.items() if k in found and found[k] != s],
        ),
    ]
    if any(problems):
        raise CheckpointError(
            f"{source} is not {wanted}: it looks like {describe(found)}. " + " ".join(p for p in problems if p)
        )


def check_weights(state: Mapping[str, Tensor], *, source: str) -> None:
    """Refuse tensors that no training leaves behind; after `check_shapes`, since it reads every value.

    Raises:
        CheckpointError: Whole or complex numbers, floating point in 8 bits, NaN or infinite values, zeros alone; names
            the tensors.
    """
    other: dict[str, list[str]] = {}
    for name, values in state.items():
        if not _is_weight(values):
            other.setdefault(_numbers_of(values.dtype), []).append(
                f"{name} ({str(values.dtype).removeprefix('torch.')})"
            )
    if other:
        listed = " ".join(_listed(kind, names) for kind, names in other.items())
        raise CheckpointError(
            f"{source} holds no floating-point numbers where weights should be: {listed} Quantised or compressed "
            "weights are not read: get the original ones."
        )
    check_finite_weights(state, source=source)
    check_filled_weights(state, source=source)


def _is_weight(values: Tensor) -> bool:
    return values.is_floating_point() and values.dtype.itemsize > 1


def _numbers_of(dtype: torch.dtype) -> str:
    if dtype.is_complex:
        return "of complex numbers"
    return "of 8-bit floating point" if dtype.is_floating_point else "of whole numbers"


def _listed(title: str, keys: list[str]) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return f"{len(keys)} {title}: {', '.join(keys[:_LISTED])}{more}."


def describe(shapes: Shapes) -> str:
    """A noun phrase for what these keys and shapes are, such as "the text tower of a CLIP"."""
    if any("lora_" in k for k in shapes):
        return "a LoRA fine-tuning run, whose factors have to be merged into the weights first"
    if any(".parametrizations." in k for k in shapes):
        return "a tower saved while its patch weight was split for training; save a merged copy"
    for prefix, is_open_clip in (("visual.", True), ("", True), ("clip.", False), ("", False)):
        kind = _clip_kind(shapes, prefix, open_clip=is_open_clip)
        if kind:
            return kind
    if any(k.startswith(("down_blocks.", "mid_block.", "up_blocks.")) for k in shapes):
        return "a diffusion model's denoiser"
    if any(k.startswith("layer1.0.") or ".layer1.0." in k for k in shapes):
        return "a ResNet, which has no patch embedding"
    if not shapes:
        return "an empty file"
    several = f"{len(shapes)} tensors, such as " if len(shapes) > 1 else "one tensor, "
    return f"something else ({several}{', '.join(list(shapes)[:3])})"


def _clip_kind(shapes: Shapes, prefix: str, *, open_clip: bool) -> str:
    names = _OPENAI if open_clip else _TRANSFORMERS
    patch, positions = (shapes.get(prefix + names[k]) for k in ("patch", "positions"))
    has_text = any(k.startswith(names["text"]) for k in shapes)
    if patch is None or len(patch) != 4 or positions is None:
        return "the text tower of a CLIP" if has_text and not any(names["vision"] in k for k in shapes) else ""
    has_alpha = f"{prefix}conv1_alpha.weight" in shapes or patch[1] == 4
    layers = {m.group(1) for k in shapes if (m := re.match(re.escape(prefix) + names["layer"], k))}
    side = round((positions[0] - 1) ** 0.5) * patch[-1]
    name = architecture_name(width=patch[0], layers=len(layers), patch=patch[-1], image=side)
    kind = "an Alpha-CLIP" if has_alpha else "a plain CLIP without alpha weights"
    whole = "both towers of " if has_text else "the vision tower of "
    return f"{whole}{kind} ({name})"


_OPENAI = {
    "patch": "conv1.weight",
    "positions": "positional_embedding",
    "text": "token_embedding.",
    "vision": "conv1.weight",
    "layer": r"transformer\.resblocks\.(\d+)\.",
}
_TRANSFORMERS = {
    "patch": "vision_model.embeddings.patch_embedding.weight",
    "positions": "vision_model.embeddings.position_embedding.weight",
    "text": "text_model.",
    "vision": "vision_model.",
    "layer": r"vision_model\.encoder\.layers\.(\d+)\.",
}
