"""A part of a scene in three dimensions, pointed at by words."""

from pathlib import Path
from typing import Any

from gencontrol.errors import ConfigError
from gencontrol.images.picture import Picture
from gencontrol.nerf.field.scene import load_scene
from gencontrol.nerf.parts.part_lists import write_painted
from gencontrol.nerf.parts.phrase_lifting import Views, masks_of_phrase, stored_parts
from gencontrol.proposals.defaults import DEFAULT_GROUNDER
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene as Shown
from gencontrol.relations.phrases import answerable
from gencontrol.runs.notices import warn
from gencontrol.runs.opening import open_encoder
from gencontrol.runs.referring.by_words import answered
from gencontrol.runs.referring.phrase_settings import PROPOSED, ProposalSettings, check_proposals
from gencontrol.runs.referring.proposing import open_proposer
from gencontrol.runs.settings import EncoderSettings

_OTHER_WAYS = "give a `grounder`, or one with a lower `score`, or show the part with `part`, `box` or `sphere`"


def check_scene_phrase(settings: Any, *, is_scene: bool) -> None:
    """Refuse a phrase beside another part, in pictures that are no scene yet, or settings of phrases without one.

    Args:
        settings: Of an edit (`gencontrol.runs.radiance.EditSettings`).
        is_scene: Whether there is a scene to look at.

    Raises:
        ConfigError: Says which.
        InputError: A phrase that is not understood.
    """
    check_proposals(settings)
    if not settings.phrase.strip():
        usual = ProposalSettings()
        idle = [name for name in PROPOSED if getattr(settings, name) != getattr(usual, name)]
        if settings.phrase or idle:
            named = f"`{idle[0]}` finds what a `phrase` means" if idle else "`phrase` is empty"
            raise ConfigError(f"{named}: leave it out, or say what the part is, such as `phrase` 'the red ball'.")
        return
    others = [name for name in ("box", "sphere", "part", "parts") if getattr(settings, name)]
    if others:
        raise ConfigError(f"`{others[0]}` shows a part and `phrase` looks for one: leave one of them out.")
    if not is_scene:
        raise ConfigError(
            "`phrase` is looked for in a scene, and these are pictures: fit them first, in a run of the `mode` fit."
        )
    answerable(settings.phrase)


def point_in_scene(settings: Any, scene: Path, folder: Path) -> tuple[str, Path | None]:
    """Find what a phrase means in a scene: one of its own parts, or a part that is lifted from masks in views.

    The parts that a scene stores are the candidates unless a grounder is named. Warns of what was found.

    Args:
        settings: Of an edit, with a phrase.
        scene: The file.
        folder: Of the run, where masks and the list that names them are written.

    Returns:
        The stored part's name, or "" and the list.

    Raises:
        InputError: Nothing is meant.
        CheckpointError: A grounder, segmenter or encoder that cannot be opened.
        OutputError: A full disk, or a folder that may not be written in.
    """
    opened, views = load_scene(scene), Views()
    device = settings.device
    encoder = open_encoder(EncoderSettings(model=settings.phrase_model, device=device, offline=settings.offline))
    own = stored_parts(opened, views)
    if own.regions and settings.grounder is None:
        return str(answered(encoder, own, settings.phrase, otherwise=_OTHER_WAYS).region.label), None
    if settings.grounder is None:
        warn(f"no `grounder` is named, so {DEFAULT_GROUNDER} proposes what the `phrase` may mean (690 MB).")
    proposed = open_proposer(settings, settings.grounder or DEFAULT_GROUNDER, device=device, offline=settings.offline)

    def propose(picture: Picture) -> Shown:
        return proposed(picture, settings.phrase)

    def meant(shown: Shown) -> Region:
        return answered(encoder, shown, settings.phrase, otherwise=_OTHER_WAYS).region

    masks = masks_of_phrase(opened, propose=propose, meant=meant, views=views)
    warn(f'"{settings.phrase}" is found in {len(masks)} of {views.count} views.')
    shown = {(azimuth, views.elevation): mask for azimuth, mask in masks.items()}
    named = {"name": answerable(settings.phrase).name, "prompt": settings.prompt}
    return "", write_painted(shown, **named, folder=folder / "phrase")
