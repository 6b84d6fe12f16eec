"""Drawing with an opened host of references: one picture for each seed, through the stock call alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.region_pipeline.results import check_made
from gencontrol.pipelines.stock.batches import for_one_call, outputs_at_once
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.pipelines.stock.priors import embed_text
from gencontrol.pipelines.stock.scales import by_scale, scaled
from gencontrol.pipelines.stock.wanted import Drawing, check_drawing, check_text_towers, is_guided, mixes, scale_of
from gencontrol.pipelines.stock_arguments import region_arguments
from gencontrol.streams import seeded

_PROMPT = ("prompt_embeds", "pooled_prompt_embeds")
"""A prompt as stock calls take it embedded."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture that was drawn."""

    image: Image.Image
    """It."""
    seed: int
    """Its own."""
    flagged: bool = False
    """Whether the pipeline's safety checker blackened it."""


@checked
def draw_references(
    opened: OpenedHost, references: Sequence[RegionReference], seeds: Sequence[int], drawing: Drawing | None = None
) -> Iterator[Drawn]:
    """One picture for each seed, all with the same references; the pipeline is as before afterwards.

    What is wrong is said at once, and references are encoded at once; pictures come batch by batch as they are asked
    for. A seed gives the same picture in any batch, but for rounding.

    Args:
        opened: See `open_reference_host`.
        references: The first may be the only one; see `RegionReference`.
        seeds: One picture each.
        drawing: What else; None is all defaults.

    Raises:
        InputError: See `check_drawing`; or pictures and masks that cannot be used, or an adapter that was taken out.
    """
    drawing = drawing or Drawing()
    check_text_towers(opened.fitted, drawing)
    size = check_drawing(opened.host, references, drawing, default=opened.fitted.size)
    references, scale = by_scale(opened.host, references)
    settings = call_settings(opened, references, drawing, size)
    return _drawn(opened, seeds, settings, batch=drawing.batch, scale=scale)


def call_settings(
    opened: OpenedHost, references: Sequence[RegionReference], drawing: Drawing, size: tuple[int, int] | None
) -> dict[str, Any]:
    """All of the stock call's arguments but the seeds.

    Args:
        opened: The host.
        references: What is to be taken; without weights where `by_scale` says so. With none, a prompt alone.
        drawing: What else.
        size: (height, width) of the output in pixels.

    Raises:
        InputError: See `condition`; or a further argument that would take references out.
    """
    made = condition(opened, references, drawing, size) if references else {}
    # Redux's prompt stands before the references' tokens by now.
    stock = {name: v for name, v in drawing.stock.items() if opened.host.takes != "redux" or name not in _PROMPT}
    return stock_settings(opened.host, drawing, size) | stock | _with_options(made, stock)


