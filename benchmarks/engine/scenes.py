"""Plain pictures with captions, and beside them, where no engine looks, what is where."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from gencontrol.files import atomic_file
from gencontrol.images.writing import save_image, to_pil
from gencontrol.sprites.captions import fill_template, with_article
from gencontrol.sprites.compose import SceneConfig, Scenes, compose
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.folder_pairs import LISTING

PICTURES, CAPTIONS, TRUTH = "pictures", "captions.jsonl", "truth.jsonl"
"""What the engine reads, and what it does not."""
TEMPLATES = ("{a}", "a picture of {a}", "a drawing of {a}")
"""Of captions; each names everything that is seen."""
SCENES = SceneConfig(counts=(0.15, 0.25, 0.3, 0.3), deform=0.3, recolour=0.1)
"""How they are composed."""
LEAST_SEEN = 0.2
"""Visible share of a sprite from which a caption names it."""
_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What is where in a picture, and how its caption calls it."""

    phrase: str
    """With its article."""
    box: tuple[float, ...]
    """x0, y0, x1, y1 in pixels."""
    mask: str
    """File of the exact mask, beside the list."""


def write_scenes(store: SpriteStore, folder: Path, *, things: int, seed: int) -> int:
    """Write pictures, captions and the truth, until that many things are named; what is there already stays.

    Args:
        store: The sprites.
        folder: Where.
        things: How many.
        seed: Of the scenes.

    Returns:
        How many pictures there are.
    """
    if (folder / TRUTH).is_file():
        return len((folder / TRUTH).read_text(encoding="utf-8").splitlines())
    captions, truth, exact, named, index = [], [], [], 0, 0
    while named < things:
        scenes = compose(store, SCENES, batch=_BATCH, seed=seed, index=index)
        for row in range(_BATCH):
            name = f"{index * _BATCH + row:06d}"
            slots = _named(scenes, row)
            if not slots or named >= things:
                continue
            save_image(to_pil(scenes.rgb[row]), folder / PICTURES / f"{name}.png")
            names = [store.concepts[int(scenes.concept[row, slot])].name for slot in slots]
            caption = fill_template(TEMPLATES[len(truth) % len(TEMPLATES)], names)
            found = [
                _thing(scenes, row, slot, name=name, folder=folder, text=n)
                for slot, n in zip(slots, names, strict=True)
            ]
            captions.append({"file": f"{name}.png", "caption": caption})
            truth.append({"file": f"{name}.png", "things": [vars(one) for one in found]})
            exact += [
                {"image": f"{PICTURES}/{name}.png", "mask": t.mask, "caption": t.phrase, "whole_caption": caption}
                for t in found
            ]
            named += len(found)
        index += 1
    # The truth last: where it is, all is there.
    for path, lines in ((CAPTIONS, captions), (LISTING, exact), (TRUTH, truth)):
        with atomic_file(folder / path) as temporary:
            temporary.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return len(truth)


def _named(scenes: Scenes, row: int) -> list[int]:
    """Slots of what is seen, one of a concept that is there twice left out: a caption names each once."""
    seen = scenes.used[row] & (scenes.visible[row] >= LEAST_SEEN) & (scenes.alpha[row] > 0.5).any(-1).any(-1)
    concepts: dict[int, int] = {}
    for slot in seen.nonzero()[:, 0].tolist():
        concepts.setdefault(int(scenes.concept[row, slot]), slot)
    return list(concepts.values())


def _thing(scenes: Scenes, row: int, slot: int, *, name: str, folder: Path, text: str) -> Thing:
    path = Path("exact") / f"{name}-{slot}.png"
    save_image(Image.fromarray((scenes.alpha[row, slot] > 0.5).numpy()), folder / path)
    box = tuple(scenes.boxes[row, slot].tolist())
    return Thing(phrase=with_article(text), box=box, mask=path.as_posix())


def read_truth(folder: Path) -> dict[str, list[Thing]]:
    """What is where, by the picture's name."""
    found = {}
    for line in (folder / TRUTH).read_text(encoding="utf-8").splitlines():
        values: dict[str, Any] = json.loads(line)
        found[values["file"]] = [Thing(**{**one, "box": tuple(one["box"])}) for one in values["things"]]
    return found


def read_mask(path: Path) -> Bool[Tensor, "h w"]:
    """A mask's file."""
    with Image.open(path) as image:
        plane = image.convert("L")
        return torch.frombuffer(bytearray(plane.tobytes()), dtype=torch.uint8).view(plane.height, plane.width) > 127


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a file, one a line."""
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())
