"""The sprite world written as RefCOCO is: pictures, annotations of their things, and sentences that each mean one.

Half of the scenes with three things and more have two of one name, so that a name alone does not say which is meant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from gencontrol.errors import ConfigError
from gencontrol.files import atomic_folder
from gencontrol.sprites.captions import fill_template
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, render
from gencontrol.sprites.exports.coco import annotations_of
from gencontrol.sprites.exports.written import Exported, save_picture, write_json
from gencontrol.sprites.relations import names_of, relations_of
from gencontrol.sprites.store import SpriteStore

SET, BY = "refcoco", "unc"
"""What the files are called after."""
CAPTIONS = "captions.json"
"""The file that says what each whole picture shows, as COCO's captions are written."""
LEAST_VISIBLE = 0.35
"""Share of a thing that has to be seen for it to be spoken of."""
_SIDES = ("left_of", "right_of", "above", "below")
_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """What can be said of one scene."""

    scenes: Scenes
    """The batch that it is of."""
    row: int
    """Its place there."""
    said: tuple[tuple[int, tuple[str, ...]], ...]
    """Things by their slots, each with sentences that mean it and nothing else."""


def export_refcoco(
    store: SpriteStore, folder: Path, *, config: SceneConfig, count: int, seed: int = 0, split: str = "val"
) -> Exported:
    """Write scenes in which at least one thing can be spoken of.

    Args:
        store: The sprites.
        folder: What to write; nothing may be there.
        config: How scenes are drawn.
        count: How many pictures.
        seed: Of the scenes.
        split: What the references' split is called.

    Raises:
        ConfigError: No picture.
        InputError: A folder that is there.
        OutputError: A full disk.
    """
    if count < 1:
        raise ConfigError(f"count: expected 1 or more pictures, got {count}.")
    images, annotations, refs, captions = [], [], [], []
    with atomic_folder(folder, exclusive=True) as temporary:
        (temporary / "images").mkdir()
        for number, spoken in zip(range(count), _spoken(store, config, seed), strict=False):
            name = f"sprites_{number:08d}.png"
            images.append(save_picture(spoken.scenes, spoken.row, number, temporary / "images", name))
            first = len(annotations)
            annotations += annotations_of(spoken.scenes, spoken.row, number, first)
            refs += _refs(spoken, number, name, first, len(refs), split)
            names = [store.concepts[one["category_id"]].name for one in annotations[first:]]
            captions.append({"id": number, "image_id": number, "caption": fill_template("{a}", names)})
        categories = [{"id": index, "name": concept.name} for index, concept in enumerate(store.concepts)]
        write_json(temporary / SET / "instances.json", _instances(images, annotations, categories))
        write_json(temporary / SET / f"refs({BY}).json", _numbered(refs))
        write_json(temporary / CAPTIONS, {"images": images, "annotations": captions})
    return Exported(pictures=count, classes=len({one["category_id"] for one in annotations}))


def _instances(images: list[Any], annotations: list[Any], categories: list[Any]) -> dict[str, list[Any]]:
    return {"images": images, "annotations": annotations, "categories": categories}


def _spoken(store: SpriteStore, config: SceneConfig, seed: int) -> Iterator[Spoken]:
    """Scenes without end, each with something to say of it."""
    index = 0
    while True:
        scenes = doubled(store, compose(store, config, batch=_BATCH, seed=seed, index=index))
        relations = relations_of(store, scenes)
        names = names_of(store, scenes)
        for row in range(_BATCH):
            sides = {name.replace("_", " "): getattr(relations, name)[row] for name in _SIDES}
            seen = (scenes.visible[row] >= LEAST_VISIBLE).tolist()
            said = sentences(names[row], seen, sides)
            if said and all(seen[: len(names[row])]):
                yield Spoken(scenes=scenes, row=row, said=said)
        index += 1


def doubled(store: SpriteStore, scenes: Scenes) -> Scenes:
    """The same, where in every second scene of three things and more the first two are of one name and drawing."""
    concept, style = scenes.layout.concept.clone(), scenes.layout.style.clone()
    many = (scenes.used.sum(dim=1) > 2) & (torch.arange(len(concept)) % 2 == 0)
    if concept.shape[1] > 1:
        concept[many, 1], style[many, 1] = concept[many, 0], style[many, 0]
    return render(store, replace(scenes.layout, concept=concept, style=style), scenes.background)


def sentences(
    names: Sequence[str], seen: Sequence[bool], sides: dict[str, Bool[Tensor, "k k"]]
) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """What means one thing of a scene and no other, by the things' slots.

    Args:
        names: Of the things.
        seen: Which of them are spoken of.
        sides: A relation -> whether thing i stands so to thing j.
    """
    said: dict[int, list[str]] = {}
    for slot, name in enumerate(names):
        if seen[slot] and names.count(name) == 1:
            said.setdefault(slot, []).append(f"the {name}")
    for slot, other in permutations(range(len(names)), 2):
        if not (seen[slot] and seen[other] and names.count(names[other]) == 1):
            continue
        same = [rival for rival, name in enumerate(names) if name == names[slot]]
        for relation, holds in sides.items():
            # A rival that stands nearly so is no clear answer: it has to stand the other way round.
            clear = all(bool(holds[other, rival]) for rival in same if rival != slot)
            if bool(holds[slot, other]) and clear:
                said.setdefault(slot, []).append(f"the {names[slot]} {relation} the {names[other]}")
    return tuple((slot, tuple(found)) for slot, found in sorted(said.items()))


def _refs(spoken: Spoken, image: int, name: str, first: int, ref: int, split: str) -> list[dict[str, Any]]:
    return [
        {
            "ref_id": ref + place,
            "ann_id": first + slot,
            "image_id": image,
            "category_id": int(spoken.scenes.concept[spoken.row, slot]),
            # As COCO's are in these files: with the annotation's number, which no file's name has.
            "file_name": f"{Path(name).stem}_{first + slot}.png",
            "split": split,
            "sentences": [{"raw": text, "sent": text, "tokens": text.split()} for text in said],
        }
        for place, (slot, said) in enumerate(spoken.said)
    ]


def _numbered(refs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The references with the numbers of their sentences."""
    number = 0
    for ref in refs:
        for sentence in ref["sentences"]:
            sentence["sent_id"] = number
            number += 1
        ref["sent_ids"] = [sentence["sent_id"] for sentence in ref["sentences"]]
    return refs
