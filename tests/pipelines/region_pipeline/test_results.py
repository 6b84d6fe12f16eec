"""What comes back: pictures as stock classes make them, in a list that shows itself, and never NaN."""

import io
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.images.sheets import contact_sheet
from gencontrol.pipelines.region_pipeline.results import Pictures, drawn_as, finished, labels_of


def colours(*names: str) -> list[Image.Image]:
    return [Image.new("RGB", (40, 30), name) for name in names]


def shown(pictures: Pictures) -> np.ndarray:
    png = pictures._repr_png_()
    assert png is not None
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_pictures_are_a_list_that_shows_a_labelled_strip() -> None:
    made = colours("red", "blue")
    pictures = Pictures(made, ["seed 1", "seed 2"])
    assert isinstance(pictures, list) and pictures == made and pictures[1] is made[1]
    strip = contact_sheet([made], row_labels=[""], column_labels=["seed 1", "seed 2"])
    assert np.array_equal(shown(pictures), np.asarray(strip))


def test_many_pictures_are_shown_in_rows_of_four() -> None:
    one, five = (shown(Pictures(colours(*["red"] * n), ["x"] * n)) for n in (1, 5))
    four = shown(Pictures(colours(*["red"] * 4), ["x"] * 4))
    assert five.shape[0] == one.shape[0] + four.shape[0] and five.shape[1] == four.shape[1]
    assert np.array_equal(five[: four.shape[0]], four)


def test_a_list_that_was_changed_shows_nothing_wrong() -> None:
    pictures = Pictures(colours("red"), ["seed 1"])
    pictures.append(pictures[0])
    assert pictures._repr_png_() is None and Pictures([], [])._repr_png_() is None


def test_labels_are_seeds_where_each_picture_has_one() -> None:
    first, second = (torch.Generator().manual_seed(seed) for seed in (3, 4))
    assert labels_of([first, second], 2) == ["seed 3", "seed 4"]
    assert labels_of(first, 1) == ["seed 3"]
    assert labels_of(first, 2) == ["picture 1", "picture 2"] == labels_of(None, 2)


def test_only_pil_pictures_are_made_here() -> None:
    assert [drawn_as(kind) for kind in ("pil", "np", "pt", "latent")] == ["pt", "np", "pt", "latent"]
    with pytest.raises(InputError, match="output_type: expected one of pil, np, pt, latent, got None"):
        drawn_as(None)


def test_pictures_are_those_that_diffusers_makes() -> None:
    images = torch.rand(2, 3, 8, 8)
    expected: Any = VaeImageProcessor().postprocess(images * 2 - 1, output_type="pil")
    made, flags = finished((images, [False, True]), "pil", ["a", "b"])
    assert flags == [False, True] and made.labels == ("a", "b")
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(made, expected, strict=True))


@pytest.mark.parametrize("output_type", ["pil", "np", "pt", "latent"])
def test_nothing_that_is_not_finite_comes_back(output_type: str) -> None:
    images: Any = torch.zeros(1, 3, 4, 4)
    images[0, 0, 0, 0] = torch.nan
    given = images.permute(0, 2, 3, 1).numpy() if output_type == "np" else images
    with pytest.raises(InputError, match=r"What the model made holds NaN .* \(1 of 48\).*try dtype float32"):
        finished((given,), output_type, ["a"])


def test_a_wider_format_is_advised_where_there_is_one() -> None:
    made = torch.full((1, 3, 4, 4), torch.inf)
    with pytest.raises(InputError, match=r"try dtype float32, and try a lower guidance scale\.$"):
        finished((made,), "pt", ["a"], dtype=torch.float16)
    with pytest.raises(InputError, match=r"beyond what float32 holds: get it anew, and try a lower guidance scale\.$"):
        finished((made,), "pt", ["a"], dtype=torch.float32)


def test_a_vae_that_makes_infinite_numbers_is_told_in_its_own_format(pipeline: Any, tiny: ModuleType) -> None:
    usual = pipeline.vae.config.scaling_factor
    pipeline.vae.register_to_config(scaling_factor=1e-45)
    try:
        with pytest.raises(InputError, match="What the model made holds NaN") as caught:
            pipeline(tiny.photo(), num_inference_steps=1)
    finally:
        pipeline.vae.register_to_config(scaling_factor=usual)
    assert "try dtype float32" not in str(caught.value)


def test_a_call_returns_pictures(pipeline: Any, tiny: ModuleType) -> None:
    settings = {"num_inference_steps": 1, "generator": [torch.Generator().manual_seed(5)]}
    images = pipeline(tiny.photo(), **settings).images
    assert isinstance(images, Pictures) and images.labels == ("seed 5",)
    assert isinstance(pipeline(tiny.photo(), **settings, return_dict=False)[0], Pictures)
    assert isinstance(pipeline(tiny.photo(), **settings, output_type="np").images, np.ndarray)
