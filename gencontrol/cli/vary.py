"""`gencontrol vary`: variations of the part of a picture that a mask, box or point shows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gencontrol.cli.parse import GROUPS, file_settings, given_fields, parse, switched_off, value_of
from gencontrol.errors import ConfigError
from gencontrol.runs.offline import offline
from gencontrol.runs.vary_options import VaryOptions

if TYPE_CHECKING:
    from gencontrol.runs.repeat import Repeated


POINTING = ("invert", "feather", "threshold", "strength", "schedule")
"""What shapes regions, and so means nothing to a run that starts from embeddings."""


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    options, repeated = read_options(arguments)
    with offline(options.offline):
        from gencontrol.runs.variation import execute

        execute(options, repeated)


def read_options(arguments: Sequence[str]) -> "tuple[VaryOptions, Repeated | None]":
    """The options, and the run to repeat: its settings lie under a configuration file, and both under the flags.

    Raises:
        ConfigError: A configuration file with an unknown key or a wrong value, or one that names a run to repeat; or
            a flag that would take a region out of a record.
        InputError: A picture to repeat that has no record, or whose input has changed.
    """
    repeated = _repeated(value_of(arguments, "from"))
    options = parse(
        VaryOptions,
        arguments,
        command="vary",
        description="Variations of the part of a picture that the flags show.",
        settings=_recorded(repeated, arguments) if repeated else {},
    )
    if options.from_picture is not None and repeated is None:
        raise ConfigError("from_picture: a file of settings cannot name a run to repeat; give --from as a flag.")
    return _starting_point(options, repeated)


def _recorded(repeated: "Repeated", arguments: Sequence[str]) -> dict[str, Any]:
    """The recorded settings, less those that what is given now leaves no sense to."""
    given = given_fields(VaryOptions, arguments) | file_settings(VaryOptions, arguments).keys()
    if "alpha_from_image" in switched_off(VaryOptions, arguments) and len(given & GROUPS[0]) == 1:
        raise ConfigError(
            "--no-alpha-from-image: a record holds its regions as masks, whatever showed them. Show those to look at "
            "anew, with --mask, --index-mask, --box or --point."
        )
    senseless = {"number"} if "seed" in given else set()
    if "embeds_in" in given:
        senseless.update(POINTING)
    return {name: value for name, value in repeated.settings.items() if name not in senseless}


def _starting_point(options: VaryOptions, repeated: "Repeated | None") -> "tuple[VaryOptions, Repeated | None]":
    """A run that started from embeddings starts from them again, unless the flags say from what else."""
    if repeated is None or repeated.embeds is None:
        return options, repeated
    given = options.embeds_in
    if options.images or (given is not None and not repeated.started_from(given)):
        return options, replace(repeated, embeds=None)
    return replace(options, embeds_in=given or str(repeated.find_embeds())), repeated


def _repeated(source: str | None) -> "Repeated | None":
    if source is None:
        return None
    from pathlib import Path

    from gencontrol.runs.repeat import read_repeated

    return read_repeated(Path(source))
