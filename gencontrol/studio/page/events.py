"""What the page's parts do when they are used."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from gencontrol.errors import GencontrolError, InputError
from gencontrol.studio.page.layout import Parts
from gencontrol.studio.page.routes import begin
from gencontrol.studio.page.sessions import Session
from gencontrol.studio.page.studio import Studio, repeating
from gencontrol.studio.page.words import answers, bars, idle, in_labels, in_toast, progress, said
from gencontrol.studio.scene.asking import NAMES

_SCENE = "(session, scene, ...rest) => [session, window.gencontrolStudio.scene(), ...rest]"
"""What is drawn is taken from the canvas when it is asked for, so that no stroke is late."""
_BEGIN = """async (text) => {
    const late = () => !window.gencontrolStudio || !window.gencontrolStudio.attached();
    while (late()) await new Promise((go) => setTimeout(go, 20));
    window.gencontrolStudio.begin(text);
}"""
"""The canvas may be there later than what it is told."""
_FOUND = "(text) => { window.gencontrolStudio.found(text); return ''; }"
AT_ONCE: Any = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""For what the page asks for by itself, one thing right after another: an answer of its own to each request.

In gradio's queue, a request that joins just as the stream of the one before is closed is never answered, nor, of what
asks again while it waits, is anything. Such an answer cannot be a toast.
"""
_SHAPING = ("model", "alpha_clip", "focus", "fit", "invert", "feather", "alpha_from_image")
"""Controls that change what the encoder sees."""
_STOPPED = "Stopped."


def toast(error: GencontrolError) -> gr.Error:
    """An error as the page shows it: its own line, and no traceback in the log."""
    return gr.Error(in_toast(str(error)), title="That cannot be", print_exception=False)


def connect(parts: Parts, studio: Studio, *, picture: Path | None, concurrency: int, page: gr.Blocks) -> None:
    """Connect what is used to what it does; within `gr.Blocks`.

    Args:
        parts: The page's components.
        studio: What does it.
        picture: What a visit begins with.
        concurrency: Runs at one time.
        page: The page itself.
    """
    controls = list(parts.controls.values())
    _begin_and_end(parts, studio, picture, page)
    _look(parts, studio, controls)
    _draw(parts, studio, controls, concurrency)
    asked = {"inputs": [parts.session, parts.scene, parts.texts, *controls], "outputs": parts.answer, "js": _SCENE}
    gr.on([parts.ask.click], _asking(studio), **asked, api_visibility="private")
    # Once there are bars, they follow what is drawn.
    live = asked | {"inputs": [parts.session, parts.scene, parts.answer, parts.texts, *controls]}
    moved = [parts.canvas.input, *(parts.controls[name].change for name in _SHAPING)]
    gr.on(moved, _following(studio), **live, trigger_mode="always_last", **AT_ONCE)
    said = asked | {"inputs": [parts.session, parts.scene, parts.question, *controls], "outputs": parts.described}
    gr.on([parts.describe.click, parts.question.submit], _describing(studio), **said, api_visibility="private")
    _find(parts, studio, controls)
    chosen = [parts.command, parts.python, parts.download]
    for gallery, place in ((parts.memory, _from_memory), (parts.now, _from_now)):
        gallery.select(
            _choosing(studio, place), parts.session, chosen, show_progress="hidden", api_visibility="private"
        )


def _begin_and_end(parts: Parts, studio: Studio, picture: Path | None, page: gr.Blocks) -> None:
    # Gradio tells of the end of a visit by its own name for it.
    names: dict[str, str] = {}

    def open_session(request: gr.Request) -> tuple[str, str]:
        try:
            name, told = begin(studio, picture)
        except GencontrolError as error:
            return "", json.dumps({"error": in_labels(str(error))})
        names[str(request.session_hash)] = name
        return name, told

    def close_session(request: gr.Request) -> None:
        name = names.pop(str(request.session_hash), None)
        if name is not None:
            studio.sessions.close(name)

    told = page.load(open_session, None, [parts.session, parts.begin], **AT_ONCE)
    told.then(None, parts.begin, None, js=_BEGIN)
    page.unload(close_session)


def _look(parts: Parts, studio: Studio, controls: list[Any]) -> None:
    def look(name: str, scene: str, *values: Any) -> tuple[Any, str]:
        try:
            session = studio.sessions.find(name)
            if session.picture is None:
                return None, ""
            with session.used():
                path, notices = studio.look(session, scene, values)
        except GencontrolError as error:
            # In a line below: a toast at each stroke would be in the way.
            return gr.skip(), in_labels(str(error))
        return str(path), " ".join(notices)

    def recall(name: str, scene: str) -> list[Any]:
        try:
            found = studio.recalled(studio.sessions.find(name))
        except GencontrolError as error:
            raise toast(error) from error
        return [getattr(found, control) for control in NAMES]

    how: Any = {"js": _SCENE, "trigger_mode": "always_last"}
    seen = {"inputs": [parts.session, parts.scene, *controls], "outputs": [parts.seen, parts.noted]}
    triggers = [parts.canvas.input, *(parts.controls[name].change for name in _SHAPING)]
    gr.on(triggers, look, **seen, **how, **AT_ONCE)
    hidden: Any = {"show_progress": "hidden", "api_visibility": "private"}
    parts.canvas.submit(recall, [parts.session, parts.scene], controls, **how, **hidden)


