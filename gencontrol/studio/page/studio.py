"""What happens on the page, without what it looks like: each visitor's pictures, looks, runs and questions."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.conditioning.embed import alpha_maps, check_visible
from gencontrol.configuration import from_mapping
from gencontrol.errors import ConfigError, GencontrolError, InputError
from gencontrol.files import atomic_file, sha256
from gencontrol.runs.asked import Asked, ask_host, with_default_focus
from gencontrol.runs.comparison import encoder_view
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.scenes import read_scene
from gencontrol.runs.settings import VariationSettings
from gencontrol.studio.page.sessions import Held, Made, Session, Sessions
from gencontrol.studio.page.words import in_labels
from gencontrol.studio.scene.asking import (
    AMONG,
    Controls,
    controls_of,
    finding,
    read_controls,
    settings_of,
    write_regions,
)
from gencontrol.studio.scene.marks import LONGEST_NAME, read_drawn
from gencontrol.studio.scene.names import safe_name
from gencontrol.studio.scene.recalling import may_be_recalled, recall
from gencontrol.studio.scene.repeating import again, as_command, as_python
from gencontrol.studio.scene.sent import caught, read_mask, show, show_mask
from gencontrol.studio.warm.worker import Runner


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is."""

    message: Mapping[str, Any]
    """What it told; see `gencontrol.studio.warm.jobs`."""
    seconds: float
    """Since its first step."""


