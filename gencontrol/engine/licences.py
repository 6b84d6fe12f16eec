"""Under which licence a model comes, as it says itself."""

from pathlib import Path

from gencontrol.configuration import yaml_value
from gencontrol.models.location import Location
from gencontrol.models.registry import find_preset

UNSTATED = "not stated"
_LARGEST = 2**16
"""Characters of a model card that are looked at."""


def licence_of(location: Location) -> str:
    """The licence that a model's card names, or that of a preset; `UNSTATED` where there is none on this machine.

    Args:
        location: Where the model is; a preset's name will do.
    """
    preset = find_preset(location.name)
    if preset is not None:
        return preset.licence
    card = _card(location)
    lines = [] if card is None else card.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in [line.strip() for line in lines[1:]]:
        return UNSTATED
    end = [line.strip() for line in lines[1:]].index("---") + 1
    try:
        values = yaml_value("\n".join(lines[1:end]))
    except ValueError:
        return UNSTATED
    licence = values.get("license") if isinstance(values, dict) else None
    name = values.get("license_name") if isinstance(values, dict) and licence == "other" else None
    return str(name or licence) if licence else UNSTATED


def _card(location: Location) -> str | None:
    place = Path(location.name)
    try:
        if place.is_dir():
            path = place / location.subfolder / "README.md"
            path = path if path.is_file() else place / "README.md"
        else:
            found = None if place.is_file() else location.settled().find("README.md")
            if found is None:
                return None
            path = found
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)
    except OSError:
        return None
