"""What both hosts promise: regions, embeddings, guidance, strength, and components left as they were."""

import inspect
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from torch import Tensor
from torch.testing import assert_close

from gencontrol.conditioning.embed import embed_regions
from gencontrol.conditioning.sampling import DEFAULT_STEPS
from gencontrol.errors import InputError, PairingError
from gencontrol.images.reading import read_image
from gencontrol.pipelines import StableDiffusionImageVariationPipeline, StrengthSchedule
from gencontrol.regions import RegionWarning
from gencontrol.regions.region import Region
from gencontrol.runs.settings import VariationSettings


def run(pipeline: Any, image: Any = None, *, seed: int = 0, **settings: Any) -> Tensor:
    """(n, 4, h, w) final latents of three guided steps: cheaper than pictures, and as telling."""
    defaults = {"num_inference_steps": 3, "guidance_scale": 3.0, "output_type": "latent"}
    generator = torch.Generator().manual_seed(seed)
    return pipeline(image, **(defaults | {"generator": generator} | settings)).images


def differ(a: Tensor, b: Tensor) -> bool:
    return float((a - b).abs().max()) > 1e-3


def states(pipeline: Any) -> dict[str, Any]:
    """Everything that a call could change in the components."""
    found: dict[str, Any] = {}
    for name, component in pipeline.components.items():
        found[name] = id(component)
        if isinstance(component, torch.nn.Module):
            found |= {f"{name}.{k}": v.clone() for k, v in component.state_dict().items()}
            found |= {f"{name} {n}": (m.training, len(m._forward_hooks), type(m)) for n, m in component.named_modules()}
        if hasattr(component, "config"):
            found[f"{name} config"] = str(component.config)
    return found | {"feature_extractor settings": str(pipeline.feature_extractor.to_dict())}


def test_a_mask_steers(pipeline: Any, tiny: ModuleType) -> None:
    photo = tiny.photo()
    left, right = (run(pipeline, photo, mask_image=tiny.half_mask(side=side)) for side in ("left", "right"))
    assert differ(left, right) and differ(left, run(pipeline, photo))


def test_the_whole_image_is_a_mask_of_ones(pipeline: Any, tiny: ModuleType) -> None:
    photo = tiny.photo(96, 64)
    with pytest.warns(RegionWarning, match="marks the whole picture"):
        whole = run(pipeline, photo, mask_image=torch.ones(96, 64))
    assert torch.equal(run(pipeline, photo), whole)


