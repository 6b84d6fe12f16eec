"""The learned module: readers of crops, an encoder of pairs, a core, and a head for every relation."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gencontrol.errors import ConfigError
from gencontrol.relations.learned.answers import HEADS, as_asked
from gencontrol.relations.learned.cores import CoreName, GRUCore, MLPCore, TransformerCore
from gencontrol.relations.learned.inputs import COLOURS, CROP, FEATURES, PROBES, RelationInputs, pair_slots
from gencontrol.relations.learned.mechanisms import RIMCore

_KINDS: dict[CoreName, type[nn.Module]] = {
    "rim": RIMCore,
    "transformer": TransformerCore,
    "gru": GRUCore,
    "mlp": MLPCore,
}
CORES: tuple[CoreName, ...] = tuple(_KINDS)
"""All kinds of cores."""
_READ = 48
"""What a reader says of a crop."""


@dataclass(frozen=True, kw_only=True)
class ModuleConfig:
    """Shape of the module."""

    width: int = 64
    """Of what is known of a region and of a pair."""
    cores: tuple[CoreName, ...] = CORES
    """Those that it has; they share the readers and the encoder."""
    core: CoreName = "gru"
    """Which of them answers unless another is asked for."""
    hidden: tuple[int, ...] = (112, 48, 84, 180)
    """Inner width of each core, by which all come to about the same size."""
    channels: tuple[int, int, int] = (32, 64, 128)
    """Of the three convolutions that read a crop."""

    def __post_init__(self) -> None:
        if self.core not in self.cores or len(self.hidden) != len(self.cores) or set(self.cores) - set(CORES):
            raise ConfigError(
                f"cores, core, hidden: expected some of {', '.join(CORES)}, one of those, and a width for each; got "
                f"{list(self.cores)}, {self.core!r} and {list(self.hidden)}."
            )
        if min(self.channels) < 1:
            raise ConfigError(f"channels: expected three widths of at least 1, got {list(self.channels)}.")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a core says."""

    logits: Float[Tensor, "b k k r"]
    """Of every relation of `answers.RELATIONS`, for every ordered pair; a pair that is none has some value."""
    still: Float[Tensor, "b k"]
    """Logits that a region stays where it is, in a clip."""
    regions: Float[Tensor, "b k d"]
    """A state for every region."""
    scene: Float[Tensor, "b d"]
    """A state of all together."""


