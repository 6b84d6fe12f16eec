"""Sixty-four variations that nobody chose, as a sheet to name one by one, and the references to compare them with.

    python -m benchmarks.unchosen --sprites runs/sprites/sprites.npz -o runs/unchosen

writes `variations.png` (numbered, without their references: whoever names them has not seen those), `references.png`
(each with its mask outlined, its variation to its right, and its name) and `names.json`. The stream's first scenes, the
first noise, one picture each.

    python -m benchmarks.unchosen --score runs/unchosen readers/first.json readers/second.json

prints how many each reader named rightly, both did, and both would call "of this one". A reader's file holds lists:
`names`, what is seen in each variation in the reader's own words, and `of_this_one`, true or false for each, judged
afterwards with the references. A name is right if it is one of the thing's own names, or if both share their last word
("palm tree" and "tree" do; so a looser name counts and another thing does not).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from tyro.conf import arg

from benchmarks.focus.rows import open_encoders
from benchmarks.focus.scenes import Marked, chunks
from benchmarks.focus.variation import KIND, SIZE, open_draw
from benchmarks.settings import Drawing, OnSprites, OnThreads
from gencontrol.errors import InputError
from gencontrol.files import atomic_folder
from gencontrol.images.sheets import contact_sheet
from gencontrol.images.writing import to_pil
from gencontrol.models.registry import resolve
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.preview import preview
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.catalog import Concept
from gencontrol.sprites.store import open_store
from gencontrol.text_files import read_text

COLUMNS = 8
"""Of the sheets."""
FILES = ("variations.png", "references.png", "names.json")
"""What is written."""


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads, Drawing):
    """What to draw, or whose names to count."""

    model: str = "tiny"
    """A preset or a folder in the layout of `tiny`."""
    focus: str = "zoom:margin=0.1+zoom:margin=0.7"
    """How it looks."""
    pictures: int = 64
    """How many."""
    seed: int = 3
    """Of scenes and noise."""
    output: Annotated[Path, arg(aliases=("-o",))] = Path("runs/unchosen")
    """The folder to write."""
    score: tuple[Path, ...] = ()
    """A folder that was written before, and readers' files: count instead of drawing."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one reader says."""

    names: tuple[str, ...]
    """What each variation shows."""
    of_this_one: tuple[bool, ...]
    """Whether each is a variation of its reference."""


def is_right(said: str, names: Sequence[str]) -> bool:
    """Whether what somebody calls a thing is one of its names, or ends in the same word as one of them."""
    words = _words(said)
    known = [_words(name) for name in names]
    return bool(words) and any(words == other or words[-1] == other[-1] for other in known if other)


def _words(text: str) -> list[str]:
    plain = "".join(letter if letter.isalnum() else " " for letter in text.lower())
    return [word for word in plain.split() if word not in ("a", "an", "the")]


def counts(readings: Sequence[Reading], truths: Sequence[Sequence[str]]) -> dict[str, list[int] | int]:
    """How many variations each reader named rightly and called of this one, and all of them did.

    Args:
        readings: The readers'.
        truths: Each variation's own names.
    """
    rights = [[is_right(n, names) for n, names in zip(r.names, truths, strict=True)] for r in readings]
    likes = [list(reading.of_this_one) for reading in readings]
    return {
        "named": [sum(row) for row in rights],
        "all named": sum(all(column) for column in zip(*rights, strict=True)),
        "of this one": [sum(row) for row in likes],
        "all of this one": sum(all(column) for column in zip(*likes, strict=True)),
    }


def read_reading(path: Path, count: int) -> Reading:
    """A reader's file.

    Raises:
        InputError: No such file, or lists of another length.
    """
    try:
        told: Any = json.loads(read_text(path, what="a reader's lists", error=InputError))
        names, likes = tuple(told["names"]), tuple(told["of_this_one"])
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: expected a JSON object with the lists `names` and `of_this_one`.") from error
    if len(names) != count or len(likes) != count:
        raise InputError(f"{path}: expected {count} names and verdicts, got {len(names)} and {len(likes)}.")
    return Reading(names=tuple(map(str, names)), of_this_one=tuple(map(bool, likes)))


@torch.inference_mode()
def draw_sheets(settings: Settings) -> Path:
    """Draw the variations and write the folder."""
    folder, store = Path(resolve(settings.model)), open_store(settings.sprites)
    encoder = open_encoders(folder).alpha
    draw = open_draw(folder, settings)
    strategy = parse_focus(settings.focus)
    assert strategy is not None
    scenes = list(chunks(store, KIND, size=SIZE, source=2 * SIZE, count=settings.pictures, seed=settings.seed))
    embeds = torch.cat([strategy.embed(encoder, *marked.source()) for marked in scenes])
    drawn = draw(embeds, [settings.seed * 1_000_000 + number for number in range(settings.pictures)])
    return write_sheets(drawn, scenes, store.concepts, settings.output)


def write_sheets(
    drawn: Float[Tensor, "b 3 h w"], scenes: Sequence[Marked], concepts: Sequence[Concept], folder: Path
) -> Path:
    """Write the two sheets and the names; a folder with anything else in it is not replaced."""
    pictures = [to_pil(picture) for picture in drawn]
    seen = [
        preview(rgb, alpha, Geometry(size=SIZE), readable=SIZE)
        for marked in scenes
        for rgb, alpha in zip(marked.rgb, marked.alpha, strict=True)
    ]
    shown = [concepts[c] for marked in scenes for c in marked.concept.tolist()]
    pairs = [picture for pair in zip(seen, pictures, strict=True) for picture in pair]
    named = [f"{number}. {concept.name}" for number, concept in enumerate(shown, start=1)]
    with atomic_folder(folder, ours=FILES) as temporary:
        numbers = [str(number) for number in range(1, len(shown) + 1)]
        _sheet(pictures, numbers, COLUMNS).save(temporary / "variations.png")
        _sheet(pairs, named, COLUMNS // 2).save(temporary / "references.png")
        names = json.dumps([concept.names for concept in shown], indent=1)
        (temporary / "names.json").write_text(f"{names}\n", encoding="utf-8")
    return folder


def _sheet(pictures: Sequence[Image.Image], labels: Sequence[str], across: int) -> Image.Image:
    """Rows of so many labels, each of as many pictures as there are for one."""
    each = len(pictures) // len(labels)
    starts = range(0, len(labels), across)
    rows = [pictures[start * each : (start + across) * each] for start in starts]
    told = [", ".join(labels[start : start + across]) for start in starts]
    return contact_sheet(rows, row_labels=told, column_labels=())


def main(settings: Settings) -> None:
    """Draw, or count.

    Raises:
        InputError: No sprites, or files that are not a reader's.
        CheckpointError: No weights.
    """
    quiet_loading()
    settings.use_threads()
    if not settings.score:
        print(f"wrote {draw_sheets(settings)}")
        return
    folder, *readers = settings.score
    truths: Any = json.loads(read_text(folder / "names.json", what="the names", error=InputError))
    found = counts([read_reading(path, len(truths)) for path in readers], truths)
    print(f"of {len(truths)}: " + ", ".join(f"{name} {count}" for name, count in found.items()))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
