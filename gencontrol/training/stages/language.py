"""The language head of `tiny`: captions of what is marked and answers about it, from its frozen tower's patches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast

import torch
from accelerate.utils.other import extract_model_from_parallel
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.sprites.catalog import Concept
from gencontrol.sprites.compose import SceneConfig
from gencontrol.streams import stream
from gencontrol.tasks.llava.head import TOWER, HeadConfig, LanguageHead, llava_config, save_head
from gencontrol.tasks.llava.model import CAPTION as CAPTION_KEY
from gencontrol.tasks.llava.model import PROMPT as PROMPT_KEY
from gencontrol.training.language.cache import rows_of
from gencontrol.training.language.lessons import UNASKED, Lessons, lessons_of, places_of, seen_by
from gencontrol.training.language.naming import named_patches, naming_losses, tokens_of_names
from gencontrol.training.language.questions import CAPTION, KINDS, Asked, ask, caption_asked
from gencontrol.training.language.samples import views_from
from gencontrol.training.language.shown import LOOKS, Shown
from gencontrol.training.language.start import start_from
from gencontrol.training.language.words import PROMPT, language_tokenizer
from gencontrol.training.loop.settings import LARGEST_SEED, RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup


@dataclass(frozen=True, kw_only=True)
class LanguageTraining:
    """Training of the language head."""

    run: RunConfig = field(default_factory=lambda: RunConfig(batch=64, chunk=64))
    """How the run goes; a batch is one chunk of views."""
    encoder: str = "tiny"
    """Whose tower is looked with: a preset, folder or hub id."""
    head: HeadConfig = field(default_factory=HeadConfig)
    """Its shape."""
    scenes: SceneConfig = field(default_factory=lambda: SceneConfig(size=128))
    """What is composed."""
    pictures: int = 20480
    """Scenes to learn from, each looked at four times."""
    scene_seed: int = 0
    """Of those scenes; a run that goes on from another's export learns more from scenes that it has not seen."""
    tests: int = 256
    """Scenes of the test split that the run looks at."""
    questions: int = 3
    """Questions about each view beside what it is and the caption."""
    start: str = ""
    """A head that an earlier run exported, to go on from; where it has fewer blocks, they become the last ones."""
    cache: str = ""
    """Folder of the cached views; the run's own unless named."""
    naming: float = 0.0
    """Weight of a loss by which patches resemble the words for what they show, see `naming`; 0 is none."""
    blind: bool = False
    """Whether the head is shown one patch of zeros instead of what the tower sees: it learns what can be answered
    without looking, which is a row of `benchmarks.language`."""

    def __post_init__(self) -> None:
        if self.run.batch != self.run.chunk:
            raise ConfigError(f"run.batch: expected one chunk of {self.run.chunk} a step, got {self.run.batch}.")
        check_number(self.naming, name="naming", at_least=0, at_most=100)
        if self.blind and self.naming:
            raise ConfigError(f"naming: expected 0 for a blind head, which has no patches to name, got {self.naming}.")
        check_number(self.scene_seed, name="scene_seed", at_least=0, at_most=LARGEST_SEED)
        if not 0 <= self.questions <= len(KINDS) - 1:
            raise ConfigError(f"questions: expected 0 to {len(KINDS) - 1}, got {self.questions}.")


Sets = Mapping[str, Mapping[str, Tensor]]
"""Compact views by the name of their set."""


