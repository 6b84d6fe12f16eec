"""Opening what proposes candidates for phrases."""

from collections.abc import Callable

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.proposals.opening import open_grounder
from gencontrol.proposals.segmenter_opening import open_segmenter
from gencontrol.regions.scene import Scene
from gencontrol.runs.machine.devices import DTYPES, choose_device
from gencontrol.runs.notices import quiet_loading
from gencontrol.runs.referring.phrase_settings import ProposalSettings
from gencontrol.tasks.refer import propose

Proposer = Callable[[Picture, str], Scene]
"""Gives a picture with candidates for a phrase."""


def open_proposer(settings: ProposalSettings, grounder: str, *, device: str, offline: bool) -> Proposer:
    """Load a grounder and a segmenter.

    Args:
        settings: Which segmenter, and how many candidates.
        grounder: A folder or hub id.
        device: Where to compute, or `auto`.
        offline: Whether to look on this machine only.

    Raises:
        ConfigError: No device is called so.
        CheckpointError: No such models, or weights that do not fit.
    """
    quiet_loading()
    how = {"local_files_only": offline, "device": choose_device(device), "dtype": DTYPES["float32"]}
    opened = {"grounder": open_grounder(grounder, **how), "segmenter": open_segmenter(settings.segmenter, **how)}

    def proposed(picture: Picture, text: str) -> Scene:
        try:
            return propose(picture, text, threshold=settings.score, most=settings.most, **opened)
        except InputError as error:
            # Settings call it otherwise: a `threshold` of theirs makes masks hard.
            raise InputError(str(error).replace("the threshold", "`score`")) from error

    return proposed
