"""What the parts of the tab of three dimensions do when they are used."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from gencontrol.errors import GencontrolError
from gencontrol.studio.page.events import AT_ONCE, toast
from gencontrol.studio.page.spatial_layout import BOX, BY_HAND, SpatialParts
from gencontrol.studio.page.spatial_words import how_far, mark_of
from gencontrol.studio.page.words import idle, in_labels, said
from gencontrol.studio.spatial.controls import BOX_NAMES, PAINTED, SPATIAL_NAMES
from gencontrol.studio.spatial.desk import TURNTABLE, Desk, Told
from gencontrol.studio.spatial.records import MESH, OVER

_MARKS = f"""(...values) => {{
    values[{SPATIAL_NAMES.index("painted")}] = window.gencontrolPaint ? window.gencontrolPaint.marks() : "";
    return values;
}}"""
"""What is painted is taken when it is asked for, so that no stroke is late."""
_TOASTING: Any = {"show_progress": "hidden", "api_visibility": "private"}
"""Only what goes through gradio's queue can end in a toast."""


def connect_spatial(parts: SpatialParts, desk: Desk, *, page: gr.Blocks) -> None:
    """Connect what is used to what it does; within `gr.Blocks`.

    Args:
        parts: The tab's components.
        desk: What does it.
        page: The page itself.
    """
    _choose(parts, desk)
    _run(parts, desk)
    page.load(_arriving(desk), None, [parts.runs, parts.controls["start"]], **AT_ONCE)


def _choose(parts: SpatialParts, desk: Desk) -> None:
    controls = list(parts.controls.values())
    start, part = parts.controls["start"], parts.controls["part"]
    seen = [parts.changing, part, parts.boxed, parts.paint, parts.view, parts.noted]
    start.change(_starting(desk), controls, seen, **AT_ONCE)
    part.change(_pointing(desk), controls, [parts.boxed, parts.paint], **AT_ONCE)
    moved = [part.change, parts.paint.input, *(parts.controls[name].change for name in BOX_NAMES)]
    looked: Any = {"trigger_mode": "always_last", "js": _MARKS, **AT_ONCE}
    gr.on(moved, _looking(desk), controls, [parts.view, parts.noted], **looked)
    gripped = [start.change, part.change, *(parts.controls[name].change for name in BOX_NAMES)]
    gr.on(gripped, _gripping(desk), controls, parts.grips, trigger_mode="always_last", **AT_ONCE)
    box = [parts.controls[name] for name in BOX_NAMES]
    parts.grips.input(None, None, box, js="() => window.gencontrolGrips.box()")
    places = [parts.controls[name] for name in BOX_NAMES[:3]]
    parts.view.select(_placing(desk), controls, places, **AT_ONCE)
    parts.upload.upload(_sending(desk), parts.upload, start, **_TOASTING)


def _run(parts: SpatialParts, desk: Desk) -> None:
    controls = list(parts.controls.values())
    parts.begin.click(_beginning(desk), controls, parts.runs, trigger_mode="once", js=_MARKS, **_TOASTING)
    results = [parts.progress, parts.stop, parts.timer, parts.shown, parts.preview, parts.film, parts.mesh]
    results += [*parts.downloads.values(), parts.command, parts.viewer, parts.runs, parts.controls["start"]]
    looked = {"inputs": [parts.runs, parts.shown], "outputs": results}
    names = tuple(parts.downloads)
    parts.runs.change(_showing(desk, names), **looked, **AT_ONCE)
    parts.timer.tick(_showing(desk, names), **looked, **AT_ONCE)
    stopped = parts.stop.click(_stopping(desk), parts.runs, parts.stop, **_TOASTING)
    stopped.then(_showing(desk, names), **looked, **AT_ONCE)


