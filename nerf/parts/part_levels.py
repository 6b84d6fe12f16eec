"""Levels: how much each of several parts is steered, as shares of one guidance."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from gencontrol.errors import ConfigError
from gencontrol.nerf.parts.parts import Part
from gencontrol.numbers import check_number
from gencontrol.schedules import constant


def share_guidance(parts: Sequence[Part], levels: Sequence[Any], *, where: str) -> tuple[Part, ...]:
    """Parts whose weights are their levels' shares: of levels a_i each has a_i / sum a, so that only ratios count.

    As in two dimensions (`gencontrol.regions.levels`), a part by itself has all, whatever its level.

    Args:
        parts: In their order.
        levels: Of each, [0, 1]; None where none is given. Without any the parts keep their weights.
        where: Begins messages.

    Raises:
        ConfigError: A level that is no number from 0 to 1, that a part with a prompt lacks, or that one without has;
            or all of them are 0.
    """
    if all(level is None for level in levels):
        return tuple(parts)
    for part, level in zip(parts, levels, strict=True):
        if bool(part.prompt) != (level is not None):
            lacks = "lacks one" if part.prompt else "has one, and no prompt"
            raise ConfigError(f"{where}: a level is a share among the parts with prompts, and {part.name!r} {lacks}.")
        if level is not None:
            check_number(level, name=f"{where}: the level of {part.name!r}", at_least=0, at_most=1)
    total = sum(level for level in levels if level is not None)
    if total == 0:
        raise ConfigError(f"{where}: every part has level 0, so nothing is steered: give one of them a level above 0.")
    shares = [None if level is None else constant(level / total) for level in levels]
    return tuple(
        part if share is None else dataclasses.replace(part, weight=share)
        for part, share in zip(parts, shares, strict=True)
    )
