"""What a stock call writes into its settings is taken back, however it ends."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.pipelines import Drawing, RegionReference, draw_references, open_reference_host
from gencontrol.pipelines.stock.batches import for_one_call

Folder = Callable[[str], Path]


def test_lists_and_dictionaries_are_as_before_also_where_a_call_is_broken_off() -> None:
    options, places = {"mask": 1}, ["latents"]
    with pytest.raises(ZeroDivisionError), for_one_call({"options": options, "places": places, "steps": 3}) as call:
        assert call == {"options": {"mask": 1}, "places": ["latents"], "steps": 3}
        # A schedule changes the very dictionary that the call reads.
        options["mask"] = 2
        assert call["options"]["mask"] == 2
        call["options"]["left"] = 0
        call["places"].append("mask")
        raise ZeroDivisionError
    assert options == {"mask": 1} and places == ["latents"]


def test_a_callers_options_of_attention_are_as_before(reference_folder: Folder, hosts: ModuleType) -> None:
    """Flux's stock call puts the reference into them."""
    folder = reference_folder("flux-ip")
    parts: dict[str, Any] = {"adapter": folder / "adapter.safetensors", "image_encoder": folder / "image_encoder"}
    opened = open_reference_host("flux-ip", base=folder / "base", **parts)
    opened.pipeline.set_progress_bar_config(disable=True)
    options: dict[str, Any] = {"scale": 1.0}
    text = {"prompt_embeds": hosts.noise(1, 7, 32), "pooled_prompt_embeds": hosts.noise(1, 32)}
    wanted = Drawing(steps=1, height=16, width=16, batch=1, stock={**text, "joint_attention_kwargs": options})
    reference = RegionReference(image=hosts.picture())
    assert len(list(draw_references(opened, [reference], [0, 1], wanted))) == 2
    assert options == {"scale": 1.0}
