"""Kandinsky 2.1 and 2.2: the decoder takes a CLIP embedding in the place of its prior's.

A text beside the picture is a mixture of embeddings, as the stock `interpolate` makes it: three parts of what the
prior makes of the text (`prior("on a beach").image_embeds`) to seven of the picture's, unless said.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost, StockCall
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.pipelines.references.steps import Callback, next_fraction


def arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """`image_embeds` and `negative_image_embeds`, a row for each output.

    A weight moves an embedding between that of no picture (0) and the reference's (1). One that changes over the steps
    is set by the callback, which reads and returns `image_embeds`. A text's share stays as it is.
    """
    negative = torch.cat([e.nothing for e in encoded])
    made: dict[str, Any] = {"image_embeds": _mixed(encoded, call, 0.0), "negative_image_embeds": negative}
    if not all(reference.course.is_constant for reference in encoded):
        made["callback_on_step_end"] = _callback(encoded, call)
        made["callback_on_step_end_tensor_inputs"] = ["latents", "image_embeds"]
    return made


def _mixed(encoded: Sequence[Encoded], call: Call, fraction: float) -> Tensor:
    rows, text = _weighed(encoded, fraction), call.text_embeds
    if text is None:
        return rows
    if len(text) not in (1, len(rows)) or text.shape[1] != rows.shape[1]:
        raise InputError(
            f"text_embeds: expected one row, or one for each of {len(rows)} references, {rows.shape[1]} wide, got "
            f"{tuple(text.shape)}: the `image_embeds` that the host's own prior makes of a text."
        )
    return call.text_share * text.to(rows) + (1 - call.text_share) * rows


def _weighed(encoded: Sequence[Encoded], fraction: float) -> Tensor:
    rows = []
    for reference in encoded:
        there, nothing, gain = reference.condition, reference.nothing, reference.gain(fraction)
        rows.append(there if gain == 1.0 else nothing + gain * (there - nothing))
    return torch.cat(rows)


def _callback(encoded: Sequence[Encoded], call: Call) -> Callback:
    def on_step_end(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        embeds = tensors["image_embeds"].clone()
        rows = _mixed(encoded, call, next_fraction(step, pipeline.num_timesteps)).to(embeds)
        # Under guidance the stock loop holds both halves, the negative one first.
        half = len(embeds) // 2 if pipeline.do_classifier_free_guidance else len(embeds)
        embeds[len(embeds) - half :] = rows.repeat_interleave(half // len(rows), dim=0)
        return {"image_embeds": embeds}

    return on_step_end


_V21 = ReferenceHost(
    name="kandinsky-2.1",
    pipelines=("KandinskyPipeline", "KandinskyImg2ImgPipeline", "KandinskyInpaintPipeline"),
    encoder="ViT-L/14",
    takes="embedding",
    width=768,
    negative="zero_pixels",
    weights=True,
    rows="rows",
    call=StockCall(prompt="needed", guidance_scale=4.0, side=512, multiple=64),
    tower=PublishedWeights(
        repository="kandinsky-community/kandinsky-2-1-prior",
        encoder_folder="image_encoder",
        size_mb=1220.0,
        licence="Apache-2.0",
    ),
    # Both priors without their vision towers.
    prior=PublishedWeights(repository="kandinsky-community/kandinsky-2-1-prior", size_mb=4580.0, licence="Apache-2.0"),
    base=PublishedWeights(repository="kandinsky-community/kandinsky-2-1", size_mb=7400.0, licence="Apache-2.0"),
)

KANDINSKY = ReferenceFamily(
    hosts=(
        _V21,
        replace(
            _V21,
            name="kandinsky-2.2",
            pipelines=("KandinskyV22Pipeline", "KandinskyV22Img2ImgPipeline", "KandinskyV22InpaintPipeline"),
            encoder="ViT-bigG/14",
            width=1280,
            schedules=True,
            call=StockCall(prompt="none", negative_prompt=False, guidance_scale=4.0, side=512, multiple=64),
            tower=PublishedWeights(
                repository="kandinsky-community/kandinsky-2-2-prior",
                encoder_folder="image_encoder",
                size_mb=3690.0,
                licence="Apache-2.0",
            ),
            prior=PublishedWeights(
                repository="kandinsky-community/kandinsky-2-2-prior", size_mb=3440.0, licence="Apache-2.0"
            ),
            base=PublishedWeights(
                repository="kandinsky-community/kandinsky-2-2-decoder", size_mb=5300.0, licence="Apache-2.0"
            ),
        ),
    ),
    arguments=arguments,
)
