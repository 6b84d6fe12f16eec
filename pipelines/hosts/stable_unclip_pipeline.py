"""Stable unCLIP variations of a region, with a text prompt beside it if wanted."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import torch
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.pipelines.stable_diffusion import pipeline_stable_unclip_img2img as stock
from diffusers.utils.torch_utils import randn_tensor
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.sampling import DEFAULT_STEPS, check_sampling
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.reading import ImageSource
from gencontrol.kinds import checked
from gencontrol.pipelines.hosts.host import HostFamily
from gencontrol.pipelines.hosts.stable_unclip import STABLE_UNCLIP
from gencontrol.pipelines.region_pipeline.arguments import AllMasks, Reference, noise_of
from gencontrol.pipelines.region_pipeline.base import RegionPipeline
from gencontrol.pipelines.region_pipeline.condition import Conditioning
from gencontrol.pipelines.region_pipeline.results import drawn_as, finished, labels_of
from gencontrol.pipelines.region_pipeline.step_callbacks import Legacy, StepEnd, StepHooks, step_callback, tensor_inputs
from gencontrol.regions.geometry import Fit
from gencontrol.streams import Generators, per_picture


class StableUnCLIPImg2ImgPipeline(RegionPipeline, stock.StableUnCLIPImg2ImgPipeline):
    """The stock class of that name, with regions.

    The stock loop runs unchanged; this class makes its condition. A saved pipeline opens in stock diffusers and gives
    the same pictures from the same square RGBA picture of the encoder's size. One thing is mended: the stock class
    noises the embedding once, with the first generator, for the whole batch; here each picture has its own noise.
    """

    family: ClassVar[HostFamily] = STABLE_UNCLIP

    @torch.no_grad()
    @checked
    def __call__(  # noqa: PLR0917, the stock order of arguments
        self,
        image: ImageSource | list[Any] | None = None,
        prompt: str | list[str] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = DEFAULT_STEPS,
        guidance_scale: float | int = 10.0,
        negative_prompt: str | list[str] | None = None,
        num_images_per_prompt: int | None = 1,
        eta: float = 0.0,
        generator: Generators = None,
        latents: Float[Tensor, "n c h w"] | None = None,
        prompt_embeds: Float[Tensor, "p t e"] | None = None,
        negative_prompt_embeds: Float[Tensor, "p t e"] | None = None,
        output_type: str | None = "pil",
        return_dict: bool = True,
        callback: Legacy | None = None,
        callback_steps: int = 1,
        cross_attention_kwargs: dict[str, Any] | None = None,
        noise_level: int = 0,
        image_embeds: Float[Tensor, "b d"] | None = None,
        clip_skip: int | None = None,
        *,
        mask_image: AllMasks = None,
        negative_mask_image: AllMasks = None,
        focus: str | FocusStrategy | None = None,
        fit: Fit | None = None,
        strength: float | StrengthSchedule = 1.0,
        negative_image_embeds: Float[Tensor, "m d"] | None = None,
        callback_on_step_end: StepEnd | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> ImagePipelineOutput | tuple[Any]:
        """Generate variations of the regions of pictures; see `RegionPipeline` for the arguments about regions.

        The others are the stock class's: texts, or embeddings in their place, are one for all pictures or one for each;
        `noise_level` in [0, the noising scheduler's last step] is noise on the embedding, for freer variations.
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
        conditioning: Any = self._conditioning(reference, guidance_scale)
        text = "" if prompt is None and prompt_embeds is None else prompt
        texts = spread((text, negative_prompt, prompt_embeds, negative_prompt_embeds), len(conditioning))
        count = _count(texts[0], texts[2]) * per_prompt
        guidance = self._begin(guidance_scale)
        output = super().__call__(
            conditioning,
            texts[0],
            height,
            width,
            num_inference_steps,
            guidance,  # pyright: ignore[reportArgumentType]
            texts[1],
            per_prompt,
            eta,
            cast(Any, per_picture(generator, count)),
            noise_of(latents, self, count=count, size=(height, width)),
            texts[2],
            texts[3],
            drawn_as(output_type),
            return_dict,
            step_callback(self, conditioning, hooks, guidance=guidance),
            cross_attention_kwargs=cross_attention_kwargs,
            noise_level=noise_level,
            clip_skip=clip_skip,
        )
        labels = labels_of(generator, count)
        return finished(output, output_type, labels, dtype=self.unet.dtype, components=self.components)

    def _encode_image(  # noqa: PLR0917, the stock hook's arguments
        self,
        image: Any,
        device: torch.device,
        batch_size: int,
        num_images_per_prompt: int,
        do_classifier_free_guidance: bool | Tensor,
        noise_level: Tensor,
        generator: Generators,
        image_embeds: None,
    ) -> Tensor:
        """The stock hook: make the condition of the embeddings that `__call__` handed through."""
        assert isinstance(image, Conditioning)
        dtype, level = self.unet.dtype, int(noise_level)
        noise = randn_tensor(
            (batch_size, image[0].image_embeds.shape[1]), generator=generator, device=device, dtype=dtype
        )
        return image.make(
            lambda embeds: self.noise_image_embeddings(embeds, level, noise=noise),
            count=batch_size,
            guided=bool(do_classifier_free_guidance),
            device=device,
            dtype=dtype,
        )


def spread(texts: Sequence[Any], images: int) -> list[Any]:
    """Texts, or their embeddings, with one entry for each picture where there is one for all.

    Raises:
        InputError: Several of both, in different numbers.
    """
    for text in texts:
        entries = len(text) if isinstance(text, (list, Tensor)) else 1
        if images > 1 and entries not in (1, images):
            raise InputError(f"{entries} prompts for {images} pictures: give one for all, or one for each.")
    return [_repeated(text, images) for text in texts]


def _repeated(text: Any, images: int) -> Any:
    if text is None or images == 1 or (not isinstance(text, str) and len(text) > 1):
        return text
    if isinstance(text, Tensor):
        return text.expand(images, *text.shape[1:])
    return [text] * images if isinstance(text, str) else list(text) * images


def _count(prompt: Any, prompt_embeds: Any) -> int:
    if prompt is None:
        return len(prompt_embeds)
    return len(prompt) if isinstance(prompt, list) else 1
