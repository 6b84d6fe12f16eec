"""What a stock call wants of a reference picture's part: the first line for whoever brings a pipeline of their own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.conditioning.tokens import TokenFocus
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import family_of, find_reference_host
from gencontrol.pipelines.references.encoding import check_references, encode, encoder_for
from gencontrol.pipelines.references.reference import Call, RegionReference


def region_arguments(
    host: str | ReferenceHost,
    encoder: Any,
    image: Any = None,
    *,
    mask_image: Any = None,
    negative_mask_image: Any = None,
    focus: str | FocusStrategy | None = None,
    strength: float = 1.0,
    weight: float = 1.0,
    canvas_mask: Any = None,
    schedule: str | StrengthSchedule | None = None,
    references: Sequence[RegionReference] = (),
    rows: bool = False,
    guided: bool = True,
    height: int | None = None,
    width: int | None = None,
    token_focus: TokenFocus = "repeat",
    text_tokens: int = 512,
    prompt_embeds: Float[Tensor, "b t d"] | None = None,
    pooled_prompt_embeds: Float[Tensor, "b d"] | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> dict[str, Any]:
    """Keyword arguments of a host's stock call that take a part of a reference picture.

        pipe = StableDiffusionXLPipeline.from_pretrained(...)   # with its IP-Adapter loaded
        part = region_arguments("sdxl-ip-plus", encoder, "photo.png", mask_image="cup.png")
        pictures = pipe("on a beach", **part).images

    Nothing is changed on a pipeline, and what is returned belongs to the caller: it serves any number of calls.

    Args:
        host: A name of `REFERENCE_HOSTS`, or a record of one's own.
        encoder: What the host's adapter was trained with: an AlphaCLIP or a stock CLIP or SigLIP tower; for Redux a
            stock `FluxPriorReduxPipeline`; None for hosts that take pictures (Kontext, FLUX.2).
        image: The reference; see `RegionReference`, also for the next seven.
        mask_image: Which part of it to take.
        negative_mask_image: What of it to keep away from.
        focus: How the encoder is made to look.
        strength: From the whole picture, 0, to the part, 1.
        weight: How much it counts.
        canvas_mask: Where on the output it acts.
        schedule: Its weight over the steps.
        references: Further ones, or all of them without `image`.
        rows: Whether each reference is for an output of its own, in the order of the batch.
        guided: Whether the call will use classifier-free guidance: `guidance_scale` above 1, `true_cfg_scale` for Flux.
        height: Of the output in pixels; needed by weights, canvas masks and schedules, and by token hosts.
        width: Of the output in pixels.
        token_focus: For hosts that take an encoder's tokens: what becomes of those outside; see `embed_tokens`.
        text_tokens: Length of the prompt's embedding: `max_sequence_length` of Flux's calls.
        prompt_embeds: The prompt's embedding, where the host appends references to it (Redux).
        pooled_prompt_embeds: The prompt's pooled embedding, beside it.
        dtype: Of the tensors; None is the encoder's, or float32 without one.
        device: Where they are to be; None is where the encoder is.

    Returns:
        New objects. A schedule brings a `callback_on_step_end`; call it from your own if you have one.

    Raises:
        ConfigError: An unknown host.
        InputError: References that the host would ignore or mix, or pictures and masks that cannot be used.
        PairingError: An encoder of another kind or width.
    """
    host = find_reference_host(host) if isinstance(host, str) else host
    if image is not None:
        first = RegionReference(
            image=image,
            mask_image=mask_image,
            negative_mask_image=negative_mask_image,
            focus=focus,
            strength=strength,
            weight=weight,
            canvas_mask=canvas_mask,
            schedule=schedule,
        )
        references = (first, *references)
    elif mask_image is not None or canvas_mask is not None:
        raise InputError("A mask needs its picture: expected `image`, or masks within `references`.")
    check_references(host, references, guided=guided, rows=rows)
    parts = encoder_for(host, encoder)
    encoded = [encode(host, parts, reference, token_focus=token_focus) for reference in references]
    if prompt_embeds is not None:
        text_tokens = prompt_embeds.shape[1]
    found = next((e.positive for e in encoded if e.positive is not None), torch.zeros(()))
    there = found.device if device is None else torch.device(device)
    call = Call(
        size=None if height is None or width is None else (height, width),
        guided=guided,
        rows=rows,
        text_tokens=text_tokens,
        prompt_embeds=prompt_embeds,
        pooled_prompt_embeds=pooled_prompt_embeds,
        dtype=dtype or found.dtype,
        device=there,
    )
    moved = [replace(e, positive=_to(e.positive, call), negative=_to(e.negative, call)) for e in encoded]
    return family_of(host).arguments(host, moved, call)


def _to(tensor: Tensor | None, call: Call) -> Tensor | None:
    return None if tensor is None else tensor.to(device=call.device, dtype=call.dtype)
