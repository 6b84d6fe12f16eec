"""What stands where on the page; what happens there is `gencontrol.studio.page.events`'s."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from gencontrol.focus import FOCUS
from gencontrol.runs.samplers import SAMPLERS
from gencontrol.runs.settings import VariationSettings
from gencontrol.studio.page.spatial_layout import SpatialParts, lay_out_spatial
from gencontrol.studio.page.words import LABELS, idle
from gencontrol.studio.scene.asking import AMONG, LONGEST_WORDS, NAMES

_CANVAS = '<div class="studio-canvas"></div>'
_ATTACH = "\nwindow.gencontrolStudio.attach(element, trigger);"
_FITS = (("as the model has it", ""), "pad", "squash", "crop", "published")
_BUTTONS: list[Any] = ["download", "fullscreen"]
"""Of galleries: another would send pictures elsewhere."""
_SWEEPS = "strength=0:1.5:4, focus=alpha,crop, guidance=1:7:4"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The page's components."""

    session: Any
    """Whose page it is."""
    begin: Any
    """What the server tells the canvas at the start."""
    canvas: Any
    """Where one draws."""
    scene: Any
    """What is drawn, as JSON; filled when it is asked for."""
    words: Any
    """What is looked for."""
    among: Any
    """Among what."""
    grounder: Any
    """What proposes candidates."""
    find: Any
    """Finds it."""
    found: Any
    """What the server tells the canvas of it."""
    seen: Any
    """What the encoder will see."""
    noted: Any
    """What there is to say of that."""
    controls: dict[str, Any]
    """Setting -> component."""
    vary: Any
    """Starts a run."""
    stop: Any
    """Ends it."""
    progress: Any
    """How far it is."""
    now: Any
    """What is being made, or was made last."""
    sheet: Any
    """The sheet of a comparison or a sweep."""
    memory: Any
    """Everything that was made."""
    command: Any
    """The chosen picture as a command."""
    python: Any
    """The same as Python."""
    download: Any
    """Its file."""
    texts: Any
    """What a region may be."""
    ask: Any
    """Asks."""
    answer: Any
    """The answer."""
    question: Any
    """What the language model is asked."""
    describe: Any
    """Has it say something."""
    described: Any
    """What it says."""
    spatial: SpatialParts
    """The tab of three dimensions."""


def lay_out(models: Sequence[str], *, own_models: bool, spatial: bool) -> Parts:
    """Lay the page out; within `gr.Blocks`.

    Args:
        models: Names of models to choose from; the first is chosen.
        own_models: Whether others may be named.
        spatial: Whether there is what runs in three dimensions take.
    """
    # In the page itself: a file of its own may come later than what it is for.
    assets = files("gencontrol.studio.page").joinpath("assets")
    script = "".join(assets.joinpath(name).read_text(encoding="utf-8") for name in ("handles.js", "canvas.js"))
    session, begin = gr.State(None), gr.Textbox(visible=False)
    scene = gr.Textbox(visible=False)
    with gr.Row():
        with gr.Column(scale=5, min_width=320, elem_id="studio-flat"):
            canvas = gr.HTML("", html_template=_CANVAS, js_on_load=script + _ATTACH, elem_id="studio-canvas")
            with gr.Accordion("Find by words", open=False):
                finding = _finding(own_models=own_models)
            with gr.Accordion("What the encoder sees", open=True):
                seen = gr.Image(
                    interactive=False,
                    show_label=False,
                    height=260,
                    buttons=[],
                    alt_text="what the encoder sees",
                    elem_id="studio-seen",
                )
                noted = gr.Markdown("")
        with gr.Column(scale=4, min_width=320), gr.Tabs():
            with gr.Tab("Vary") as vary_tab:
                made = _vary(models, own_models=own_models)
            with gr.Tab("Ask") as ask_tab:
                asked = _ask()
            with gr.Tab("In three dimensions", render_children=True) as spatial_tab:
                in_space = lay_out_spatial(able=spatial)
    # The canvas and the pictures have nothing to do with a scene.
    for tab, there in ((vary_tab, "false"), (ask_tab, "false"), (spatial_tab, "true")):
        tab.select(None, None, None, js=f"() => {{ document.body.classList.toggle('studio-spatial', {there}); }}")
    seeing: Any = {"seen": seen, "noted": noted, "spatial": in_space}
    return Parts(
        session=session, begin=begin, canvas=canvas, scene=scene, **finding, **seeing, **made, **asked, **_memory()
    )


def _finding(*, own_models: bool) -> dict[str, Any]:
    words = gr.Textbox(
        "",
        label=LABELS["phrase"],
        info="It becomes a region, which one can draw on.",
        placeholder="the crown right of the pumpkin",
        max_length=LONGEST_WORDS,
        elem_id="studio-words",
    )
    among = gr.Radio(list(AMONG), value=AMONG[0], label=LABELS["among"], elem_id="studio-among")
    grounder = gr.Textbox(
        "",
        label=LABELS["grounder"],
        info="A folder or hub id; empty is the usual one.",
        visible=own_models,
        elem_id="studio-grounder",
    )
    find = gr.Button("Find", elem_id="studio-find")
    return {"words": words, "among": among, "grounder": grounder, "find": find, "found": gr.Textbox(visible=False)}


