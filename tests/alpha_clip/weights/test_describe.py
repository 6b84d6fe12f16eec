import pytest
import torch
from transformers import CLIPTextConfig

from gencontrol.alpha_clip.architectures import text_config, vision_config
from gencontrol.alpha_clip.towers import shapes_of
from gencontrol.alpha_clip.weights.convert import published_shapes, text_shapes
from gencontrol.alpha_clip.weights.describe import check_shapes, check_weights, describe
from gencontrol.errors import CheckpointError


def _openai(name: str) -> dict[str, tuple[int, ...]]:
    """Keys of a whole OpenAI CLIP."""
    vision = {f"visual.{k}": s for k, s in published_shapes(vision_config(name)).items() if "alpha" not in k}
    return vision | text_shapes(text_config(name))


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (published_shapes(vision_config("ViT-L/14@336")), "the vision tower of an Alpha-CLIP (ViT-L/14@336)"),
        (_openai("ViT-B/16"), "both towers of a plain CLIP without alpha weights (ViT-B/16)"),
        (text_shapes(text_config("ViT-L/14")), "the text tower of a CLIP"),
        ({"a.lora_A": (1, 1), "conv1.weight": (8, 3, 4, 4)}, "a LoRA fine-tuning run"),
        ({"x.parametrizations.weight.original0": (1,)}, "split for training"),
        ({"down_blocks.0.weight": (1,)}, "a diffusion model's denoiser"),
        ({"visual.layer1.0.conv1.weight": (1,)}, "a ResNet"),
        ({"a": (1,), "b": (1,)}, "something else (2 tensors, such as a, b)"),
        ({"a": (1,)}, "something else (one tensor, a)"),
        ({}, "an empty file"),
    ],
)
def test_describe(shapes: dict[str, tuple[int, ...]], words: str) -> None:
    assert words in describe(shapes)


def test_transformers_names_are_described(tiny) -> None:
    whole, wide = shapes_of(tiny.clip()), shapes_of(tiny.alpha_clip_model())
    shape = "(ViT of width 32, 2 layers, patch 16, 64 px)"
    assert describe(whole) == f"both towers of a plain CLIP without alpha weights {shape}"
    assert describe(wide) == f"both towers of an Alpha-CLIP {shape}"
    text = {k: s for k, s in whole.items() if k.startswith("text_")}
    assert describe(text) == "the text tower of a CLIP"


def test_all_differences_are_listed() -> None:
    expected = {"same": (1,), "gone": (2,), "bent": (3, 4)}
    found = {"same": (1,), "bent": (4, 3), "odd": (1,)}
    with pytest.raises(CheckpointError) as caught:
        check_shapes(found, expected, source="x.pth", wanted="a tower")
    message = str(caught.value)
    assert message.startswith("x.pth is not a tower: it looks like something else")
    assert "1 missing: gone." in message and "1 unexpected: odd." in message
    assert "1 of another shape: bent (4, 3) instead of (3, 4)." in message


def test_long_lists_are_cut() -> None:
    with pytest.raises(CheckpointError, match=r"9 missing: k0, k1, k2, k3, k4, k5 and 3 more\."):
        check_shapes({}, {f"k{i}": (1,) for i in range(9)}, source="x", wanted="a tower")


def test_equal_shapes_pass() -> None:
    shapes = text_shapes(CLIPTextConfig())
    check_shapes(shapes, dict(shapes), source="x", wanted="a tower")
    assert torch.Size(shapes["text_projection"]) == (512, 512)


def test_other_numbers_than_weights_are_listed_as_what_they_are() -> None:
    state = {
        "turned": torch.ones(2, dtype=torch.complex64),
        "kept": torch.ones(2),
        "small": torch.ones(2).to(torch.float8_e5m2),
        "counted": torch.ones(2, dtype=torch.int64),
        "packed": torch.ones(2, dtype=torch.uint8),
    }
    with pytest.raises(CheckpointError) as caught:
        check_weights(state, source="x.safetensors")
    assert str(caught.value).startswith(
        "x.safetensors holds no floating-point numbers where weights should be: 1 of complex numbers: turned "
        "(complex64). 1 of 8-bit floating point: small (float8_e5m2). 2 of whole numbers: counted (int64), packed "
        "(uint8). "
    )
