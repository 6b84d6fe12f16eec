"""How long something takes beside something else, on a machine whose speed comes and goes."""

import time
from collections.abc import Callable, Mapping

import torch


def take_turns(
    turns: Mapping[str, Callable[[], object]], *, rounds: int, device: str = "cpu"
) -> dict[str, list[float]]:
    """Seconds of each callable in each round, after one round, which fills caches, that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for index in range(rounds + 1):
        for name, turn in turns.items():
            _wait(device)
            start = time.perf_counter()
            turn()
            _wait(device)
            if index:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
