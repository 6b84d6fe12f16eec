"""The sprite world written as COCO is: pictures, instances with boxes and masks, and captions of whole pictures."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from gencontrol.errors import ConfigError
from gencontrol.files import atomic_folder
from gencontrol.regions.coco_rle import encode_rle
from gencontrol.sprites.captions import TEMPLATES, fill_template
from gencontrol.sprites.catalog import SPRITE_SETS
from gencontrol.sprites.compose import SceneConfig, Scenes, compose
from gencontrol.sprites.exports.written import Exported, save_picture, write_json
from gencontrol.sprites.store import SpriteStore

CAPTIONS_EACH = 5
"""Captions of a picture, as COCO has them."""
YEAR = 2017
"""COCO's last division into train and val, after which folders and files are called."""
_BATCH = 16


def export_coco(store: SpriteStore, folder: Path, *, config: SceneConfig, count: int, seed: int = 0) -> Exported:
    """Write scenes with their things' boxes and masks.

    Scenes of the test split are called val2017, as COCO's own test pictures have no annotations.

    Args:
        store: The sprites.
        folder: What to write; nothing may be there.
        config: How scenes are drawn.
        count: How many pictures.
        seed: Of the scenes.

    Raises:
        ConfigError: No picture.
        InputError: A folder that is there.
        OutputError: A full disk.
    """
    if count < 1:
        raise ConfigError(f"count: expected 1 or more pictures, got {count}.")
    division = f"{'val' if config.split == 'test' else 'train'}{YEAR}"
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    captions: list[dict[str, Any]] = []
    with atomic_folder(folder, exclusive=True) as temporary:
        (temporary / division).mkdir()
        for index in range(-(-count // _BATCH)):
            scenes = compose(store, config, batch=_BATCH, seed=seed, index=index)
            for row in range(min(_BATCH, count - index * _BATCH)):
                number = index * _BATCH + row
                images.append(save_picture(scenes, row, number, temporary / division, f"{number:012d}.png"))
                found = annotations_of(scenes, row, number, len(annotations))
                annotations += found
                said = captions_of(
                    [store.concepts[one["category_id"]].name for one in found], Random(f"{seed} {number}")
                )
                captions += [{"id": len(captions) + k, "image_id": number, "caption": c} for k, c in enumerate(said)]
        head = {"info": {"description": "gencontrol's sprite world"}, "licenses": licences(config), "images": images}
        instances = head | {"annotations": annotations, "categories": categories(store)}
        write_json(temporary / "annotations" / f"instances_{division}.json", instances)
        write_json(temporary / "annotations" / f"captions_{division}.json", head | {"annotations": captions})
    return Exported(pictures=count, classes=len({one["category_id"] for one in annotations}))


def annotations_of(scenes: Scenes, row: int, image: int, first: int) -> list[dict[str, Any]]:
    """The things of one scene of which something is seen, numbered from `first`."""
    found: list[dict[str, Any]] = []
    for slot in range(int(scenes.used[row].sum())):
        mask = (scenes.alpha[row, slot] > 0.5).numpy()
        if not mask.any():
            continue
        x0, y0, x1, y1 = scenes.boxes[row, slot].tolist()
        found.append(
            {
                "id": first + len(found),
                "image_id": image,
                "category_id": int(scenes.concept[row, slot]),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": int(mask.sum()),
                "iscrowd": 0,
                "segmentation": encode_rle(mask),
            }
        )
    return found


def categories(store: SpriteStore) -> list[dict[str, Any]]:
    """What the numbers of categories mean."""
    return [
        {"id": index, "name": concept.name, "supercategory": concept.category}
        for index, concept in enumerate(store.concepts)
    ]


def captions_of(names: Sequence[str], random: Random) -> list[str]:
    """What a whole picture shows, said in so many ways as COCO does, its things in any order."""
    return [fill_template(random.choice(TEMPLATES), random.sample(names, len(names))) for _ in range(CAPTIONS_EACH)]


def licences(config: SceneConfig) -> list[dict[str, Any]]:
    """Those of the drawings, with whom to credit."""
    used = [one for one in SPRITE_SETS if one.style in {style.partition(":")[0] for style in config.styles}]
    return [{"id": index, "name": one.licence, "credit": one.credit} for index, one in enumerate(used, start=1)]
