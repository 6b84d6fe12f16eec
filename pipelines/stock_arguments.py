"""What a stock call wants of a reference picture's part: the first line for whoever brings a pipeline of their own."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.sampling import LARGEST_SIDE
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.conditioning.tokens import TokenFocus
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import family_of, find_reference_host
from gencontrol.pipelines.references.encoding import check_prompt, check_references, encode, encoder_for
from gencontrol.pipelines.references.reference import TEXT_SHARE, Call, Encoded, RegionReference

_SPELLED = ("mask_image", "negative_mask_image", "focus", "strength", "weight", "canvas_mask", "schedule")
"""Fields of a `RegionReference` that are arguments too."""


@checked
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
    pooled_prompt_embeds: Float[Tensor, "b d2"] | None = None,
    text_embeds: Float[Tensor, "t d3"] | None = None,
    text_share: float = TEXT_SHARE,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> dict[str, Any]:
    """Keyword arguments of a host's stock call that take a part of a reference picture.

    Nothing is changed on a pipeline, and what is returned belongs to the caller: it serves any number of calls.

    Args:
        host: A name of `REFERENCE_HOSTS`, or a record of one's own.
        encoder: What the host's adapter was trained with: an AlphaCLIP or a stock CLIP or SigLIP tower; for Redux a
            stock `FluxPriorReduxPipeline`; None for hosts that take pictures (Kontext, FLUX.2).
        image: The reference; this and the next seven are the fields of a `RegionReference`.
        references: Further ones, or all of them without `image`.
        rows: Whether each reference is for an output of its own, in the order of the batch.
        guided: Whether the call will use classifier-free guidance: `guidance_scale` above 1, `true_cfg_scale` for Flux.
            Never with a UNet of a consistency model, which reads the scale as a number (its configuration has a
            `time_cond_proj_dim`): there, as without guidance, stock code takes a negative for a second reference.
        height: Of the output in pixels, as the call will have it; needed by weights, canvas masks and schedules, and by
            hosts that take a bias.
        width: Of the output in pixels.
        token_focus: Of hosts that take tokens without a bias: what becomes of those outside; see `embed_tokens`.
        text_tokens: Length of the prompt's embedding, where the host takes a bias: `max_sequence_length` of the call.
        prompt_embeds: The prompt's embedding; Redux appends references to it, and a bias is made for its length.
        pooled_prompt_embeds: The prompt's pooled embedding, beside it, for Redux.
        text_embeds: What Kandinsky's prior makes of a text, `prior("on a beach").image_embeds`: mixed with the
            references', one row for all or one for each.
        text_share: How much of that mixture is the text's, [0, 1].
        dtype: Of the tensors; None is the encoder's, or float32 without one.
        device: Where they are to be; None is where the encoder is.

    Returns:
        New objects. A schedule brings a `callback_on_step_end`; call it from your own if you have one. After a run that
        was broken off make them anew: the next would begin with the weights where that one stopped.

    Raises:
        ConfigError: An unknown host.
        InputError: What the host would ignore or mix, or pictures and masks that cannot be used.
        PairingError: An encoder of another kind or width.
    """
    values = (mask_image, negative_mask_image, focus, strength, weight, canvas_mask, schedule)
    spelled: dict[str, Any] = dict(zip(_SPELLED, values, strict=True))
    host = find_reference_host(host) if isinstance(host, str) else host
    _check_tensors(height, width, text_tokens, dtype)
    mixture: dict[str, Any] = {"text_embeds": text_embeds, "text_share": text_share}
    check_prompt(host, prompt_embeds, pooled_prompt_embeds, token_focus=token_focus, **mixture)
    call = Call(
        size=None if height is None or width is None else (height, width),
        guided=guided,
        rows=rows,
        text_tokens=text_tokens if prompt_embeds is None else prompt_embeds.shape[1],
        prompt_embeds=prompt_embeds,
        pooled_prompt_embeds=pooled_prompt_embeds,
        **mixture,
    )
    references = (*_given(image, spelled), *references)
    return _made(host, encoder, references, call, token_focus=token_focus, dtype=dtype, device=device)


def _check_tensors(height: int | None, width: int | None, text_tokens: int, dtype: torch.dtype | None) -> None:
    for name, side in (("height", height), ("width", width)):
        if side is not None:
            check_number(side, name=name, at_most=LARGEST_SIDE, unit="pixels", error=InputError)
    check_number(text_tokens, name="text_tokens", at_least=0, error=InputError)
    if dtype is not None and not dtype.is_floating_point:
        raise InputError(f"dtype: expected one of floating numbers, such as torch.float16, got {dtype}.")


def _given(image: Any, spelled: dict[str, Any]) -> tuple[RegionReference, ...]:
    """The reference that was spelled out, if it was."""
    if image is not None:
        return (RegionReference(image=image, **spelled),)
    defaults = {field.name: field.default for field in fields(RegionReference)}
    idle = [name for name, value in spelled.items() if _is_set(value, defaults[name])]
    if idle:
        raise InputError(f"{', '.join(idle)}: expected `image` beside it, or `references` that have their own.")
    return ()


def _is_set(value: Any, default: Any) -> bool:
    # Masks may be arrays, which are not to be compared.
    return value != default if isinstance(value, float | int | str) else value is not default


def _made(
    host: ReferenceHost,
    encoder: Any,
    references: Sequence[RegionReference],
    call: Call,
    *,
    token_focus: TokenFocus,
    dtype: torch.dtype | None,
    device: torch.device | str | None,
) -> dict[str, Any]:
    check_references(host, references, guided=call.guided, rows=call.rows)
    # Maps and masks are made on the CPU and then placed, whatever device torch makes tensors on unless told.
    with torch.device("cpu"):
        parts = encoder_for(host, encoder)
        encoded = [encode(host, parts, reference, token_focus=token_focus) for reference in references]
        return family_of(host).arguments(host, *_placed(encoded, call, dtype, device))


def _placed(
    encoded: Sequence[Encoded], call: Call, dtype: torch.dtype | None, device: torch.device | str | None
) -> tuple[list[Encoded], Call]:
    """The references and the call in the dtype and on the device that were asked for, or the encoder's."""
    found = next((e.positive for e in encoded if e.positive is not None), torch.zeros(()))
    call = replace(call, dtype=dtype or found.dtype, device=torch.device(device or found.device))

    def placed(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device=call.device, dtype=call.dtype)

    return [replace(e, positive=placed(e.positive), negative=placed(e.negative)) for e in encoded], call
