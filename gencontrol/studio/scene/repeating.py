"""A run as the command and as the Python that repeat it, to the byte."""

import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gencontrol.runs.notation import is_random
from gencontrol.runs.settings import VariationSettings

_FLAGS = {"number": "-n", "output": "-o"}
"""Setting -> its flag, where that is not its name."""


def again(settings: Mapping[str, Any], *, first_seed: int, output: str) -> dict[str, Any]:
    """The settings that make a run's pictures again, all of them: one by itself may differ from one of a batch in the
    last bits.

    Args:
        settings: The run's, by name.
        first_seed: Of its pictures, which says what a random seed was.
        output: The folder to write.
    """
    seed = {"seed": first_seed} if is_random(settings.get("seed", 0)) else {}
    return {**settings, **seed, "output": output}


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
    lines = [f"    {name}={tuple(value) if name in tuples else value!r}," for name, value in settings.items()]
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
