"""What happens in the tab, without what it looks like: what one starts from, the box in view, and the runs."""

import importlib.util
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.errors import InputError
from gencontrol.nerf.field.scene import SCENE_FILE, load_scene
from gencontrol.runs.radiance import CreationSettings, EditSettings
from gencontrol.studio.spatial.controls import (
    MOST_AWAY,
    PAINTED,
    as_nerf_command,
    as_viewer_command,
    bounds,
    label_of,
    read_spatial,
    run_settings,
)
from gencontrol.studio.spatial.painting import as_text, lifted, masks_of, read_painted, views_to_paint_on, write_part
from gencontrol.studio.spatial.records import MESH, previews
from gencontrol.studio.spatial.runs import Run, SpatialRuns
from gencontrol.studio.spatial.scenes import SentScenes
from gencontrol.studio.spatial.views import grips_text, marked_views, outlined, placed, side_views

TURNTABLE = "turntable.mp4"
"""The film that a run leaves beside its scene."""
NOTHING = ("nothing: a new scene", "")
"""What one may always start from: its label, and its name."""
_KEPT_VIEWS = 16
"""Scenes whose views are kept."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A scene as the tab shows it."""

    views: list[Image.Image]
    """From each side."""
    parts: list[str]
    """The names of its parts."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A run as the tab shows it."""

    run: Run
    """The run."""
    step: int | None
    """Of the newest preview; None while there is none."""
    preview: Path | None
    """The newest preview."""
    seconds: float
    """From the first preview to the newest."""
    ahead: int
    """Runs that come before it."""
    files: dict[str, Path]
    """What it has made, by file name: the scene, the turntable and the mesh, as far as they are there."""
    command: str
    """The line that repeats it."""
    viewer: str
    """The line that opens it in nerfstudio's viewer; empty unless it is done."""


