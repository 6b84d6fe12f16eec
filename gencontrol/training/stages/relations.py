"""The relation module: all its cores at once, on staged scenes and clips of the sprite world."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional

from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.relations.learned.answers import HEADS, RELATIONS
from gencontrol.relations.learned.inputs import FEATURES, RelationInputs
from gencontrol.relations.learned.module import ModuleConfig, RelationModule
from gencontrol.relations.learned.opening import open_module, save_module
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.streams import stream
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.relating.cache import rows_of
from gencontrol.training.relating.scoring import counts, f1, group_means

MIRRORED = ("dx", "direction_x", "axis_y", "axis_y_of_other", "across", "across_of_other")
"""Features that change their sign in a mirror."""
SHIPPED = "shipped"
"""As `start`: the module that comes with the package."""


@dataclass(frozen=True, kw_only=True)
class RelationTraining:
    """Training of the relation module."""

    run: RunConfig = field(default_factory=lambda: RunConfig(batch=32))
    """How the run goes; a batch is one chunk, of pictures or of clips."""
    encoder: str = "tiny"
    """Whose cosines the module sees in training; others serve as well afterwards. A preset, folder or hub id."""
    module: ModuleConfig = field(default_factory=ModuleConfig)
    """Its shape."""
    scenes: StagingConfig = field(default_factory=StagingConfig)
    """Scenes that are staged."""
    moving: StagingConfig = field(default_factory=lambda: StagingConfig(size=64))
    """Clips that are staged; they are seen without an encoder's cosines."""
    pictures: int = 4096
    """Scenes to learn from."""
    clips: int = 2048
    """Clips to learn from."""
    tests: int = 256
    """Scenes, and clips, of the test split that the run looks at."""
    frames: int = 8
    """Of a clip."""
    masks: tuple[float, float, float, float] = (0.5, 0.15, 0.1, 0.25)
    """How often regions are marked exactly, by boxes, by GrabCut and by hand."""
    blind: float = 0.15
    """Share of the samples without an encoder's cosines."""
    positive: float = 4.0
    """So many times as much weighs what holds as what does not: of most pairs most relations do not hold."""
    clip_share: float = 0.4
    """Share of the batches that are clips."""
    start: str = ""
    """A module to go on from, of the same shape: a folder that an earlier run exported, or `shipped`."""

    def __post_init__(self) -> None:
        if self.run.batch != self.run.chunk:
            raise ConfigError(f"run.batch: expected one chunk of {self.run.chunk} a step, got {self.run.batch}.")
        for name in ("blind", "clip_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: expected a share from 0 to 1, got {getattr(self, name)}.")


Sets = Mapping[str, Mapping[str, Tensor]]
"""Compact samples by the name of their set."""


class _Asked(nn.Module):
    """What a wrapped module's forward pass has to be: every core's answers as plain tensors."""

    def __init__(self, module: RelationModule):
        super().__init__()
        self.module = module

    def forward(self, inputs: RelationInputs) -> dict[str, tuple[Tensor, Tensor]]:
        """Logits of relations and of staying still, by core."""
        found = self.module(inputs, self.module.config.cores)
        return {name: (answers.logits, answers.still) for name, answers in found.items()}


class RelationTask:
    """The stage as the loop sees it."""

    def __init__(self, config: RelationTraining, sets: Sets, facts: Mapping[str, Any]):
        """Build the module from the run's seed.

        Args:
            config: The stage's settings.
            sets: "pictures" and "clips" to learn from, and the same behind "test/".
            facts: Plain values that are saved beside the module.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.sets, self.facts = config, sets, facts
        module = RelationModule(config.module)
        if config.start:
            start_from(module, config.start)
        self.module: nn.Module = _Asked(module)

    def groups(self) -> list[ParameterGroup]:
        """Everything at one step size."""
        return [ParameterGroup(parameters=list(self.module.parameters()))]

    def draw(self, index: int) -> Batch:
        """Pictures or clips, some mirrored, some without cosines."""
        generator = stream(self.config.run.seed, index, "relations")
        clips = float(torch.rand((), generator=generator)) < self.config.clip_share
        found = self.sets["clips" if clips else "pictures"]
        rows = torch.randint(len(found["used"]), (self.config.run.chunk,), generator=generator)
        samples = rows_of(found, rows)
        inputs, truth = samples.inputs, samples.truth
        if float(torch.rand((), generator=generator)) < 0.5:
            inputs, truth = mirrored(inputs, truth)
        draw = torch.rand(len(rows), 3, generator=generator)
        inputs = jittered(inputs, draw, blind=self.config.blind)
        return {f.name: getattr(inputs, f.name) for f in fields(inputs)} | {"truth": truth, "still": samples.still}

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of every core, each relation with the same weight."""
        inputs = RelationInputs(**{f.name: batch[f.name] for f in fields(RelationInputs)})
        found = module(inputs)
        return {
            name: relation_loss_of(logits, still, batch["truth"], batch["still"], positive=self.config.positive)
            for name, (logits, still) in found.items()
        }

    @torch.no_grad()
    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Mean F1 of each group of relations, for every core."""
        figures = {}
        for kind in ("pictures", "clips"):
            scores = self._scores(module, f"test/{kind}")
            for core, per_relation in scores.items():
                means = group_means(per_relation)
                wanted = ("clip",) if kind == "clips" else ("static", "functional")
                figures |= {f"{core}/{name}": means[name] for name in wanted if name in means}
        return figures

    def _scores(self, module: nn.Module, kind: str) -> dict[str, Tensor]:
        tensors = self.sets[kind]
        device = next(module.parameters()).device
        sums: dict[str, Tensor] = {}
        for rows in torch.arange(len(tensors["used"])).split(64):
            samples = rows_of(tensors, rows)
            found = module(samples.inputs.to(device))
            for core, (logits, _) in found.items():
                mine = counts(logits.float().sigmoid().cpu(), samples.truth).sum(0)
                sums[core] = sums[core] + mine if core in sums else mine
        return {core: f1(counted) for core, counted in sums.items()}

    @torch.no_grad()
    def sheet(self, module: nn.Module) -> Image.Image:
        """Bars: the F1 of every relation on test scenes, and on test clips those of clips, for every core."""
        pictures, clips = (self._scores(module, f"test/{kind}") for kind in ("pictures", "clips"))
        scores = {
            core: torch.where(clips[core].isnan() | ~pictures[core].isnan(), pictures[core], clips[core])
            for core in pictures
        }
        return _bars(scores)

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save the module as `open_module` reads it."""
        save_module(cast(_Asked, module).module, folder, facts=self.facts)