class Studio:
    """Holds the visitors, and what draws for them."""

    def __init__(self, pool: Runner, sessions: Sessions, *, models: Sequence[str], private: bool, offline: bool):
        """`private` means that who visits is who started it, and may name any file or model of the machine."""
        self._pool, self.sessions = pool, sessions
        self.models, self.private, self._offline = tuple(models), private, offline
        self._asked: dict[tuple[str, str], Asked] = {}

    # What is sent ----------------------------------------------------------------------------------------------------

    def take_picture(self, session: Session, path: Path, *, plainly: bool) -> dict[str, Any]:
        """Take a picture that was sent; one that gencontrol made is recalled, unless it is to be varied `plainly`.

        Returns:
            What the page needs to show it.

        Raises:
            InputError: A picture that cannot be used, or recalled.
        """
        with caught() as notices:
            if not plainly and may_be_recalled(path):
                said = self._recall(session, path)
            else:
                said = {"picture": _told(session, self._hold(session, path))}
        return said | {"notices": [in_labels(notice) for notice in notices]}

    def _hold(self, session: Session, path: Path) -> Held:
        print = sha256(path)
        held = session.pictures.get(print)
        if held is None:
            shown = session.folder / "shown" / f"{print[:16]}.png"
            size, has_alpha = show(path, shown)
            held = Held(path=path, shown=shown, size=size, sha256=print, has_alpha=has_alpha)
            session.pictures[print] = held
        session.picture = held
        return held

    def _recall(self, session: Session, path: Path) -> dict[str, Any]:
        def find(print: str, was: Path) -> Path | None:
            held = session.pictures.get(print)
            if held is not None:
                return held.path
            # A stranger's record must not find out which files there are.
            there = self.private and was.is_absolute() and was.is_file() and sha256(was) == print
            return was if there else None

        recalled = recall(path, find=find, folder=path.parent / "regions")
        held = self._hold(session, recalled.picture)
        regions = []
        for region in recalled.regions:
            url = self._add_mask(session, region.path, held.size)
            name = {"name": region.name, "mask": url.rsplit("/", 1)[-1].removesuffix(".png"), "url": url}
            regions.append(name | {"weight": region.weight, "level": region.level, "negative": region.negative})
        session.recalled = dict(recalled.settings)
        return {"picture": _told(session, held), "regions": regions}

    def take_mask(self, session: Session, path: Path) -> dict[str, Any]:
        """Take a mask of the picture that is worked on.

        Raises:
            InputError: No picture, or a mask that cannot be used.
        """
        if session.picture is None:
            raise InputError("Give a picture first, and then a mask of it.")
        with caught() as notices:
            url = self._add_mask(session, path, session.picture.size)
        name = url.rsplit("/", 1)[-1].removesuffix(".png")
        return {"mask": name, "url": url, "name": path.stem, "notices": [in_labels(notice) for notice in notices]}

    @staticmethod
    def _add_mask(session: Session, path: Path, size: tuple[int, int]) -> str:
        alpha = read_mask(path, size, resize=False)
        name = f"mask-{len(session.masks) + 1}"
        show_mask(alpha, session.folder / "shown" / f"{name}.png")
        session.masks[name] = path
        return f"studio/{session.name}/shown/{name}.png"

    def recalled(self, session: Session) -> Controls:
        """The controls of the picture that was recalled last.

        Raises:
            GencontrolError: A setting that no control can show.
        """
        return controls_of(session.recalled)

    # What is asked for -----------------------------------------------------------------------------------------------

    def settings(self, session: Session, scene: str, values: Sequence[Any], *, output: Path) -> dict[str, Any]:
        """The settings of a run, by name.

        Args:
            session: Whose.
            scene: What is drawn, as JSON.
            values: The controls'.
            output: Where pictures go.

        Raises:
            GencontrolError: Something that cannot be used; no picture; a model that may not be named here.
        """
        controls = read_controls(values)
        if session.picture is None:
            raise InputError("There is no picture yet: drop one, paste one, or choose a file.")
        if not self.private and (controls.model not in self.models or controls.alpha_clip):
            raise ConfigError(f"`model`: expected one of {', '.join(self.models)}, got {controls.model}.")
        picture = session.picture
        regions = write_regions(read_drawn(scene), picture.size, masks=session.masks, folder=session.folder / "regions")
        said = settings_of(controls, picture.path, regions, output=output)
        return said | ({"offline": True} if self._offline else {})

    def look(self, session: Session, scene: str, values: Sequence[Any]) -> tuple[Path, list[str]]:
        """What the encoder will see, as a file, and what there is to say of it.

        Raises:
            GencontrolError: See `settings`; and a region that would not be seen.
        """
        with caught() as notices:
            said = self.settings(session, scene, values, output=session.folder) | {"sweep": None, "compare": False}
            settings = from_mapping(VariationSettings, said, where="settings")
            asked = self._ask_host(settings)
            chosen = with_default_focus(settings, asked)
            recorded = read_scene(Path(settings.images[0]), read_pointing(chosen, negative_mask=settings.negative_mask))
            focus, own = parse_focus(chosen.focus), asked.host.geometry
            geometry = type(own)(size=asked.image_size, fit=settings.fit or own.fit, antialias=own.antialias)
            if recorded.scene.regions:
                check_visible(alpha_maps(recorded.scene.regions)[0], focus, geometry)
            view = encoder_view(recorded.scene, focus, geometry)
        path = session.folder / "shown" / "seen.png"
        with atomic_file(path) as temporary:
            view.save(temporary, format="PNG")
        return path, [in_labels(notice) for notice in notices]

    def _ask_host(self, settings: VariationSettings) -> Asked:
        key = (settings.model, settings.alpha_clip or "")
        if key not in self._asked:
            how: Any = {"revision": None, "offline": self._offline}
            self._asked[key] = ask_host(settings.model, settings.alpha_clip, **how)
        return self._asked[key]

    def vary(self, session: Session, scene: str, values: Sequence[Any]) -> Generator[Progress, None, None]:
        """Draw variations; what comes of them is in the session's gallery at the end.

        Raises:
            GencontrolError: See `settings`, or what the run raised; of its class.
        """
        session.cancelled.clear()
        with session.used():
            yield from self._drawn(session, scene, values)

    def _drawn(self, session: Session, scene: str, values: Sequence[Any]) -> Iterator[Progress]:
        folder = session.next_run()
        with caught():
            settings = self.settings(session, scene, values, output=folder)
        previews = folder / "previews"
        previews.mkdir()
        job = {"do": "vary", "settings": settings, "from_picture": None, "folder": None, "previews": str(previews)}
        started = None
        for message in self._pool.run(job, session.cancelled):
            if message["kind"] == "error":
                raise GencontrolError(in_labels(message["message"]))
            if message["kind"] == "step" and started is None:
                started = time.monotonic()
            if message["kind"] == "done":
                session.made += [_made(output, message["outputs"][0], settings) for output in message["outputs"]]
            yield Progress(message=message, seconds=0.0 if started is None else time.monotonic() - started)

    def ask(self, session: Session, scene: str, values: Sequence[Any], texts: Sequence[str]) -> list[Mapping[str, Any]]:
        """How well texts describe the regions: for each its name, `shares` and `cosines`.

        Raises:
            GencontrolError: See `vary`.
        """
        with caught():
            said = self.settings(session, scene, values, output=session.folder) | {"sweep": None, "compare": False}
        return self._rows({"do": "score", "settings": said, "texts": list(texts)})

    def describe(self, session: Session, scene: str, values: Sequence[Any], question: str) -> list[Mapping[str, Any]]:
        """What the language model says of the regions: for each its name, `region`, and the `answer`.

        Args:
            session: Whose.
            scene: What is drawn, as JSON.
            values: The controls'.
            question: An empty one asks for a description.

        Raises:
            GencontrolError: See `vary`.
        """
        with caught():
            said = self.settings(session, scene, values, output=session.folder) | {"sweep": None, "compare": False}
        return self._rows({"do": "answer", "settings": said, "question": question})

    def find(
        self, session: Session, scene: str, values: Sequence[Any], words: str, *, among: str, grounder: str
    ) -> dict[str, Any]:
        """Find what words mean in the picture.

        Args:
            session: Whose.
            scene: What is drawn, as JSON.
            values: The controls'.
            words: Such as "the crown right of the pumpkin".
            among: One of `AMONG`: among what it is looked for.
            grounder: What proposes candidates; empty takes the usual one.

        Returns:
            A region for the page, and what there is to say of it.

        Raises:
            GencontrolError: See `vary`; or nothing is meant, or may not be named here.
        """
        if among not in AMONG:
            raise ConfigError(f"`among`: expected one of {', '.join(AMONG)}, got {among!r}.")
        if grounder and not self.private:
            raise ConfigError("`grounder`: expected none, for this page's server has its own.")
        with caught():
            drawn = self.settings(session, scene, values, output=session.folder)
        mask = session.folder / "found" / str(len(session.masks) + 1) / f"{safe_name(words, otherwise='found')}.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        job = {"do": "find", "settings": finding(drawn, words, among=among, grounder=grounder), "mask": str(mask)}
        notices = []
        for message in self._pool.run(job):
            if message["kind"] == "error":
                raise GencontrolError(in_labels(message["message"]))
            if message["kind"] == "warning":
                notices.append(in_labels(message["message"]))
        return self.take_mask(session, mask) | {"name": words[:LONGEST_NAME], "notices": notices}

    def _rows(self, job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        for message in self._pool.run(job):
            if message["kind"] == "error":
                raise GencontrolError(in_labels(message["message"]))
            if message["kind"] == "done":
                return message["rows"]
        raise GencontrolError("the server has gone.")


def _told(session: Session, held: Held) -> dict[str, Any]:
    height, width = held.size
    url = f"studio/{session.name}/shown/{held.shown.name}"
    return {"name": held.path.name, "url": url, "width": width, "height": height, "alpha": held.has_alpha}


def _made(output: Mapping[str, Any], first: Mapping[str, Any], settings: Mapping[str, Any]) -> Made:
    label = f"{output['swept']}, seed {output['seed']}" if output["swept"] else f"seed {output['seed']}"
    return Made(path=Path(output["path"]), label=label, settings=settings, first_seed=first["seed"])


def repeating(made: Made) -> tuple[str, str]:
    """The command and the Python that make a picture again, with the others of its run."""
    settings = again(made.settings, first_seed=made.first_seed, output="again")
    return as_command(settings), as_python(settings)
