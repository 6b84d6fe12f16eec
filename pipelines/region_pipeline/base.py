"""What every host's pipeline class shares: its encoder has four channels, and its condition comes from regions."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.alpha_slice import patch_weight
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import RegionEmbeds, choose_focus
from gencontrol.conditioning.sampling import check_guidance
from gencontrol.conditioning.strength import StrengthSchedule, as_strength
from gencontrol.errors import InputError
from gencontrol.finite import check_finite
from gencontrol.focus.registry import focus_strategy
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.reading import ImageSource
from gencontrol.kinds import checked
from gencontrol.pipelines.components import open_components, refused, trusting
from gencontrol.pipelines.embedding import region_embeds
from gencontrol.pipelines.encoders import AlphaClipSource, dtype_of, open_encoder, processor_of, widened
from gencontrol.pipelines.hosts.host import Host, HostFamily
from gencontrol.pipelines.region_pipeline.arguments import (
    AllMasks,
    Reference,
    as_pictures,
    check_alone,
    is_pixel_values,
    read_scenes,
    warn_of_idle,
)
from gencontrol.pipelines.region_pipeline.condition import Conditioning, given_rows, split_rows, with_negatives
from gencontrol.pipelines.region_pipeline.saving import WholeSaves
from gencontrol.regions.geometry import Fit
from gencontrol.regions.scene import Scene

Pipeline = TypeVar("Pipeline", bound="RegionPipeline")


class RegionPipeline(WholeSaves):
    """Base of the pipeline classes; stands before the stock class in a subclass that bears the stock class's name.

    Saving writes stock components under that name, so stock diffusers opens the folder. What every `__call__` takes
    beside the stock class's arguments:

    - `image`: a picture (path, PIL image, array, tensor (3 or 4, h, w) in [0, 1]), a list of them, or a batch
      (b, 3, h, w) of which no value lies outside of [0, 1]; or, as in stock classes, a batch of pixel values
      (b, 3 or 4, s, s) that a CLIPImageProcessor made.
    - `mask_image`: reference-side, that is which part of the *input* to take (white or opaque = look here), not where
      on the canvas it acts. A mask of the picture's size, a `Region`, either with a weight as `(mask, 0.5)`, or a list
      of these; for a list of pictures, a list with one such entry for each. Without a mask, a picture's own alpha
      channel is its region.
    - `negative_mask_image`: regions of the picture to keep away from. Their embedding takes the place of the zeros that
      classifier-free guidance departs from, so it acts only with a guidance scale above 1.
    - `focus`: how the encoder is made to look, a strategy or its name. None is its alpha channel if that has been
      trained, else "attention".
    - `fit`: "pad", "squash", "crop" or "published" in the place of the pipeline's own way to make pictures square.
    - `strength`: e_whole + strength (e_region - e_whole), in [0, 2]; a `StrengthSchedule` changes it over the steps.
    - `image_embeds`: un-normalised projected embeddings (b, d) in the place of `image`.
    - `negative_image_embeds`: embeddings in the place of `negative_mask_image`, one, or one for each picture.
    - `generator`: one, or a list with one for each output. Noise is drawn per output: the same seed gives the same
      picture whatever else is in the batch.
    - `callback_on_step_end(pipeline, step, timestep, tensors)` returns a dictionary of those tensors that it changes;
      `callback_on_step_end_tensor_inputs` names what it gets, of `latents`, `image_embeds` and
      `negative_image_embeds`: the latter two as the denoiser reads them, and the last is None without guidance.
      It may read `pipeline.guidance_scale` and set `pipeline._guidance_scale`, which the next step uses.
    - `num_inference_steps` is 25 unless given, in every pipeline and on the command line.

    Pictures come back as a list that a notebook shows as a labelled strip, after a check that they are pictures: what
    is not finite would be black.

    Warns with a `RegionWarning` of `strength` and `focus` where no region is shown: they can do nothing.

    Bad arguments raise an `InputError`; the focus "alpha" with an encoder whose alpha weights are zero, or embeddings
    of another width than the denoiser takes, a `PairingError`.
    """

    family: ClassVar[HostFamily]
    """The kind of host that the class is for."""

    _callback_tensor_inputs: ClassVar[list[str]] = ["latents", "image_embeds", "negative_image_embeds"]

    # Components that every host has; diffusers sets them by name.
    unet: Any
    image_encoder: Any
    feature_extractor: Any
    scheduler: Any

    if TYPE_CHECKING:
        # For checkers alone: at run time the next class, the stock one, has to be found behind this.
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Draw variations; each subclass says what it takes."""

    @classmethod
    def from_pretrained(
        cls: type[Pipeline],
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        alpha_clip: AlphaClipSource = "auto",
        **kwargs: Any,
    ) -> Pipeline:
        """Open a saved pipeline, with an Alpha-CLIP in the place of its encoder.

        Host and encoder are compared by their configuration files before any weight is loaded.

        Args:
            pretrained_model_name_or_path: `tiny` or another preset, a folder or a hub id.
            alpha_clip: An encoder, its folder or hub id, or a published `.pth` checkpoint. `auto` is the one that the
                preset or the folder comes with (in its subfolder `alpha_clip`), if there is one; None is the
                pipeline's own encoder, widened with zeros if it has three channels.
            **kwargs: As in diffusers. `dtype` is float32 unless given: without it, components would come back in the
                dtypes they were saved in, which may differ from each other.

        Raises:
            CheckpointError: Nothing there, or broken weights.
            PairingError: A pipeline of another class, or an encoder that does not fit the host.
        """
        opened = open_encoder(cls.family, str(pretrained_model_name_or_path), alpha_clip, kwargs)
        if "dtype" not in kwargs and "torch_dtype" not in kwargs:
            kwargs["dtype"] = torch.float32
        if opened.saved.location.out_of_reach:
            kwargs["local_files_only"] = True
        dtypes = {name: dtype_of(kwargs, name) for name in opened.saved.index}
        components = open_components(opened.saved, kwargs | dict(opened.components), dtypes=dtypes) | dict(
            opened.components
        )
        with refused(opened.saved.location.name), trusting():
            pipeline = super().from_pretrained(opened.saved.location.name, **components, **kwargs)
        assert isinstance(pipeline, cls)
        return pipeline

    def register_modules(self, **kwargs: Any) -> None:
        """Register components; an encoder of three channels is widened with zeros, and its processor with it.

        Raises:
            PairingError: An encoder whose embeddings do not fit the denoiser.
        """
        components = widened(self.family, kwargs)
        super().register_modules(**components)
        if components.get("image_encoder") is not None:
            # Looked at now, since weights that are offloaded layer by layer cannot be.
            self._had_alpha = bool(patch_weight(self.image_encoder)[:, 3:].any())

    @property
    def host(self) -> Host:
        """The record of this pipeline's host."""
        return self.family.host_of(self._vision().config)

    @property
    def encoder(self) -> AlphaCLIP:
        """The image encoder and its processor as the core knows them, sharing the pipeline's weights.

        Raises:
            InputError: The pipeline was opened without them.
        """
        tower, stock = self._vision(), self.feature_extractor
        if stock is None:
            raise InputError("This pipeline has no feature_extractor: open it with one to encode pictures.")
        processor = processor_of(self.family, stock, tower)
        return AlphaCLIP(tower, processor=processor).train(tower.training)

    @property
    def guidance_scale(self) -> float | int:
        """Weight of classifier-free guidance in the current run; a step-end callback may set `_guidance_scale`."""
        return self._guidance_scale

    @property
    def num_timesteps(self) -> int:
        """Steps of the current run, which diffusers' callback classes ask for."""
        return len(self.scheduler.timesteps)

    @torch.no_grad()
    @checked
    def encode_regions(
        self,
        image: ImageSource | list[ImageSource],
        mask_image: AllMasks = None,
        *,
        negative_mask_image: AllMasks = None,
        focus: str | FocusStrategy | None = None,
        fit: Fit | None = None,
        strength: float = 1.0,
        keep_whole: bool = False,
    ) -> list[RegionEmbeds]:
        """Embed pictures and their regions as `__call__` does; one entry for each picture.

        Args:
            image: See `__call__`.
            mask_image: See `__call__`.
            negative_mask_image: See `__call__`.
            focus: See `__call__`.
            fit: See `__call__`.
            strength: See `region_embeds`.
            keep_whole: See `region_embeds`.

        Raises:
            InputError: A picture or mask that cannot be used.
            PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
        """
        scenes = read_scenes(image, mask_image, negative_mask_image)
        return self._encode_scenes(scenes, focus=focus, fit=fit, strength=strength, keep_whole=keep_whole)

    def _begin(self, guidance_scale: float | int) -> Float[Tensor, ""]:
        """Note the guidance scale as other pipelines do, and return it as the stock loop is to read it.

        The loop keeps it in a variable of its own: of a tensor, what a callback writes is read at the next step.
        """
        self._guidance_scale = guidance_scale
        exact = torch.float64 if self.unet.dtype == torch.float64 else torch.float32
        return torch.tensor(float(guidance_scale), dtype=exact)

    def _conditioning(self, reference: Reference, guidance_scale: float | int) -> Conditioning:
        """Embed what a call is conditioned on.

        Raises:
            InputError: Arguments that exclude each other, or that cannot be used.
        """
        schedule = as_strength(reference.strength)
        check_guidance(guidance_scale, negative=reference.negative)
        for name in ("image_embeds", "negative_image_embeds"):
            given = getattr(reference, name)
            if given is not None and not isinstance(given, Tensor):
                raise InputError(f"{name}: expected a tensor (b, d), got {type(given).__name__}.")
            if given is not None:
                check_finite(given, name=f"{name}:")
        embeds = self._embeds(replace(reference, image=as_pictures(reference.image)), schedule)
        return Conditioning(with_negatives(embeds, reference.negative_image_embeds), schedule)

    def _embeds(self, reference: Reference, schedule: StrengthSchedule) -> list[RegionEmbeds]:
        if (reference.image is None) == (reference.image_embeds is None):
            raise InputError("Give either `image` or `image_embeds`, not both and not neither.")
        if reference.image_embeds is not None:
            check_alone(reference, "image_embeds")
            return given_rows(reference.image_embeds, width=self.family.embedding_width(self.unet.config))
        if is_pixel_values(reference.image):
            check_alone(reference, "a batch of pixel values (b, c, h, w) as `image`")
            return split_rows(self._encode_pixels(reference.image))
        scenes = read_scenes(reference.image, reference.mask_image, reference.negative_mask_image)
        warn_of_idle(reference, scenes)
        return self._encode_scenes(
            scenes,
            focus=reference.focus,
            fit=reference.fit,
            strength=schedule.start if schedule.is_constant else 1.0,
            keep_whole=not schedule.is_constant,
        )

    def _encode_scenes(
        self, scenes: list[Scene], *, focus: str | FocusStrategy | None, fit: Fit | None, **settings: Any
    ) -> list[RegionEmbeds]:
        encoder = self.encoder
        geometry = encoder.processor.geometry
        wanted = focus_strategy(focus) if isinstance(focus, str) else focus
        if any(scene.regions or scene.negative_regions for scene in scenes):
            wanted = choose_focus(wanted, has_alpha=self._has_alpha(), default=encoder.default_focus)
        how: Any = {"focus": wanted, "geometry": replace(geometry, fit=fit or geometry.fit), **settings}
        return [region_embeds(self.host, encoder, scene, device=self._execution_device, **how) for scene in scenes]

    def _encode_pixels(self, pixels: Tensor) -> Float[Tensor, "b d"]:
        encoder = self.encoder
        size = encoder.image_size
        if pixels.shape[1] not in (3, 4) or pixels.shape[2:] != (size, size):
            raise InputError(
                f"Expected pixel values (b, 3 or 4, {size}, {size}) of a CLIPImageProcessor, got "
                f"{tuple(pixels.shape)}: pictures of other sizes are a list, or a batch (b, 3, h, w) in [0, 1]."
            )
        if pixels.shape[1] == 3:
            # The whole picture: alpha 1, normalised as the processor does.
            alpha = (1.0 - encoder.processor.image_mean[3]) / encoder.processor.image_std[3]
            pixels = torch.cat([pixels, torch.full_like(pixels[:, :1], alpha)], dim=1)
        embeds = encoder.encode_pixels(pixels.to(self._execution_device, encoder.dtype))
        check_finite(embeds, name="What the encoder made of these pixel values")
        return embeds

    def _has_alpha(self) -> bool:
        weight = patch_weight(self.image_encoder)
        return self._had_alpha if weight.is_meta else bool(weight[:, 3:].any())

    def _vision(self) -> Any:
        if self.image_encoder is None:
            raise InputError("This pipeline has no image_encoder: it runs from `image_embeds` only.")
        return self.image_encoder
