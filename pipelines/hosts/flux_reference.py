"""Flux Kontext and FLUX.2: the reference's latents are tokens beside the canvas's, and no encoder is asked."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PIL.Image import Image

from gencontrol.pipelines.hosts.flux_adapter import FLUX_CALL, FLUX_DEV_LICENCE, FLUX_RESTRICTION
from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost, StockCall
from gencontrol.pipelines.references.canvas import output_size
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.pipelines.references.token_bias import Layout, bias_arguments


def kontext_arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """`image`, the output's size, and `joint_attention_kwargs` with the bias.

    The stock call brings any height and width to a million pixels, unless `max_area` is theirs.
    """
    made = _arguments(host, encoded, call, options="joint_attention_kwargs")
    assert call.size is not None
    return made | {"image": made["image"][0], "max_area": call.size[0] * call.size[1]}


def _arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call, *, options: str) -> dict[str, Any]:
    """`image` as a list, the output's size, and the bias; tokens are the prompt's, the canvas's, the references'."""
    height, width = output_size(call, multiple=host.grid, why="the bias has an entry for each of its tokens")
    end = call.text_tokens + (height // host.grid) * (width // host.grid)
    canvas, places, pictures = slice(call.text_tokens, end), [], list[Image]()
    for reference in encoded:
        assert reference.token_weights is not None and reference.picture is not None
        pictures.append(reference.picture)
        places.append(slice(end, end + len(reference.token_weights)))
        end = places[-1].stop
    layout = Layout(length=end, canvas=canvas, references=tuple(places))
    made = {"image": pictures, "height": height, "width": width}
    return made | bias_arguments(options, layout, encoded, call, cell=host.grid)


_reference_host = partial(
    ReferenceHost,
    takes="picture",
    negative="own",
    encoder="its own autoencoder",
    grid=16,
    canvas_masks=True,
    weights=True,
    schedules=True,
    rows="loop",
    half="bfloat16",
)

# FluxKontextPipeline's PREFERRED_KONTEXT_RESOLUTIONS, sizes of its training; (height, width) here.
_SIDES = (
    (672, 1568),
    (688, 1504),
    (720, 1456),
    (752, 1392),
    (800, 1328),
    (832, 1248),
    (880, 1184),
    (944, 1104),
    (1024, 1024),
)

FLUX_KONTEXT = ReferenceFamily(
    hosts=(
        _reference_host(
            name="flux-kontext",
            pipelines=("FluxKontextPipeline",),
            call=replace(FLUX_CALL, prompt="needed", guidance_scale=2.5),
            resolutions=(*_SIDES, *((b, a) for a, b in reversed(_SIDES[:-1]))),
            base=PublishedWeights(
                repository="black-forest-labs/FLUX.1-Kontext-dev",
                size_mb=33700.0,
                licence=FLUX_DEV_LICENCE,
                restriction=FLUX_RESTRICTION,
            ),
        ),
    ),
    arguments=kontext_arguments,
)

# What diffusers' Flux2ImageProcessor refuses in the middle of a call.
_BOUNDS: dict[str, Any] = {"least_side": 64, "most_aspect": 8.0}
_FLUX_2_CALL = StockCall(
    prompt="needed", negative_prompt=False, guidance_scale=4.0, distilled=True, side=1024, multiple=16
)

FLUX_2 = ReferenceFamily(
    hosts=(
        _reference_host(
            name="flux2-klein",
            pipelines=("Flux2KleinPipeline",),
            most_pixels=1024 * 1024,
            **_BOUNDS,
            several=True,
            call=replace(_FLUX_2_CALL, guidance_scale=1.0),
            base=PublishedWeights(
                repository="black-forest-labs/FLUX.2-klein-4B", size_mb=16000.0, licence="Apache-2.0"
            ),
        ),
        _reference_host(
            name="flux2",
            pipelines=("Flux2Pipeline",),
            most_pixels=1024 * 1024,
            **_BOUNDS,
            several=True,
            call=_FLUX_2_CALL,
            base=PublishedWeights(
                repository="black-forest-labs/FLUX.2-dev",
                size_mb=112000.0,
                licence="FLUX.2 [dev] non-commercial",
                restriction="FLUX.2 [dev] is for non-commercial use",
            ),
        ),
    ),
    arguments=partial(_arguments, options="attention_kwargs"),
)
