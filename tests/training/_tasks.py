"""A task so small that a step takes a millisecond, with everything the loop asks for."""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from gencontrol.streams import stream
from gencontrol.training.loop.task import Batch, ParameterGroup


@dataclass(frozen=True, kw_only=True)
class LineConfig:
    slope: float = 1.0
    start: str = ""


class LineTask:
    """Fit a line through points; the data are a function of the index."""

    def __init__(self, chunk: int = 4, *, slope: float = 1.0, start: str = ""):
        torch.manual_seed(0)
        self.config = LineConfig(slope=slope, start=start)
        self.module: nn.Module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))
        self.chunk = chunk
        self.drawn: list[int] = []

    def groups(self) -> list[ParameterGroup]:
        first, *rest = self.module.parameters()
        return [ParameterGroup(parameters=[first], scale=0.1), ParameterGroup(parameters=rest)]

    def draw(self, index: int) -> Batch:
        self.drawn.append(index)
        x = torch.randn(self.chunk, 3, generator=stream(7, index, "line"))
        return {"x": x, "y": x @ torch.tensor([[self.config.slope], [2.0], [-1.0]])}

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"error": (module(batch["x"]) - batch["y"]).square().mean()}

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        return {"held": float(self.losses(module, self.draw(10**6))["error"])}

    def sheet(self, module: nn.Module) -> Image.Image:
        return Image.new("RGB", (4, 4))

    def export(self, module: nn.Module, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(module.state_dict()), folder / "line.safetensors")
