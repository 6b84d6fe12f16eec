"""The judge: a small residual network that names the sprite in a picture.

It is of another architecture than the encoders and was trained apart from them, so that it can say what a generated
picture shows without sharing their mistakes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock

from benchmarks.settings import SHIPPED_JUDGE
from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import CheckpointError, InputError
from gencontrol.files import atomic_file
from gencontrol.sprites.store import SpriteStore

WEIGHTS, FACTS = "judge.safetensors", "judge.json"
"""The two files of a saved judge."""


@dataclass(frozen=True, kw_only=True)
class JudgeShape:
    """Sizes of the network."""

    size: int = 64
    """Side of its input in pixels."""
    widths: tuple[int, ...] = (24, 48, 112, 256)
    """Channels of each level; every level halves the picture. The features are twice as wide as the last."""
    nothing: bool = False
    """Whether its last output says that the picture shows none of the names."""


class JudgeNet(nn.Module):
    """A strided convolution, a residual block for each level, mean and maximum over places, and a linear layer.

    The blocks are torchvision's (He et al., "Deep Residual Learning", arXiv 1512.03385).
    """

    def __init__(self, shape: JudgeShape, classes: int):
        """Random weights from torch's global generator; seed that first."""
        super().__init__()
        first, widths = shape.widths[0], shape.widths
        stem = [nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()]
        blocks = [_block(before, after) for before, after in zip((first, *widths), widths, strict=False)]
        self.shape = shape
        self.trunk = nn.Sequential(*stem, *blocks)
        self.head = nn.Linear(2 * widths[-1], classes + shape.nothing)
        # A CPU's convolutions train a fifth faster with the channels last.
        self.to(memory_format=torch.channels_last)

    def features(self, rgb: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        """What the last layer reads; not negative. Colours in [0, 1]."""
        centred = (rgb - 0.5) / 0.25
        maps = self.trunk(centred.contiguous(memory_format=torch.channels_last))
        # The maximum finds a small sprite on a busy background, where the mean is mostly background.
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=-1)

    def forward(self, rgb: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c"]:
        """Logits of all names, and of none of them where the shape says so."""
        return self.head(self.features(rgb))


def _block(before: int, after: int) -> BasicBlock:
    if before == after:
        return BasicBlock(before, after)
    shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride=2, bias=False), nn.BatchNorm2d(after))
    return BasicBlock(before, after, 2, shortcut)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge says of a batch of pictures."""

    log_probabilities: Float[Tensor, "b c"]
    """Of all names, natural logarithm; the last is "none of these" where the judge knows that."""
    features: Float[Tensor, "b d"]
    """The network's last hidden layer."""

    @property
    def ranking(self) -> Int[Tensor, "b c"]:
        """All names, the best first."""
        return self.log_probabilities.argsort(-1, descending=True)


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A trained network and what its outputs stand for."""

    net: JudgeNet
    """In evaluation mode."""
    slugs: tuple[str, ...]
    """The concepts, in the order of the outputs."""
    temperature: float = 1.0
    """Divisor of its logits, so that its probabilities are what they say."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained, and how well it names real sprites."""

    @torch.inference_mode()
    def __call__(self, pictures: Float[Tensor, "b 3 h w"], *, batch: int = 128) -> Verdict:
        """Name pictures of any size, colours in [0, 1]; what is not square is squashed.

        Raises:
            InputError: Not a batch of colour pictures.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3:
            raise InputError(f"The judge takes pictures (b, 3, h, w), got {tuple(pictures.shape)}.")
        fitted = fit_square(pictures.float(), self.net.shape.size)
        features = torch.cat([self.net.features(part) for part in fitted.split(batch)])
        logits = self.net.head(features) / self.temperature
        return Verdict(log_probabilities=logits.log_softmax(-1), features=features)

    def check_concepts(self, store: SpriteStore) -> None:
        """Refuse a store whose concepts are not the judge's own.

        Raises:
            InputError: Other concepts, or another order.
        """
        if self.slugs != tuple(c.slug for c in store.concepts):
            raise InputError(
                f"The judge knows {len(self.slugs)} concepts and the sprite store has {len(store.concepts)} others: "
                "train a judge on this store with `python -m benchmarks.judge train`."
            )


def fit_square(pictures: Float[Tensor, "b 3 h w"], size: int) -> Float[Tensor, "b 3 size size"]:
    """Pictures at the judge's size, low-passed where they shrink."""
    if pictures.shape[-2:] == (size, size):
        return pictures
    return functional.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def top_hits(scores: Float[Tensor, "b c"], concept: Int[Tensor, " b"], count: int) -> Bool[Tensor, " b"]:
    """Whether the concept is among the `count` best of all names."""
    best = scores.argsort(-1, descending=True)[:, :count]
    return (best == concept[:, None]).any(-1)


def margins(
    scores: Float[Tensor, "b c"], concept: Int[Tensor, " b"], others: Int[Tensor, "b k"]
) -> Float[Tensor, " b"]:
    """The marked concept's score less the best of the others'; NaN where there is no other.

    Args:
        scores: Of all names.
        concept: What is marked.
        others: What else is in the scene, padded with -1.
    """
    own = scores.gather(1, concept[:, None])[:, 0]
    absent = others < 0
    other = scores.gather(1, others.clamp(min=0)).masked_fill(absent, -torch.inf)
    best = other.amax(-1) if others.shape[1] else torch.full_like(own, -torch.inf)
    return torch.where(absent.all(-1), torch.nan, own - best)


def save_judge(judge: Judge, folder: Path) -> None:
    """Write a judge's two files, its weights as float16: neither is replaced unless both could be written."""
    state = {k: v.half() if v.is_floating_point() else v for k, v in judge.net.state_dict().items()}
    index = {
        "shape": to_mapping(judge.net.shape),
        "temperature": judge.temperature,
        "facts": dict(judge.facts),
        "concepts": list(judge.slugs),
    }
    with atomic_file(folder / WEIGHTS) as weights, atomic_file(folder / FACTS) as facts:
        save_file({k: v.contiguous() for k, v in state.items()}, weights)
        facts.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def open_judge(folder: Path = SHIPPED_JUDGE) -> Judge:
    """Open what `save_judge` wrote, in float32.

    Raises:
        CheckpointError: No judge there, or a broken one.
    """
    try:
        index = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        net = JudgeNet(from_mapping(JudgeShape, index["shape"], where=FACTS), len(index["concepts"]))
        net.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"No judge that can be opened in {folder} ({error}). Train one with `python -m benchmarks.judge train`."
        ) from error
    return Judge(
        net=net.eval().requires_grad_(False),
        slugs=tuple(index["concepts"]),
        temperature=index.get("temperature", 1.0),
        facts=index["facts"],
    )
