"""The same seed gives the same picture whatever else is in the batch, noisy samplers included."""

from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from torch import Tensor
from torch.testing import assert_close

from gencontrol.pipelines import StableDiffusionImageVariationPipeline, StableUnCLIPImg2ImgPipeline


def run(pipeline: Any, image: Any, generator: Any, **settings: Any) -> Tensor:
    # Every step adds noise: by eta under DDIM; a high noise level makes unCLIP's embedding noisy too.
    defaults: dict[str, Any] = {"num_inference_steps": 3, "guidance_scale": 3.0, "output_type": "latent", "eta": 1.0}
    noisy = {"noise_level": 500} if pipeline.host.enters == "class_labels" else {}
    return pipeline(image, generator=generator, **(defaults | noisy | settings)).images


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same(a: Tensor, b: Tensor) -> None:
    """To the rounding of other batch sizes, which a random denoiser makes larger at every step."""
    peak = float(b.abs().max())
    assert_close(a / peak, b / peak, atol=5e-5, rtol=0)


def test_one_generator_for_any_number(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask = tiny.photo(), tiny.half_mask()
    alone = run(pipeline, photo, seeded(3), mask_image=mask)
    three = run(pipeline, photo, seeded(3), mask_image=mask, num_images_per_prompt=3)
    two = run(pipeline, photo, seeded(3), mask_image=mask, num_images_per_prompt=2)
    same(alone[0], three[0])
    same(two, three[:2])
    assert min((three[i] - three[j]).abs().max() for i, j in ((0, 1), (0, 2), (1, 2))) > 0.1


def test_one_generator_for_each(pipeline: Any, tiny: ModuleType) -> None:
    photo = tiny.photo()
    together = run(pipeline, photo, [seeded(s) for s in (1, 2)], num_images_per_prompt=2)
    for i, seed in enumerate((1, 2)):
        same(together[i], run(pipeline, photo, seeded(seed))[0])


# This sampler's table of sigmas, made by diffusers through numpy.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("kind", [StableDiffusionImageVariationPipeline, StableUnCLIPImg2ImgPipeline])
def test_an_ancestral_sampler(tiny: ModuleType, kind: type) -> None:
    variation = kind is StableDiffusionImageVariationPipeline
    components = tiny.image_variation_components(channels=4) if variation else tiny.unclip_components(channels=4)
    pipeline = kind(**components | {"scheduler": EulerAncestralDiscreteScheduler()})
    pipeline.set_progress_bar_config(disable=True)
    three = run(pipeline, tiny.photo(), seeded(3), num_images_per_prompt=3)
    same(run(pipeline, tiny.photo(), seeded(3))[0], three[0])


def test_each_picture_of_a_batch_has_its_own_embedding_noise(unclip: Any, tiny: ModuleType) -> None:
    seen: list[Tensor] = []

    def note(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
        seen.append(tensors["image_embeds"].clone())

    settings = {"callback_on_step_end": note, "callback_on_step_end_tensor_inputs": ["image_embeds"]}
    generators = [seeded(1), seeded(2)]
    run(unclip, tiny.photo(), generators, num_images_per_prompt=2, num_inference_steps=1, **settings)
    first, second = seen[0]
    # Stock diffusers draws once, from the first generator: both rows would be equal.
    assert (first[:24] - second[:24]).abs().max() > 0.1
    # The other half says the noise level, which is the same.
    assert torch.equal(first[24:], second[24:])


def test_without_a_generator_torch_draws(pipeline: Any, tiny: ModuleType) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = run(pipeline, tiny.photo(), None)
        torch.manual_seed(0)
        assert torch.equal(first, run(pipeline, tiny.photo(), None))
        assert not torch.equal(first, run(pipeline, tiny.photo(), None))


def test_latents_to_start_from(pipeline: Any, tiny: ModuleType) -> None:
    latents = torch.randn(1, 4, 32, 32, generator=seeded(0), dtype=torch.float64)
    made = [run(pipeline, tiny.photo(), seeded(seed), latents=latents, eta=0.0) for seed in (1, 1)]
    assert torch.equal(made[0], made[1])
    assert (run(pipeline, tiny.photo(), seeded(1), latents=latents * 0.5, eta=0.0) - made[0]).abs().max() > 0.01
