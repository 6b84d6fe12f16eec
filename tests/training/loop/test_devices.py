"""Where a run computes."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from gencontrol.errors import InputError
from gencontrol.training.loop import devices
from gencontrol.training.loop.devices import start_accelerator


@pytest.fixture(autouse=True)
def nothing_started(monkeypatch: pytest.MonkeyPatch):
    """Accelerate keeps one state a process, of which other tests have made one."""
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def test_a_gpu_is_wanted_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"run\.device: expected a GPU .* this machine has none; leave it at auto"):
        start_accelerator("cuda")


def test_a_cpu_is_taken_where_it_is_asked_for_and_shared_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def noted(*, cpu: bool) -> Accelerator:
        asked.append(cpu)
        return Accelerator(cpu=True)

    monkeypatch.setattr(devices, "Accelerator", noted)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for device in ("cpu", "auto", "cuda"):
        start_accelerator(device)
    assert asked == [True, False, False]
    assert Accelerator().device == torch.device("cpu")
