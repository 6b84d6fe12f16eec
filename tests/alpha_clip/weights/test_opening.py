"""Saving encoders and opening them again."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPImageProcessor, CLIPModel, CLIPVisionModelWithProjection

from gencontrol.alpha_clip.alpha_slice import patch_weight, split_alpha
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.convert import clip_to_published
from gencontrol.errors import CheckpointError
from gencontrol.regions.geometry import Geometry

PIXELS = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
PATCH = "vision_model.embeddings.patch_embedding.weight"


def test_saved_and_opened_again_is_equal(encoder: AlphaCLIP, tmp_path: Path) -> None:
    encoder = encoder.with_geometry(Geometry(size=64, fit="squash", antialias=False))
    encoder.save_pretrained(tmp_path / "out")
    again = AlphaCLIP.from_pretrained(tmp_path / "out")
    assert again.processor == encoder.processor and not again.training
    assert encoder.logit_scale is not None and again.logit_scale is not None
    assert torch.equal(again.logit_scale, encoder.logit_scale)
    for key, value in encoder.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    torch.testing.assert_close(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS), atol=1e-6, rtol=0)
    torch.testing.assert_close(again.encode_text("a cat"), encoder.encode_text("a cat"), atol=1e-6, rtol=0)


def test_stock_transformers_opens_the_folder(encoder: AlphaCLIP, tiny: ModuleType, tmp_path: Path) -> None:
    encoder.save_pretrained(tmp_path / "out")
    opened: Any = CLIPModel.from_pretrained(tmp_path / "out", output_loading_info=True)
    whole, report = opened
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    tower = CLIPVisionModelWithProjection.from_pretrained(tmp_path / "out")
    processor = CLIPImageProcessor.from_pretrained(tmp_path / "out")
    rgba = tiny.photo(64, 64).convert("RGBA")
    rgba.putalpha(tiny.photo(64, 64, seed=3).convert("L"))
    pixels = processor(images=rgba, return_tensors="pt")["pixel_values"]
    alpha = torch.from_numpy(np.array(rgba)[..., 3]) / 255
    ours = encoder.encode_image(rgba, alpha)
    torch.testing.assert_close(tower(pixels).image_embeds, ours, atol=1e-5, rtol=0)
    assert encoder.tokenizer is not None
    output = whole(pixel_values=pixels, **encoder.tokenizer(["a cat"], return_tensors="pt"))
    torch.testing.assert_close(output.text_embeds, encoder.encode_text("a cat", normalize=True), atol=1e-6, rtol=0)
    torch.testing.assert_close(output.image_embeds, ours / ours.norm(), atol=1e-5, rtol=0)


def test_a_vision_tower_alone_is_saved_as_one(tiny: ModuleType, tmp_path: Path) -> None:
    encoder = AlphaCLIP.from_clip(tiny.vision_tower(channels=4))
    encoder.save_pretrained(tmp_path / "out")
    again = AlphaCLIP.from_pretrained(tmp_path / "out")
    assert again.text is None and again.tokenizer is None and again.has_alpha
    torch.testing.assert_close(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS), atol=1e-6, rtol=0)


def test_a_tower_split_for_training_is_saved_merged(encoder: AlphaCLIP, tmp_path: Path) -> None:
    split_alpha(encoder.vision)
    encoder.save_pretrained(tmp_path / "out")
    again = AlphaCLIP.from_pretrained(tmp_path / "out")
    assert torch.equal(patch_weight(again.vision), patch_weight(encoder.vision))
    encoder.encode_pixels(PIXELS)


def test_presets_by_name_in_every_door(tmp_path: Path) -> None:
    alpha, plain = AlphaCLIP.from_pretrained("tiny"), AlphaCLIP.from_clip("tiny")
    assert alpha.has_alpha and alpha.text is not None and not plain.has_alpha and plain.text is not None
    assert not AlphaCLIP.from_pretrained("tiny", subfolder="alpha_clip").vision.training
    torch.save(clip_to_published(alpha.vision.state_dict()), tmp_path / "x.pth")
    again = AlphaCLIP.from_published(tmp_path / "x.pth", base="tiny")
    assert torch.equal(again.encode_text("a pumpkin"), plain.encode_text("a pumpkin"))
    assert all(torch.equal(v, again.vision.state_dict()[k]) for k, v in alpha.vision.state_dict().items())


def test_weights_that_their_format_cannot_hold(tiny_folder: Path, tmp_path: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    with torch.no_grad():
        encoder.vision.visual_projection.weight[0, 0] = 1e6
    encoder.save_pretrained(tmp_path / "large")
    AlphaCLIP.from_pretrained(tmp_path / "large")
    with pytest.raises(
        CheckpointError, match=r"infinite weights \(vision\.visual_projection.*float16 holds numbers up to"
    ):
        AlphaCLIP.from_pretrained(tmp_path / "large", dtype=torch.float16)
    with torch.no_grad():
        encoder.vision.visual_projection.weight[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"The vision tower holds NaN or infinite weights \(visual_projection"):
        encoder.save_pretrained(tmp_path / "damaged")
    assert not (tmp_path / "damaged").exists()
    with pytest.raises(CheckpointError, match="The CLIPVisionModelWithProjection holds NaN"):
        AlphaCLIP.from_clip(encoder.vision, share=True)
