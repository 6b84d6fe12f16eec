"""From a person's own pictures and masks to the curve by which levels are shares of attention on an encoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.calibrated import tower_mark
from gencontrol.conditioning.embed import choose_focus, seen_through
from gencontrol.errors import InputError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.curves import WAYS, LevelsCurve, Way, write_curve
from gencontrol.regions.masks import from_mask
from gencontrol.regions.scene import Scene
from gencontrol.runs.calibration.settings import CalibrationSettings, check_calibration
from gencontrol.runs.embedding import geometry_for
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.matching import SUFFIXES
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.opening import open_encoder
from gencontrol.runs.scenes import list_pictures
from gencontrol.tasks.calibration import Calibration, calibrated, measure
from gencontrol.tasks.classify import check_distinct
from gencontrol.text_files import check_no_address


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture, its regions, and what they show."""

    path: Path
    """Of the picture."""
    scene: Scene
    """The picture with at least two regions."""
    texts: tuple[str, ...]
    """One for each region."""


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """What came of a calibration."""

    ways: Mapping[Way, Calibration]
    """What each way brings that was measured."""
    chosen: LevelsCurve
    """The curve that was written."""


def write_calibration(settings: CalibrationSettings) -> Calibrated:
    """Measure, fit, and write the curve.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A picture or mask that cannot be used, or a file that is there already.
        CheckpointError: No such model, or broken weights.
        PairingError: One pass with an encoder whose alpha weights are zero.
    """
    check_calibration(settings)
    path = Path(settings.output)
    pictures = list_pictures(settings.images)
    _check_stems(pictures)
    check_new_file(path, inputs_of(settings, pictures, use="to calibrate on"), overwrite=settings.overwrite)
    shown = [_shown(picture, settings, among=len(pictures)) for picture in pictures]
    encoder = open_encoder(settings)
    where = {"revision": settings.revision, "local_files_only": settings.offline}
    view = seen_through(encoder, geometry_for(encoder, settings.model, where=where, fit=settings.fit))
    if encoder.graded:
        warn("this encoder was trained on levels: it looks at them in one pass as they are, unless a curve is given.")
    done = calibrate(view, shown, settings)
    write_curve(path, done.chosen, exclusive=not settings.overwrite)
    return done


@torch.no_grad()
def calibrate(encoder: AlphaCLIP, shown: Sequence[Shown], settings: CalibrationSettings) -> Calibrated:
    """Measure and fit, without files.

    Args:
        encoder: Behind the geometry in which it is to see the pictures.
        shown: Pictures, at least one.
        settings: Which ways, how many values, and the focus of single looks.

    Raises:
        InputError: See `measure`.
        PairingError: One pass with an encoder whose alpha weights are zero.
    """
    focus = choose_focus(parse_focus(settings.focus), has_alpha=encoder.has_alpha, default=encoder.default_focus)
    ways = {}
    for way in _ways(encoder, settings):
        responses = []
        for one in shown:
            with naming(one.path, among=len(shown)):
                how = {"way": way, "steps": settings.points, "focus": focus}
                responses.append(measure(encoder, one.scene, one.texts, **how))
        ways[way] = calibrated(responses, way=way)
    best = min(ways.values(), key=_error)
    if _error(best) >= best.before:
        warn(
            f"the curve does not help on pictures that it was not fitted to: the share's error is {_error(best):.3f}, "
            f"and {best.before:.3f} without it. More pictures may help; what sets names apart at equal levels does not."
        )
    if best.curve.way == "one-pass" and not isinstance(focus, AlphaFocus):
        warn(
            "the curve is for one look by the alpha channel, and this encoder looks otherwise unless it is told to: "
            "give `focus` alpha wherever `levels_curve` is given, or fit one to its own look with the `way` passes."
        )
    measured = {"pictures": float(len(shown)), "error_before": best.before, "error_after": best.after}
    measured |= {} if best.left_out is None else {"error_left_out": best.left_out}
    curve = replace(best.curve, tower=tower_mark(encoder.vision), measured=measured)
    return Calibrated(ways=ways, chosen=curve)


def _ways(encoder: AlphaCLIP, settings: CalibrationSettings) -> Sequence[Way]:
    if settings.way == "one-pass":
        choose_focus(parse_focus("alpha"), has_alpha=encoder.has_alpha)
    if settings.way != "auto":
        return (settings.way,)
    return WAYS if encoder.has_alpha else ("passes",)


def _error(calibration: Calibration) -> float:
    return calibration.after if calibration.left_out is None else calibration.left_out


def _check_stems(pictures: Sequence[Path]) -> None:
    """Refuse pictures that one folder of masks would be taken for."""
    stems = [picture.stem for picture in pictures]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise InputError(
            f"Several pictures are called {twice}, and {twice}/ holds the masks of one: rename the others."
        )


def _shown(picture: Path, settings: CalibrationSettings, *, among: int) -> Shown:
    check_no_address(settings.masks, what="a folder with masks for each picture")
    folder = Path(settings.masks) / picture.stem
    if not folder.is_dir():
        raise InputError(f"{picture}: no folder {folder}; expected one with a mask for each thing, called what it is.")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise InputError(f"{picture}: expected at least two masks in {folder}, got {len(files)}: levels are shares.")
    with naming(picture, among=among):
        read = read_image(picture)
        regions = tuple(from_mask(file, size=read.size, label=file.stem) for file in files)
        texts = tuple(settings.form.replace("{}", file.stem.replace("_", " ")) for file in files)
        check_distinct(texts)
    return Shown(path=picture, scene=Scene(picture=read, regions=regions), texts=texts)
