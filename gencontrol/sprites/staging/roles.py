"""What each drawing can be in a relation, and which way it faces: tables made by looking, as tensors over a store."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gencontrol.configuration import read_yaml
from gencontrol.sprites.store import SpriteStore

UNKNOWN = 2
"""The direction of a drawing of which nobody can say it; otherwise -1 left, 1 right, 0 out of the picture."""
_LETTERS = {"<": -1, ">": 1, "o": 0, ".": UNKNOWN}
_DIRECTED = ("Animals & Nature", "Travel & Places")
"""Categories whose other drawings may have a side too: of those nothing is said. The rest face nowhere."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Of every drawing of a store; False where there is none."""

    facing: Int[Tensor, "concepts styles"]
    """As drawn, not mirrored: -1 left, 1 right, 0 neither, `UNKNOWN`."""
    actor: Bool[Tensor, "concepts styles"]
    """Has a head and a known direction: wears, rides, holds, looks."""
    hat: Bool[Tensor, "concepts styles"]
    glasses: Bool[Tensor, "concepts styles"]
    ridden: Bool[Tensor, "concepts styles"]
    held: Bool[Tensor, "concepts styles"]
    support: Bool[Tensor, "concepts styles"]
    container: Bool[Tensor, "concepts styles"]
    any: Bool[Tensor, "concepts styles"]
    """Every drawing that there is."""


@functools.cache
def _shipped() -> dict[Any, Any]:
    return read_yaml(Path(str(files("gencontrol.configs"))) / "sprites" / "roles.yaml")


def roles_of(store: SpriteStore, table: Mapping[Any, Any] | None = None) -> Roles:
    """The roles of a store's drawings.

    Args:
        store: Concepts that the table does not name have no role but facing nowhere.
        table: In the form of `configs/sprites/roles.yaml`, which it is by default.
    """
    table = _shipped() if table is None else table
    wrong = _not_in(store, table)
    facing = _facing(store, table)

    def chosen(role: str) -> Tensor:
        names = set(table[role])
        rows = torch.tensor([not names.isdisjoint(c.names) for c in store.concepts])
        return rows[:, None] & store.present & ~wrong

    alive = torch.tensor([c.name in table["facing"] and c.name not in table["lifeless"] for c in store.concepts])
    return Roles(
        facing=facing,
        actor=alive[:, None] & (facing != UNKNOWN) & store.present & ~wrong,
        hat=chosen("hats"),
        glasses=chosen("glasses"),
        ridden=chosen("ridden"),
        held=chosen("held"),
        support=chosen("supports"),
        container=chosen("containers"),
        any=store.present & ~wrong,
    )


def _base(style: str, table: Mapping[Any, Any]) -> str:
    """The style that one faces as: a copy of a set faces as the set."""
    plain = style.partition(":")[0]
    return table["as_drawn"].get(plain, plain)


def _facing(store: SpriteStore, table: Mapping[Any, Any]) -> Tensor:
    columns = {style: index for index, style in enumerate(table["styles"])}
    rows = []
    for concept in store.concepts:
        letters = table["facing"].get(concept.name)
        other = UNKNOWN if concept.category in _DIRECTED else 0
        if letters is None:
            rows.append([other] * len(store.styles))
            continue
        places = [columns.get(_base(style, table)) for style in store.styles]
        rows.append([UNKNOWN if place is None else _LETTERS[letters[place]] for place in places])
    return torch.tensor(rows)


def _not_in(store: SpriteStore, table: Mapping[Any, Any]) -> Tensor:
    rows = []
    for concept in store.concepts:
        shut_out = table["not_in"].get(concept.name, ())
        rows.append([_base(style, table) in shut_out for style in store.styles])
    return torch.tensor(rows)
