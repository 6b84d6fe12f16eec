"""A step of modular SDXL that embeds the part of a reference picture.

Saved blocks are a folder with this very file, which diffusers runs only for whoever says `trust_remote_code=True`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.configuration_utils import FrozenDict
from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
from diffusers.models.embeddings import ImageProjection
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.modular_pipelines.modular_pipeline import ModularPipelineBlocks
from diffusers.modular_pipelines.modular_pipeline_utils import ComponentSpec, InputParam, OutputParam
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from gencontrol.errors import InputError, PairingError
from gencontrol.files import atomic_folder
from gencontrol.kinds import checked
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import find_reference_host
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock_arguments import region_arguments


class RegionImageEmbed(ModularPipelineBlocks):
    """Takes the place of `ip_adapter` in `StableDiffusionXLAutoBlocks`: the part of a reference instead of a picture.

    The names are not `image` and `mask_image`, since these start the stock blocks' inpainting.
    """

    model_name = "stable-diffusion-xl"

    @property
    def description(self) -> str:
        """What the step does."""
        return "Embeds the part of a reference picture that a mask marks, for the IP-Adapter in the denoiser."

    @property
    def expected_components(self) -> list[ComponentSpec]:
        """What the pipeline has to have."""
        settings: Any = FrozenDict({"guidance_scale": 7.5})
        return [
            ComponentSpec("image_encoder", CLIPVisionModelWithProjection),
            ComponentSpec("unet", UNet2DConditionModel),
            ComponentSpec("guider", ClassifierFreeGuidance, config=settings, default_creation_method="from_config"),
        ]

    @property
    def inputs(self) -> list[InputParam]:
        """What the call is given for it."""
        return [
            InputParam("reference_image", description="The picture; or `references`."),
            InputParam("reference_mask", description="Which part of it to take, white = this; None is all of it."),
            InputParam("references", description="`RegionReference`s with settings of their own."),
            InputParam("reference_rows", default=False, description="Whether each prompt has its own reference."),
            InputParam("reference_host", default="sdxl-ip-plus", description="The adapter's kind: a name or a record."),
            InputParam("reference_encoder", description="An AlphaCLIP or a tower in the place of `image_encoder`."),
            InputParam("prompt_embeds", description="Of the prompts; as many rows of references are made."),
            InputParam("num_images_per_prompt", default=1),
            InputParam("cross_attention_kwargs", description="Kept, and `ip_adapter_masks` put beside."),
            InputParam("height", description="Of the output in pixels; needed by weights and canvas masks."),
            InputParam("width", description="Of the output in pixels."),
        ]

    @property
    def intermediate_outputs(self) -> list[OutputParam]:
        """What the denoiser reads."""
        return [
            OutputParam("ip_adapter_embeds", description="(b, n, ...), in a list of one"),
            OutputParam("negative_ip_adapter_embeds", description="The same shape; None without guidance."),
            OutputParam("cross_attention_kwargs", description="With where and how strongly each reference acts."),
        ]

    @torch.no_grad()
    def __call__(self, components: Any, state: Any) -> tuple[Any, Any]:
        """Embed the references.

        Raises:
            InputError: See `region_arguments`; or references that change over the steps, which modular loops have no
                callback for; or another number of references than of prompts, where each has its own.
            PairingError: See `region_arguments` and `check_adapter`.
        """
        block: Any = self.get_block_state(state)
        host = (
            find_reference_host(block.reference_host) if isinstance(block.reference_host, str) else block.reference_host
        )
        check_adapter(host, components.unet)
        references, prompts = _references(block), 1 if block.prompt_embeds is None else len(block.prompt_embeds)
        made = _each_alone if block.reference_rows else _together
        encoder = components.image_encoder if block.reference_encoder is None else block.reference_encoder
        guided = components.guider.num_conditions > 1
        options = {"guided": guided, "height": block.height, "width": block.width}
        options |= {"dtype": components.unet.dtype, "device": components._execution_device}
        pair, masks = made(
            references, prompts, lambda chosen: region_arguments(host, encoder, references=chosen, **options)
        )
        block.ip_adapter_embeds = [pair[-1]]
        block.negative_ip_adapter_embeds = [pair[0]] if guided else None
        if masks is not None:
            block.cross_attention_kwargs = {**(block.cross_attention_kwargs or {}), "ip_adapter_masks": [masks]}
        self.set_block_state(state, block)
        return components, state


@checked
def save_region_block(folder: Path | str) -> None:
    """Write the block as a folder that `ModularPipelineBlocks.from_pretrained(folder, trust_remote_code=True)` opens.

    The folder has the block's settings and this file; whoever opens it needs gencontrol installed.

    Args:
        folder: New, or a block's own of earlier, which is replaced.

    Raises:
        InputError: A folder that holds something else.
        OutputError: It cannot be written.
    """
    source = Path(__file__)
    with atomic_folder(Path(folder), ours=(source.name, RegionImageEmbed.config_name)) as there:
        RegionImageEmbed().save_pretrained(there)
        # diffusers names this file in the settings, and leaves it to us to lay it beside them.
        (there / source.name).write_bytes(source.read_bytes())


def check_adapter(host: ReferenceHost, unet: Any) -> None:
    """Refuse another adapter than the host's: diffusers would fail in a matrix product.

    Raises:
        PairingError: A host that is no SDXL; no adapter, several, or one of another kind or width.
    """
    if "StableDiffusionXLPipeline" not in host.pipelines:
        raise PairingError(f"reference_host: expected one of SDXL, such as sdxl-ip-plus, got {host.name}.")
    layers = list(getattr(unet.encoder_hid_proj, "image_projection_layers", ()))
    if len(layers) != 1:
        raise PairingError(f"{host.name}: expected a pipeline with one IP-Adapter loaded, got {len(layers)}.")
    if isinstance(layers[0], ImageProjection) != (host.takes == "embedding"):
        kind = "one embedding" if host.takes != "embedding" else "an encoder's tokens"
        raise PairingError(f"reference_host: {host.name} is of another kind than the adapter, which takes {kind}.")
    # The layer that reads what the encoder makes: of a base adapter, and of a plus one.
    first = getattr(layers[0], "image_embeds", None) or getattr(layers[0], "proj_in", None)
    if first is not None and first.in_features != host.width:
        raise PairingError(
            f"reference_host: the adapter takes a width of {first.in_features}, and {host.name} gives {host.width}."
        )


def _references(block: Any) -> list[RegionReference]:
    """What the call is given, as references.

    Raises:
        InputError: What cannot be, or would be left out without a word.
    """
    if block.reference_image is None and block.reference_mask is not None:
        raise InputError("reference_mask: expected `reference_image` beside it, or `references` that have their own.")
    references = list(block.references or [])
    if block.reference_image is not None:
        references.insert(0, RegionReference(image=block.reference_image, mask_image=block.reference_mask))
    if not all(reference.course.is_constant for reference in references):
        raise InputError("schedule: the loop of a modular pipeline calls nobody back, so no weight can change in it.")
    if block.reference_rows:
        if block.num_images_per_prompt != 1:
            raise InputError("reference_rows: diffusers mixes rows up unless num_images_per_prompt is 1.")
        prompts = 1 if block.prompt_embeds is None else len(block.prompt_embeds)
        if len(references) != prompts:
            raise InputError(
                f"reference_rows: expected a reference for each of {prompts} prompts, got {len(references)}."
            )
    return references


Make = Callable[[Sequence[RegionReference]], dict[str, Any]]
"""From references to what the stock call of one output wants."""


def _together(references: Sequence[RegionReference], prompts: int, make: Make) -> tuple[Tensor, Tensor | None]:
    """All references for every output: (2, b, n, ...), (1, ...) without guidance, and maps (1, n, h, w)."""
    pair, masks = _parts(make(references))
    return pair[:, None].repeat_interleave(prompts, dim=1), masks


def _each_alone(references: Sequence[RegionReference], prompts: int, make: Make) -> tuple[Tensor, Tensor | None]:
    """A reference for each output: (2, b, 1, ...), (1, ...) without guidance, and maps (b, 1, h, w)."""
    parts = [_parts(make([reference])) for reference in references]
    known = next((masks for _, masks in parts if masks is not None), None)
    pairs = torch.stack([pair for pair, _ in parts], dim=1)
    if known is None:
        return pairs, None
    # Ones are no mask, to the bit.
    return pairs, torch.cat([torch.ones_like(known) if masks is None else masks for _, masks in parts])


def _parts(made: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
    (pair,) = made["ip_adapter_image_embeds"]
    options = made.get("cross_attention_kwargs")
    return pair, None if options is None else options["ip_adapter_masks"][0]
