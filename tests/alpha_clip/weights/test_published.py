from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import vision_config
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.reference import published_forward
from gencontrol.alpha_clip.weights.convert import published_shapes
from gencontrol.alpha_clip.weights.published import find_base
from gencontrol.errors import CheckpointError

Draw = Callable[..., dict[str, Tensor]]


@pytest.fixture
def config(tiny: ModuleType) -> CLIPVisionConfig:
    """The tower of the shared tiny CLIP, which plays the base."""
    return tiny.clip_config(channels=4).vision_config


@pytest.fixture
def state(config: CLIPVisionConfig, draw_published: Draw) -> dict[str, Tensor]:
    return draw_published(config)


@pytest.mark.parametrize("form", ["plain", "module.", "in_proj_weight", "safetensors", "half"])
def test_a_checkpoint_is_the_published_model(
    form: str, state: dict[str, Tensor], config: CLIPVisionConfig, tiny_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / ("x.safetensors" if form == "safetensors" else "x.pth")
    if form == "safetensors":
        save_file(state, path)
    else:
        rename = {"module.": lambda k: f"module.{k}", "in_proj_weight": lambda k: k.replace("in_proj.", "in_proj_")}
        name = rename.get(form, lambda k: k)
        torch.save({name(k): v.half() if form == "half" else v for k, v in state.items()}, path)
    encoder = AlphaCLIP.from_published(path, base=tiny_folder / "clip")
    pixels = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    expected = published_forward(state, pixels[:, :3], pixels[:, 3:], heads=config.num_attention_heads)
    tolerance = 0.01 if form == "half" else 1e-5
    torch.testing.assert_close(encoder.encode_pixels(pixels), expected, atol=tolerance, rtol=0)
    assert encoder.has_alpha and encoder.dtype == torch.float32


def test_text_comes_from_the_base_and_the_projection_from_the_checkpoint(
    state: dict[str, Tensor], tiny: ModuleType, tiny_folder: Path, tmp_path: Path
) -> None:
    torch.save(state, tmp_path / "x.pth")
    encoder = AlphaCLIP.from_published(tmp_path / "x.pth", base=tiny_folder / "clip", dtype=torch.bfloat16)
    base = AlphaCLIP.from_clip(tiny_folder / "clip", dtype=torch.bfloat16)
    assert torch.equal(encoder.encode_text("a cat"), base.encode_text("a cat"))
    assert torch.equal(encoder.vision.visual_projection.weight, state["proj"].T.bfloat16())
    module = tiny.clip()
    in_memory = AlphaCLIP.from_published(tmp_path / "x.pth", base=module)
    assert in_memory.logit_scale is not None
    assert torch.equal(in_memory.logit_scale, module.logit_scale)


def _published_error(path: Path, state: dict[str, Tensor], base: Path) -> str:
    torch.save(state, path)
    with pytest.raises(CheckpointError) as caught:
        AlphaCLIP.from_published(path, base=base)
    return str(caught.value)


def test_what_does_not_fit_is_listed(state: dict[str, Tensor], tiny_folder: Path, tmp_path: Path) -> None:
    """Above all: the projection is never dropped."""
    path, base = tmp_path / "x.pth", tiny_folder / "clip"
    without = {k: v for k, v in state.items() if k != "proj"}
    assert "1 missing: proj." in _published_error(path, without, base)
    assert "1 unexpected: extra." in _published_error(path, state | {"extra": torch.zeros(1)}, base)
    plain = {k: v for k, v in state.items() if k != "conv1_alpha.weight"}
    assert "it looks like the vision tower of a plain CLIP without alpha weights" in _published_error(path, plain, base)
    larger = state | {"positional_embedding": torch.zeros(37, 32)}
    message = _published_error(path, larger, base)
    assert "96 px)" in message and "positional_embedding (37, 32) instead of (17, 32)" in message


def test_the_base_is_found_by_shape() -> None:
    shapes = {n: published_shapes(vision_config(n)) for n in ("ViT-B/16", "ViT-L/14", "ViT-L/14@336", "ViT-H/14")}
    assert find_base(shapes["ViT-B/16"], source="x") == "openai/clip-vit-base-patch16"
    assert find_base(shapes["ViT-L/14"], source="x") == "openai/clip-vit-large-patch14"
    assert find_base(shapes["ViT-L/14@336"], source="x") == "openai/clip-vit-large-patch14-336"
    message = r"not a published Alpha-CLIP of a known shape.*looks like the vision tower of an Alpha-CLIP \(ViT-H/14\)"
    with pytest.raises(CheckpointError, match=message):
        find_base(shapes["ViT-H/14"], source="x")


def test_a_larger_input_for_the_smaller_base_is_said() -> None:
    from gencontrol.alpha_clip.weights.describe import check_shapes

    with pytest.raises(CheckpointError, match=r"looks like the vision tower of an Alpha-CLIP \(ViT-L/14@336\)"):
        check_shapes(
            published_shapes(vision_config("ViT-L/14@336")),
            published_shapes(vision_config("ViT-L/14")),
            source="x.pth",
            wanted="the vision tower of a published Alpha-CLIP ViT-L/14",
        )


def test_an_unknown_shape_asks_for_the_base(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"say which CLIP it was trained from: `base`, of"):
        AlphaCLIP.from_published(tmp_path / "x.pth")


def test_a_base_that_is_not_there(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="No model at 'somebody/base'"):
        AlphaCLIP.from_published(tmp_path / "x.pth", base="somebody/base", local_files_only=True)


def test_zeros_alone_are_no_checkpoint(state: dict[str, Tensor], tiny_folder: Path, tmp_path: Path) -> None:
    path, base = tmp_path / "zeros.pth", tiny_folder / "alpha_clip"
    torch.save({name: torch.zeros_like(value) for name, value in state.items()}, path)
    with pytest.raises(
        CheckpointError, match=r"zeros\.pth holds weights that were never filled \(.* are zero all over"
    ):
        AlphaCLIP.from_published(path, base=base)
    torch.save(state | {"conv1_alpha.weight": torch.zeros_like(state["conv1_alpha.weight"])}, path)
    assert not AlphaCLIP.from_published(path, base=base).has_alpha
