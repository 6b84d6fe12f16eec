"""A run as the command and as the Python that repeat it, to the byte."""

import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gencontrol.runs.settings import RECORDED, VariationSettings

_FLAGS = {"number": "-n", "output": "-o"}
"""Setting -> its flag, where that is not its name."""


def of_one(settings: Mapping[str, Any], record: Mapping[str, Any], *, output: str) -> dict[str, Any]:
    """The settings that make one picture of a run again.

    Args:
        settings: The run's, by name.
        record: The picture's own, which says what a sweep has made of them.
        output: The file to write.
    """
    usual = VariationSettings()
    shaping = {name: value for name, value in record["settings"].items() if name in RECORDED}
    kept = {name: value for name, value in shaping.items() if value != getattr(usual, name)}
    pointing = {name: settings[name] for name in ("images", "alpha_from_image") if name in settings}
    regions = record["regions"]
    masks = [text for text in settings.get("mask", ())]
    pointing |= (
        {"mask": [_weighed(text, region) for text, region in zip(masks, regions, strict=False)]} if masks else {}
    )
    pointing |= {"negative_mask": settings["negative_mask"]} if "negative_mask" in settings else {}
    levels = [region["level"] for region in regions]
    pointing |= {"level": levels} if len(levels) > 1 and any(level != 1 for level in levels) else {}
    return pointing | kept | {"seed": record["seed"], "number": 1, "output": output}


def _weighed(text: str, region: Mapping[str, Any]) -> str:
    path, colon, weight = text.rpartition(":")
    plain = path if colon and weight.replace(".", "", 1).isdecimal() else text
    return plain if region["weight"] == 1 else f"{plain}:{region['weight']:g}"


def as_command(settings: Mapping[str, Any]) -> str:
    """The settings as a line for a shell."""
    words = ["gencontrol", "vary", *settings.get("images", ())]
    for name, value in settings.items():
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        if name == "images":
            continue
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            for one in value if isinstance(value, list | tuple) else (value,):
                words += [flag, str(one)]
    return shlex.join(words)


def as_python(settings: Mapping[str, Any]) -> str:
    """The settings as Python."""
    tuples = {field.name for field in fields(VariationSettings) if isinstance(field.default, tuple)}
    lines = [
        f"    {name}={tuple(value) if name in tuples else value!r}," if name in tuples else f"    {name}={value!r},"
        for name, value in settings.items()
    ]
    return "\n".join(
        [
            "from gencontrol.runs.plan import plan_variations",
            "from gencontrol.runs.settings import VariationSettings",
            "from gencontrol.runs.variation import run_variations",
            "",
            "settings = VariationSettings(",
            *lines,
            ")",
            "outcome = run_variations(plan_variations(settings))",
            "",
        ]
    )