class LanguageTask:
    """The stage as the loop sees it."""

    def __init__(
        self,
        config: LanguageTraining,
        encoder: AlphaCLIP,
        concepts: Sequence[Concept],
        sets: Sets,
        *,
        facts: Mapping[str, Any],
    ):
        """Build the head from the run's seed.

        Args:
            config: The stage's settings.
            encoder: Whose tower the views were seen by.
            concepts: What the views' facts count.
            sets: "train" and "test".
            facts: Plain values that are saved beside the head.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.sets = config, sets
        self.names = tuple(concept.name for concept in concepts)
        self.tokenizer = language_tokenizer(self.names)
        self.spelled = tokens_of_names(self.tokenizer, self.names)
        self.processor = encoder.processor
        self.llava = llava_config(
            config.head,
            encoder.vision.config,
            self.tokenizer,
            **{TOWER: config.encoder, PROMPT_KEY: PROMPT, CAPTION_KEY: CAPTION, "trained": dict(facts)},
        )
        head = LanguageHead(LlavaForConditionalGeneration(self.llava))
        # Of so few tokens a CPU is through sooner by plain products: the fused ones' backward pass is half of a step.
        cast(Any, head.language_model).set_attn_implementation("eager")
        if config.start:
            start_from(head, config.start)
        self.module: nn.Module = head

    def groups(self) -> list[ParameterGroup]:
        """The blocks' matrices, which Muon may train, and the rest."""
        hidden, rest = [], []
        for name, parameter in self.module.named_parameters():
            inner = parameter.ndim == 2 and ".layers." in name
            (hidden if inner else rest).append(parameter)
        return [ParameterGroup(parameters=hidden, hidden=True), ParameterGroup(parameters=rest)]

    def draw(self, index: int) -> Batch:
        """Views with a caption and questions each; the questions are other ones whenever a view comes again."""
        generator = stream(self.config.run.seed, index, "lessons")
        found = self.sets["train"]
        rows = torch.randint(len(found["look"]), (self.config.run.chunk,), generator=generator)
        random = Random(f"{self.config.run.seed} {index}")
        some = rows_of(found, rows)
        asked = [self.questions(shown, random) for shown in shown_of(some, self.names)]
        lessons = lessons_of(self.tokenizer, asked)
        named = {"named": named_patches(some)} if self.config.naming else {}
        return {"patches": self._seen(some["patches"]), **named, **vars(lessons)}

    def _seen(self, patches: Tensor) -> Tensor:
        """What the head is shown of what the tower sees."""
        return unseen(patches) if self.config.blind else patches

    def questions(self, shown: Shown, random: Random) -> list[Asked]:
        """A caption, what it is, and some other questions that have an answer."""
        kinds = [kind for kind in KINDS if kind != "what"]
        random.shuffle(kinds)
        found = [ask(shown, kind, names=self.names, random=random) for kind in kinds]
        others = [asked for asked in found if asked is not None][: self.config.questions]
        what = ask(shown, "what", names=self.names, random=random)
        return [caption_asked(shown), *([what] if what else []), *others]

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the answers' tokens, and of the names of patches where that is asked for."""
        lessons = Lessons(**{name: batch[name] for name in ("ids", "group", "place", "target")})
        logits = answered(module, batch["patches"].float(), lessons)
        targets = lessons.target[lessons.target != UNASKED]
        return {"words": functional.cross_entropy(logits.float(), targets), **self._naming(module, batch)}

    def _naming(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        if not self.config.naming:
            return {}
        head = cast(LanguageHead, extract_model_from_parallel(module))
        words: Any = head.language_model.get_submodule("embed_tokens")
        spoken, named = head.projector(batch["patches"].float()).float(), batch["named"]
        losses = naming_losses(spoken, words.weight, self.spelled.to(named.device), named)
        return {"naming": self.config.naming * losses.sum() / max(1, len(losses))}

    @torch.no_grad()
    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Shares of answers that are right to the word, by kind and look."""
        hits: dict[str, list[float]] = {}
        device = next(module.parameters()).device
        found = self.sets["test"]
        for number, rows in enumerate(torch.arange(len(found["look"])).split(64)):
            some = rows_of(found, rows)
            random = Random(f"test {number}")
            views = shown_of(some, self.names)
            asked = [self.questions(shown, random) for shown in views]
            lessons = lessons_of(self.tokenizer, asked)
            moved = Lessons(**{name: values.to(device) for name, values in vars(lessons).items()})
            right = exact(answered(module, self._seen(some["patches"]).float().to(device), moved), moved)
            for row, (shown, questions) in enumerate(zip(views, asked, strict=True)):
                for index, one in enumerate(questions, start=1):
                    hits.setdefault(f"{one.kind}/{shown.look}", []).append(float(right[row, index]))
        return {name: sum(values) / len(values) for name, values in sorted(hits.items())}

    @torch.no_grad()
    def sheet(self, module: nn.Module) -> Image.Image:
        """Bars: the share of right answers of every kind and look."""
        figures = self.evaluate(module)
        image = Image.new("RGB", (360, 14 * len(figures) + 2), "white")
        draw = ImageDraw.Draw(image)
        for row, (name, value) in enumerate(figures.items()):
            draw.text((2, row * 14), name, fill="black")
            draw.rectangle((150, row * 14 + 2, 150 + 200 * value, row * 14 + 12), fill=(90, 130, 200))
        return image

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save the head as `open_llava` reads it."""
        head = cast(LanguageHead, module)
        save_head(head, self.llava, folder, tokenizer=self.tokenizer, processor=self.processor)


def shown_of(tensors: Mapping[str, Tensor], names: tuple[str, ...]) -> list[Shown]:
    """What each view shows."""
    views = views_from(dict(tensors))
    found = []
    for row, look in enumerate(views.look.tolist()):
        marked = tuple(views.marked[row].nonzero()[:, 0].tolist())
        found.append(Shown(things=views.facts.things(row, names), marked=marked, look=LOOKS[look]))
    return found


def unseen(patches: Tensor) -> Tensor:
    """What a head without eyes is shown: one patch of zeros, (b, 1, d)."""
    return torch.zeros_like(patches[:, :1])


def answered(module: nn.Module, patches: Tensor, lessons: Lessons) -> Tensor:
    """Logits of every token that is asked for, (o, v)."""
    pictures = patches.shape[1]
    return module(
        patches,
        lessons.ids,
        mask=seen_by(lessons.group, pictures),
        places=places_of(lessons.place, pictures),
        chosen=lessons.target != UNASKED,
    )


def exact(logits: Tensor, lessons: Lessons) -> Tensor:
    """Whether every token of each question's answer is the likeliest: what greedy decoding says, (b, questions + 1).

    Column 0 is of no question.
    """
    asked = lessons.target != UNASKED
    wrong = torch.zeros_like(lessons.target)
    wrong[asked] = (logits.argmax(-1) != lessons.target[asked]).long()
    count = int(lessons.group.max()) + 1
    total = torch.zeros(len(wrong), count, dtype=torch.long, device=wrong.device)
    return total.scatter_add(1, lessons.group.clamp(min=0), wrong) == 0
