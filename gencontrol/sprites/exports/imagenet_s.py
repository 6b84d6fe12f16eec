"""The sprite world written as ImageNet-S is: a folder for each class, pictures, and masks whose pixels hold classes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from gencontrol.errors import ConfigError
from gencontrol.files import atomic_folder
from gencontrol.sprites.compose import SceneConfig, Scenes, compose
from gencontrol.sprites.exports.written import Exported
from gencontrol.sprites.store import SpriteStore

IGNORED = 1000
"""Id of pixels that nobody is to judge: here, the soft edges of things."""
MOST_CLASSES = IGNORED - 1
"""Ids that are left for classes."""
NAMES = "LOC_synset_mapping.txt"
"""The file that says what classes are called, as ImageNet has it."""
LEAST_VISIBLE = 0.5
"""Share of a thing that has to be seen for its picture to count."""
_INSIDE, _OUTSIDE = 0.75, 0.25
_BATCH = 16


def synset(index: int) -> str:
    """The name of a concept's folder: of the form of WordNet's, which has none so high."""
    return f"n{90_000_000 + index}"


def class_ids(alpha: Float[Tensor, "k h w"], concept: Int[Tensor, " k"]) -> Int[Tensor, "h w"]:
    """The mask of a scene: a thing's id is its concept's number from 1, edges are ignored, all else is 0.

    Args:
        alpha: The visible part of each thing.
        concept: Of each thing, from 0; -1 for none.
    """
    used = alpha * (concept >= 0)[:, None, None]
    share, place = used.max(dim=0)
    ids = torch.where(share >= _INSIDE, concept[place] + 1, torch.zeros_like(place))
    return torch.where((share > _OUTSIDE) & (share < _INSIDE), torch.full_like(ids, IGNORED), ids)


def export_imagenet_s(
    store: SpriteStore, folder: Path, *, config: SceneConfig, count: int, seed: int = 0, split: str = "validation"
) -> Exported:
    """Write scenes: one thing of each counts, the one behind all others that enough is seen of.

    Args:
        store: The sprites.
        folder: What to write; nothing may be there.
        config: How scenes are drawn.
        count: How many pictures.
        seed: Of the scenes.
        split: What the folder of pictures is called.

    Raises:
        ConfigError: More classes than ids, or no picture.
        InputError: A folder that is there.
        OutputError: A full disk.
    """
    if len(store.concepts) > MOST_CLASSES:
        raise ConfigError(f"ImageNet-S has ids for {MOST_CLASSES} classes, and the store {len(store.concepts)}.")
    if count < 1:
        raise ConfigError(f"count: expected 1 or more pictures, got {count}.")
    seen: set[int] = set()
    with atomic_folder(folder, exclusive=True) as temporary:
        for number, (scenes, row, slot) in zip(range(count), _judged(store, config, seed), strict=False):
            concept = int(scenes.concept[row, slot])
            seen.add(concept)
            _write(scenes, row, temporary, name=f"sprites_{number:08d}", split=split, synset=synset(concept))
        lines = [f"{synset(index)} {', '.join(concept.names)}" for index, concept in enumerate(store.concepts)]
        (temporary / NAMES).write_text("\n".join(lines) + "\n", encoding="utf-8")
        listed = "\n".join(synset(index) for index in range(len(store.concepts)))
        (temporary / f"ImageNetS_categories_im{len(store.concepts)}.txt").write_text(listed + "\n", encoding="utf-8")
    return Exported(pictures=count, classes=len(seen))


def _judged(store: SpriteStore, config: SceneConfig, seed: int) -> Iterator[tuple[Scenes, int, int]]:
    """Scenes without end, each with the thing that counts."""
    index = 0
    while True:
        scenes = compose(store, config, batch=_BATCH, seed=seed, index=index)
        for row in range(_BATCH):
            sure = (scenes.alpha[row] >= _INSIDE).flatten(1).any(dim=1)
            slots = ((scenes.visible[row] >= LEAST_VISIBLE) & scenes.used[row] & sure).nonzero()
            if len(slots):
                yield scenes, row, int(slots[0])
        index += 1


def _write(scenes: Scenes, row: int, folder: Path, *, name: str, split: str, synset: str) -> None:
    picture, mask = folder / split / synset, folder / f"{split}-segmentation" / synset
    for place in (picture, mask):
        place.mkdir(parents=True, exist_ok=True)
    colours = (scenes.rgb[row].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    # Without loss: what is measured is the encoder, and ImageNet-S says nothing of how a picture is packed.
    Image.fromarray(colours).save(picture / f"{name}.png")
    ids = class_ids(scenes.alpha[row], scenes.concept[row]).numpy()
    planes = np.stack([ids % 256, ids // 256, np.zeros_like(ids)], axis=-1).astype(np.uint8)
    Image.fromarray(planes).save(mask / f"{name}.png")
