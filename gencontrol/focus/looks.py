"""Several looks at one part, added: each strategy's embedding at unit length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Colours
from gencontrol.kinds import check_fields


@dataclass(frozen=True, kw_only=True)
class SumFocus:
    """The sum of several looks: what the frame knows and what a close look knows, in one embedding.

    Every look costs a run of the encoder. The sum is as long as its looks are on average, since hosts read an
    embedding's length as well.
    """

    name: ClassVar[str] = "sum"
    looks: tuple[FocusStrategy, ...]
    """At least two, no two of them the same."""

    def __post_init__(self) -> None:
        check_fields(self)
        if len(self.looks) < 2:
            raise ConfigError(f"looks: expected at least two to add, got {len(self.looks)}.")
        twice = next((look for i, look in enumerate(self.looks) if look in self.looks[:i]), None)
        if twice is not None:
            raise ConfigError(f"looks: {twice.name!r} is named twice with the same settings; a look counts once.")

    @property
    def takes_bytes(self) -> bool:
        """Whether all looks do."""
        return all(getattr(look, "takes_bytes", False) for look in self.looks)

    def embed(self, encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`. Differentiable in what all looks are differentiable in."""
        return added([look.embed(encoder, rgb, alpha) for look in self.looks])

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """A sum has no view of its own; each of its `looks` has.

        Raises:
            InputError: Always.
        """
        names = "+".join(look.name for look in self.looks)
        raise InputError(f"The focus {names} is several views, and here is room for one: choose one of them.")


def looks_of(focus: FocusStrategy) -> tuple[FocusStrategy, ...]:
    """The looks of a sum, those of its sums included; of any other strategy, itself."""
    return tuple(part for look in focus.looks for part in looks_of(look)) if isinstance(focus, SumFocus) else (focus,)


def encodes(focus: FocusStrategy) -> int:
    """How often a strategy runs the encoder for one map; steps through its last layer alone are not counted."""
    return len(looks_of(focus))


def added(embeds: Sequence[Float[Tensor, "b d"]]) -> Float[Tensor, "b d"]:
    """The sum of embeddings at unit length, rescaled to their mean length.

    Args:
        embeds: Of the same pictures, one for each look.
    """
    exact = torch.stack([one.float() for one in embeds])
    total = functional.normalize(functional.normalize(exact, dim=-1).sum(dim=0), dim=-1)
    return (total * exact.norm(dim=-1).mean(dim=0)[:, None]).to(embeds[0].dtype)
