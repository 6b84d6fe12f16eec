"""What a record says of references beside the first picture, so that they are repeated as they were read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gencontrol.configuration import from_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.regions.region import Region
from gencontrol.runs.files.records import describe_input, pack, unpack
from gencontrol.runs.files.repeat import recorded_input
from gencontrol.runs.pointing import Pointing
from gencontrol.runs.references.bound import BoundReference, Terms
from gencontrol.runs.scenes import read_scene


def describe_references(canvas: Region | None, further: Sequence[BoundReference]) -> dict[str, Any]:
    """What a record says beside that of a run with one picture.

    Args:
        canvas: Of the first picture.
        further: The other references.
    """
    return {
        "canvas_mask": None if canvas is None else pack(canvas),
        "references": [_describe(bound) for bound in further],
    }


def _describe(bound: BoundReference) -> dict[str, Any]:
    recorded, terms = bound.recorded, bound.terms
    return {
        "image": describe_input(recorded.path),
        "regions": [pack(region) for region in recorded.pointed],
        "negative_regions": [pack(region) for region in recorded.scene.negative_regions],
        "feather": bound.feather,
        "focus": terms.focus,
        "strength": terms.strength,
        "weight": terms.weight,
        "schedule": terms.schedule,
        "canvas_mask": None if terms.canvas is None else pack(terms.canvas),
    }


def read_recorded(record: Mapping[str, Any], *, source: Path) -> tuple[Region | None, list[BoundReference]]:
    """The first picture's canvas mask and the other references of a record.

    Args:
        record: See `read_record`; of a run without references, it has neither.
        source: The picture that holds it.

    Raises:
        InputError: Entries that cannot be read, or a picture that has changed or is not there any more.
    """
    try:
        canvas = _unpacked(record.get("canvas_mask"), source)
        return canvas, [_read_entry(entry, source) for entry in record.get("references", ())]
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise InputError(f"{source}: its gencontrol record is broken.") from error


def _read_entry(entry: Mapping[str, Any], source: Path) -> BoundReference:
    path = recorded_input(source, entry["image"], "reference")
    pointing = Pointing(
        recorded=tuple(unpack(entry["regions"], source=source)),
        recorded_negative=tuple(unpack(entry["negative_regions"], source=source)),
        feather=entry["feather"],
    )
    plain = {name: entry[name] for name in ("focus", "strength", "weight", "schedule")}
    terms = replace(from_mapping(Terms, plain), canvas=_unpacked(entry["canvas_mask"], source))
    return BoundReference(recorded=read_scene(path, pointing), feather=entry["feather"], terms=terms)


def _unpacked(packed: dict[str, Any] | None, source: Path) -> Region | None:
    return None if packed is None else unpack([packed], source=source)[0]