def _with_options(made: dict[str, Any], stock: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that hold the references, with the caller's own options of attention among theirs.

    Raises:
        InputError: An argument that would take references, their places or their weights out.
    """
    for name in sorted(made.keys() & stock.keys()):
        ours, theirs = made[name], stock[name]
        if not isinstance(ours, dict) or not isinstance(theirs, Mapping) or ours.keys() & theirs.keys():
            raise InputError(f"stock: {name} holds the references here, which would be taken out; leave it out.")
        # In its place: a schedule changes this very dictionary.
        ours.update(theirs)
    return made


def condition(
    opened: OpenedHost, references: Sequence[RegionReference], drawing: Drawing, size: tuple[int, int] | None
) -> dict[str, Any]:
    """The stock call's arguments that hold the references; encoded where the pipeline runs.

    Args:
        opened: The host.
        references: What is to be taken.
        drawing: What else.
        size: (height, width) of the output in pixels.

    Raises:
        InputError: The adapter that would read them was taken out; or pictures and masks that cannot be used.
    """
    if opened.takes_adapter and not opened.holds_adapter:
        # Some stock calls would leave the references out without a word.
        raise InputError(
            f"{opened.host.name}: its adapter was taken out of the pipeline (`unload_adapter`), and nothing else reads "
            "references there: open the host anew."
        )
    device = opened.device
    how: dict[str, Any] = {"dtype": opened.dtype, "device": device, "guided": is_guided(opened.host, drawing)}
    if size is not None:
        how |= {"height": size[0], "width": size[1]}
    if opened.host.takes in ("redux", "picture"):
        how |= _prompt_of(opened, drawing)
    if mixes(opened.host, drawing):
        how |= _text_of(opened, drawing)
    with _at(opened.encoder, device):
        return region_arguments(opened.host, opened.encoder, references=references, **how)


def stock_settings(host: ReferenceHost, drawing: Drawing, size: tuple[int, int] | None) -> dict[str, Any]:
    """The stock call's arguments that hold all but the references, in the call's own words."""
    call = host.call
    made: dict[str, Any] = {call.steps: drawing.steps, call.guidance: scale_of(host, drawing)}
    if size is not None and call.sized:
        made |= {"height": size[0], "width": size[1]}
    if call.prompt != "none" and host.takes != "redux" and "prompt_embeds" not in drawing.stock:
        made["prompt"] = drawing.prompt or ""
    if drawing.negative_prompt is not None:
        made["negative_prompt"] = drawing.negative_prompt
    if drawing.true_guidance is not None:
        made["true_cfg_scale"] = drawing.true_guidance
    return made


def _drawn(
    opened: OpenedHost, seeds: Sequence[int], settings: dict[str, Any], *, batch: int, scale: float
) -> Iterator[Drawn]:
    batch = outputs_at_once(opened.host, settings, batch)
    for start in range(0, len(seeds), batch):
        some = seeds[start : start + batch]
        # Generators of the CPU, so that a seed means the same picture on every device.
        generators = [seeded(seed) for seed in some]
        with scaled(opened.denoiser, scale), for_one_call(settings) as call:
            # Of all forms of pictures the one that every stock class returns within 0 and 1, and with its NaN.
            how = {"num_images_per_prompt": len(some), "generator": generators, "output_type": "np"}
            result = opened.pipeline(**call, **how)
        flagged = getattr(result, "nsfw_content_detected", None) or [False] * len(some)
        check_made(result.images, opened.dtype, opened.pipeline.components)
        images = VaeImageProcessor.numpy_to_pil(result.images)
        for image, seed, blackened in zip(images, some, flagged, strict=True):
            yield Drawn(image=image, seed=seed, flagged=bool(blackened))


def _prompt_of(opened: OpenedHost, drawing: Drawing) -> dict[str, Any]:
    """The prompt's embedding, where references stand beside it."""
    given = {name: drawing.stock[name] for name in _PROMPT if name in drawing.stock}
    if opened.host.takes == "picture":
        return {"prompt_embeds": given["prompt_embeds"]} if "prompt_embeds" in given else {}
    if given or not drawing.prompt:
        # What Redux's prior fills in, at the width that this denoiser reads.
        return {"pooled_prompt_embeds": torch.zeros(1, opened.denoiser.config.pooled_projection_dim)} | given
    embeds, pooled, _ = opened.pipeline.encode_prompt(prompt=drawing.prompt, prompt_2=None)
    return {"prompt_embeds": embeds, "pooled_prompt_embeds": pooled}


def _text_of(opened: OpenedHost, drawing: Drawing) -> dict[str, Any]:
    """What the prior makes of the prompt, and its share."""
    assert drawing.prompt is not None
    with _at(opened.prior, opened.device):
        made: dict[str, Any] = {"text_embeds": embed_text(opened.prior, drawing.prompt)}
    return made if drawing.text_share is None else made | {"text_share": drawing.text_share}


@contextmanager
def _at(encoder: Any, device: torch.device) -> Iterator[None]:
    """The encoder where it is needed, and back where it was: with offloading, that is main memory."""
    if encoder is None or encoder.device == device:
        yield
        return
    before = encoder.device
    encoder.to(device)
    try:
        yield
    finally:
        encoder.to(before)
