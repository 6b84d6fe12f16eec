"""One run in the process that keeps the model: what it is told, what it tells while it goes, and how it stops.

All that passes between the processes is plain values, as JSON.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.conditioning.each_region import region_labels
from gencontrol.configuration import from_mapping
from gencontrol.errors import ConfigError, GencontrolError, InputError, reason_of
from gencontrol.files import atomic_file
from gencontrol.focus.looks import encodes
from gencontrol.images.picture import PictureWarning
from gencontrol.regions.region import RegionWarning
from gencontrol.runs.files.repeat import read_repeated
from gencontrol.runs.files.spooled import stream_or_path
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.plan import Plan, plan_variations
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.references.fetching import takes_references
from gencontrol.runs.scenes import read_scene
from gencontrol.runs.settings import VariationSettings
from gencontrol.runs.variation import Outcome, run_variations
from gencontrol.studio.scene.sent import write_alpha
from gencontrol.studio.warm.kept import Kept
from gencontrol.studio.warm.watched import Step, Watched
from gencontrol.tasks.ask import ask_regions, caption_regions
from gencontrol.tasks.classify import check_distinct, classify

Message = Mapping[str, Any]
"""What a run tells: its `kind` is `planned`, `step`, `warning`, `done` or `error`, and what belongs to that."""
Tell = Callable[[Message], None]
"""Is given what a run tells."""
OURS = (PictureWarning, RegionWarning, RunWarning, CheckpointWarning)
"""Warnings that are meant for who started the run."""
PREVIEW_EVERY = 5
"""Steps between two previews: each costs a decoding."""


class Stopped(Exception):
    """The run is to end: whoever wanted it does not any more."""


class Declined(Exception):
    """A kind of run that is not done here: who asked for it can do it without a server."""


def carry_out(job: Mapping[str, Any], kept: Kept, tell: Tell, check: Callable[[], None]) -> None:
    """Do what is asked for, and tell what comes of it; errors are told too.

    Args:
        job: `do` is `open`, `vary`, `score`, `answer` or `find`; see the functions below. `folder`, where relative
            paths begin, may be None.
        kept: The open model.
        tell: Is given a message for everything that happens; the last is of the kind `done` or `error`.
        check: Is called at every step, and raises `Stopped` where the run is to end.
    """
    does = {"open": _open, "vary": _vary, "score": _score, "answer": _answer, "find": _find}
    try:
        with _told(tell), _within(job.get("folder")):
            tell({"kind": "done", **does[job["do"]](job, kept, tell, check)})
    except Stopped:
        tell({"kind": "error", "type": "Stopped", "message": "stopped."})
    except Declined as error:
        tell({"kind": "error", "type": "Declined", "message": str(error)})
    except GencontrolError as error:
        tell({"kind": "error", "type": type(error).__name__, "message": str(error)})
    except OSError as error:
        tell({"kind": "error", "type": "OutputError", "message": str(error)})
    except MemoryError:
        text = "the run ran out of memory: try fewer or smaller pictures."
        tell({"kind": "error", "type": "InputError", "message": text})


@contextmanager
def _told(tell: Tell) -> Iterator[None]:
    """Tell what the library warns of within the block, each thing once."""
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, OURS) and str(message) not in told:
            told.add(str(message))
            tell({"kind": "warning", "type": category.__name__, "message": str(message)})

    with warnings.catch_warnings():
        for ours in OURS:
            warnings.simplefilter("always", ours)
        warnings.showwarning = show
        yield


def _open(job: Mapping[str, Any], kept: Kept, tell: Tell, check: Callable[[], None]) -> dict[str, Any]:
    """Open a `model`, so that the first run finds it open."""
    settings = VariationSettings(model=job["model"], offline=job["offline"])
    kept.open(settings)
    return {}


def _vary(job: Mapping[str, Any], kept: Kept, tell: Tell, check: Callable[[], None]) -> dict[str, Any]:
    """Draw variations.

    The job has `settings` by name; `from_picture`, what is repeated, or None; and `previews`, a folder for pictures of
    pictures that are being made, or None.
    """
    settings = from_mapping(VariationSettings, job["settings"], where="settings")
    if takes_references(settings.model):
        raise Declined(f"{settings.model} takes references, which a server does not draw with: run it without one.")
    repeated = None if job["from_picture"] is None else read_repeated(Path(job["from_picture"]))
    plan = plan_variations(settings, repeated)
    calls = _calls(plan)
    tell({"kind": "planned", "pictures": sum(len(item.paths) for item in plan.items), "calls": calls})
    previews = None if job["previews"] is None else Path(job["previews"])

    def at_step(step: Step) -> None:
        """Tell how far it is."""
        check()
        shown = [] if previews is None else _preview(step, previews)
        done = {"call": step.call, "calls": max(calls, step.call), "step": step.number, "steps": step.among}
        tell({"kind": "step", **done, "previews": shown})

    check()
    started = time.monotonic()
    outcome = run_variations(plan, opener=lambda plan: Watched(kept.host(plan), at_step))
    return _outcome(plan, outcome) | {"seconds": round(time.monotonic() - started, 2)}


@contextmanager
def _within(folder: str | None) -> Iterator[None]:
    """Within the block relative paths begin at a folder, as records name them: this process has one run at a time.

    Raises:
        InputError: It is not there.
    """
    before = os.getcwd()
    try:
        if folder is not None:
            os.chdir(folder)
    except (OSError, ValueError) as error:
        # A name with a zero in it, or with half a letter, is a ValueError.
        name = folder if folder and folder.isprintable() else repr(folder)
        raise InputError(f"{name} cannot be entered: {reason_of(error)}.") from error
    try:
        yield
    finally:
        os.chdir(before)


def _calls(plan: Plan) -> int:
    """How often the host is called, sheets of comparison aside."""
    sampling = plan.sampling
    return len(plan.items) * max(1, len(plan.swept)) * -(-len(sampling.seeds) // sampling.batch)


def _preview(step: Step, folder: Path) -> list[str]:
    """What the pictures look like by now, every few steps, as files."""
    if step.number % PREVIEW_EVERY or step.number >= step.among:
        return []
    files = []
    for number, picture in enumerate(step.pictures()):
        path = folder / f"preview-{step.call}-{step.number}-{number}.png"
        with atomic_file(path) as temporary:
            picture.save(temporary, format="PNG")
        files.append(str(path))
    return files


def _outcome(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    about: dict[str, Any] = {"model": plan.name, "host": plan.host.name, "encoder": plan.host.encoder}
    if plan.focus is not None:
        about["encodes"] = encodes(plan.focus)
    outputs = [asdict(output) | {"path": str(output.path), "image": _named(output.image)} for output in outcome.outputs]
    sheets = [{"path": str(sheet.path), "kind": sheet.kind} for sheet in outcome.sheets]
    machine = {"machine": dict(outcome.machine), "drawing_seconds": outcome.drawing_seconds}
    return {"about": about, "outputs": outputs, "sheets": sheets} | machine


def _named(image: Path | None) -> str | None:
    return None if image is None else stream_or_path(image)


def _picture(settings: VariationSettings) -> Path:
    """The one picture of a job that is about one.

    Raises:
        ConfigError: None, or several, of which all but one would be left out without a word.
    """
    if len(settings.images) != 1:
        raise ConfigError(f"`images`: expected one picture, got {len(settings.images)}.")
    return Path(settings.images[0])


def _score(job: Mapping[str, Any], kept: Kept, tell: Tell, check: Callable[[], None]) -> dict[str, Any]:
    """Score texts against the regions of one picture: the job has `settings`, and `texts`."""
    settings = from_mapping(VariationSettings, job["settings"], where="settings")
    texts: Sequence[str] = job["texts"]
    if not texts:
        raise InputError("No text is given: say what the part may be, one on each line.")
    check_distinct(texts)
    focus = parse_focus(settings.focus)
    recorded = read_scene(_picture(settings), read_pointing(settings))
    check()
    found = classify(kept.encoder(settings), recorded.scene, list(texts), focus=focus)
    rows = zip(found.regions, found.cosines.tolist(), found.shares.tolist(), strict=True)
    return {"rows": [{"region": region, "cosines": cosines, "shares": shares} for region, cosines, shares in rows]}


def _answer(job: Mapping[str, Any], kept: Kept, tell: Tell, check: Callable[[], None]) -> dict[str, Any]:
    """Have the language model say something of each region of one picture.

    The job has `settings`, and a `question`; an empty one asks for a description.
    """
    settings = from_mapping(VariationSettings, job["settings"], where="settings")
    focus, question = parse_focus(settings.focus), job["question"].strip()
    scene = read_scene(_picture(settings), read_pointing(settings)).scene
    check()
    llava = kept.llava(settings)
    check()
    said = ask_regions(llava, scene, question, focus=focus) if question else caption_regions(llava, scene, focus=focus)
    return {"rows": [{"region": r, "answer": a} for r, a in zip(region_labels(scene), said, strict=True)]}


def _find(job: Mapping[str, Any], kept: Kept, tell: Tell, check: Callable[[], None]) -> dict[str, Any]:
    """Find what words mean in one picture, as `phrase` does: the job has `settings` with one, and a `mask` to write."""
    settings = from_mapping(VariationSettings, job["settings"], where="settings")
    check()
    (region,) = read_scene(_picture(settings), read_pointing(settings)).scene.regions
    write_alpha(region.alpha, Path(job["mask"]))
    return {"mask": job["mask"]}
