"""Karlo, an unCLIP whose pipeline diffusers keeps as a legacy: one embedding, a learned negative."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost, StockCall
from gencontrol.pipelines.references.reference import Call, Encoded


def arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """`image_embeddings`, a row for each output. With one generator for several rows, later steps' noise differs from
    single calls'; a list of generators makes them equal."""
    return {"image_embeddings": torch.cat([e.condition for e in encoded])}


_WEIGHTS = partial(
    PublishedWeights,
    repository="kakaobrain/karlo-v1-alpha-image-variations",
    # The main branch has pickles.
    revision="refs/pr/2",
    licence="CreativeML OpenRAIL-M",
)

KARLO = ReferenceFamily(
    hosts=(
        ReferenceHost(
            name="karlo",
            pipelines=("UnCLIPImageVariationPipeline",),
            encoder="ViT-L/14",
            takes="embedding",
            width=768,
            negative="own",
            rows="rows",
            call=StockCall(
                prompt="none",
                negative_prompt=False,
                steps="decoder_num_inference_steps",
                guidance="decoder_guidance_scale",
                guidance_scale=8.0,
                sized=False,
            ),
            tower=_WEIGHTS(encoder_folder="image_encoder"),
            base=_WEIGHTS(),
        ),
    ),
    arguments=arguments,
)
