"""Stable Diffusion image variations of a region."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion_image_variation as stock
from diffusers.pipelines.stable_diffusion.pipeline_output import StableDiffusionPipelineOutput
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPImageProcessor

from gencontrol.conditioning.sampling import DEFAULT_STEPS, check_sampling
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.reading import ImageSource
from gencontrol.kinds import checked
from gencontrol.pipelines.hosts.host import HostFamily
from gencontrol.pipelines.hosts.image_variation import IMAGE_VARIATION
from gencontrol.pipelines.region_pipeline.arguments import AllMasks, Reference, noise_of
from gencontrol.pipelines.region_pipeline.base import RegionPipeline
from gencontrol.pipelines.region_pipeline.condition import Conditioning
from gencontrol.pipelines.region_pipeline.results import drawn_as, finished, labels_of
from gencontrol.pipelines.region_pipeline.step_callbacks import Legacy, StepEnd, StepHooks, step_callback, tensor_inputs
from gencontrol.regions.geometry import Fit
from gencontrol.streams import Generators, per_picture


class StableDiffusionImageVariationPipeline(RegionPipeline, stock.StableDiffusionImageVariationPipeline):
    """The stock class of that name, with regions.

    The stock loop runs unchanged; this class makes its condition. A saved pipeline opens in stock diffusers and gives
    the same pictures from the same square RGBA picture of the encoder's size (without a safety checker: there the
    checker gets the encoder's four channels).
    """

    family: ClassVar[HostFamily] = IMAGE_VARIATION

    @torch.no_grad()
    @checked
    def __call__(  # noqa: PLR0917, the stock order of arguments
        self,
        image: ImageSource | list[Any] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = DEFAULT_STEPS,
        guidance_scale: float | int = 7.5,
        num_images_per_prompt: int | None = 1,
        eta: float = 0.0,
        generator: Generators = None,
        latents: Float[Tensor, "n c h w"] | None = None,
        output_type: str | None = "pil",
        return_dict: bool = True,
        callback: Legacy | None = None,
        callback_steps: int = 1,
        *,
        mask_image: AllMasks = None,
        negative_mask_image: AllMasks = None,
        focus: str | FocusStrategy | None = None,
        fit: Fit | None = None,
        strength: float | StrengthSchedule = 1.0,
        image_embeds: Float[Tensor, "b d"] | None = None,
        negative_image_embeds: Float[Tensor, "m d"] | None = None,
        callback_on_step_end: StepEnd | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> StableDiffusionPipelineOutput | tuple[Any, list[bool] | None]:
        """Generate variations of the regions of pictures; see `RegionPipeline` for the arguments about regions.

        Args:
            height: Of the output in pixels, as `width`; a multiple of 8. None is the denoiser's own size.
            num_inference_steps: Steps of the scheduler; as many as the command line takes.
            guidance_scale: Weight of classifier-free guidance, `uncond + scale (cond - uncond)`; off at 1 and below.
            num_images_per_prompt: Variations of each picture.
            eta: DDIM's eta, [0, 1]; other schedulers ignore it.
            latents: Noise to start from, one for each output.
            output_type: "pil", "np", "pt" or "latent".
            return_dict: Whether to return an object with fields, or a tuple.
            callback: `callback(step, timestep, latents)` every `callback_steps` steps, the legacy form.

        Returns:
            Pictures, and for each whether the safety checker blackened it (None without a checker).
        """
        per_prompt = 1 if num_images_per_prompt is None else num_images_per_prompt
        check_sampling(steps=num_inference_steps, pictures=per_prompt, eta=eta, size=(height, width))
        names = tensor_inputs(self, callback_on_step_end, callback_on_step_end_tensor_inputs)
        hooks = StepHooks(on_step_end=callback_on_step_end, tensor_inputs=names, legacy=callback, every=callback_steps)
        reference = Reference(
            image=image,
            mask_image=mask_image,
            negative_mask_image=negative_mask_image,
            focus=focus,
            fit=fit,
            strength=strength,
            image_embeds=image_embeds,
            negative_image_embeds=negative_image_embeds,
        )
        drawn = drawn_as(output_type)
        conditioning: Any = self._conditioning(reference, guidance_scale)
        count = len(conditioning) * per_prompt
        guidance = self._begin(guidance_scale)
        output = super().__call__(
            conditioning,
            height,
            width,
            num_inference_steps,
            guidance,  # pyright: ignore[reportArgumentType]
            per_prompt,
            eta,
            per_picture(generator, count),
            noise_of(latents, self, count=count, size=(height, width)),
            drawn,
            return_dict,
            step_callback(self, conditioning, hooks, guidance=guidance),
        )
        labels = labels_of(generator, count)
        return finished(output, output_type, labels, dtype=self.unet.dtype, components=self.components)

    def _encode_image(
        self, image: Any, device: torch.device, num_images_per_prompt: int, do_classifier_free_guidance: bool | Tensor
    ) -> Tensor:
        """The stock hook: make the condition of the embeddings that `__call__` handed through."""
        assert isinstance(image, Conditioning)
        return image.make(
            lambda embeds: embeds[:, None],
            count=len(image) * num_images_per_prompt,
            guided=bool(do_classifier_free_guidance),
            device=device,
            dtype=self.unet.dtype,
        )

    def run_safety_checker(self, image: Any, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
        """Check decoded pictures; the checker sees RGB through its own processor, not the encoder's RGBA one."""
        if self.safety_checker is None:
            return image, None
        size = self.safety_checker.config.vision_config.image_size
        # Plain CLIP's processor, which the checker was trained with.
        processor = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
        pictures = self.image_processor.postprocess(image.detach(), output_type="pil")
        pixels = processor(pictures, return_tensors="pt").pixel_values
        return self.safety_checker(images=image, clip_input=pixels.to(device, dtype))
