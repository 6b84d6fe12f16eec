"""What stands where in the tab of three dimensions; what happens there is `...page.spatial_events`'s."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from gencontrol.runs.radiance import CreationSettings
from gencontrol.studio.page.words import LABELS, idle
from gencontrol.studio.spatial.controls import (
    BOX_NAMES,
    LONGEST_PROMPT,
    MODES,
    MOST_STEPS,
    PAINTED,
    SPATIAL_NAMES,
    SYMMETRIES,
    SpatialControls,
    bounds,
)
from gencontrol.studio.spatial.desk import MISSING, NOTHING

BOX, BY_HAND = ("the box", ""), ("what is painted on views", PAINTED)
"""The parts that have no names: their labels, and what stands for a name."""
_PAINT, _TURN = '<div class="studio-paint"></div>', '<div class="studio-turn"></div>'
_PAINTED = """
const told = () => window.gencontrolPaint.show(element.querySelector(".studio-paint"), props.value, trigger);
watch("value", told);
told();"""
_GRIPPED = """
const told = () => window.gencontrolGrips.show(props.value, trigger);
watch("value", told);
told();"""
_TURNED = """
const told = () => window.gencontrolTurn.show(element.querySelector(".studio-turn"), props.value || "");
watch("value", told);
told();"""
"""Gradio's own component for meshes is not shown where it is filled while its tab is not, and loads eighty scripts."""
_POLL = 2.0
"""Seconds between two looks at a run."""


@dataclass(frozen=True, kw_only=True)
class SpatialParts:
    """The tab's components."""

    controls: dict[str, Any]
    """Setting -> component."""
    upload: Any
    """Sends a scene."""
    changing: Any
    """What is only there where a scene is changed."""
    boxed: Any
    """The box's own controls."""
    paint: Any
    """Where one paints on views."""
    view: Any
    """The scene from two sides, with the box or what is painted."""
    grips: Any
    """What the box is dragged by, over that."""
    noted: Any
    """Why it cannot be seen."""
    begin: Any
    """Starts a run."""
    stop: Any
    """Ends it."""
    runs: Any
    """The runs so far; the chosen one is shown."""
    progress: Any
    """How far it is."""
    preview: Any
    """What it looks like by now."""
    film: Any
    """Its turntable."""
    mesh: Any
    """Its mesh, to turn."""
    downloads: dict[str, Any]
    """File name -> button."""
    command: Any
    """The run as a command."""
    viewer: Any
    """What opens it in nerfstudio's viewer."""
    timer: Any
    """Looks at the run while it goes on."""
    shown: Any
    """What of it is on the page, so that nothing is sent twice."""


def lay_out_spatial(*, able: bool) -> SpatialParts:
    """Lay the tab out, within it.

    Args:
        able: Whether nerfstudio is there; without it the tab says how to get it.
    """
    if not able:
        gr.Markdown(MISSING, elem_id="studio-spatial-missing")
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            asked = _asked()
            with gr.Row():
                begin = gr.Button("Start", variant="primary", interactive=able, elem_id="studio-spatial-start")
                stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="studio-spatial-stop")
        with gr.Column(scale=1, min_width=320):
            shown = _shown()
    return SpatialParts(
        begin=begin, stop=stop, timer=gr.Timer(_POLL, active=False), shown=gr.State(""), **asked, **shown
    )


def _script(name: str) -> str:
    """One of the page's own, which is a part of it."""
    return files("gencontrol.studio.page").joinpath("assets", f"{name}.js").read_text(encoding="utf-8")


