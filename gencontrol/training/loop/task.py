"""What the loop asks of a stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from PIL import Image
from torch import Tensor, nn

Batch = Mapping[str, Tensor]
"""Named tensors whose first axis counts samples."""


@dataclass(frozen=True, kw_only=True)
class ParameterGroup:
    """Parameters that share a step size."""

    parameters: list[nn.Parameter]
    """Those that are trained."""
    scale: float = 1.0
    """Factor on the run's learning rate."""
    hidden: bool = False
    """Whether these are matrices between hidden layers, which Muon can train."""


@runtime_checkable
class Task(Protocol):
    """One stage of training."""

    @property
    def config(self) -> Any:
        """The stage's settings, a dataclass; a run that goes on must share them."""
        ...

    @property
    def module(self) -> nn.Module:
        """What is trained; the loop wraps it for many processes and averages its weights."""
        ...

    def groups(self) -> list[ParameterGroup]:
        """The trained parameters."""
        ...

    def draw(self, index: int) -> Batch:
        """Chunk `index` of the data: a function of the seed and the index alone."""
        ...

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Named, weighted scalars whose sum is minimised; `module` is the wrapped one."""
        ...

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Figures on the test split; `module` is the averaged one."""
        ...

    def sheet(self, module: nn.Module) -> Image.Image:
        """A picture that shows what the model does."""
        ...

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save the averaged module in its users' format."""
        ...


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands; the loop hands it to its reporter."""

    step: int
    """Steps done."""
    losses: dict[str, float] = field(default_factory=dict)
    """Means since the last report."""
    figures: dict[str, float] = field(default_factory=dict)
    """Of the last evaluation, if there was one at this step."""
    rate: float = 0.0
    """Samples per second since the last report."""
    seconds_left: float = 0.0
    """At that rate."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Learning rate, gradient norm."""