def said_as_toast(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, whose errors are the library's own lines beside what caused them."""

    @wraps(work)
    def call(*values: Any) -> Any:
        try:
            return work(*values)
        except GencontrolError as error:
            raise toast(error) from error

    return call


def _arriving(desk: Desk) -> Callable[..., Any]:
    def arrive(request: gr.Request) -> list[Any]:
        try:
            owner = desk.owner(request.username)
        except GencontrolError:
            # Said as soon as something is asked for.
            return [gr.skip()] * 2
        return [gr.update(choices=desk.runs(owner), value=desk.newest(owner)), gr.update(choices=desk.starts(owner))]

    return arrive


def _starting(desk: Desk) -> Callable[..., Any]:
    """Another start: what is there to change, and what it looks like."""

    def start(request: gr.Request, *values: Any) -> list[Any]:
        # What is painted was painted on another scene.
        named = dict(zip(SPATIAL_NAMES, values, strict=True)) | {"painted": ""}
        try:
            owner = desk.owner(request.username)
            seen = desk.seen(owner, named["start"] or "")
            if seen is None:
                return [gr.update(visible=False), gr.update(choices=[BOX, BY_HAND], value=""), gr.skip(), "", None, ""]
            part = named["part"] if named["part"] in (PAINTED, *seen.parts) else ""
            painting = desk.painting(owner, named["start"]) if part == PAINTED else ""
            view = desk.look(owner, list((named | {"part": part}).values()))
        except GencontrolError as error:
            return [gr.update(visible=True), gr.skip(), gr.skip(), "", None, in_labels(str(error))]
        parts = gr.update(choices=[BOX, BY_HAND, *((name, name) for name in seen.parts)], value=part)
        return [gr.update(visible=True), parts, gr.update(visible=not part), painting, view, ""]

    return start


def _pointing(desk: Desk) -> Callable[..., Any]:
    """Another way to show the part: the box's controls, or the views to paint on."""

    def point(request: gr.Request, *values: Any) -> list[Any]:
        named = dict(zip(SPATIAL_NAMES, values, strict=True))
        try:
            owner = desk.owner(request.username)
            painting = desk.painting(owner, named["start"] or "") if named["part"] == PAINTED else ""
        except GencontrolError:
            # What is wrong is said where the scene is looked at.
            painting = ""
        return [gr.update(visible=not named["part"]), painting]

    return point


def _looking(desk: Desk) -> Callable[..., Any]:
    """The part has changed."""

    def look(request: gr.Request, *values: Any) -> list[Any]:
        try:
            return [desk.look(desk.owner(request.username), values), ""]
        except GencontrolError as error:
            # In a line below: a toast at each move would be in the way.
            return [gr.skip(), in_labels(str(error))]

    return look


def _gripping(desk: Desk) -> Callable[..., str]:
    """What the box can be dragged by, where it now is."""

    def grip(request: gr.Request, *values: Any) -> str:
        try:
            return desk.grips(desk.owner(request.username), values)
        except GencontrolError:
            # Said where the scene is looked at.
            return ""

    return grip


def _placing(desk: Desk) -> Callable[..., Any]:
    """The scene was pressed on: the box comes there, unless the part is another."""

    def place(event: gr.SelectData, *values: Any) -> list[Any]:
        named = dict(zip(SPATIAL_NAMES, values, strict=True))
        try:
            column, row = (float(at) for at in event.index)
            moved = desk.place(values, column, row)
        except (GencontrolError, TypeError, ValueError):
            return [gr.skip()] * 3
        return [gr.skip()] * 3 if named["part"] else list(moved)

    return place


def _sending(desk: Desk) -> Callable[..., Any]:
    @said_as_toast
    def send(request: gr.Request, file: str) -> Any:
        owner = desk.owner(request.username)
        name = desk.take_scene(owner, Path(file))
        return gr.update(choices=desk.starts(owner), value=name)

    return send


def _beginning(desk: Desk) -> Callable[..., Any]:
    @said_as_toast
    def begin(request: gr.Request, *values: Any) -> Any:
        owner = desk.owner(request.username)
        name = desk.begin(owner, values)
        # Chosen, it is shown.
        return gr.update(choices=desk.runs(owner), value=name)

    return begin


def _stopping(desk: Desk) -> Callable[..., Any]:
    @said_as_toast
    def stop(request: gr.Request, name: str | None) -> Any:
        if name:
            desk.stop(desk.owner(request.username), name)
        return gr.update(interactive=False)

    return stop


def _showing(desk: Desk, names: tuple[str, ...]) -> Callable[..., Any]:
    """The chosen run, as far as the page does not have it yet."""
    rest = 10 + len(names)

    def show(request: gr.Request, name: str | None, shown: str) -> list[Any]:
        if not name:
            return [idle(), *[gr.skip()] * rest]
        try:
            owner = desk.owner(request.username)
            told = desk.tell(owner, name)
        except GencontrolError as error:
            # It is not looked for again.
            return [said(in_labels(str(error))), gr.skip(), gr.Timer(active=False), *[gr.skip()] * (rest - 2)]
        mark = mark_of(told)
        if mark == shown:
            return [how_far(told), *[gr.skip()] * rest]
        choices = [gr.update(choices=desk.runs(owner)), gr.update(choices=desk.starts(owner))]
        return [*_progress(told, mark), *_results(told, names), *choices]

    return show


def _progress(told: Told, mark: str) -> list[Any]:
    """How far it is; whether it can be stopped; whether it is looked at again; and what it is marked by."""
    goes_on = told.run.state.status not in OVER
    return [how_far(told), gr.update(interactive=goes_on), gr.Timer(active=goes_on), mark]


def _results(told: Told, names: tuple[str, ...]) -> list[Any]:
    """The preview, the film, the mesh's address, their downloads, and both commands."""
    film = told.files.get(TURNTABLE)
    mesh = f"studio/spatial/{told.run.name}/{MESH}" if MESH in told.files else ""
    shown = [_file(None if film is not None else told.preview), _file(film), mesh]
    lines = [gr.update(value=line, visible=bool(line)) for line in (told.command, told.viewer)]
    return [*shown, *(_file(told.files.get(name)) for name in names), *lines]


def _file(file: Path | None) -> Any:
    """A component with a file, or none."""
    return gr.update(value=None, visible=False) if file is None else gr.update(value=str(file), visible=True)
