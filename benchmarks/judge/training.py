"""How the judge is trained, on the loop that trains the package's own models, and how well it names real sprites."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.judge.model import Judge, JudgeNet, JudgeShape, save_judge
from benchmarks.judge.nothing import without_things
from gencontrol.sprites.catalog import Concept, held_out_styles, training_styles
from gencontrol.sprites.compose import SceneConfig, compose, render
from gencontrol.sprites.finish import finished
from gencontrol.sprites.split import Split
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.variations import CacheConfig
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.recognition import EncodeRegion, RecognitionSet, recognise, recognition_sheet

COARSE = (20, 28, 36, 44, 52)
"""Sides in pixels that a softened picture of 64 goes through; generated pictures lack about as much detail."""


@dataclass(frozen=True, kw_only=True)
class JudgeTraining:
    """How the judge is trained."""

    run: RunConfig = field(
        default_factory=lambda: RunConfig(
            # Many small steps: what limits a network this small is how often it is corrected, not by how much at once.
            steps=8000,
            batch=32,
            chunk=32,
            learning_rate=1.5e-3,
            warmup=300,
            weight_decay=0.02,
            gradient_clip=5.0,
            precision="float32",
            ema=0.998,
            # Unlike the embedded models' seed, 0: the judge must not have seen the same scenes.
            seed=409,
            beta2=0.99,
            evaluate_every=800,
            sheet_every=4000,
            checkpoint_every=250,
        )
    )
    """How the run goes."""
    shape: JudgeShape = field(default_factory=lambda: JudgeShape(widths=(32, 64, 128, 320), nothing=True))
    """Sizes of the network."""
    side: tuple[float, float] = (0.35, 0.95)
    """Range of the sprite's side as a share of the canvas."""
    backgrounds: tuple[float, ...] = (0.3, 0.25, 0.15, 0.15, 0.15)
    """Relative frequency of plain, gradient, noise, texture and photograph backgrounds; generated ones are quiet."""
    jitter: float = 0.15
    """Strength of the colour change, see `SceneConfig`."""
    recolour: float = 0.15
    """Share of sprites whose colours are changed altogether: a variation may have them."""
    deform: float = 0.3
    """Strength of the change of shape."""
    finish: float = 0.15
    """Share of pictures that are finished: grey, other contrast, shaded, sharpened, grainy."""
    paper: float = 0.5
    """Share of pictures whose ground is made paler, by any amount: generated ones are."""
    nothing: float = 0.05
    """Share of pictures that show none of the things, if the shape has an output for that."""
    softened: float = 0.4
    """Share of pictures that go through a smaller size."""
    noisy: float = 0.3
    """Share of pictures with fine noise, and of those with coarse noise."""
    noise: float = 0.08
    """Largest standard deviation of either."""
    smoothing: float = 0.1
    """Label smoothing."""
    growth: float = 0.4
    """Share of the run over which pictures grow from large sprites on quiet, clean backgrounds to all of the above."""


