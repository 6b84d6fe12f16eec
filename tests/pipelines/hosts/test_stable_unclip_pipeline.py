"""The Stable unCLIP host: the noised embedding as class label, and text beside it."""

from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.pipelines.hosts.stable_unclip_pipeline import spread


def run(pipeline: Any, image: Any, **settings: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    defaults = {"generator": generator, "num_inference_steps": 2, "output_type": "latent"}
    return pipeline(image, **(defaults | settings)).images


def labels(pipeline: Any, image: Any, **settings: Any) -> Tensor:
    """The class labels that the denoiser gets."""
    seen: list[Tensor] = []
    hook = pipeline.unet.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["class_labels"].clone()), with_kwargs=True
    )
    run(pipeline, image, num_inference_steps=1, **settings)
    hook.remove()
    return seen[0]


@torch.no_grad()
def noised(pipeline: Any, embed: Tensor, noise: Tensor, level: int) -> Tensor:
    """Ramesh et al. 2022 as Stable unCLIP does it: whiten, diffuse to the level, undo the whitening, add the level."""
    mean, std = pipeline.image_normalizer.mean, pipeline.image_normalizer.std
    kept = pipeline.image_noising_scheduler.alphas_cumprod[level]
    mixed = kept.sqrt() * (embed - mean) / std + (1 - kept).sqrt() * noise
    sinusoid = get_timestep_embedding(torch.tensor([level]), 24, flip_sin_to_cos=True, downscale_freq_shift=0)
    return torch.cat([mixed * std + mean, sinusoid], dim=1)


@pytest.mark.parametrize("level", [0, 300])
def test_region_and_negative_region_are_noised_alike(unclip: Any, tiny: ModuleType, level: int) -> None:
    photo, mask, negative = tiny.photo(), tiny.half_mask(), tiny.half_mask(side="right")
    made = labels(unclip, photo, mask_image=mask, negative_mask_image=negative, noise_level=level)
    noise = torch.randn(1, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        embeds = [unclip.encoder.encode_image(photo, alpha) for alpha in (negative, mask)]
    expected = torch.cat([noised(unclip, embed, noise, level) for embed in embeds])
    assert_close(made, expected, atol=1e-5, rtol=1e-5)


def test_zeros_after_noising_are_the_unconditional_label(unclip: Any, tiny: ModuleType) -> None:
    assert torch.equal(labels(unclip, tiny.photo(), noise_level=300)[0], torch.zeros(48))


def test_text_acts_beside_the_picture(unclip: Any, tiny: ModuleType) -> None:
    photo = tiny.photo()
    plain, cat, not_cat = (
        run(unclip, photo, **settings) for settings in ({}, {"prompt": "a red cat"}, {"negative_prompt": "a cat"})
    )
    assert (plain - cat).abs().max() > 1e-3 and (plain - not_cat).abs().max() > 1e-3
    assert_close(run(unclip, photo, prompt=["a red cat"]), cat)


def test_text_embeddings(unclip: Any, tiny: ModuleType) -> None:
    embeds = unclip.encode_prompt("a cat", torch.device("cpu"), 1, do_classifier_free_guidance=True)
    given = run(unclip, tiny.photo(), prompt_embeds=embeds[0], negative_prompt_embeds=embeds[1])
    assert_close(given, run(unclip, tiny.photo(), prompt="a cat"))


def test_one_picture_for_several_prompts_and_the_reverse(unclip: Any, tiny: ModuleType) -> None:
    photos, prompts = [tiny.photo(seed=s) for s in (0, 1)], ["a cat", "a dog"]

    def generators(count: int = 2) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(s) for s in range(count)]

    each = run(unclip, photos, prompt=prompts, generator=generators())
    shared = run(unclip, photos[0], prompt=prompts, generator=generators())
    one_text = run(unclip, photos, prompt="a cat", negative_prompt="a dog", generator=generators())
    assert_close(each[0], shared[0], atol=1e-4, rtol=1e-4)
    assert (each[1] - shared[1]).abs().max() > 1e-3
    alone = run(unclip, photos[1], prompt="a cat", negative_prompt="a dog", generator=generators()[1])
    assert_close(one_text[1], alone[0], atol=1e-4, rtol=1e-4)


def test_texts_are_spread_over_pictures() -> None:
    embeds = torch.zeros(1, 5, 8)
    assert spread(["a", ["b"], None, None], 2) == [["a", "a"], ["b", "b"], None, None]
    assert spread(["a", None], 1) == ["a", None]
    assert spread([["a", "b"]], 1) == [["a", "b"]] and spread([["a", "b"]], 2) == [["a", "b"]]
    assert spread([embeds], 3)[0].shape == (3, 5, 8)
    with pytest.raises(InputError, match="2 prompts for 3 pictures: give one for all, or one for each"):
        spread([["a", "b"]], 3)
    with pytest.raises(InputError, match="3 prompts for 2 pictures"):
        spread([["a", "b", "c"]], 2)


@pytest.mark.parametrize("level", [-1, 1000])
def test_noise_level_outside_its_range(unclip: Any, tiny: ModuleType, level: int) -> None:
    with pytest.raises(ValueError, match="noise_level"):
        run(unclip, tiny.photo(), noise_level=level)


def test_one_picture_a_prompt_unless_told(unclip: Any, tiny: ModuleType) -> None:
    assert len(run(unclip, tiny.photo(), num_images_per_prompt=None, num_inference_steps=1)) == 1