def _asked() -> dict[str, Any]:
    usual = SpatialControls()
    controls: dict[str, Any] = {
        "prompt": gr.Textbox(
            "",
            label=LABELS["prompt"],
            info="The scene, or the part of one. The embedded encoder knows names of things.",
            placeholder="cactus",
            max_length=LONGEST_PROMPT,
            elem_id="studio-spatial-prompt",
        ),
        "start": gr.Dropdown([NOTHING], value="", label=LABELS["start"], elem_id="studio-spatial-from"),
    }
    upload = gr.UploadButton("Send a scene.safetensors", file_types=[".safetensors"], elem_id="studio-spatial-send")
    with gr.Group(visible=False) as changing:
        controls["mode"] = gr.Radio(list(MODES), value=usual.mode, label=LABELS["mode"])
        controls["part"] = gr.Dropdown([BOX, BY_HAND], value="", label=LABELS["part"], elem_id="studio-spatial-part")
        view = gr.Image(
            interactive=False,
            show_label=False,
            buttons=[],
            format="png",
            alt_text="the scene from the front and from the right, with the part",
            elem_id="studio-spatial-view",
        )
        grips = gr.HTML(
            "", html_template="<div></div>", js_on_load=_script("grips") + _GRIPPED, elem_id="studio-spatial-grips"
        )
        noted = gr.Markdown("", elem_id="studio-spatial-noted")
        paint = gr.HTML(
            "", html_template=_PAINT, js_on_load=_script("paint") + _PAINTED, elem_id="studio-spatial-paint"
        )
        controls["painted"] = gr.Textbox("", visible=False)
        with gr.Group() as boxed:
            gr.Markdown("Drag the box by its grips, or press on the scene to bring it there.")
            controls |= _box()
    with gr.Row():
        controls["steps"] = gr.Slider(
            1, MOST_STEPS, value=usual.steps, step=1, label=LABELS["steps"], elem_id="studio-spatial-steps"
        )
        controls["seed"] = gr.Number(usual.seed, precision=0, minimum=0, label=LABELS["seed"], min_width=100)
    controls["symmetry"] = gr.Dropdown(
        list(SYMMETRIES),
        value=CreationSettings().symmetry,
        label=LABELS["symmetry"],
        info="Of what is new: quarter for round things.",
    )
    ordered = {name: controls[name] for name in SPATIAL_NAMES}
    seen = {"boxed": boxed, "paint": paint, "view": view, "grips": grips, "noted": noted}
    return {"controls": ordered, "upload": upload, "changing": changing, **seen}


def _box() -> dict[str, Any]:
    usual, made = SpatialControls(), {}
    for names in (BOX_NAMES[:3], BOX_NAMES[3:]):
        with gr.Row():
            for name in names:
                least, most = bounds(name)
                made[name] = gr.Slider(
                    least, most, value=getattr(usual, name), step=0.05, label=LABELS[name], min_width=110
                )
    return made


def _shown() -> dict[str, Any]:
    runs = gr.Dropdown([], value=None, label="Runs", elem_id="studio-spatial-runs")
    progress = gr.HTML(idle(), elem_id="studio-spatial-progress")
    preview = gr.Image(
        interactive=False,
        show_label=False,
        visible=False,
        buttons=[],
        alt_text="what the run has made by now, from four sides",
        elem_id="studio-spatial-preview",
    )
    film = gr.Video(
        label="Turntable", visible=False, interactive=False, loop=True, buttons=[], elem_id="studio-spatial-film"
    )
    mesh = gr.HTML("", html_template=_TURN, js_on_load=_script("turn") + _TURNED, elem_id="studio-spatial-mesh")
    with gr.Row():
        downloads = {
            name: gr.DownloadButton(text, visible=False, elem_id=f"studio-spatial-{name.partition('.')[2]}")
            for name, text in (("turntable.mp4", "Film"), ("scene.glb", "Mesh (GLB)"), ("scene.safetensors", "Scene"))
        }
    code: Any = {"language": "shell", "interactive": False, "visible": False, "wrap_lines": True, "lines": 2}
    return {
        "runs": runs,
        "progress": progress,
        "preview": preview,
        "film": film,
        "mesh": mesh,
        "downloads": downloads,
        "command": gr.Code(label="As command", elem_id="studio-spatial-command", **code),
        "viewer": gr.Code(label="In nerfstudio's viewer", elem_id="studio-spatial-viewer", **code),
    }
