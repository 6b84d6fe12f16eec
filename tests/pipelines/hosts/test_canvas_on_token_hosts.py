"""Canvas masks on Kontext and FLUX.2: the bias reaches every attention, and changes what it should, to rounding.

With one block, and one step, a token of the output is what its own row of attention makes of it: so inside of the
canvas mask a picture has to be that of the whole canvas, and outside that of no reference.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from gencontrol.pipelines import REFERENCE_HOSTS, ReferenceHost, region_arguments
from gencontrol.regions.shapes import box_alpha

diffusers: Any = import_module("diffusers")
SIZE: dict[str, Any] = {"height": 8, "width": 8}
TOP = box_alpha((0, 0, 8, 4), (8, 8))
"""Of the output: the first 8 of 16 tokens."""
WORDS, TOKENS = 7, 16
EXACT = 1e-5
OPTIONS = {"flux-kontext": "joint_attention_kwargs", "flux2": "attention_kwargs", "flux2-klein": "attention_kwargs"}
Case = tuple[ReferenceHost, Any, Callable[..., Tensor], Callable[..., dict[str, Any]]]


@pytest.fixture(scope="module", params=OPTIONS)
def case(request: pytest.FixtureRequest, hosts: ModuleType, further_hosts: ModuleType) -> Case:
    """A host with one block, its pipeline, the stock call, and the arguments of a part of a reference."""
    name: str = request.param
    block: dict[str, Any] = {"num_layers": 1, "num_single_layers": 0}
    host, side = replace(REFERENCE_HOSTS[name], grid=2, resolutions=()), 8 if name == "flux-kontext" else 64
    if name == "flux-kontext":
        pipe = hosts.flux(diffusers.FluxKontextPipeline, **block)
        text = {"prompt_embeds": hosts.noise(1, WORDS, 32, seed=5), "pooled_prompt_embeds": hosts.noise(1, 32, seed=7)}
        # Only for the size: real pictures are of one of the model's resolutions.
        text |= {"_auto_resize": False}
    else:
        pipe = further_hosts.flux2(hosts, klein=name == "flux2-klein", **block)
        text = {"prompt_embeds": hosts.noise(1, WORDS, 16, seed=3)}
        text |= {"negative_prompt_embeds": hosts.noise(1, WORDS, 16, seed=4)} if name == "flux2-klein" else {}
    half = box_alpha((0, 0, side // 2, side), (side, side))
    picture = hosts.picture(1, height=side, width=side)

    def make(**reference: Any) -> dict[str, Any]:
        return region_arguments(host, None, picture, mask_image=half, text_tokens=WORDS, **SIZE, **reference)

    def run(made: dict[str, Any], steps: int = 1) -> Tensor:
        call = {"num_inference_steps": steps, "output_type": "latent", "guidance_scale": 3.0}
        drawn = pipe(**text | made | call, generator=torch.Generator().manual_seed(0)).images
        # Klein's latents come as a picture.
        return (
            drawn
            if drawn.ndim == 3
            else drawn.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
        )

    return host, pipe, run, make


def test_inside_is_the_whole_canvas_and_outside_is_without(case: Case, hosts: ModuleType) -> None:
    _, _, run, make = case
    full, gone, there = run(make()), run(make(weight=0.0)), run(make(canvas_mask=TOP))
    assert full.shape[1] == TOKENS
    for rows, expected in ((slice(0, 8), full), (slice(8, 16), gone)):
        assert hosts.difference(there[:, rows], expected[:, rows]) < EXACT
        assert hosts.difference(full[:, rows], gone[:, rows]) > 100 * EXACT


def test_a_soft_mask_is_a_weight_there(case: Case, hosts: ModuleType) -> None:
    _, _, run, make = case
    soft, half = run(make(canvas_mask=0.5 * TOP)), run(make(weight=0.5))
    assert hosts.difference(soft[:, :8], half[:, :8]) < EXACT
    assert hosts.difference(soft[:, :8], run(make())[:, :8]) > 10 * EXACT


def test_the_bias_reaches_every_attention_and_stays_the_callers(case: Case) -> None:
    """As it was made: of all tokens for all, with the part's outside and the canvas's outside removed."""
    host, pipe, run, make = case
    made, seen = make(canvas_mask=TOP), list[Tensor]()
    options = made[OPTIONS[host.name]]
    bias, kept = options["attention_mask"], copy.deepcopy(options)
    references = bias.shape[-1] - WORDS - TOKENS
    assert bias.shape == (1, 1, WORDS + TOKENS + references, WORDS + TOKENS + references)

    def look(module: Any, arguments: Any, named: dict[str, Any]) -> None:
        seen.append(named["attention_mask"])

    (block,) = pipe.transformer.transformer_blocks
    hook = block.attn.register_forward_pre_hook(look, with_kwargs=True)
    try:
        run(made, steps=2)
    finally:
        hook.remove()
    # Klein's guidance is a second pass.
    assert len(seen) == (4 if host.name == "flux2-klein" else 2)
    assert all(torch.equal(one, bias) for one in seen)
    assert options.keys() == kept.keys() and torch.equal(options["attention_mask"], kept["attention_mask"])
    canvas = bias[0, 0, WORDS : WORDS + TOKENS]
    assert bool((canvas[8:, WORDS + TOKENS :] < -1e3).all()) and not bias[0, 0, :, : WORDS + TOKENS].any()
    inside = canvas[:8, WORDS + TOKENS :]
    assert int((inside == 0).sum()) == inside.numel() // 2 and bool((inside[inside != 0] < -1e3).all())


def test_a_schedule_of_a_canvas_mask_ends_where_it_says(case: Case, hosts: ModuleType) -> None:
    """At a weight of 0 from the second step on, the second step is as without the reference."""
    _, _, run, make = case
    moving = make(canvas_mask=TOP, schedule="0:1 0.5:0 1:0")
    first = run(moving, steps=3)
    assert torch.equal(run(moving, steps=3), first)
    assert hosts.difference(first, run(make(canvas_mask=TOP), steps=3)) > EXACT
    assert hosts.difference(first, run(make(weight=0.0), steps=3)) > EXACT
