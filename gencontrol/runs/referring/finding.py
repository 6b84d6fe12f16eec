"""From settings to what a phrase means, and to its mask."""

from pathlib import Path

from gencontrol.errors import ConfigError
from gencontrol.images.reading import read_image
from gencontrol.images.writing import to_pil
from gencontrol.regions.scene import Scene
from gencontrol.relations.phrases import answerable
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.notation import parse_focus, split_name
from gencontrol.runs.opening import open_encoder
from gencontrol.runs.referring.phrase_settings import CANDIDATES, PROPOSED, check_proposals
from gencontrol.runs.referring.proposing import open_proposer
from gencontrol.runs.referring.settings import ReferringSettings
from gencontrol.runs.relating.reading import read_named_regions
from gencontrol.tasks.refer import Referral, refer


def find_meant(settings: ReferringSettings) -> Referral:
    """Find what a phrase means, and write its mask if that is asked for.

    Raises:
        ConfigError: No picture, no phrase, no candidates; settings of proposals without a grounder, or both kinds.
        InputError: A picture, regions or a phrase that cannot be used; a file that is there already; nothing meant,
            where a mask is asked for.
        CheckpointError: Weights that are not there, or do not fit.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_candidates(settings)
    focus = parse_focus(settings.focus)
    answerable(settings.text, names=[split_name(text)[0] for text in (*settings.mask, *settings.box, *settings.point)])
    _check_output(settings)
    scene = read_named_regions(settings) if settings.grounder is None else _proposed(settings, settings.grounder)
    found = refer(open_encoder(settings), scene, settings.text, focus=focus)
    if settings.output is not None:
        existing = "overwrite" if settings.overwrite else "error"
        write_picture(
            to_pil(found.region.alpha[None].expand(3, -1, -1)).convert("L"), Path(settings.output), existing=existing
        )
    return found


def check_candidates(settings: ReferringSettings) -> None:
    """Refuse settings that do not say what is looked at, or say it twice; and numbers that cannot be.

    Raises:
        ConfigError: Says which.
    """
    if not settings.image or not settings.text.strip():
        raise ConfigError('Give a picture and what is meant in it, such as photo.png "the cup left of the dog".')
    given = [name for name in CANDIDATES if getattr(settings, name)]
    if settings.grounder is None:
        if not given:
            raise ConfigError("Give candidates (`mask`, `box`, `label_map`, ...), or a `grounder` that proposes them.")
        usual = ReferringSettings()
        idle = [name for name in PROPOSED if getattr(settings, name) != getattr(usual, name)]
        if idle:
            raise ConfigError(f"`{idle[0]}` is of proposals, and no `grounder` makes any: leave it out, or name one.")
    elif given:
        raise ConfigError(f"`{given[0]}` gives candidates, and `grounder` proposes them: leave one of them out.")
    check_proposals(settings)


def _proposed(settings: ReferringSettings, grounder: str) -> Scene:
    picture = read_image(settings.image)
    proposed = open_proposer(settings, grounder, device=settings.device, offline=settings.offline)
    return proposed(picture, settings.text)


def _check_output(settings: ReferringSettings) -> None:
    """Before anything is loaded."""
    if settings.output is None:
        return
    path = Path(settings.output)
    if path.suffix.lower() != ".png":
        raise ConfigError(f"`output` {path}: expected a name that ends in .png, which keeps a mask as it is.")
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite)
