"""Callbacks of today's kind on stock loops that only know the legacy one."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers.callbacks import PipelineCallback
from torch.testing import assert_close

from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError
from gencontrol.pipelines.region_pipeline.condition import Conditioning
from gencontrol.pipelines.region_pipeline.step_callbacks import StepHooks, step_callback

EVERYTHING = ["latents", "image_embeds", "negative_image_embeds"]


def run(pipeline: Any, image: Any, **settings: Any) -> torch.Tensor:
    defaults = {"num_inference_steps": 3, "guidance_scale": 3.0, "output_type": "latent"}
    generator = torch.Generator().manual_seed(0)
    return pipeline(image, **(defaults | {"generator": generator} | settings)).images


def test_called_after_every_step_with_what_it_asked_for(pipeline: Any, tiny: ModuleType) -> None:
    calls: list[tuple[int, int, list[str]]] = []

    def note(given: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
        assert given is pipeline and pipeline.num_timesteps == 3
        calls.append((step, int(timestep), sorted(tensors)))

    run(pipeline, tiny.photo(), callback_on_step_end=note, callback_on_step_end_tensor_inputs=EVERYTHING)
    assert calls == [(i, int(t), sorted(EVERYTHING)) for i, t in enumerate(pipeline.scheduler.timesteps)]


def test_both_halves_are_what_the_denoiser_reads(pipeline: Any, tiny: ModuleType) -> None:
    seen: dict[str, Any] = {}

    def note(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
        seen.update(tensors)

    settings = {"callback_on_step_end": note, "callback_on_step_end_tensor_inputs": EVERYTHING}
    run(pipeline, tiny.photo(), num_images_per_prompt=2, **settings)
    assert seen["image_embeds"].shape == seen["negative_image_embeds"].shape and len(seen["image_embeds"]) == 2
    assert bool((seen["negative_image_embeds"] == 0).all()) and bool((seen["image_embeds"] != 0).any())
    run(pipeline, tiny.photo(), guidance_scale=1.0, **settings)
    assert seen["negative_image_embeds"] is None


def test_latents_that_come_back_are_used(pipeline: Any, tiny: ModuleType) -> None:
    def replace_last(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"latents": torch.full_like(tensors["latents"], 7.0) if step == 2 else tensors["latents"]}

    latents = run(pipeline, tiny.photo(), callback_on_step_end=replace_last)
    assert torch.equal(latents, torch.full_like(latents, 7.0))


def test_a_condition_that_comes_back_is_used(pipeline: Any, tiny: ModuleType) -> None:
    """From the second step on both halves are made equal, so the guidance scale no longer matters."""
    start = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(1))

    def equalise(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        changed = {"negative_image_embeds": tensors["image_embeds"].clone()}
        return changed | {"latents": start} if step == 0 else changed

    settings = {"callback_on_step_end": equalise, "callback_on_step_end_tensor_inputs": EVERYTHING}
    low, high = (run(pipeline, tiny.photo(), **settings, guidance_scale=scale) for scale in (2.0, 9.0))
    assert_close(low, high, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("order", [1, 2])
def test_a_strength_is_there_before_its_step(order: int) -> None:
    """After step k the condition is of step k + 1, in a run of as many steps as the sampler takes."""
    whole, region = torch.zeros(1, 1), torch.ones(1, 1)
    conditioning = Conditioning(
        [RegionEmbeds(image_embeds=region, whole_image_embeds=whole)], StrengthSchedule(start=2.0, end=0.0)
    )
    conditioning.make(lambda embeds: embeds, count=1, guided=False, device=whole.device, dtype=whole.dtype)
    sampler = SimpleNamespace(num_timesteps=5 * order, scheduler=SimpleNamespace(order=order))
    hooks = StepHooks(on_step_end=None, tensor_inputs=(), legacy=None, every=1)
    callback = step_callback(sampler, conditioning, hooks)
    read = [float(conditioning.condition().positive)]
    for step in range(4):
        callback(step, None, whole)
        read.append(float(conditioning.condition().positive))
    assert read == [2.0, 1.5, 1.0, 0.5, 0.0]


def test_the_legacy_callback_stays(pipeline: Any, tiny: ModuleType) -> None:
    calls: list[int] = []
    run(pipeline, tiny.photo(), callback=lambda step, timestep, latents: calls.append(step), callback_steps=2)
    assert calls == [0, 2]
    with pytest.raises(InputError, match="callback_steps: expected a positive number of steps, got 0"):
        run(pipeline, tiny.photo(), callback_steps=0)


def test_diffusers_callback_classes(pipeline: Any, tiny: ModuleType) -> None:
    class Freeze(PipelineCallback):
        @property
        def tensor_inputs(self) -> list[str]:
            return ["latents"]

        def callback_fn(self, pipeline: Any, step_index: int, timesteps: Any, callback_kwargs: Any) -> dict[str, Any]:
            cutoff = int(pipeline.num_timesteps * self.config["cutoff_step_ratio"])
            return {"latents": torch.zeros_like(callback_kwargs["latents"])} if step_index >= cutoff else {}

    assert bool((run(pipeline, tiny.photo(), callback_on_step_end=Freeze(cutoff_step_ratio=0.5)) == 0).all())


def test_a_name_that_is_not_offered(pipeline: Any, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="offers latents, image_embeds, negative_image_embeds; got prompt_embeds"):
        run(pipeline, tiny.photo(), callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"])


@pytest.mark.parametrize("value", [torch.zeros(1, 4, 8, 8), None])
def test_a_tensor_of_another_shape(pipeline: Any, tiny: ModuleType, value: Any) -> None:
    with pytest.raises(InputError, match=r"callback_on_step_end: latents must keep its shape \(1, 4, 32, 32\), got"):
        run(pipeline, tiny.photo(), callback_on_step_end=lambda *_: {"latents": value})


def test_a_name_that_nothing_has(pipeline: Any, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="it may return latents, image_embeds, negative_image_embeds; got latent"):
        pipeline(tiny.photo(), num_inference_steps=1, callback_on_step_end=lambda *_: {"latent": torch.zeros(1)})


def test_a_callback_may_change_the_guidance_scale(pipeline: Any, tiny: ModuleType) -> None:
    """As diffusers' own `test_callback_cfg` asks of every pipeline, and here also that the next step uses it."""

    def increase(given: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        given._guidance_scale += 1.0
        return tensors

    def set_to(scale: float) -> Any:
        def change(given: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
            given._guidance_scale = scale

        return change

    plain = run(pipeline, tiny.photo(), guidance_scale=2.0)
    assert pipeline.guidance_scale == 2.0
    raised = run(pipeline, tiny.photo(), guidance_scale=2.0, callback_on_step_end=increase)
    assert pipeline.guidance_scale == 2.0 + pipeline.num_timesteps
    assert float((plain - raised).abs().max()) > 1e-3
    # From the second step on, what the run began with is forgotten.
    kept = run(pipeline, tiny.photo(), guidance_scale=2.0, callback_on_step_end=set_to(2.0))
    assert torch.equal(kept, plain)


def test_scales_that_a_callback_cannot_set(pipeline: Any, tiny: ModuleType) -> None:
    def spoil(given: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
        given._guidance_scale = float("nan")

    with pytest.raises(InputError, match="guidance_scale: expected a scale of 0 or more, got nan"):
        run(pipeline, tiny.photo(), callback_on_step_end=spoil)

    def switch_on(given: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
        given._guidance_scale = 3.0

    with pytest.raises(InputError, match="a run without guidance has nothing to weigh: start it above 1"):
        run(pipeline, tiny.photo(), guidance_scale=1.0, callback_on_step_end=switch_on)
