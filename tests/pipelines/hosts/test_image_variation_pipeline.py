"""The image-variation host: outputs, devices, dtypes and the safety checker."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_output import StableDiffusionPipelineOutput
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.pipelines import StableDiffusionImageVariationPipeline
from gencontrol.pipelines.region_pipeline.condition import given_rows


def run(pipeline: Any, image: Any = None, **settings: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    return pipeline(image, **({"generator": generator, "num_inference_steps": 2} | settings))


@pytest.fixture
def fresh(tiny: ModuleType) -> StableDiffusionImageVariationPipeline:
    """A pipeline of the test's own."""
    return StableDiffusionImageVariationPipeline(**tiny.image_variation_components(channels=4))


def test_output_types(variation: Any, tiny: ModuleType) -> None:
    made = {kind: run(variation, tiny.photo(), output_type=kind).images for kind in ("pil", "np", "pt", "latent")}
    assert isinstance(made["pil"][0], Image.Image) and made["pil"][0].size == (128, 128)
    assert made["np"].shape == (1, 128, 128, 3) and made["np"].min() >= 0 and made["np"].max() <= 1
    assert_close(made["pt"].permute(0, 2, 3, 1).numpy(), made["np"])
    assert np.abs(np.asarray(made["pil"][0]) / 255 - made["np"][0]).max() <= 0.5 / 255 + 1e-6
    assert made["latent"].shape == (1, 4, 32, 32)


def test_an_object_or_a_tuple(variation: Any, tiny: ModuleType) -> None:
    named: Any
    plain: Any
    named, plain = (run(variation, tiny.photo(), output_type="np", return_dict=flag) for flag in (True, False))
    assert isinstance(named, StableDiffusionPipelineOutput) and named.nsfw_content_detected is None
    assert (
        isinstance(plain, tuple) and np.array_equal(np.asarray(plain[0]), np.asarray(named.images)) and plain[1] is None
    )


def test_size_of_the_output(variation: Any, tiny: ModuleType) -> None:
    assert run(variation, tiny.photo(), height=64, width=96).images[0].size == (96, 64)
    with pytest.raises(ValueError, match="height: expected a multiple of 8 pixels, got 60"):
        run(variation, tiny.photo(), height=60)


def test_the_condition_is_one_token_of_the_unnormalised_embedding(variation: Any, tiny: ModuleType) -> None:
    seen: list[Tensor] = []
    hook = variation.unet.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["encoder_hidden_states"].clone()), with_kwargs=True
    )
    photo, mask = tiny.photo(), tiny.half_mask()
    run(variation, photo, mask_image=mask, num_images_per_prompt=2, num_inference_steps=1)
    hook.remove()
    with torch.no_grad():
        embed = variation.encoder.encode_image(photo, mask)
    assert_close(seen[0], torch.cat([torch.zeros(2, 1, 24), embed[None].expand(2, -1, -1)]))


def test_zeros_are_the_unconditional_embedding(variation: Any, tiny: ModuleType) -> None:
    given = run(variation, tiny.photo(), negative_image_embeds=torch.zeros(1, 24), output_type="latent").images
    assert torch.equal(given, run(variation, tiny.photo(), output_type="latent").images)


def test_offloading_changes_nothing_and_keeps_its_order(fresh: Any, tiny: ModuleType) -> None:
    settings = {"mask_image": tiny.half_mask(), "output_type": "np"}
    expected = run(fresh, tiny.photo(), **settings).images
    fresh.enable_model_cpu_offload(device="cpu")
    order: list[str] = []
    for name in ("image_encoder", "unet", "vae.decoder"):
        module = fresh.components[name.split(".")[0]].get_submodule(name.partition(".")[2])
        module.register_forward_pre_hook(lambda *_, name=name: order.append(name))
    assert np.array_equal(run(fresh, tiny.photo(), **settings).images, expected)
    assert order == ["image_encoder", "unet", "unet", "vae.decoder"]


