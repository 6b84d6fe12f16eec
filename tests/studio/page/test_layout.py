"""What stands on the page, without a browser."""

import asyncio
from typing import Any

import gradio as gr
import pytest

from gencontrol.studio.page.layout import lay_out


@pytest.fixture(scope="module")
def components() -> list[Any]:
    """All of the page's."""

    async def build() -> list[Any]:
        with gr.Blocks(analytics_enabled=False) as blocks:
            lay_out(["tiny"], own_models=True, spatial=True)
        return list(blocks.blocks.values())

    # Where no event loop runs, gradio opens some, and closes none.
    return asyncio.run(build())


def test_nothing_on_the_page_would_send_a_picture_elsewhere(components: list[Any]) -> None:
    shown = [one for one in components if isinstance(one, gr.Image | gr.Gallery | gr.Video)]
    assert len(shown) > 5
    # Unless they are named, gradio's own are there, and one of them shares.
    assert [one.elem_id for one in shown if one.buttons is None or "share" in one.buttons] == []


def test_no_field_for_numbers_is_empty(components: list[Any]) -> None:
    # Gradio puts 0 in the place of nothing when such a field is first shown.
    numbers = [one for one in components if isinstance(one, gr.Number)]
    assert numbers and [one.label for one in numbers if one.value is None] == []
    (guidance,) = (one for one in components if getattr(one, "label", None) == "Guidance")
    assert isinstance(guidance, gr.Textbox) and guidance.value == ""


def test_boxes_have_their_handles_before_the_canvas_looks_for_them(components: list[Any]) -> None:
    (canvas,) = (one for one in components if getattr(one, "elem_id", None) == "studio-canvas")
    assert 0 < canvas.js_on_load.index("window.gencontrolHandles = {") < canvas.js_on_load.index("gencontrolStudio = {")
