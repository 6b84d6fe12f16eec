"""Where the things that captions name are: as a data set's files say, or as a grounder finds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gencontrol.errors import ConfigError
from gencontrol.images.picture import Picture
from gencontrol.proposals.defaults import DEFAULT_GROUNDER
from gencontrol.proposals.grounder import Grounder
from gencontrol.proposals.opening import open_grounder
from gencontrol.proposals.segmenter import BoxSegmenter, Segmenter
from gencontrol.proposals.segmenter_opening import open_segmenter
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations.relating import MOST_REGIONS
from gencontrol.relations.vocabulary import ANYTHING
from gencontrol.runs.evaluation.refcoco import candidates
from gencontrol.runs.evaluation.settings import ANNOTATED, EvaluationSettings
from gencontrol.runs.machine.devices import choose_device
from gencontrol.runs.notices import quiet_loading
from gencontrol.tasks.protocols.given_regions import COCO, GENOME, Given, GivenRegions, find_regions
from gencontrol.tasks.protocols.refcoco import Box
from gencontrol.tasks.protocols.statements import Statement

_EACH = 8
"""Boxes that are looked at of what a grounder finds for one name; its best ones."""


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Finds what captions name."""

    given: GivenRegions | None
    """What the data set's files say; None asks the grounder."""
    grounder: Grounder | None
    """What finds names where nothing is given."""
    segmenter: Segmenter | None
    """What makes masks of boxes; None takes those that come with them, and else the boxes."""
    told: str
    """Where regions are from, for the record."""

    def find(self, statement: Statement, whole: Picture, shown: Picture, names: Sequence[str]) -> Scene:
        """A picture with a region for everything that is called as a caption names it.

        Args:
            statement: What is said.
            whole: The picture.
            shown: The part of it that is spoken of, in which regions are told.
            names: Those in the captions.
        """
        if self.given is None:
            return self._grounded(shown, names)
        found = [one for one in self.given.of(statement.picture) if any(is_called(one.name, n) for n in names)]
        return self._annotated(statement, whole, shown, found[:MOST_REGIONS])

    def knows(self, name: str) -> bool:
        """Whether things of that name are found at all, where there are any."""
        return self.given is None or name in ANYTHING or any(is_called(one, name) for one in self.given.names)

    def _grounded(self, shown: Picture, names: Sequence[str]) -> Scene:
        assert self.grounder is not None
        asked = [name for name in names if name not in ANYTHING]
        if not asked:
            return Scene(picture=shown, regions=())
        found = self.grounder.ground(shown, asked, most=_EACH * len(asked))
        if found.masks is not None and self.segmenter is None:
            maps = list(found.masks.float())
        else:
            boxes = [(x0, y0, x1, y1) for x0, y0, x1, y1 in found.boxes.tolist()]
            made = candidates(shown, boxes, self.segmenter or BoxSegmenter()).regions if boxes else ()
            maps = [region.alpha for region in made]
        return _called(shown, maps, found.phrases)

    def _annotated(self, statement: Statement, whole: Picture, shown: Picture, found: Sequence[Given]) -> Scene:
        if not found:
            return Scene(picture=shown, regions=())
        outlines = None if self.segmenter is not None else [one.outline for one in found]
        made = candidates(whole, [one.box for one in found], self.segmenter or BoxSegmenter(), outlines=outlines)
        maps = [region.alpha for region in made.regions]
        if statement.window is not None:
            y, x = _corner(statement.window, whole)
            maps = [alpha[y : y + shown.size[0], x : x + shown.size[1]] for alpha in maps]
        return _called(shown, maps, [one.name for one in found])


def is_called(label: str, name: str) -> bool:
    """Whether what has a label is what a name says: a red car is a car, and everything is a thing."""
    return name in ANYTHING or name == label or name.endswith(f" {label}")


def _corner(window: Box, whole: Picture) -> tuple[int, int]:
    """Where a window begins: row, column."""
    return min(max(round(window[1]), 0), whole.size[0] - 1), min(max(round(window[0]), 0), whole.size[1] - 1)


def _called(shown: Picture, maps: Sequence[Tensor], names: Sequence[str]) -> Scene:
    """Regions with their names, without those of which nothing is seen."""
    pairs = zip(maps, names, strict=True)
    regions = tuple(Region(alpha=alpha.clone(), label=name) for alpha, name in pairs if bool((alpha > 0).any()))
    return Scene(picture=shown, regions=regions)


def finder_of(settings: EvaluationSettings) -> Finder:
    """What finds regions: a grounder that is named, what lies in the data set's folder, or the usual grounder.

    Raises:
        ConfigError: Masks of annotations, and a grounder.
        InputError: A file of annotations that means something else.
        CheckpointError: No such grounder or segmenter.
    """
    how = {"local_files_only": settings.offline, "device": choose_device(settings.device)}
    if settings.grounder is not None and settings.segmenter == ANNOTATED:
        raise ConfigError(
            "`segmenter` annotated is of the annotations' boxes: a grounder's have no masks of their own."
        )
    given = None if settings.grounder is not None else find_regions(Path(settings.root))
    if given is None and settings.segmenter == ANNOTATED:
        raise ConfigError(f"`segmenter` annotated: {settings.root} has no annotations ({', '.join((*COCO, GENOME))}).")
    named = None if settings.segmenter == ANNOTATED else settings.segmenter
    segmenter = None if named is None else open_segmenter(named, **how)
    if given is not None:
        masks = named or "their own masks, or boxes"
        return Finder(given=given, grounder=None, segmenter=segmenter, told=f"{', '.join(given.files)}; {masks}")
    quiet_loading()
    name = settings.grounder or DEFAULT_GROUNDER
    masks = named or "its masks, or boxes"
    return Finder(given=None, grounder=open_grounder(name, **how), segmenter=segmenter, told=f"{name}; {masks}")
