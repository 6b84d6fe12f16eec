"""What `tiny`'s language head says of a marked thing: captions and answers about scenes that no training composed.

    python -m benchmarks.language --sprites data/sprites/sprites.npz             500 scenes of three sprites
    python -m benchmarks.language --model runs/language/export --scenes 200      a head of one's own
    python -m benchmarks.language --styles fxemoji                               the style that no training saw
    python -m benchmarks.language --sprites-each 0                               one to four sprites

Each scene holds a pair of names that training never puts together, on backgrounds of its own; one thing is marked. A
caption is right if it holds the thing's name; an answer, if it is right to the word. The rows differ in what the tower
is shown. `text only` is a head of the same shape that was trained without looking (`gencontrol train language --set
blind=true`, named by `--blind FOLDER`); `likeliest answer` gives to each wording the answer that training's scenes have
most often; chance is one among the answers of a kind. `big enough` leaves out things of less than 3 % of the picture.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor
from tyro.conf import arg

from benchmarks.settings import OnSprites, OnThreads
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.compose import SceneConfig, Scenes, compose
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.streams import stream
from gencontrol.tasks.llava.answering import Decoding, answers
from gencontrol.tasks.llava.head import LanguageHead
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.opening import TINY, open_llava
from gencontrol.tasks.llava.tower import vision_tower
from gencontrol.training.data.pairs import choose_slot
from gencontrol.training.language.lessons import lessons_of
from gencontrol.training.language.questions import KINDS, Asked, ask
from gencontrol.training.language.samples import Viewer, patches_of
from gencontrol.training.language.shown import Look, Shown, facts_of
from gencontrol.training.stages.language import answered, exact

ROWS: dict[str, Look] = {"no mask": "whole", "crop": "crop", "blank": "blank", "alpha": "alpha", "zoom": "zoom"}
"""What the tower is shown."""
NEAR = ("what", "is", "colour", "cover", "marked")
"""Questions that a close-up or a cut-out can answer."""
BIG_ENOUGH = 0.03
"""Share of the picture from which a thing is big enough to see: eleven pixels square of the tower's 64."""
_BATCH = 50
_TAUGHT = 2048


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads):
    """What to measure."""

    model: str = TINY
    """The head's folder; the one that comes with the package by default."""
    blind: Path | None = None
    """A head that was trained without looking, for the row `text only`."""
    scenes: int = 500
    """Scenes."""
    sprites_each: int = 3
    """Sprites in each; 0 is one to four, with which alone numbers cannot be guessed."""
    styles: tuple[str, ...] = training_styles()
    """Styles of their drawings."""
    seed: int = 100
    """Of the scenes."""
    json: Annotated[Path | None, arg(aliases=("--output",))] = None
    """Also write all figures as JSON."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to answer."""

    name: str
    caption: float | None
    """% of captions that hold the name; None where nothing is captioned."""
    caption_big: float | None
    """The same of what is big enough to see."""
    right: dict[str, tuple[float, int]]
    """Kind -> % of answers that are right, and of how many."""
    big: dict[str, tuple[float, int]]
    """The same of what is big enough to see."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a scene, and whether its thing is big enough to see."""

    asked: Asked
    big: bool


