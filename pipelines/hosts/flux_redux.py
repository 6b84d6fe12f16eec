"""Flux Redux: SigLIP's tokens behind the prompt's, with a bias that says how much each is read."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.pipelines.hosts.flux_adapter import FLUX_CALL, FLUX_DEV, FLUX_DEV_LICENCE, FLUX_RESTRICTION
from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost
from gencontrol.pipelines.references.canvas import output_size
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.pipelines.references.token_bias import Layout, bias_arguments
from gencontrol.regions.geometry import Geometry

# Width of CLIP's pooled text, which FluxPriorReduxPipeline fills with zeros.
_POOLED = 768


def arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """`prompt_embeds`, `pooled_prompt_embeds`, and `joint_attention_kwargs` with the bias.

    Several references stand one after another, where the stock prior adds their tokens up.

    Raises:
        InputError: Prompts of another width than the tokens, or of another number than the outputs.
    """
    size = output_size(call, multiple=host.grid, why="the bias has an entry for each of its tokens")
    tokens = [reference.condition for reference in encoded]
    counts = [t.shape[1] for t in tokens]
    text = _text(call, tokens[0], outputs=len(tokens) if call.rows else None)
    start, canvas = text.shape[1], (size[0] // host.grid) * (size[1] // host.grid)
    if call.rows:
        prompt, places = torch.cat([text, torch.cat(tokens)], dim=1), (slice(start, start + counts[0]),)
    else:
        prompt = torch.cat([text, *(t.expand(len(text), -1, -1) for t in tokens)], dim=1)
        ends = [start + sum(counts[: i + 1]) for i in range(len(counts))]
        places = tuple(slice(end - count, end) for end, count in zip(ends, counts, strict=True))
    length = prompt.shape[1] + canvas
    layout = Layout(length=length, canvas=slice(prompt.shape[1], length), references=places)
    made = {"prompt_embeds": prompt.to(call.dtype), "pooled_prompt_embeds": _pooled(call, len(prompt), prompt)}
    return made | bias_arguments("joint_attention_kwargs", layout, encoded, call, cell=host.grid)


def _text(call: Call, like: Tensor, *, outputs: int | None) -> Float[Tensor, "b t d"]:
    """The prompt's tokens, for so many outputs; None is as many as it has rows."""
    given = call.prompt_embeds
    if given is None:
        given = like.new_zeros(1, call.text_tokens, like.shape[2])
    if given.shape[2] != like.shape[2]:
        raise InputError(
            f"prompt_embeds: expected tokens of width {like.shape[2]}, as the references' are, got {given.shape[2]}."
        )
    if outputs is None:
        return given.to(like)
    if len(given) not in (1, outputs):
        raise InputError(f"prompt_embeds: expected 1 row, or one for each of {outputs} outputs, got {len(given)}.")
    return given.to(like).expand(outputs, -1, -1)


def _pooled(call: Call, rows: int, like: Tensor) -> Float[Tensor, "b d"]:
    pooled = like.new_zeros(1, _POOLED) if call.pooled_prompt_embeds is None else call.pooled_prompt_embeds
    if len(pooled) not in (1, rows):
        raise InputError(f"pooled_prompt_embeds: expected 1 row, or {rows} as of the prompts, got {len(pooled)}.")
    return pooled.to(device=like.device, dtype=call.dtype).expand(rows, -1)


FLUX_REDUX = ReferenceFamily(
    hosts=(
        ReferenceHost(
            name="flux-redux",
            pipelines=("FluxPipeline",),
            encoder="SigLIP so400m/14@384",
            siglip=True,
            takes="redux",
            width=1152,
            negative="own",
            geometry=Geometry(size=384, fit="squash"),
            grid=16,
            canvas_masks=True,
            weights=True,
            schedules=True,
            several=True,
            rows="rows",
            # Its text would have to be of one length with the references' tokens.
            call=replace(FLUX_CALL, negative_prompt=False, true_guidance=False),
            proven="widths",
            half="bfloat16",
            adapter=PublishedWeights(
                repository="black-forest-labs/FLUX.1-Redux-dev",
                size_mb=986.0,
                licence=FLUX_DEV_LICENCE,
                restriction=FLUX_RESTRICTION,
            ),
            base=FLUX_DEV,
        ),
    ),
    arguments=arguments,
)