def _find(parts: Parts, studio: Studio, controls: list[Any]) -> None:
    def find(name: str, scene: str, words: str, among: str, grounder: str, *values: Any) -> str:
        try:
            session = studio.sessions.find(name)
            with session.used():
                return json.dumps(studio.find(session, scene, values, words, among=among, grounder=grounder))
        except GencontrolError as error:
            raise toast(error) from error

    asked = [parts.session, parts.scene, parts.words, parts.among, parts.grounder, *controls]
    how: Any = {"js": _SCENE, "api_visibility": "private", "trigger_mode": "once"}
    found = gr.on([parts.find.click, parts.words.submit], find, asked, parts.found, **how)
    # Emptied, for the same words may be asked for again.
    found.success(None, parts.found, parts.found, js=_FOUND)


def _draw(parts: Parts, studio: Studio, controls: list[Any], concurrency: int) -> None:
    results = [parts.progress, parts.now, parts.sheet, parts.memory, parts.vary, parts.stop]
    how: Any = {"js": _SCENE, "show_progress": "hidden", "api_visibility": "private", "trigger_mode": "once"}
    queue: Any = {"concurrency_limit": concurrency, "concurrency_id": "draw"}
    inputs = [parts.session, parts.scene, *controls]
    parts.vary.click(_varying(studio), inputs, results, **how, **queue)

    def stop(name: str) -> None:
        # What is said of it is said by the run, at its next step: of two writers the late one would have the last word.
        studio.sessions.find(name).cancelled.set()

    parts.stop.click(stop, parts.session, None, queue=False, api_visibility="private")


def _varying(studio: Studio) -> Callable[..., Iterator[Any]]:
    def vary(name: str, scene: str, *values: Any) -> Iterator[Any]:
        keep, working = [gr.skip()] * 3, [gr.update(interactive=False), gr.update(interactive=True)]
        over = [gr.update(interactive=True), gr.update(interactive=False)]
        yield [said("Waiting for its turn ..."), *keep, *working]
        try:
            session = studio.sessions.find(name)
            before, done = len(session.made), None
            for at in studio.vary(session, scene, values):
                message = at.message
                if message["kind"] == "warning":
                    gr.Warning(in_toast(message["message"]), title="Note")
                elif message["kind"] == "planned":
                    yield [said("Opening the model ..."), *keep, *working]
                elif message["kind"] == "step":
                    shown = [(path, None) for path in message["previews"]] or gr.skip()
                    yield [progress(message, at.seconds), shown, gr.skip(), gr.skip(), *working]
                elif message["kind"] == "done":
                    done = message
        except GencontrolError as error:
            if str(error) == "stopped.":
                yield [said(_STOPPED), *keep, *over]
                return
            # Given back before the toast: an error changes nothing on the page.
            yield [idle(), *keep, *over]
            raise toast(error) from error
        yield [*_results(session, before, done), *over]

    return vary


def _results(session: Session, before: int, done: Any) -> list[Any]:
    """The progress, the pictures of the run, its sheet, and all pictures."""
    new = [(str(made.path), made.label) for made in session.made[before:]]
    all_made = [(str(made.path), made.label) for made in reversed(session.made)]
    sheets = [sheet["path"] for sheet in done["sheets"]] if done else []
    sheet = gr.update(value=sheets[0], visible=True) if sheets else gr.update(value=None, visible=False)
    counted = f"{len(new)} picture{'' if len(new) == 1 else 's'} in {done['seconds']:.1f} s." if done else ""
    return [said(counted), new, sheet, all_made]


def _from_memory(session: Session, index: int) -> int:
    """The gallery has the last one first."""
    return len(session.made) - 1 - index


def _from_now(session: Session, index: int) -> int:
    """The last run's are the last of all."""
    last = session.made[-1].path.parent if session.made else None
    return next(at for at, made in enumerate(session.made) if made.path.parent == last) + index


def _choosing(studio: Studio, place: Callable[[Session, int], int]) -> Callable[..., Any]:
    def choose(name: str, event: gr.SelectData) -> list[Any]:
        try:
            session = studio.sessions.find(name)
            at = place(session, event.index) if session.made else -1
            if not 0 <= at < len(session.made):
                # A preview of a picture that is being made.
                return [gr.skip()] * 3
            made = session.made[at]
            command, python = repeating(made)
        except GencontrolError as error:
            raise toast(error) from error
        shown: Any = {"visible": True}
        return [
            gr.update(value=command, **shown),
            gr.update(value=python, **shown),
            gr.update(value=str(made.path), **shown),
        ]

    return choose


def _asking(studio: Studio) -> Callable[..., str]:
    def ask(name: str, scene: str, texts: str, *values: Any) -> str:
        try:
            return _bars(studio, name, scene, texts, values)
        except GencontrolError as error:
            raise toast(error) from error

    return ask


def _following(studio: Studio) -> Callable[..., Any]:
    def follow(name: str, scene: str, shown: str, texts: str, *values: Any) -> Any:
        try:
            return _bars(studio, name, scene, texts, values) if shown else gr.skip()
        except GencontrolError:
            # Said where it is asked for.
            return gr.skip()

    return follow


def _bars(studio: Studio, name: str, scene: str, texts: str, values: Sequence[Any]) -> str:
    listed = [line.strip() for line in texts.splitlines() if line.strip()]
    if len(texts) > 20_000:
        raise InputError("`text`: that is more than anybody reads.")
    return bars(listed, studio.ask(studio.sessions.find(name), scene, values, listed))


def _describing(studio: Studio) -> Callable[..., str]:
    def describe(name: str, scene: str, question: str, *values: Any) -> str:
        try:
            return answers(studio.describe(studio.sessions.find(name), scene, values, question))
        except GencontrolError as error:
            raise toast(error) from error

    return describe