class JudgeTask:
    """The judge as the training loop sees it."""

    def __init__(self, config: JudgeTraining, store: SpriteStore, *, watched: int = 512):
        """Build the network from the run's seed; `watched` test scenes of each kind are evaluated on the way."""
        torch.manual_seed(config.run.seed)
        self.config, self.store = config, store
        self.module: nn.Module = JudgeNet(config.shape, len(store.concepts))
        self._tests = judge_tests(config, store, count=watched)

    def groups(self) -> list[ParameterGroup]:
        """Everything at one step size."""
        return [ParameterGroup(parameters=list(self.module.parameters()))]

    def draw(self, index: int) -> Batch:
        """Softened pictures of one sprite, and what it is."""
        config = grown(self.config, index)
        rgb, concept = draw_singles(
            config, self.store, batch=config.run.chunk, split="train", styles=training_styles(), index=index
        )
        rgb = soften(rgb, config, stream(config.run.seed, index, "soften"))
        return {"rgb": finished(rgb, config.finish, stream(config.run.seed, index, "finish")), "concept": concept}

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy with smoothed labels."""
        logits = module(batch["rgb"]).float()
        return {"naming": functional.cross_entropy(logits, batch["concept"], label_smoothing=self.config.smoothing)}

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Top-1 among all names, on the test split."""
        net = cast(JudgeNet, module)
        return {f"top1/{t.name}": recognise(_as_encoder(net), torch.eye(_classes(net)), t).top1 for t in self._tests}

    def sheet(self, module: nn.Module) -> Image.Image:
        """Test pictures with the names that the judge gives them."""
        net = cast(JudgeNet, module)
        none = Concept(slug="none", names=("none of these",), category="")
        return recognition_sheet(_as_encoder(net), torch.eye(_classes(net)), self._tests, (*self.store.concepts, none))

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save a judge that does not say yet how good it is."""
        slugs = tuple(c.slug for c in self.store.concepts)
        save_judge(Judge(net=cast(JudgeNet, module), slugs=slugs), folder)


def grown(config: JudgeTraining, chunk: int) -> JudgeTraining:
    """What chunk `chunk` is drawn with: easy at first, linearly to the whole range over the run's growth."""
    chunks = config.growth * config.run.steps * config.run.batch / config.run.chunk
    share = 1.0 if chunk >= chunks else chunk / chunks
    (low, high), (plain, gradient, *busy) = config.side, config.backgrounds
    middle = (low + high) / 2
    return replace(
        config,
        side=(middle + share * (low - middle), high),
        backgrounds=(plain, gradient, *(share * frequency for frequency in busy)),
        softened=share * config.softened,
        noisy=share * config.noisy,
        recolour=share * config.recolour,
        deform=share * config.deform,
        finish=share * config.finish,
    )


def draw_singles(
    config: JudgeTraining, store: SpriteStore, *, batch: int, split: Split, styles: Sequence[str], index: int = 0
) -> tuple[Float[Tensor, "b 3 s s"], Int[Tensor, " b"]]:
    """Scenes of one sprite of any size in the range, on every kind of background, and what it is.

    A share of them shows none where the judge has an output for that: the number of concepts stands for it.
    """
    drawn = SceneConfig(
        size=config.shape.size,
        counts=(1.0,),
        backgrounds=config.backgrounds,
        styles=tuple(styles),
        split=split,
        jitter=config.jitter,
        recolour=config.recolour,
        deform=config.deform,
    )
    scenes = compose(store, drawn, batch=batch, seed=config.run.seed, index=index)
    generator = stream(config.run.seed, index, f"judge-{split}")
    low, high = config.side
    side = low + (high - low) * torch.rand(batch, 1, generator=generator)
    # Up to an eighth of the sprite may leave the canvas, as in the composer.
    reach = (1 - 0.75 * side)[..., None] * (torch.rand(batch, 1, 2, generator=generator) - 0.5)
    whiter = torch.rand(batch, 1, 1, 1, generator=generator)
    whiter = whiter * (torch.rand(batch, 1, 1, 1, generator=generator) < config.paper)
    ground = torch.lerp(scenes.background, torch.ones(()), whiter)
    scenes = render(store, replace(scenes.layout, side=side, centre=0.5 + reach), ground)
    rgb, concept = scenes.rgb, scenes.concept[:, 0]
    if not config.shape.nothing:
        return rgb, concept
    none = torch.rand(batch, generator=generator) < config.nothing
    rgb = torch.where(none[:, None, None, None], without_things(rgb, ground, generator), rgb)
    return rgb, torch.where(none, len(store.concepts), concept)


def draw_apart(
    config: JudgeTraining, store: SpriteStore, *, batch: int, offset: int
) -> tuple[Float[Tensor, "b 3 s s"], Int[Tensor, " b"]]:
    """Pictures as in training, of the test split and another seed: to calibrate on, or to measure that."""
    config = replace(config, run=replace(config.run, seed=config.run.seed + offset))
    rgb, concept = draw_singles(config, store, batch=batch, split="test", styles=training_styles())
    return soften(rgb, config, stream(config.run.seed, 0, "soften")), concept