@torch.no_grad()
def test_fit_takes_the_place_of_the_pipelines_own_way(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask, own = tiny.photo(96, 64), torch.zeros(96, 64), pipeline.encoder
    # Within the square that a crop keeps.
    mask[20:70, :32] = 1.0
    geometry = own.processor.geometry
    for fit in ("squash", "crop", None):
        (made,) = pipeline.encode_regions(photo, mask, fit=fit)
        expected = embed_regions(own, replace(geometry, fit=fit or geometry.fit), photo, [Region(alpha=mask)])
        assert torch.equal(made.image_embeds, expected.image_embeds)
    squashed, padded = (pipeline.encode_regions(photo, mask, fit=fit)[0].image_embeds for fit in ("squash", "pad"))
    assert differ(squashed, padded)


def test_an_rgba_picture_is_the_plainest_interface(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask = tiny.photo(), tiny.half_mask()
    rgb = torch.from_numpy(np.array(photo)).permute(2, 0, 1) / 255
    rgba = torch.cat([rgb, mask[None]])
    assert torch.equal(run(pipeline, rgba), run(pipeline, rgb, mask_image=mask))
    # A picture in bytes rounds otherwise on its way, and each step of random weights makes more of that.
    once = run(pipeline, photo, mask_image=mask, num_inference_steps=1)
    assert_close(run(pipeline, rgba, num_inference_steps=1), once)


def test_a_call_leaves_every_component_as_it_was(pipeline: Any, tiny: ModuleType) -> None:
    before = states(pipeline)
    settings: dict[str, Any] = {"mask_image": tiny.half_mask(), "negative_mask_image": tiny.half_mask(side="right")}
    schedule = StrengthSchedule(start=1.0, end=0.0)
    run(pipeline, tiny.photo(), **settings, strength=schedule, focus="attention", fit="squash", output_type="np")
    after = states(pipeline)
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = torch.equal(value, after[key]) if isinstance(value, Tensor) else value == after[key]
        assert same, key


def test_embeddings_take_the_place_of_the_picture(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask, negative = tiny.photo(), tiny.half_mask(), tiny.half_mask(side="right")
    (embeds,) = pipeline.encode_regions(photo, mask, negative_mask_image=negative)
    expected = run(pipeline, photo, mask_image=mask, negative_mask_image=negative)
    given = {"image_embeds": embeds.image_embeds, "negative_image_embeds": embeds.negative_image_embeds}
    assert_close(run(pipeline, **given), expected)
    # Only the negative one, beside the picture.
    assert_close(run(pipeline, photo, mask_image=mask, negative_image_embeds=embeds.negative_image_embeds), expected)


def test_a_negative_region_acts_under_guidance(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask, negative = tiny.photo(), tiny.half_mask(), tiny.half_mask(side="right")
    without = run(pipeline, photo, mask_image=mask)
    assert differ(run(pipeline, photo, mask_image=mask, negative_mask_image=negative), without)
    message = "{} acts through classifier-free guidance: give guidance_scale above 1"
    both: list[dict[str, Any]] = [{"negative_mask_image": negative}, {"negative_image_embeds": torch.ones(1, 24)}]
    for given in both:
        with pytest.raises(InputError, match=message.format(*given)):
            run(pipeline, photo, mask_image=mask, guidance_scale=1.0, **given)
    # A list that holds none says nothing of what to keep away from.
    run(pipeline, [photo], mask_image=[mask], negative_mask_image=[None], guidance_scale=1.0)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"num_images_per_prompt": 0}, "num_images_per_prompt: expected 1 or more"),
        ({"num_inference_steps": 0}, "num_inference_steps: expected 1 or more"),
        ({"guidance_scale": float("nan")}, "guidance_scale: expected a scale of 0 or more, got nan"),
        ({"guidance_scale": 1e30}, "guidance_scale: expected a scale of at most 1000"),
        ({"strength": float("nan")}, "strength: expected a number from 0"),
        ({"eta": float("nan")}, "eta: expected"),
        ({"output_type": "foo"}, "output_type: expected one of pil, np, pt, latent, got 'foo'"),
    ],
)
def test_numbers_that_cannot_be(pipeline: Any, tiny: ModuleType, numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(pipeline, tiny.photo(), **numbers)


def test_both_pipelines_take_the_steps_of_the_command_line(pipeline: Any) -> None:
    steps = inspect.signature(type(pipeline).__call__).parameters["num_inference_steps"].default
    assert steps == DEFAULT_STEPS == VariationSettings().steps == 25


def test_a_batch_of_pictures_in_the_unit_range_is_pictures(pipeline: Any, tiny: ModuleType) -> None:
    """And not pixel values that were normalised, whose range is another."""
    photo, mask = read_image(tiny.photo(64, 64)).rgb, tiny.half_mask(64, 64)
    batch = photo[None]
    assert torch.equal(run(pipeline, batch), run(pipeline, [photo]))
    assert differ(run(pipeline, batch), run(pipeline, batch * 2 - 1))
    assert torch.equal(run(pipeline, batch, mask_image=[mask]), run(pipeline, photo, mask_image=mask))
    with pytest.raises(InputError, match=r"Expected pixel values \(b, 3 or 4, 64, 64\).*got \(1, 3, 48, 48\)"):
        run(pipeline, 2 * torch.ones(1, 3, 48, 48))


def test_what_a_denoiser_makes_of_damaged_weights_is_no_picture(tiny: ModuleType) -> None:
    for part in ("unet", "vae"):
        components = tiny.image_variation_components(channels=4)
        with torch.no_grad():
            next(components[part].parameters()).fill_(torch.nan)
            components["vae"].decoder.conv_in.weight.mul_(torch.nan if part == "vae" else 1.0)
        pipeline = StableDiffusionImageVariationPipeline(**components)
        pipeline.set_progress_bar_config(disable=True)
        for output_type in ("pil", "np", "pt") if part == "vae" else ("pil", "latent"):
            with pytest.raises(
                InputError, match=rf"What the model made holds NaN or infinite values .*The component {part} holds NaN"
            ):
                run(pipeline, tiny.photo(), output_type=output_type)


def test_what_an_encoder_makes_of_damaged_weights_is_no_condition(tiny: ModuleType) -> None:
    components = tiny.image_variation_components(channels=4)
    with torch.no_grad():
        components["image_encoder"].visual_projection.weight.fill_(torch.nan)
    pipeline = StableDiffusionImageVariationPipeline(**components)
    with pytest.raises(InputError, match="What the encoder made of the picture holds NaN or infinite values"):
        run(pipeline, tiny.photo())
    with pytest.raises(InputError, match="What the encoder made of these pixel values holds"):
        run(pipeline, torch.randn(1, 4, 64, 64))


def test_guidance_towards_and_from_the_same_region_cancels(pipeline: Any, tiny: ModuleType) -> None:
    # The very same is refused, so that it is the same to a millionth at one pixel.
    nearly = tiny.half_mask()
    nearly[nearly == 1] -= 1e-6 * (torch.arange(int((nearly == 1).sum())) == 0)
    both = {"mask_image": tiny.half_mask(), "negative_mask_image": nearly}
    scales = [run(pipeline, tiny.photo(), **both, guidance_scale=scale) for scale in (2.0, 9.0)]
    assert_close(scales[0], scales[1], atol=1e-3, rtol=1e-3)


def test_weights_and_unions(pipeline: Any, tiny: ModuleType) -> None:
    photo, left, right = tiny.photo(), tiny.half_mask(), tiny.half_mask(side="right")
    assert torch.equal(run(pipeline, photo, mask_image=[left, right]), run(pipeline, photo))
    weighted = run(pipeline, photo, mask_image=[(left, 3.0), Region(alpha=right, weight=1.0)])
    assert differ(weighted, run(pipeline, photo, mask_image=left)) and differ(weighted, run(pipeline, photo))
    assert_close(weighted, run(pipeline, photo, mask_image=[(left, 0.75), (right, 0.25)]))


def test_strength_ends(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask = tiny.photo(), tiny.half_mask()
    assert_close(run(pipeline, photo, mask_image=mask, strength=0.0), run(pipeline, photo))
    assert torch.equal(run(pipeline, photo, mask_image=mask, strength=1.0), run(pipeline, photo, mask_image=mask))
    assert differ(run(pipeline, photo, mask_image=mask, strength=2.0), run(pipeline, photo, mask_image=mask))


def test_a_schedule_that_stays_is_that_strength(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask = tiny.photo(), tiny.half_mask()
    # Constant to the eye, but moved by the loop at every step.
    schedule = StrengthSchedule(start=0.5, end=0.5 + 1e-7)
    assert_close(
        run(pipeline, photo, mask_image=mask, strength=schedule),
        run(pipeline, photo, mask_image=mask, strength=0.5),
        atol=1e-4,
        rtol=1e-4,
    )


def test_a_schedule_changes_the_condition_at_its_step(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask, steps = tiny.photo(), tiny.half_mask(), 4
    seen: list[Tensor] = []

    def look(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(tensors["image_embeds"].clone())
        return {}

    settings: dict[str, Any] = {
        "num_inference_steps": steps,
        "callback_on_step_end": look,
        "callback_on_step_end_tensor_inputs": ["image_embeds"],
    }
    run(pipeline, photo, mask_image=mask, strength=StrengthSchedule(start=1.0, end=0.0), **settings)
    scheduled, seen = seen, []
    for strength in (2 / 3, 1 / 3, 0.0, 0.0):
        run(pipeline, photo, mask_image=mask, strength=strength, **settings)
    # After step i the condition is that of step i + 1; after the last one it stays at the end.
    constant = seen[::steps]
    assert len(scheduled) == steps
    for got, expected in zip(scheduled, constant, strict=True):
        assert_close(got, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        # Two passes of the denoiser a step: the strength moves between steps (one callback a step or a pass).
        (HeunDiscreteScheduler, {0: 2 / 3, 1: 1 / 3, 2: 0.0}),
        # Twelve passes warm up before the fourth step: 13 in all for four steps.
        (PNDMScheduler, {9: 2 / 12, 10: 1 / 12, 11: 0.0, 12: 0.0}),
    ],
)
def test_a_schedule_spans_samplers_of_more_passes(tiny: ModuleType, sampler: Any, expected: dict[int, float]) -> None:
    components = tiny.image_variation_components(channels=4)
    pipeline = StableDiffusionImageVariationPipeline(
        **components | {"scheduler": sampler.from_config(components["scheduler"].config)}
    )
    pipeline.set_progress_bar_config(disable=True)
    photo, mask = tiny.photo(), tiny.half_mask()
    whole, region = (pipeline.encode_regions(photo, m)[0].image_embeds for m in (None, mask))
    seen: dict[int, Tensor] = {}

    def look(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
        seen[step] = tensors["image_embeds"][:, 0].clone()

    settings: dict[str, Any] = {"callback_on_step_end": look, "callback_on_step_end_tensor_inputs": ["image_embeds"]}
    schedule = StrengthSchedule(start=1.0, end=0.0)
    run(pipeline, photo, mask_image=mask, strength=schedule, num_inference_steps=4, **settings)
    for step, strength in expected.items():
        assert_close(seen[step], whole + strength * (region - whole), atol=1e-5, rtol=1e-5)


def test_a_schedule_that_starts_at_the_whole_image(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask = tiny.photo(), tiny.half_mask()
    late = StrengthSchedule(start=0.0, end=1.0, begin=1.0, until=1.0)
    # With a single step only the start counts.
    assert_close(
        run(pipeline, photo, mask_image=mask, strength=late, num_inference_steps=1),
        run(pipeline, photo, num_inference_steps=1),
    )


def test_a_list_of_pictures_is_each_alone(pipeline: Any, tiny: ModuleType) -> None:
    photos = [tiny.photo(96, 96, seed=0), tiny.photo(64, 80, seed=1)]
    masks = [tiny.half_mask(96, 96), None]
    negatives = [None, tiny.half_mask(64, 80)]
    generators = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    both = run(pipeline, photos, mask_image=masks, negative_mask_image=negatives, generator=generators)
    for i in range(2):
        alone = run(pipeline, photos[i], mask_image=masks[i], negative_mask_image=negatives[i], seed=5 + i)
        assert_close(both[i], alone[0], atol=1e-4, rtol=1e-4)


def test_stock_pixel_values(pipeline: Any, tiny: ModuleType) -> None:
    photo, mask = tiny.photo(64, 64), tiny.half_mask(64, 64)
    pixels = pipeline.encoder.preprocess(photo, mask)
    assert torch.equal(run(pipeline, pixels), run(pipeline, photo, mask_image=mask))
    # Three channels: the whole picture.
    assert_close(run(pipeline, pixels[:, :3], num_inference_steps=1), run(pipeline, photo, num_inference_steps=1))


def test_what_cannot_act_is_refused(pipeline: Any, tiny: ModuleType) -> None:
    photo, embeds = tiny.photo(), torch.zeros(1, 24)
    with pytest.raises(InputError, match="either `image` or `image_embeds`, not both and not neither"):
        run(pipeline)
    with pytest.raises(InputError, match="not both"):
        run(pipeline, photo, image_embeds=embeds)
    with pytest.raises(InputError, match="mask_image, strength cannot act on image_embeds: give the picture itself"):
        run(pipeline, image_embeds=embeds, mask_image=tiny.half_mask(), strength=0.5)
    with pytest.raises(InputError, match=r"focus cannot act on a batch of pixel values \(b, c, h, w\)"):
        run(pipeline, torch.zeros(1, 4, 64, 64), focus="crop")
    with pytest.raises(InputError, match=r"negative_image_embeds: expected the shape \(1, 24\) or \(1, 24\), got"):
        run(pipeline, photo, negative_image_embeds=torch.zeros(2, 24))
    with pytest.raises(PairingError, match="image_embeds: the denoiser takes embeddings of width 24, got width 7"):
        run(pipeline, image_embeds=torch.zeros(1, 7))
    for name in ("image_embeds", "negative_image_embeds"):
        with pytest.raises(InputError, match=f"^{name}: holds NaN or infinite values"):
            run(pipeline, **({"image_embeds": embeds} | {name: torch.full((1, 24), torch.nan)}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Give either negative_mask_image or negative_image_embeds"):
        run(pipeline, photo, negative_mask_image=tiny.half_mask(), negative_image_embeds=embeds)
    with pytest.raises(InputError, match=r"a list of 2, one for each picture, got a list of 3"):
        run(pipeline, photo, num_images_per_prompt=2, generator=[torch.Generator() for _ in range(3)])


def test_the_progress_bar(pipeline: Any, tiny: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    run(pipeline, tiny.photo())
    assert capsys.readouterr().err == ""
    pipeline.set_progress_bar_config(disable=False)
    run(pipeline, tiny.photo())
    pipeline.set_progress_bar_config(disable=True)
    assert "3/3" in capsys.readouterr().err


def test_a_plain_encoder_is_widened_and_looks_by_attention(tiny: ModuleType) -> None:
    components = tiny.image_variation_components(channels=3)
    plain = components["image_encoder"]
    pipeline = StableDiffusionImageVariationPipeline(**components)
    pipeline.set_progress_bar_config(disable=True)
    assert plain.config.num_channels == 3 and pipeline.image_encoder.config.num_channels == 4
    assert not pipeline.encoder.has_alpha
    photo, mask = tiny.photo(), tiny.half_mask()
    assert differ(run(pipeline, photo, mask_image=mask), run(pipeline, photo))
    assert torch.equal(run(pipeline, photo, mask_image=mask), run(pipeline, photo, mask_image=mask, focus="attention"))
    with pytest.raises(PairingError, match="alpha weights are zero"):
        run(pipeline, photo, mask_image=mask, focus="alpha")


def test_a_call_says_what_no_region_heeds(variation: Any, tiny: ModuleType) -> None:
    with pytest.warns(RegionWarning, match="No region is shown, so strength can do nothing"):
        run(variation, tiny.photo(), strength=0.5)
