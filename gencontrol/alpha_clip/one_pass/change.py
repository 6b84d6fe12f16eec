"""What is trained beside a frozen tower: small changes of its weights, and how maps are read in every layer."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import square
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number


@dataclass(frozen=True, kw_only=True)
class OnePassConfig:
    """Shape of the weights beside a tower."""

    rank: int = 32
    """Of the change of each matrix of attention."""
    features: int = 8
    """What is read of a region's map in each patch."""
    floor: float = 1e-3
    """The least share of a patch that counts, (0, 1): what is outside keeps this much of a token's attention."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_number(self.rank, name="rank", at_least=1)
        check_number(self.features, name="features", at_least=1)
        check_number(self.floor, name="floor", above=0, below=1)


class LinearChange(nn.Module):
    """What is added to a linear layer: a matrix of low rank, and a shift of its bias if it has one."""

    def __init__(self, inputs: int, outputs: int, rank: int, *, bias: bool = True):
        """Change nothing yet."""
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, inputs) * inputs**-0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None


class NormChange(nn.Module):
    """What is added to a norm's weight and bias."""

    def __init__(self, width: int):
        """Change nothing yet."""
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))
        self.bias = nn.Parameter(torch.zeros(width))


class BlockChange(nn.Module):
    """One block's changes."""

    def __init__(self, tower: CLIPVisionConfig, config: OnePassConfig):
        """Change nothing yet: regions look at their own patches, and patches of different regions at none of theirs."""
        super().__init__()
        width, inner = tower.hidden_size, tower.intermediate_size
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            LinearChange(width, width, config.rank) for _ in range(4)
        )
        # Changing the matrices of these too was worth nothing in trials, and takes longer than all the others.
        self.fc1, self.fc2 = nn.Parameter(torch.zeros(inner)), nn.Parameter(torch.zeros(width))
        self.layer_norm1, self.layer_norm2 = NormChange(width), NormChange(width)
        # Exponents by head, as in `focus.attention`.
        self.own = nn.Parameter(torch.ones(tower.num_attention_heads))
        self.apart = nn.Parameter(torch.ones(tower.num_attention_heads))
        self.keys = nn.Parameter(torch.zeros(config.features, width))
        self.values = nn.Parameter(torch.zeros(config.features, width))


class OnePass(nn.Module):
    """The weights beside one tower; a tower's answer to one map does not know of them."""

    def __init__(self, tower: CLIPVisionConfig, config: OnePassConfig | None = None):
        """Weights that change nothing yet; what starts at random is drawn from torch's generator.

        Args:
            tower: The tower's configuration.
            config: Their shape.
        """
        super().__init__()
        self.config = config or OnePassConfig()
        width, patch = tower.hidden_size, square(tower)[1]
        self.start = nn.Parameter(torch.zeros(width))
        self.pooled = LinearChange(width, width, self.config.rank)
        self.reader = nn.Conv2d(1, self.config.features, patch, stride=patch)
        self.layers = nn.ModuleList(BlockChange(tower, self.config) for _ in range(tower.num_hidden_layers))
        self.pre_layrnorm, self.post_layernorm = NormChange(width), NormChange(width)
        self.visual_projection = LinearChange(width, tower.projection_dim, self.config.rank, bias=False)