def soften(
    rgb: Float[Tensor, "b 3 s s"], config: JudgeTraining, generator: torch.Generator
) -> Float[Tensor, "b 3 s s"]:
    """Take detail away and add noise, each to its share of the pictures: a generator's pictures are not clean."""
    size, count = rgb.shape[-1], len(rgb)
    level = torch.randint(len(COARSE), (count,), generator=generator)
    level[torch.rand(count, generator=generator) >= config.softened] = -1
    out = rgb.clone()
    for index, coarse in enumerate(COARSE):
        rows = (level == index).nonzero()[:, 0]
        if len(rows) and coarse < size:
            small = functional.interpolate(rgb[rows], size=(coarse, coarse), mode="bilinear", antialias=True)
            out[rows] = functional.interpolate(small, size=(size, size), mode="bilinear")
    fine = torch.randn(count, 3, size, size, generator=generator)
    blotches = torch.randn(count, 3, size // 4, size // 4, generator=generator)
    blotches = functional.interpolate(blotches, size=(size, size))
    strength = config.noise * torch.rand(count, 2, 1, 1, 1, generator=generator)
    strength = strength * (torch.rand(count, 2, 1, 1, 1, generator=generator) < config.noisy)
    return (out + strength[:, 0] * fine + strength[:, 1] * blotches).clamp(0, 1)


def judge_tests(config: JudgeTraining, store: SpriteStore, *, count: int) -> list[RecognitionSet]:
    """Scenes of one sprite out of the test split, with all kinds of backgrounds as often as each other.

    Training styles, the same softened, the style never seen; and training styles large and on quiet backgrounds, of
    any colour and pale, near to what the embedded generator draws; and pictures that show none.
    """
    changed = {"recolour": 0.0, "deform": 0.0, "finish": 0.0, "paper": 0.0, "nothing": 0.0}
    config = replace(config, backgrounds=(1.0,) * len(config.backgrounds), **changed)
    rgb, concept = draw_singles(config, store, batch=count, split="test", styles=training_styles())
    soft = soften(rgb, replace(config, softened=1.0, noisy=1.0), stream(config.run.seed, 0, "soften-test"))
    tests = {"training styles": (rgb, concept), "training styles, softened": (soft, concept)}
    drawn = CacheConfig()
    generated = replace(config, side=drawn.picture_side, backgrounds=drawn.picture.backgrounds)
    tests["as generated"] = draw_singles(generated, store, batch=count, split="test", styles=training_styles())
    pale = replace(generated, paper=1.0)
    tests["as generated, pale"] = draw_singles(pale, store, batch=count, split="test", styles=training_styles())
    if config.shape.nothing:
        none = replace(config, nothing=1.0)
        tests["none of these"] = draw_singles(none, store, batch=count, split="test", styles=training_styles())
    unseen = [s for s in held_out_styles() if s in store.styles]
    if unseen:
        tests["unseen style"] = draw_singles(config, store, batch=count, split="test", styles=unseen)
    return [
        RecognitionSet(name=name, sprites=1, rgb=rgb, alpha=torch.ones_like(rgb[:, 0]), concept=concept)
        for name, (rgb, concept) in tests.items()
    ]


@torch.inference_mode()
def accuracy(net: JudgeNet, tests: Sequence[RecognitionSet]) -> dict[str, dict[str, float | int]]:
    """Top-1 and top-5 among all names, and of how many scenes."""
    figures = {}
    for test in tests:
        found = recognise(_as_encoder(net), torch.eye(_classes(net)), test)
        figures[test.name] = {"top1": round(found.top1, 4), "top5": round(found.top5, 4), "scenes": len(test.rgb)}
    return figures


def _as_encoder(net: JudgeNet) -> EncodeRegion:
    """Logits as embeddings: against unit vectors as names, the best name is the largest logit."""

    def encode(rgb: Tensor, alpha: Tensor) -> Tensor:
        return torch.cat([net(part) for part in rgb.split(256)])

    return encode


def _classes(net: JudgeNet) -> int:
    return net.head.out_features