def start_from(module: RelationModule, name: str) -> None:
    """Give a module another one's weights, in place.

    Args:
        module: Of the same shape.
        name: The other's folder, or `SHIPPED`.

    Raises:
        CheckpointError: No such module, or one of another shape.
    """
    other = open_module(None if name == SHIPPED else Path(name))
    # Which of the cores answers is no matter of weights.
    mine, given = (replace(one, core=one.cores[0]) for one in (module.config, other.config))
    if mine != given:
        raise CheckpointError(f"start: the module of {name} has another shape, {given}, than {mine}: set `module`.")
    module.load_state_dict(other.state_dict())


def relation_loss_of(
    logits: Tensor, still: Tensor, truth: Tensor, still_truth: Tensor, *, positive: float = 1.0
) -> Tensor:
    """Binary cross-entropy over what is asked: the mean of the heads' means, and that of staying still.

    Args:
        logits: (b, k, k, r), of `RELATIONS`.
        still: (b, k).
        truth: 1, 0 or -1, as the logits.
        still_truth: 1, 0 or -1.
        positive: Weight of what holds.
    """
    learned = [RELATIONS.index(name) for name in HEADS]
    logits, truth = logits[..., learned].float(), truth[..., learned]
    asked = torch.where(truth > 0, positive, (truth == 0).to(logits))
    losses = functional.binary_cross_entropy_with_logits(logits, truth.clamp(min=0).to(logits), reduction="none")
    number = asked.sum((0, 1, 2))
    relations = ((losses * asked).sum((0, 1, 2)) / number.clamp(min=1)).sum() / (number > 0).sum().clamp(min=1)
    known = (still_truth >= 0).to(still)
    own = functional.binary_cross_entropy_with_logits(still, still_truth.clamp(min=0).to(still), reduction="none")
    return relations + 0.1 * (own * known).sum() / known.sum().clamp(min=1)


def mirrored(inputs: RelationInputs, truth: Tensor) -> tuple[RelationInputs, Tensor]:
    """The same scenes in a mirror: left is right, and all else stays true."""
    sign = torch.tensor([-1.0 if name in MIRRORED else 1.0 for name in FEATURES])
    left, right = RELATIONS.index("left of"), RELATIONS.index("right of")
    order = list(range(len(RELATIONS)))
    order[left], order[right] = right, left
    turned = replace(inputs, pairs=inputs.pairs * sign, crops=inputs.crops.flip(-1), meetings=inputs.meetings.flip(-1))
    return turned, truth[..., order]


def jittered(inputs: RelationInputs, draw: Tensor, *, blind: float) -> RelationInputs:
    """Some samples without an encoder's cosines, and the level of the others' moved: encoders differ in it.

    Args:
        inputs: A batch.
        draw: (b, 3), uniform in [0, 1).
        blind: Share of the samples without.
    """
    sees = (draw[:, 0] >= blind).to(inputs.cosines)[:, None, None]
    informed = (inputs.cosines[..., 0].abs().sum((1, 2)) > 0).to(sees)[:, None, None]
    plain, profile = inputs.cosines.unbind(-1)
    # A tower's cosines of unlike things are anything from 0 to 0.7: 1 is the only fixed point.
    level = 0.5 * draw[:, 1, None, None]
    plain = (1 - (1 - plain) * (1 - level)) * informed
    return replace(
        inputs,
        cosines=torch.stack([plain, profile], dim=-1) * sees[..., None],
        probes=inputs.probes * sees,
    )


def _bars(scores: Mapping[str, Tensor]) -> Image.Image:
    high, wide = 14, 200
    image = Image.new("RGB", (150 + (wide + 10) * len(scores), high * (len(RELATIONS) + 1)), "white")
    draw = ImageDraw.Draw(image)
    for column, (core, values) in enumerate(scores.items()):
        left = 150 + column * (wide + 10)
        draw.text((left, 0), core, fill="black")
        for row, (name, value) in enumerate(zip(RELATIONS, values.nan_to_num(0).tolist(), strict=True), start=1):
            draw.text((2, row * high), name, fill="black")
            draw.rectangle((left, row * high + 2, left + wide * value, (row + 1) * high - 2), fill=(90, 130, 200))
    return image
