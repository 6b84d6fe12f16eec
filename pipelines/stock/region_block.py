"""A step of modular SDXL that embeds the part of a reference picture.

Saved blocks are a folder with this very file, which diffusers runs only for whoever says `trust_remote_code=True`.
"""

from collections.abc import Callable, Sequence
from functools import partial
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
from gencontrol.kinds import checked, said
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
            InputParam(
                "references",
                description="`RegionReference`s with settings of their own; with several adapters, a list for each.",
            ),
            InputParam("reference_rows", default=False, description="Whether each prompt has its own reference."),
            InputParam(
                "reference_host",
                default="sdxl-ip-plus",
                description="The adapter's kind, a name or a record; a list of them, in the order of loading.",
            ),
            InputParam(
                "reference_encoder",
                description="An AlphaCLIP or a tower in the place of `image_encoder`; a list, one for each adapter.",
            ),
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
            OutputParam("ip_adapter_embeds", description="(b, n, ...) for each adapter, in a list"),
            OutputParam("negative_ip_adapter_embeds", description="The same shape; None without guidance."),
            OutputParam("cross_attention_kwargs", description="With where and how strongly each reference acts."),
        ]

    @torch.no_grad()
    def __call__(self, components: Any, state: Any) -> tuple[Any, Any]:
        """Embed the references.

        Raises:
            InputError: See `region_arguments`; or references that change over the steps, which modular loops have no
                callback for; or another number of references than of prompts, where each has its own; or of lists or
                encoders than of adapters.
            PairingError: See `region_arguments` and `check_adapters`.
        """
        block: Any = self.get_block_state(state)
        guided = components.guider.num_conditions > 1
        options = {"guided": guided, "height": block.height, "width": block.width}
        options |= {"dtype": components.unet.dtype, "device": components._execution_device}
        pairs, maps = _embedded(block, components, options)
        block.ip_adapter_embeds = [pair[-1] for pair in pairs]
        block.negative_ip_adapter_embeds = [pair[0] for pair in pairs] if guided else None
        if any(masks is not None for masks in maps):
            block.cross_attention_kwargs = {**(block.cross_attention_kwargs or {}), "ip_adapter_masks": maps}
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


def check_adapters(hosts: Sequence[ReferenceHost], unet: Any) -> None:
    """Refuse other adapters than the hosts': diffusers would fail in a matrix product.

    Raises:
        PairingError: A host that is no SDXL; another number of adapters, or one of another kind or width.
    """
    for host in hosts:
        if "StableDiffusionXLPipeline" not in host.pipelines:
            raise PairingError(f"reference_host: expected one of SDXL, such as sdxl-ip-plus, got {host.name}.")
    layers = list(getattr(unet.encoder_hid_proj, "image_projection_layers", ()))
    if len(layers) != len(hosts):
        names = ", ".join(host.name for host in hosts)
        raise PairingError(f"{names}: expected a pipeline with {_counted(len(hosts))} loaded, got {len(layers)}.")
    for host, layer in zip(hosts, layers, strict=True):
        _check_layer(host, layer)


def _counted(adapters: int) -> str:
    return "one IP-Adapter" if adapters == 1 else f"{adapters} IP-Adapters"


def _check_layer(host: ReferenceHost, layer: Any) -> None:
    if isinstance(layer, ImageProjection) != (host.takes == "embedding"):
        kind = "one embedding" if host.takes != "embedding" else "an encoder's tokens"
        raise PairingError(f"reference_host: {host.name} is of another kind than the adapter, which takes {kind}.")
    # The layer that reads what the encoder makes: of a base adapter, and of a plus one.
    first = getattr(layer, "image_embeds", None) or getattr(layer, "proj_in", None)
    if first is not None and first.in_features != host.width:
        raise PairingError(
            f"reference_host: the adapter takes a width of {first.in_features}, and {host.name} gives {host.width}."
        )


def _embedded(block: Any, components: Any, options: dict[str, Any]) -> tuple[list[Tensor], list[Tensor | None]]:
    """For each adapter what `_together` or `_each_alone` makes; None is an adapter that acts as it is alone."""
    hosts = [find_reference_host(h) if isinstance(h, str) else h for h in _listed(block.reference_host)]
    check_adapters(hosts, components.unet)
    given = components.image_encoder if block.reference_encoder is None else block.reference_encoder
    encoders = given if isinstance(given, list) else [given] * len(hosts)
    lists = _references_of(block, len(hosts))
    if len(encoders) != len(hosts):
        raise InputError(f"reference_encoder: expected one for each of {len(hosts)} adapters, got {len(encoders)}.")
    prompts = 1 if block.prompt_embeds is None else len(block.prompt_embeds)
    put = _each_alone if block.reference_rows else _together
    made = []
    for host, encoder, references in zip(hosts, encoders, lists, strict=True):
        make = partial(_made, host, encoder, options)
        made.append(put(_checked(references, block, prompts), prompts, make))
    return [pair for pair, _ in made], [masks for _, masks in made]


def _made(
    host: ReferenceHost, encoder: Any, options: dict[str, Any], references: Sequence[RegionReference]
) -> dict[str, Any]:
    return region_arguments(host, encoder, references=references, **options)


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _references_of(block: Any, adapters: int) -> list[list[RegionReference]]:
    """The references of each adapter: a picture that is given alone is every adapter's.

    Raises:
        InputError: Another number of lists than of adapters, or a mask without a picture.
    """
    if block.reference_image is None and block.reference_mask is not None:
        raise InputError("reference_mask: expected `reference_image` beside it, or `references` that have their own.")
    lists = _given_lists(block.references)
    if adapters == 1 and not (lists and isinstance(lists[0], list | tuple)):
        lists = [lists]
    if not lists and block.reference_image is not None:
        lists = [[] for _ in range(adapters)]
    if len(lists) != adapters or not all(isinstance(one, list | tuple) for one in lists):
        raise InputError(
            f"references: expected a list of them for each of {adapters} adapters, in the order of loading, or one "
            "`reference_image` for all."
        )
    if block.reference_image is None:
        return [list(one) for one in lists]
    first = RegionReference(image=block.reference_image, mask_image=block.reference_mask)
    return [[first, *one] for one in lists]


def _given_lists(given: Any) -> list[Any]:
    """`references` as a list: a call of a modular pipeline looks at no kinds."""
    lists = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    flat = [one for each in lists for one in (each if isinstance(each, list | tuple) else (each,))]
    if wrong := [one for one in flat if not isinstance(one, RegionReference)]:
        raise InputError(f"references: expected a list of RegionReference, got {said(wrong[0])} in it.")
    return lists


def _checked(references: Sequence[RegionReference], block: Any, prompts: int) -> Sequence[RegionReference]:
    """The references of one adapter.

    Raises:
        InputError: What would be left out or mixed up without a word.
    """
    if not all(reference.course.is_constant for reference in references):
        raise InputError("schedule: the loop of a modular pipeline calls nobody back, so no weight can change in it.")
    if block.reference_rows:
        if block.num_images_per_prompt != 1:
            raise InputError("reference_rows: diffusers mixes rows up unless num_images_per_prompt is 1.")
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