class Reader(nn.Module):
    """A few convolutions over a crop."""

    def __init__(self, planes: int, channels: tuple[int, int, int]):
        """Build the layers."""
        super().__init__()
        first, second, third = channels
        self.layers = nn.Sequential(
            *(nn.Conv2d(planes, first, 3, stride=2, padding=1), nn.GELU()),
            *(nn.Conv2d(first, second, 3, stride=2, padding=1), nn.GELU()),
            *(nn.Conv2d(second, third, 3, stride=2, padding=1), nn.GELU()),
            *(nn.Flatten(), nn.Linear(third * (-(-CROP // 8)) ** 2, _READ), nn.LayerNorm(_READ)),
        )

    def forward(self, crops: Float[Tensor, "n c s s"]) -> Float[Tensor, "n r"]:
        """What is seen in each."""
        return self.layers(crops * 2 - 1)


class RelationModule(nn.Module):
    """From `RelationInputs` to answers; any number of regions, in any order."""

    def __init__(self, config: ModuleConfig):
        """Draw weights from torch's global generator; seed that first."""
        super().__init__()
        self.config = config
        width = config.width
        self.region_reader, self.meeting_reader = Reader(4, config.channels), Reader(5, config.channels)
        self.region = nn.Sequential(
            nn.Linear(_READ + COLOURS + len(PROBES) + 1, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.fixed = nn.Linear(2 * width + _READ + COLOURS // 2 + 4, 2 * width)
        self.varying = nn.Linear(len(FEATURES), 2 * width)
        self.pair = nn.Sequential(nn.GELU(), nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        sizes = dict(zip(config.cores, config.hidden, strict=True))
        self.cores = nn.ModuleDict({name: _KINDS[name](width, sizes[name]) for name in config.cores})
        self.heads = nn.ModuleDict({name: Heads(width) for name in config.cores})

    def forward(self, inputs: RelationInputs, cores: tuple[CoreName, ...] | None = None) -> dict[str, Answers]:
        """The answers of some cores, by name; of the default one unless said."""
        nodes, pairs, both = self.encode(inputs)
        return {name: self._answered(name, nodes, pairs, both) for name in cores or (self.config.core,)}

    def encode(self, inputs: RelationInputs) -> tuple[Tensor, Tensor, Tensor]:
        """What is known of regions (b, k, d) and of pairs in every frame (b, t, k, k, d), and which pairs there are."""
        used = inputs.used
        b, k = used.shape
        seen = inputs.crops.new_zeros(b, k, _READ)
        seen[used] = self.region_reader(inputs.crops[used]).to(seen)
        informed = (inputs.probes != 0).any(-1, keepdim=True).to(seen)
        nodes = self.region(torch.cat([seen, inputs.colours, inputs.probes, informed], dim=-1)) * used[..., None]
        met, near = self._meetings(inputs)
        lab = inputs.colours[..., : COLOURS // 2]
        fixed = [
            nodes[:, :, None].expand(b, k, k, -1),
            nodes[:, None].expand(b, k, k, -1),
            met,
            4 * (lab[:, :, None] - lab[:, None]).abs(),
            near,
            inputs.cosines,
            informed[:, :, None].expand(b, k, k, 1),
        ]
        fixed = self.fixed(torch.cat(fixed, dim=-1))
        both = inputs.there[..., :, None] & inputs.there[..., None, :] & ~torch.eye(k, dtype=torch.bool).to(used.device)
        pairs = self.pair(fixed[:, None] + self.varying(_tamed(inputs.pairs))) * both[..., None]
        return nodes, pairs, both

    def _meetings(self, inputs: RelationInputs) -> tuple[Tensor, Tensor]:
        """What is seen where subject and object meet, (b, k, k, r), and whether they do, (b, k, k, 1)."""
        b, k = inputs.used.shape
        met = inputs.crops.new_zeros(b, k, k, _READ)
        near = inputs.crops.new_zeros(b, k, k, 1)
        if inputs.near.any():
            crops = inputs.meetings[inputs.near]
            row, slot = inputs.near.nonzero().unbind(-1)
            i, j = pair_slots(k).to(row.device)[slot].unbind(-1)
            turned = crops[:, [0, 1, 2, 4, 3]]
            read = self.meeting_reader(torch.cat([crops, turned])).to(met)
            met[row, i, j], met[row, j, i] = read.chunk(2)
            near[row, i, j] = near[row, j, i] = 1
        return met, near

    def _answered(self, name: str, nodes: Tensor, pairs: Tensor, both: Tensor) -> Answers:
        states = self.cores[name](nodes, pairs, both)
        used = both.any(dim=(1, 3))
        scene = (states * used[..., None]).sum(1) / used.sum(1, keepdim=True).clamp(min=1)
        logits, still = self.heads[name](states, scene, pairs, both)
        return Answers(logits=as_asked(logits), still=still, regions=states, scene=scene)


class Heads(nn.Module):
    """From states and pairs to logits: each pair's mean over the frames, its last frame, and both its regions."""

    def __init__(self, width: int):
        """Build the layers."""
        super().__init__()
        self.pair = nn.Sequential(nn.Linear(5 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, len(HEADS)))
        self.region = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, states: Tensor, scene: Tensor, pairs: Tensor, both: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the heads for every pair, and of staying still for every region."""
        k = states.shape[1]
        mean = pairs.sum(1) / both.sum(1)[..., None].clamp(min=1)
        known = [
            states[:, :, None].expand(-1, -1, k, -1),
            states[:, None].expand(-1, k, -1, -1),
            scene[:, None, None].expand(-1, k, k, -1),
            mean,
            _last(pairs, both),
        ]
        about = mean.sum(2) / both.any(1).sum(2)[..., None].clamp(min=1)
        still = self.region(torch.cat([states, about], dim=-1))[..., 0]
        return self.pair(torch.cat(known, dim=-1)), still


def _last(pairs: Tensor, both: Bool[Tensor, "b t k k"]) -> Tensor:
    """Each pair in the last frame that has both."""
    order = torch.arange(1, pairs.shape[1] + 1, device=pairs.device)[:, None, None] * both
    return pairs.gather(1, order.argmax(dim=1)[:, None, ..., None].expand(-1, 1, -1, -1, pairs.shape[-1]))[:, 0]


def _tamed(features: Tensor) -> Tensor:
    """Lengths are small and velocities may be large: both come to about 1."""
    return torch.asinh(4 * features) / 2