class Desk:
    """Holds the runs and the scenes that were sent."""

    def __init__(self, runs: SpatialRuns, scenes: SentScenes, *, private: bool):
        """`private` means that who visits is who started the server: everything is this one's."""
        self._runs, self._scenes, self._private = runs, scenes, private
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._canvases: OrderedDict[str, str] = OrderedDict()

    @staticmethod
    def is_able() -> bool:
        """Whether nerfstudio, an extra, is installed."""
        return importlib.util.find_spec("nerfstudio") is not None

    def owner(self, user: str | None) -> str:
        """Whose something is, by the name with which somebody came in.

        Raises:
            InputError: Nobody's name, where each has one.
        """
        if self._private:
            return ""
        if not user:
            raise InputError("Come in with a name and a password first: load the page again.")
        return user

    def take_scene(self, owner: str, file: Path) -> str:
        """Keep a scene that was sent, see `SentScenes.take`; the name by which one starts from it."""
        return self._scenes.take(owner, file)

    def starts(self, owner: str) -> list[tuple[str, str]]:
        """What one can start from: label and name."""
        made = [(label_of(run.job.settings), run.name) for run in self._runs.of(owner) if run.state.status == "done"]
        sent = [(f"{sent.label} (sent)", name) for name, sent in self._scenes.of(owner).items()]
        return [NOTHING, *made, *reversed(sent)]

    def scene(self, owner: str, start: str) -> Path | None:
        """The file that one starts from; None where it is nothing.

        Raises:
            InputError: The owner has none of that name, or it is not done.
        """
        if not start:
            return None
        sent = self._scenes.find(owner, start)
        if sent is not None:
            return sent.path
        result = self._runs.find(owner, start).result
        if result is None:
            raise InputError("That run has no scene: choose one that is done.")
        return result / SCENE_FILE

    def seen(self, owner: str, start: str) -> Seen | None:
        """A scene's views and parts; None of nothing. For errors see `scene`, and `load_scene`."""
        path = self.scene(owner, start)
        if path is None:
            return None
        if start not in self._seen:
            scene = load_scene(path)
            named = [name for name in scene.parts if name != PAINTED]
            self._seen[start] = Seen(views=side_views(scene), parts=named)
            if len(self._seen) > _KEPT_VIEWS:
                self._seen.popitem(last=False)
        return self._seen[start]

    def look(self, owner: str, values: Sequence[Any]) -> Image.Image | None:
        """The scene that is chosen, with the box unless a part is named, or with what is painted; None of nothing.

        Raises:
            GencontrolError: Controls that cannot be, or see `seen`; marks that show nothing solid.
        """
        controls = read_spatial(values)
        path, seen = self.scene(owner, controls.start), self.seen(owner, controls.start)
        if path is None or seen is None:
            return None
        marks = read_painted(controls.painted) if controls.part == PAINTED else {}
        if marks:
            scene = load_scene(path)
            return outlined(marked_views(scene, lifted(scene, masks_of(marks))), None)
        return outlined(seen.views, None if controls.part else controls.box)

    def grips(self, owner: str, values: Sequence[Any]) -> str:
        """What the page is told of the box that it lets be dragged; empty where the part is another, or of nothing.

        Raises:
            GencontrolError: Controls that cannot be, or see `scene`.
        """
        controls = read_spatial(values)
        if controls.part or self.scene(owner, controls.start) is None:
            return ""
        return grips_text(controls.box, scene=controls.start, away=bounds("x"), sides=bounds("wide"))

    @staticmethod
    def place(values: Sequence[Any], column: int | float, row: int | float) -> tuple[float, float, float]:
        """The middle of the box, moved to a pixel of what `look` shows, within the scene.

        Raises:
            GencontrolError: Controls that cannot be.
        """
        x, y, z = (
            min(max(round(at, 2), -MOST_AWAY), MOST_AWAY) for at in placed(column, row, read_spatial(values).box[:3])
        )
        return (x, y, z)

    def painting(self, owner: str, start: str) -> str:
        """The views to paint on, for the page; empty of nothing. For errors see `seen`."""
        path = self.scene(owner, start)
        if path is None:
            return ""
        if start not in self._canvases:
            self._canvases[start] = as_text(start, views_to_paint_on(load_scene(path)))
            if len(self._canvases) > _KEPT_VIEWS:
                self._canvases.popitem(last=False)
        return self._canvases[start]

    def mesh(self, name: str) -> Path | None:
        """The mesh of a finished run, for who knows the run's name, which nobody guesses; None where there is none.

        Raises:
            InputError: There is no such run.
        """
        result = self._runs.known(name).result
        return None if result is None or not (result / MESH).is_file() else result / MESH

    def begin(self, owner: str, values: Sequence[Any]) -> str:
        """Begin a run; its name.

        Raises:
            GencontrolError: Controls that cannot be; or see `SpatialRuns.begin`.
        """
        if not self.is_able():
            raise InputError(MISSING)
        controls = read_spatial(values)
        scene = self.scene(owner, controls.start)
        masks = None
        if scene is not None and controls.part == PAINTED:
            masks = masks_of(read_painted(controls.painted))
            # What shows nothing is refused here, and not minutes later.
            lifted(load_scene(scene), masks)

        def settings(output: Path) -> CreationSettings:
            def painted(prompt: str) -> Path:
                assert masks is not None
                return write_part(masks, prompt=prompt, folder=output.parent)

            return run_settings(controls, scene=scene, output=output, painted=None if masks is None else painted)

        return self._runs.begin(owner, settings)

    def stop(self, owner: str, name: str) -> None:
        """End a run; see `SpatialRuns.stop`."""
        self._runs.stop(owner, name)

    def runs(self, owner: str) -> list[tuple[str, str]]:
        """An owner's runs, the newest first: label and name."""
        return [(f"{label_of(run.job.settings)} - {run.state.status}", run.name) for run in self._runs.of(owner)]

    def newest(self, owner: str) -> str | None:
        """The run that a page shows at first: what goes on, or else the newest."""
        runs = self._runs.of(owner)
        going = [run for run in runs if run.state.status == "running"]
        return (going or runs)[0].name if runs else None

    def tell(self, owner: str, name: str) -> Told:
        """How far a run is, and what there is of it.

        Raises:
            InputError: The owner has none of that name.
        """
        run = self._runs.find(owner, name)
        shown, result = previews(run.folder), run.result
        names = () if result is None else (SCENE_FILE, TURNTABLE, MESH)
        files = {name: result / name for name in names if result is not None and (result / name).is_file()}
        return Told(
            run=run,
            step=shown[-1][0] if shown else None,
            preview=shown[-1][1] if shown else None,
            seconds=shown[-1][1].stat().st_mtime - shown[0][1].stat().st_mtime if shown else 0.0,
            ahead=self._runs.ahead(name),
            files=files,
            command=self._command(run.job.settings),
            viewer="" if result is None else as_viewer_command(self._called(result)),
        )

    def _command(self, settings: CreationSettings) -> str:
        scene = self._called(settings.scene) if isinstance(settings, EditSettings) else ""
        parts = "" if settings.parts is None else self._called(settings.parts)
        return as_nerf_command(settings, scene=scene, parts=parts, output="again")

    def _called(self, path: Path) -> str:
        """A path as a visitor is told it: where it lies on the server is its owner's concern alone."""
        return str(path) if self._private else path.name


MISSING = "This needs nerfstudio (Python 3.11 or 3.12): pip install 'gencontrol[nerf]', and start the studio again."
"""What the tab says where it cannot work."""