def test_group_offloading(fresh: Any, tiny: ModuleType) -> None:
    settings = {"mask_image": tiny.half_mask(), "focus": "attention", "output_type": "latent"}
    expected = run(fresh, tiny.photo(), **settings).images
    fresh.enable_group_offload(torch.device("cpu"), offload_type="leaf_level")
    assert torch.equal(run(fresh, tiny.photo(), **settings).images, expected)


def test_alpha_is_known_when_the_weights_are_elsewhere(fresh: Any) -> None:
    """Offloaded layer by layer, weights are on the meta device between calls."""
    assert fresh._has_alpha()
    fresh.image_encoder.to("meta")
    assert fresh._has_alpha()


def test_bfloat16(fresh: Any, tiny: ModuleType) -> None:
    settings = {"mask_image": tiny.half_mask(), "output_type": "latent"}
    expected = run(fresh, tiny.photo(), **settings).images
    for name in ("unet", "vae", "image_encoder"):
        tiny.cast(fresh.components[name], torch.bfloat16)
    made = run(fresh, tiny.photo(), **settings).images
    assert made.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(made.float().flatten(), expected.flatten(), dim=0) > 0.9


def test_without_an_encoder_it_runs_from_embeddings(tiny: ModuleType, variation: Any) -> None:
    components = tiny.image_variation_components(channels=4)
    bare = StableDiffusionImageVariationPipeline(**components | {"image_encoder": None})
    (embeds,) = variation.encode_regions(tiny.photo(), tiny.half_mask())
    given = run(bare, image_embeds=embeds.image_embeds, output_type="latent").images
    assert torch.equal(given, run(variation, tiny.photo(), mask_image=tiny.half_mask(), output_type="latent").images)
    with pytest.raises(InputError, match="no image_encoder: it runs from `image_embeds` only"):
        run(bare, tiny.photo())


def test_embeddings_of_another_shape() -> None:
    for wrong in (torch.zeros(24), torch.zeros(1, 1, 24), torch.zeros(1, 24, dtype=torch.int64)):
        with pytest.raises(InputError, match=r"image_embeds: expected floats of shape \(b, d\), got"):
            given_rows(wrong, width=None)


def checker(tiny: ModuleType, *, image_size: int, threshold: float) -> StableDiffusionSafetyChecker:
    """A safety checker of another input size than the encoder's; all cosines are above -2 and none above 2."""
    config = tiny.clip_config()
    config.vision_config.image_size = image_size
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = StableDiffusionSafetyChecker(config).eval()
    model.concept_embeds_weights.data.fill_(threshold)
    model.special_care_embeds_weights.data.fill_(2.0)
    return model


def guarded(tiny: ModuleType, **settings: Any) -> Any:
    components = tiny.image_variation_components(channels=4) | {"safety_checker": checker(tiny, **settings)}
    return StableDiffusionImageVariationPipeline(**components)


def test_the_safety_checker_works_beside_four_channels(tiny: ModuleType, variation: Any) -> None:
    passing, blocking = guarded(tiny, image_size=32, threshold=2.0), guarded(tiny, image_size=32, threshold=-2.0)
    passed, blocked = (run(p, tiny.photo(), output_type="np", num_images_per_prompt=2) for p in (passing, blocking))
    assert passed.nsfw_content_detected == [False, False] and blocked.nsfw_content_detected == [True, True]
    unguarded = run(variation, tiny.photo(), output_type="np", num_images_per_prompt=2).images
    assert_close(passed.images, unguarded)
    assert not blocked.images.any()


def test_the_safety_checker_sees_the_picture_as_plain_clip_does(tiny: ModuleType) -> None:
    pipeline = guarded(tiny, image_size=32, threshold=2.0)
    seen: list[Tensor] = []
    pipeline.safety_checker.vision_model.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    picture = run(pipeline, tiny.photo(), output_type="pt").images
    small = torch.nn.functional.interpolate(picture, size=32, mode="bicubic", antialias=True).clamp(0, 1)
    mean, std = (torch.tensor(values)[:, None, None] for values in (tiny.MEAN, tiny.STD))
    # Pictures pass through 8 bits on their way.
    assert_close(seen[0], (small - mean) / std, atol=0.03, rtol=0)