def _vary(models: Sequence[str], *, own_models: bool) -> dict[str, Any]:
    controls = _first_controls()
    with gr.Row():
        vary = gr.Button("Vary", variant="primary", elem_id="studio-vary")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="studio-stop")
    progress = gr.HTML(idle(), elem_id="studio-progress")
    now = gr.Gallery(
        label="Made",
        columns=4,
        object_fit="contain",
        height=None,
        interactive=False,
        buttons=_BUTTONS,
        elem_id="studio-now",
    )
    sheet = gr.Image(label="Side by side", interactive=False, visible=False, buttons=_BUTTONS, elem_id="studio-sheet")
    with gr.Accordion("How it looks", open=False):
        controls |= _looking()
    with gr.Accordion("How it draws", open=False):
        controls |= _drawing(models, own_models=own_models)
    with gr.Accordion("Side by side", open=False):
        controls["compare"] = gr.Checkbox(
            False, label=LABELS["compare"], info="The same seeds without the region, and with a masked crop."
        )
        controls["sweep"] = gr.Textbox(
            "", label=LABELS["sweep"], info="One setting at several values.", placeholder=_SWEEPS
        )
    ordered = {name: controls[name] for name in NAMES}
    return {"controls": ordered, "vary": vary, "stop": stop, "progress": progress, "now": now, "sheet": sheet}


def _first_controls() -> dict[str, Any]:
    with gr.Row():
        number = gr.Slider(1, 16, value=4, step=1, label=LABELS["number"], min_width=120)
        seed = gr.Textbox("0", label=LABELS["seed"], info="7, or 1,2,3, or 5-8, or random", min_width=120)
    strength = gr.Slider(
        0,
        2,
        value=1.0,
        step=0.05,
        label=LABELS["strength"],
        info="0 is the whole picture, 1 the regions, 2 beyond them.",
    )
    return {"number": number, "seed": seed, "strength": strength}


def _looking() -> dict[str, Any]:
    looks = [("as the model has it", ""), *FOCUS]
    return {
        "focus": gr.Dropdown(
            looks,
            value="",
            label=LABELS["focus"],
            allow_custom_value=True,
            info="Settings go behind a colon: zoom:closeness=1",
        ),
        "fit": gr.Dropdown(list(_FITS), value="", label=LABELS["fit"], info="How the picture becomes square."),
        "schedule": gr.Textbox("", label=LABELS["schedule"], info="Strength over the steps.", placeholder="1:0.3"),
        "invert": gr.Checkbox(False, label=LABELS["invert"]),
        "alpha_from_image": gr.Checkbox(False, label=LABELS["alpha_from_image"], info="Look where it is opaque."),
        "feather": gr.Slider(0, 50, value=0, step=0.5, label=LABELS["feather"], info="In pixels."),
    }


def _drawing(models: Sequence[str], *, own_models: bool) -> dict[str, Any]:
    samplers = [("the model's own", ""), *SAMPLERS]
    usual = VariationSettings()
    model = gr.Dropdown(list(models), value=models[0], label=LABELS["model"], allow_custom_value=own_models)
    encoder = gr.Textbox(
        "",
        label=LABELS["alpha_clip"],
        info="An Alpha-CLIP's folder or file, in the place of the model's.",
        visible=own_models,
    )
    return {
        "model": model,
        "alpha_clip": encoder,
        "steps": gr.Slider(1, 150, value=usual.steps, step=1, label=LABELS["steps"]),
        # Not a field for numbers: gradio fills those that are empty with 0 when they are first shown.
        "guidance": gr.Textbox("", label=LABELS["guidance"], info="Empty is the model's own; off at 1 and below."),
        "scheduler": gr.Dropdown(samplers, value="", label=LABELS["scheduler"]),
    }


def _ask() -> dict[str, Any]:
    texts = gr.Textbox(
        "",
        lines=4,
        label=LABELS["text"],
        info="What the region may be, one on each line.",
        placeholder="a pumpkin\na crown",
        elem_id="studio-texts",
    )
    ask = gr.Button("Ask", variant="primary", elem_id="studio-ask")
    answer = gr.HTML("", elem_id="studio-answer")
    question = gr.Textbox(
        "",
        label=LABELS["question"],
        info="To a small language model that knows the sprite world; empty for a description.",
        placeholder="which colour is it?",
        elem_id="studio-question",
    )
    describe = gr.Button("Describe, or answer", elem_id="studio-describe")
    described = gr.HTML("", elem_id="studio-described")
    scored = {"texts": texts, "ask": ask, "answer": answer}
    return scored | {"question": question, "describe": describe, "described": described}


def _memory() -> dict[str, Any]:
    with gr.Accordion("Everything made so far", open=True, elem_id="studio-made"):
        memory = gr.Gallery(
            show_label=False,
            columns=8,
            object_fit="contain",
            height=None,
            interactive=False,
            buttons=_BUTTONS,
            elem_id="studio-memory",
        )
        download = gr.DownloadButton("Download with its record", visible=False, elem_id="studio-download")
        with gr.Row():
            command = _code("shell", "As command", elem_id="studio-command")
            python = _code("python", "As Python", elem_id="studio-python")
    return {"memory": memory, "command": command, "python": python, "download": download}


def _code(language: Any, label: str, *, elem_id: str) -> gr.Code:
    """What can be copied, once there is something."""
    return gr.Code(
        language=language,
        label=label,
        interactive=False,
        visible=False,
        wrap_lines=True,
        lines=3,
        max_lines=20,
        elem_id=elem_id,
    )
