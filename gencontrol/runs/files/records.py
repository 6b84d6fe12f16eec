"""What a written picture says about its making, inside the PNG: enough to repeat it."""

import base64
import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from gencontrol import __version__
from gencontrol.errors import InputError
from gencontrol.files import sha256
from gencontrol.images.reading import open_image
from gencontrol.regions.region import Region
from gencontrol.runs.files.encodings import comment_of, record_text
from gencontrol.runs.files.spooled import stream_or_path
from gencontrol.text_files import json_value

FIELDS = frozenset({"settings", "seed", "image", "regions", "negative_regions"})
"""What a record must hold to be repeated."""
_PARAMETERS = re.compile(r"^Steps: \d+, .*$", re.MULTILINE)
"""The line of settings below the prompts, as AUTOMATIC1111's web UI writes it."""
# Up to the comma: of 1e30, its first digits would be another number.
_PARAMETER = re.compile(r"\b(Steps|CFG scale|Seed): ([^,]+)")
LEVELS = 65535
"""Alpha maps are stored as 16-bit grey pictures: exact for 8- and 16-bit masks."""


def describe(
    *,
    settings: dict[str, Any],
    seed: int,
    image: dict[str, str] | None,
    regions: Sequence[Region],
    negative_regions: Sequence[Region] = (),
    embeds: dict[str, Any] | None = None,
    weights: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The record of one picture.

    Args:
        settings: Those that shape the picture, as plain values.
        seed: The picture's own.
        image: `path` and `sha256` of the input; None when the embedding came from a file.
        regions: As they were before inverting and feathering, which the settings say.
        negative_regions: The same.
        embeds: `path` and `sha256` of the file of embeddings, and the picture's `row` in it.
        weights: Fingerprints of the models, by the settings that name them.
    """
    return {
        "version": __version__,
        "settings": settings,
        "seed": seed,
        "image": image,
        "embeds": embeds,
        "weights": dict(weights or {}),
        "regions": [pack(region) for region in regions],
        "negative_regions": [pack(region) for region in negative_regions],
    }


def describe_input(path: Path) -> dict[str, Any]:
    """What a record says of a file that a picture was made from: `path` and `sha256`."""
    return {"path": stream_or_path(path), "sha256": sha256(path)}


def describe_sheet(kind: str, of: str | None = None) -> dict[str, Any]:
    """The record of a sheet: that it is one, so that nobody takes it for a picture to vary.

    Args:
        kind: `grid`, `compare`, `preview` or `sweep`.
        of: The digest of what it shows (`digest_of`).
    """
    return {"version": __version__, "sheet": kind} | ({} if of is None else {"of": of})


def describe_edit(*, settings: dict[str, Any], inputs: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The record of an edited photograph, but for its regions; `gencontrol.runs.edits.records` reads it.

    Args:
        settings: Those that shape the picture, as plain values.
        inputs: `path` and `sha256` of the photograph (`image`), and of what showed what to paint (`like`).
    """
    return {"version": __version__, "edit": settings, **inputs}


def is_result(path: Path) -> bool:
    """Whether a picture says that gencontrol wrote it; False too where nothing can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return record_text(image) is not None
    except Exception:
        # Pillow's decoders raise many kinds of errors; whoever reads the picture says which.
        return False


def read_record(path: Path) -> dict[str, Any]:
    """The record in a picture that gencontrol wrote.

    Raises:
        InputError: Not a picture, or one without a record that can be read.
    """
    text = record_text(open_image(path))
    if text is None:
        raise InputError(f"{path} holds no gencontrol record: it was written without `metadata`, or by something else.")
    try:
        record = json_value(text)
    except ValueError as error:
        raise InputError(f"{path}: its gencontrol record is broken ({error}); expected JSON.") from error
    if isinstance(record, dict) and "sheet" in record:
        raise InputError(f"{path} is a sheet ({record['sheet']}): a run is repeated from one of its pictures.")
    if isinstance(record, dict) and "edit" in record:
        raise InputError(f"{path} was made by `gencontrol edit`, which repeats it: `gencontrol edit --from`.")
    if not isinstance(record, dict) or not FIELDS <= record.keys():
        raise InputError(f"{path}: its gencontrol record is broken; expected the fields {', '.join(sorted(FIELDS))}.")
    return record


def read_foreign(path: Path) -> dict[str, int | float]:
    """What a picture of another program says that means the same here: `seed`, `steps`, `guidance`; {} if nothing.

    Read are the `parameters` of AUTOMATIC1111's web UI, in PNG, JPEG and WebP, and the `prompt` of ComfyUI, in PNG.

    Raises:
        InputError: Not a picture.
    """
    image = open_image(path)
    parameters = image.info.get("parameters") or comment_of(image)
    if isinstance(parameters, str) and (found := _PARAMETERS.search(parameters)):
        return _numbers(dict(_PARAMETER.findall(found[0])), seed="Seed", steps="Steps", guidance="CFG scale")
    try:
        nodes = json_value(image.info.get("prompt") or "")
    except (TypeError, ValueError):
        return {}
    entries = nodes.values() if isinstance(nodes, dict) else ()
    inputs = [node.get("inputs") for node in entries if isinstance(node, dict)]
    samplers = [entry for entry in inputs if isinstance(entry, dict) and {"steps", "cfg"} <= entry.keys()]
    # With several samplers, the first one draws what the others refine.
    return _numbers(samplers[0], seed="seed", steps="steps", guidance="cfg") if samplers else {}


def _numbers(said: Mapping[str, Any], **names: str) -> dict[str, int | float]:
    """Setting -> number, of those that are said; ComfyUI's may also be links to other nodes."""
    if "noise_seed" in said:
        said = {**said, names["seed"]: said["noise_seed"]}
    kinds: dict[str, Any] = {"seed": int, "steps": int, "guidance": float}
    found = {}
    for setting, name in names.items():
        try:
            found[setting] = kinds[setting](said[name])
        except (KeyError, TypeError, ValueError, OverflowError):
            # JSON of Python's kind has infinite numbers, and no seed is one.
            continue
        if not math.isfinite(found[setting]):
            del found[setting]
    return found


def unpack(packed: Sequence[dict[str, Any]], *, source: Path) -> list[Region]:
    """The regions of a record.

    Raises:
        InputError: A mask that cannot be read.
    """
    try:
        return [_unpack(region) for region in packed]
    except (KeyError, TypeError, ValueError, OSError, Image.DecompressionBombError) as error:
        # What Python says of a wrong type is nothing to a person.
        reason = f" ({error})" if isinstance(error, OSError) else ""
        raise InputError(
            f"{source}: a mask in its gencontrol record cannot be read{reason}; expected a list of masks as PNG. Show "
            "regions anew, with `mask` or `box`, in a run of your own."
        ) from error


def storable(region: Region) -> Region:
    """The region with its alpha rounded to what a record holds, so that a repeated run starts from the same."""
    # In place: of a photograph it is a large plane.
    alpha = (region.alpha * LEVELS).round_().div_(LEVELS)
    return replace(region, alpha=alpha)


def pack(region: Region) -> dict[str, Any]:
    """A region as a record holds it; `unpack` reads it."""
    levels = (region.alpha * LEVELS).round().to(torch.int32).cpu().numpy().astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG")
    alpha = base64.b64encode(buffer.getvalue()).decode("ascii")
    mixed = {} if region.mixed_by is None else {"mixed_by": region.mixed_by}
    return {"alpha": alpha, "weight": region.weight, "level": region.level, "label": region.label} | mixed


def _unpack(packed: dict[str, Any]) -> Region:
    with Image.open(io.BytesIO(base64.b64decode(packed["alpha"]))) as image:
        levels = torch.from_numpy(np.asarray(image).astype(np.float32))
    # Records of 0.1 know no levels.
    more = {"level": packed.get("level", 1.0), "mixed_by": packed.get("mixed_by")}
    return Region(alpha=levels / LEVELS, weight=packed["weight"], label=packed["label"], **more)