def main(settings: Settings) -> None:
    """Measure, print the tables, and write the rows if asked to."""
    settings.use_threads()
    store, llava = open_store(settings.sprites), open_llava(settings.model)
    blind = open_llava(str(settings.blind)) if settings.blind else None
    names = [concept.name for concept in store.concepts]
    hits: dict[str, list[tuple[str, bool, bool]]] = defaultdict(list)
    everything: list[Question] = []
    for index in range(-(-settings.scenes // _BATCH)):
        batch = min(_BATCH, settings.scenes - index * _BATCH)
        scenes, marked = marked_scenes(settings, store, index=index, batch=batch)
        questions = questions_of(store, scenes, marked, names, Random(f"{settings.seed} {index}"))
        everything += [question for row in questions for question in row]
        for name, look in ROWS.items():
            hits[name] += measured(llava, store, scenes, marked, look, questions)
        if blind is not None:
            hits["text only"] += said_blindly(blind, questions)
    rows = [row_of(name, found) for name, found in hits.items()]
    rows += blind_rows(store, settings, everything, names)
    print(table(rows))
    if settings.json:
        settings.json.write_text(json.dumps([vars(row) for row in rows], indent=1) + "\n")


def marked_scenes(settings: Settings, store: SpriteStore, *, index: int, batch: int) -> tuple[Scenes, Tensor]:
    """Scenes of the test split, and which thing of each is marked."""
    config = SceneConfig(size=128, counts=counts_of(settings), styles=settings.styles, split="test", blur=0.0)
    scenes = compose(store, config, batch=batch, seed=settings.seed, index=index)
    return scenes, choose_slot(scenes, stream(settings.seed, index, "marked"))


def counts_of(settings: Settings) -> tuple[float, ...]:
    """How often scenes have how many sprites."""
    most = settings.sprites_each or 4
    return tuple(float(settings.sprites_each in (0, number)) for number in range(1, most + 1))


def questions_of(
    store: SpriteStore, scenes: Scenes, marked: Tensor, names: Sequence[str], random: Random
) -> list[list[Question]]:
    """One question of every kind that has an answer, for each scene."""
    facts, found = facts_of(store, scenes), []
    for row, slot in enumerate(marked.tolist()):
        shown = Shown(things=facts.things(row, tuple(names)), marked=(slot,))
        asked = [ask(shown, kind, names=names, random=random) for kind in KINDS]
        big = shown.things[slot].area >= BIG_ENOUGH
        found.append([Question(asked=one, big=big) for one in asked if one is not None])
    return found


@torch.no_grad()
def measured(
    llava: RegionLlava,
    store: SpriteStore,
    scenes: Scenes,
    marked: Tensor,
    look: Look,
    questions: list[list[Question]],
) -> list[tuple[str, bool, bool]]:
    """Of every caption and answer: its kind, whether its thing is big enough, and whether it is right."""
    viewer = Viewer(store=store, config=SceneConfig(), tower=vision_tower(llava.model), processor=llava.processor)
    rows = range(len(marked))
    pixels = torch.cat([viewer.seen(scenes.rgb[row], scenes.alpha[row, marked[row]], look, margin=0.1) for row in rows])
    said = answers(
        llava, pixels, [llava.caption_question] * len(pixels), decoding=Decoding(max_tokens=24, batch=_BATCH)
    )
    lessons = lessons_of(llava.tokenizer, [[one.asked for one in row] for row in questions])
    patches = patches_of(viewer.tower, pixels, precision="float32")
    right = exact(answered(LanguageHead(llava.model), patches, lessons), lessons)
    found = []
    for row in rows:
        name = store.concepts[int(scenes.concept[row, marked[row]])].name
        found.append(("caption", questions[row][0].big, holds(said[row], name)))
        for number, one in enumerate(questions[row], start=1):
            if look not in ("zoom", "crop") or one.asked.kind in NEAR:
                found.append((one.asked.kind, one.big, bool(right[row, number])))
    return found


@torch.no_grad()
def said_blindly(llava: RegionLlava, questions: list[list[Question]]) -> list[tuple[str, bool, bool]]:
    """Of every answer of a head that never looked: its kind, whether its thing is big, whether it is right."""
    lessons = lessons_of(llava.tokenizer, [[one.asked for one in row] for row in questions])
    tower: Any = llava.model.config.vision_config
    right = exact(
        answered(LanguageHead(llava.model), torch.zeros(len(questions), 1, tower.hidden_size), lessons), lessons
    )
    return [
        (one.asked.kind, one.big, bool(right[row, number]))
        for row, asked in enumerate(questions)
        for number, one in enumerate(asked, start=1)
    ]


def holds(text: str, name: str) -> bool:
    """Whether a text holds a name as words of its own."""
    return f" {name} " in f" {text} "


def row_of(name: str, found: list[tuple[str, bool, bool]]) -> Row:
    """Shares in percent."""
    everything, big = (_shares([one for one in found if one[1] or not only]) for only in (False, True))
    caption, caption_big = (shares.pop("caption", (None, 0))[0] for shares in (everything, big))
    return Row(name=name, caption=caption, caption_big=caption_big, right=everything, big=big)


def _shares(found: list[tuple[str, bool, bool]]) -> dict[str, tuple[float, int]]:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for kind, _, is_right in found:
        kinds[kind].append(is_right)
    return {kind: (100 * sum(hits) / len(hits), len(hits)) for kind, hits in kinds.items()}


def blind_rows(store: SpriteStore, settings: Settings, asked: list[Question], names: Sequence[str]) -> list[Row]:
    """The likeliest answer to each wording, and chance."""
    taught: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: dict[str, set[str]] = defaultdict(set)
    wording = Wordings(names)
    for index in range(_TAUGHT // 64):
        scenes = compose(
            store, SceneConfig(size=32, counts=counts_of(settings), blur=0.0), batch=64, seed=settings.seed, index=index
        )
        marked = choose_slot(scenes, stream(settings.seed, index, "taught"))
        for row in questions_of(store, scenes, marked, names, Random(f"taught {index}")):
            for one in row:
                taught[wording(one.asked.question)][one.asked.answer] += 1
                kinds[one.asked.kind].add(one.asked.answer)
    found = [
        (one.asked.kind, one.big, taught[wording(one.asked.question)].most_common(1)[0][0] == one.asked.answer)
        for one in asked
        if taught[wording(one.asked.question)]
    ]
    guess = {kind: (100 / len(answers_of), 0) for kind, answers_of in kinds.items()}
    chance = Row(name="chance", caption=100 / len(names), caption_big=100 / len(names), right=guess, big=guess)
    return [row_of("likeliest answer", found), chance]


class Wordings:
    """A question without the names in it."""

    def __init__(self, names: Sequence[str]):
        """Take all names."""
        longest = sorted(names, key=len, reverse=True)
        self._names = re.compile(rf"\b(an? )?({'|'.join(map(re.escape, longest))})\b(?=\?)")

    def __call__(self, question: str) -> str:
        """The wording."""
        return self._names.sub("_", question)


def table(rows: list[Row]) -> str:
    """Two tables as markdown: everything, and what is big enough to see."""
    parts = []
    for title, big in (("all, %", False), ("big enough to see, %", True)):
        head = f"| {title} | name in caption | " + " | ".join(KINDS) + " |\n|---|" + "---:|" * (len(KINDS) + 1)
        parts.append("\n".join([head, *(_line(row, big) for row in rows)]))
    return "\n\n".join(parts)


def _line(row: Row, big: bool) -> str:
    shares, caption = (row.big, row.caption_big) if big else (row.right, row.caption)
    cells = [None if kind not in shares else shares[kind][0] for kind in KINDS]
    return f"| {row.name} | " + " | ".join("" if cell is None else f"{cell:.1f}" for cell in (caption, *cells)) + " |"


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
