"""Geometry and normalisation together; the geometry alone is tested with the regions."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor

from gencontrol.alpha_clip.preprocess import ALPHA_MEAN, ALPHA_STD, RGB_MEAN, RGB_STD, AlphaCLIPProcessor
from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.regions.geometry import Fit, Geometry


def _processor(fit: Fit = "pad", size: int = 32) -> AlphaCLIPProcessor:
    return AlphaCLIPProcessor(geometry=Geometry(size=size, fit=fit))


def test_alpha_is_normalised_as_in_the_published_training() -> None:
    rgb = torch.full((1, 3, 32, 32), 0.5)
    alpha = torch.tensor([0.0, 0.5, 1.0]).repeat_interleave(32 * 11)[: 32 * 32].reshape(1, 32, 32)
    pixels = _processor()(rgb, alpha)
    assert (ALPHA_MEAN, ALPHA_STD) == (0.5, 0.26)
    assert sorted({round(v, 4) for v in pixels[0, 3].unique().tolist()}) == [-1.9231, 0.0, 1.9231]
    expected = (0.5 - torch.tensor(RGB_MEAN)) / torch.tensor(RGB_STD)
    torch.testing.assert_close(pixels[0, :3, 7, 7], expected)


def test_denormalising_gives_colour_and_alpha_back() -> None:
    planes = torch.rand(2, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(_processor().denormalize(_processor().normalize(planes)), planes)


@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
@pytest.mark.parametrize(("height", "width"), [(48, 96), (90, 40)])
def test_one_marked_pixel_lands_in_the_same_patch(fit: Fit, height: int, width: int) -> None:
    """The same spot in colour and alpha, away from the edges that `crop` cuts off."""
    patch, spots = 8, [(height // 2 + dy, width // 2 + dx) for dy in (-11, 3) for dx in (-9, 10)]
    for y, x in spots:
        alpha = torch.zeros(1, height, width)
        alpha[0, y, x] = 1.0
        pixels = _processor(fit)(alpha[:, None].expand(-1, 3, -1, -1), alpha)
        by_patch = torch.nn.functional.avg_pool2d(pixels, patch).flatten(2)
        assert by_patch[0].argmax(-1).unique().numel() == 1
        assert by_patch[0, 3].max() > by_patch[0, 3].median()


def test_colour_under_transparency_is_kept() -> None:
    """Premultiplied resampling would make it black, and bleed across the edge of the mask."""
    rgb = torch.rand(1, 3, 80, 50, generator=torch.Generator().manual_seed(0))
    nowhere, half = torch.zeros(1, 80, 50), torch.zeros(1, 80, 50)
    half[:, :40] = 1.0
    seen = [_processor()(rgb, alpha)[:, :3] for alpha in (nowhere, half, torch.ones(1, 80, 50))]
    assert torch.equal(seen[0], seen[1]) and torch.equal(seen[1], seen[2])


def test_padding_is_black_and_not_looked_at() -> None:
    processor = _processor()
    pixels = processor(torch.ones(1, 3, 32, 16), torch.ones(1, 32, 16))
    assert torch.equal(pixels[..., 0], processor.normalize(torch.zeros(1, 4, 32, 32))[..., 0])


def test_gradients_reach_colour_and_alpha() -> None:
    rgb = torch.rand(1, 3, 40, 20, dtype=torch.float64, requires_grad=True)
    alpha = torch.rand(1, 40, 20, dtype=torch.float64, requires_grad=True)
    _processor()(rgb, alpha).square().sum().backward()
    assert rgb.grad is not None and rgb.grad.abs().min() > 0
    assert alpha.grad is not None and alpha.grad.abs().min() > 0


def test_stock_processor_does_the_same_to_a_square_rgba_picture(tmp_path: Path) -> None:
    _processor().save_pretrained(tmp_path)
    stock = CLIPImageProcessor.from_pretrained(tmp_path)
    levels = np.random.default_rng(0).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    theirs = stock(images=Image.fromarray(levels), return_tensors="pt")["pixel_values"]
    assert isinstance(theirs, Tensor)
    planes = torch.from_numpy(levels).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(theirs, _processor()(planes[:, :3], planes[:, 3]), atol=1e-5, rtol=0)


def test_stock_crop_is_ours(tmp_path: Path) -> None:
    """A smooth picture, so that their rounding to 8 bits after resizing stays small."""
    _processor("crop").save_pretrained(tmp_path)
    stock = CLIPImageProcessor.from_pretrained(tmp_path)
    ramp = torch.stack(torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(1, 0, 90), indexing="ij"))
    levels = (ramp[[0, 1, 1, 0]] * 255).round().byte().permute(1, 2, 0).numpy()
    theirs = stock(images=Image.fromarray(levels), return_tensors="pt")["pixel_values"]
    assert isinstance(theirs, Tensor)
    planes = torch.from_numpy(levels).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(theirs, _processor("crop")(planes[:, :3], planes[:, 3]), atol=0.02, rtol=0)


def test_settings_survive_saving(tmp_path: Path) -> None:
    geometry = Geometry(size=48, fit="crop", antialias=False, interpolation="bilinear")
    processor = AlphaCLIPProcessor(geometry=geometry, image_mean=(0.1, 0.2, 0.3, 0.4), image_std=(0.5, 0.6, 0.7, 0.8))
    processor.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert AlphaCLIPProcessor.from_stock(saved, size=48) == processor
    assert saved["resample"] == 2 and saved["do_center_crop"] and saved["size"] == {"shortest_edge": 48}


def test_stock_settings_of_three_channels_get_alphas() -> None:
    processor = AlphaCLIPProcessor.from_stock({"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1]}, size=16)
    assert processor.image_mean == (0.1, 0.2, 0.3, 0.5) and processor.image_std == (1, 1, 1, 0.26)
    assert processor.geometry == Geometry(size=16)
    assert AlphaCLIPProcessor.from_stock({}, size=224) == AlphaCLIPProcessor()


@pytest.mark.parametrize(
    ("stock", "said"),
    [
        ({"do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 64}}, 224),
        ({"do_center_crop": True, "crop_size": 336, "size": 64}, 336),
        ({"size": {"height": 384, "width": 384}, "crop_size": 64}, 384),
        ({"gencontrol": {"geometry": {"size": 32}}, "size": 64}, 32),
        ({"do_center_crop": True, "crop_size": {"height": 64, "width": 64}, "size": {"shortest_edge": 224}}, None),
        ({"size": {"height": 64, "width": 64}}, None),
        ({"gencontrol": {"geometry": {"size": 64}}, "size": 32}, None),
        ({"gencontrol": {"geometry": {"fit": "crop"}}}, None),
        ({"size": {"shortest_edge": 224}}, None),
        ({"size": {"height": 224, "width": 64}}, None),
        ({}, None),
    ],
)
def test_the_towers_size_wins_and_another_is_told(stock: dict, said: int | None) -> None:
    told = nullcontext() if said is None else pytest.warns(CheckpointWarning, match=f"of {said} px, .* takes 64 px")
    with told:
        assert AlphaCLIPProcessor.from_stock(stock, size=64).geometry.size == 64


def test_bad_settings() -> None:
    with pytest.raises(CheckpointError, match="image_mean has 5 channels; expected 3 or 4"):
        AlphaCLIPProcessor.from_stock({"image_mean": [0.1] * 5}, size=16)
    with pytest.raises(ConfigError, match="unknown key 'fitt'; did you mean 'fit'"):
        AlphaCLIPProcessor.from_stock({"gencontrol": {"geometry": {"fitt": "pad"}}}, size=16)


def test_with_geometry_keeps_the_statistics() -> None:
    processor = AlphaCLIPProcessor(image_mean=(0.1, 0.2, 0.3, 0.4))
    changed = processor.with_geometry(Geometry(fit="squash"))
    assert changed.geometry.fit == "squash" and changed.image_mean == processor.image_mean


@pytest.mark.parametrize(
    ("stock", "message"),
    [
        ({"image_mean": "x"}, "image_mean is 'x'; expected numbers for 3 or 4 channels"),
        ({"image_std": [0.2, 0.0, 0.2]}, "image_std: expected above 0, got 0.0"),
        ({"image_mean": [0.5, float("nan"), 0.5]}, "image_mean: expected a finite number, got nan"),
        ({"image_std": ["a", "b", "c"]}, "image_std: expected above 0, got a"),
        ({"gencontrol": 3}, "gencontrol is 3; expected a mapping"),
    ],
)
def test_settings_of_a_stock_processor_that_cannot_be(stock: dict, message: str) -> None:
    with pytest.raises(CheckpointError, match=f"preprocessor_config.json: {message}"):
        AlphaCLIPProcessor.from_stock(stock, size=64)


def test_published_squashes_the_alpha_map_and_crops_the_picture() -> None:
    rgb, alpha = torch.rand(1, 3, 40, 60), torch.rand(1, 40, 60)
    processor = AlphaCLIPProcessor(geometry=Geometry(size=16, fit="published"))
    made = processor.denormalize(processor(rgb, alpha))
    squash = AlphaCLIPProcessor(geometry=Geometry(size=16, fit="squash", interpolation="bilinear"))
    expected = squash.denormalize(squash(rgb, alpha))
    torch.testing.assert_close(made[:, 3], expected[:, 3])
    assert not torch.allclose(made[:, :3], expected[:, :3], atol=0.05)
    assert processor.to_stock().do_center_crop
