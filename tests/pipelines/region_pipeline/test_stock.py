"""What gencontrol saves, stock diffusers opens, and both draw the same pictures from a square RGBA picture.

The tolerance below is float rounding: the two put the same numbers through the same components.
"""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion_image_variation as stock_variation
from PIL import Image
from torch.testing import assert_close

TOLERANCE = 1e-5
"""Largest difference of a colour in [0, 1]."""
PROCESSOR_TOLERANCE = 1e-6
"""Largest difference of a normalised pixel value."""


def rgba(tiny: ModuleType, size: int = 64) -> Image.Image:
    picture = tiny.photo(size, size)
    picture.putalpha(Image.fromarray((tiny.half_mask(size, size) * 255).byte().numpy()))
    return picture


def run(pipeline: Any, picture: Any, seed: int, **settings: Any) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    defaults = {"generator": torch.Generator().manual_seed(seed), "num_inference_steps": 3, "output_type": "np"}
    return pipeline(picture, **(defaults | settings)).images


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in (0, 1)]


@pytest.fixture
def saved(pipeline: Any, tmp_path: Path) -> Path:
    pipeline.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_pictures(pipeline: Any, saved: Path, tiny: ModuleType, seed: int) -> None:
    stock = DiffusionPipeline.from_pretrained(saved, dtype=torch.float32)
    assert type(stock) is getattr(diffusers, type(pipeline).__name__)
    picture = rgba(tiny)
    ours, theirs = run(pipeline, picture, seed), run(stock, picture, seed)
    assert_close(ours, theirs, atol=TOLERANCE, rtol=0)
    # And the alpha channel matters: the same picture without it is another one.
    opaque = picture.copy()
    opaque.putalpha(255)
    assert np.abs(run(stock, opaque, seed) - theirs).max() > 100 * TOLERANCE


def test_a_batch_with_a_generator_for_each(variation: Any, tiny: ModuleType, tmp_path: Path) -> None:
    variation.save_pretrained(tmp_path / "saved")
    stock = DiffusionPipeline.from_pretrained(tmp_path / "saved", dtype=torch.float32)
    made = [run(p, rgba(tiny), 0, num_images_per_prompt=2, generator=generators()) for p in (variation, stock)]
    assert_close(made[0], made[1], atol=TOLERANCE, rtol=0)


def test_only_stock_classes_are_saved(pipeline: Any, saved: Path) -> None:
    index = json.loads((saved / "model_index.json").read_text())
    assert index["_class_name"] == type(pipeline).__name__
    assert index["image_encoder"] == ["transformers", "CLIPVisionModelWithProjection"]
    assert index["feature_extractor"] == ["transformers", "CLIPImageProcessor"]
    assert "gencontrol" not in (saved / "model_index.json").read_text()


def test_saved_and_opened_again(pipeline: Any, saved: Path, tiny: ModuleType) -> None:
    again = type(pipeline).from_pretrained(saved)
    assert again.encoder.processor == pipeline.encoder.processor
    for name, component in pipeline.components.items():
        if isinstance(component, torch.nn.Module):
            for key, value in component.state_dict().items():
                assert torch.equal(getattr(again, name).state_dict()[key], value)
    picture = tiny.photo(80, 48)
    settings = {"mask_image": tiny.half_mask(80, 48)}
    assert np.array_equal(run(again, picture, 0, **settings), run(pipeline, picture, 0, **settings))


def test_the_geometry_is_saved(pipeline: Any, saved: Path, tiny: ModuleType) -> None:
    settings = json.loads((saved / "feature_extractor" / "preprocessor_config.json").read_text())
    assert settings["gencontrol"]["geometry"]["fit"] == "pad"
    stock = DiffusionPipeline.from_pretrained(saved, dtype=torch.float32)
    pixels = stock.feature_extractor(images=rgba(tiny), return_tensors="pt").pixel_values
    photo, mask = tiny.photo(64, 64), tiny.half_mask(64, 64)
    assert_close(pixels, pipeline.encoder.preprocess(photo, mask), atol=PROCESSOR_TOLERANCE, rtol=0)


def test_from_pipe_takes_a_stock_pipelines_components(tiny: ModuleType, variation: Any) -> None:
    components = tiny.image_variation_components(channels=4)
    stock = stock_variation.StableDiffusionImageVariationPipeline(**components)
    ours = type(variation).from_pipe(stock)
    assert ours.unet is stock.unet and ours.image_encoder is stock.image_encoder
    assert np.array_equal(run(ours, rgba(tiny), 0), run(variation, rgba(tiny), 0))


def test_the_stock_arguments_are_all_there(pipeline: Any) -> None:
    import inspect

    stock = getattr(diffusers, type(pipeline).__name__)
    theirs, ours = (list(inspect.signature(c.__call__).parameters) for c in (stock, type(pipeline)))
    assert ours[: len(theirs)] == theirs
    assert pipeline.model_cpu_offload_seq == stock.model_cpu_offload_seq
    assert pipeline._exclude_from_cpu_offload == stock._exclude_from_cpu_offload
    assert pipeline._optional_components == stock._optional_components
