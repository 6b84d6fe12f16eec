"""Flux Redux: SigLIP's tokens behind the prompt's, with a bias that says how much each is read."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

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
    """
    size = output_size(call, multiple=host.grid, why="the bias has an entry for each of its tokens")
    tokens = [reference.condition for reference in encoded]
    counts = [t.shape[1] for t in tokens]
    text = _text(call, tokens[0])
    start, canvas = text.shape[1], (size[0] // host.grid) * (size[1] // host.grid)
    if call.rows:
        prompt, places = torch.cat([torch.cat([text, t], dim=1) for t in tokens]), (slice(start, start + counts[0]),)
    else:
        prompt = torch.cat([text, *tokens], dim=1)
        ends = [start + sum(counts[: i + 1]) for i in range(len(counts))]
        places = tuple(slice(end - count, end) for end, count in zip(ends, counts, strict=True))
    length = prompt.shape[1] + canvas
    layout = Layout(length=length, canvas=slice(prompt.shape[1], length), references=places)
    made = {"prompt_embeds": prompt.to(call.dtype), "pooled_prompt_embeds": _pooled(call, len(prompt), prompt)}
    return made | bias_arguments("joint_attention_kwargs", layout, encoded, call, cell=host.grid)


def _text(call: Call, like: Tensor) -> Tensor:
    if call.prompt_embeds is not None:
        return call.prompt_embeds.to(like)
    return like.new_zeros(1, call.text_tokens, like.shape[2])


def _pooled(call: Call, rows: int, like: Tensor) -> Tensor:
    pooled = like.new_zeros(1, _POOLED) if call.pooled_prompt_embeds is None else call.pooled_prompt_embeds
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
