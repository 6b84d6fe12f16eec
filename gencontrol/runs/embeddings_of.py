"""Whose weights a run has, and whose embeddings a file holds: others of the same width would mean something else."""

from pathlib import Path

from gencontrol.conditioning.embedding_files import EmbedsFile, read_embeds
from gencontrol.errors import InputError
from gencontrol.models.fingerprint import fingerprint, weights_mark
from gencontrol.models.location import Location
from gencontrol.runs.asked import Asked
from gencontrol.runs.notices import warn
from gencontrol.runs.settings import VariationSettings


def encoder_of(settings: VariationSettings, asked: Asked) -> tuple[str, str]:
    """What the encoder of a run is called, and its `weights_mark`."""
    return settings.alpha_clip or settings.model, weights_mark(asked.looks)


def weights_of(asked: Asked, embeds: EmbedsFile | None, *, curve: str | None) -> dict[str, str]:
    """Fingerprints of what draws, for the record; a file of embeddings has passed its encoder."""
    models = {"model": asked.model} | ({} if asked.encoder is None or embeds else {"alpha_clip": asked.encoder})
    models |= {} if curve is None else {"levels_curve": Location(name=curve)}
    return {name: fingerprint(place) for name, place in models.items()}


def read_own_embeds(embeds_in: str, settings: VariationSettings, asked: Asked) -> EmbedsFile:
    """The embeddings in a file, which have to be of the encoder that the denoiser is used with. Warns where that cannot
    be told.

    Args:
        embeds_in: The file.
        settings: Of the run.
        asked: The run's host and encoder.

    Raises:
        InputError: See `read_embeds`; or embeddings of other weights.
    """
    embeds = read_embeds(Path(embeds_in), width=asked.embed_dim)
    if not embeds.encoder:
        warn(f"{embeds_in} does not say which encoder made it, so whether it fits {settings.model} cannot be checked.")
        return embeds
    (made_by, mark), (name, own) = embeds.encoder, encoder_of(settings, asked)
    # A file, a folder and the hub know the same weights by different marks.
    if mark.partition(":")[0] != own.partition(":")[0]:
        warn(f"{embeds_in} was made by {made_by}; whether those are the weights of {name} cannot be told from here.")
    elif mark != own:
        raise InputError(
            f"{embeds_in} was made by other weights ({made_by}, {_short(mark)}) than those of {name} ({_short(own)}), "
            "to which it means something else: embed the pictures again with this encoder, or give the one that made "
            "the file as `alpha_clip`."
        )
    return embeds


def _short(mark: str) -> str:
    return mark.partition(":")[2][:12]
