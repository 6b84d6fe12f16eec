"""Finding phrases in a picture: from settings to boxes, and to a picture that shows them."""

from pathlib import Path

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.reading import read_image
from gencontrol.proposals.captions import check_query, split_phrases
from gencontrol.proposals.grammar import distinct_phrases
from gencontrol.proposals.grounder import Grounder, Grounding, best_of_each
from gencontrol.proposals.opening import open_grounder
from gencontrol.proposals.preview import draw_grounding
from gencontrol.runs.files.encodings import ENCODINGS
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.grounding.settings import GroundingSettings
from gencontrol.runs.idle import warn_of_revision
from gencontrol.runs.machine.devices import DTYPES, choose_device
from gencontrol.runs.notices import quiet_loading


def find_phrases(settings: GroundingSettings) -> Grounding:
    """Find the phrases, and write the picture that shows them if one is asked for.

    Warns with a `RunWarning` of a revision of a grounder that is on this machine.

    Raises:
        ConfigError: No picture or no text, or a number that cannot be.
        InputError: A picture or phrases that cannot be used, or a file that is there already.
        CheckpointError: No such grounder, or weights that do not fit.
        OutputError: A full disk, or a folder that may not be written in.
    """
    phrases = _phrases(settings)
    check_query(phrases, 0.0 if settings.threshold is None else settings.threshold, settings.most)
    picture = read_image(settings.image)
    _check_output(settings)
    grounding = _open(settings).ground(picture, phrases, threshold=settings.threshold, most=settings.most)
    grounding = best_of_each(grounding) if settings.best else grounding
    if settings.output is not None:
        existing = "overwrite" if settings.overwrite else "error"
        write_picture(draw_grounding(picture, grounding), Path(settings.output), existing=existing)
    return grounding


def _phrases(settings: GroundingSettings) -> list[str]:
    if not settings.image or not settings.text:
        raise ConfigError('Give a picture and what to find in it: gencontrol ground IMAGE "a cup. a table."')
    if not settings.caption:
        return split_phrases(settings.text)
    phrases = distinct_phrases(settings.text)
    if not phrases:
        raise InputError(
            f"The caption {settings.text!r} names nothing that can be seen: leave `caption` out to find it."
        )
    return phrases


def _check_output(settings: GroundingSettings) -> None:
    """Before anything is loaded."""
    if settings.output is None:
        return
    path = Path(settings.output)
    if path.suffix.lower() not in ENCODINGS:
        raise ConfigError(f"`output` {path}: expected a name that ends in {', '.join(ENCODINGS)}.")
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)


def _open(settings: GroundingSettings) -> Grounder:
    quiet_loading()
    warn_of_revision(settings.model, settings.revision)
    return open_grounder(
        settings.model,
        revision=settings.revision,
        local_files_only=settings.offline,
        dtype=DTYPES[settings.dtype],
        device=choose_device(settings.device),
        tokenizer=settings.tokenizer,
    )
