"""Which device a process takes."""

import warnings

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.machine import devices as device
from gencontrol.runs.notices import RunWarning


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_count", lambda kind: {"cuda": 2, "cpu": 1}.get(kind, 0))


@pytest.mark.parametrize("name", ["auto", "cuda"])
@pytest.mark.parametrize(("rank", "index"), [("0", 0), ("1", 1), ("2", 0)])
def test_each_process_takes_its_own_gpu(
    name: str, rank: str, index: int, two_gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", rank)
    assert device.choose_device(name) == torch.device("cuda", index)


def test_a_number_is_kept(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device.choose_device("cuda:0") == torch.device("cuda", 0)
    assert device.choose_device("cpu") == torch.device("cpu")


def test_devices_that_are_not_there(two_gpus: None) -> None:
    assert device.devices() == ["cuda:0", "cuda:1", "cpu"]
    with pytest.raises(InputError, match="`device` cuda:2: this machine has 2 of them"):
        device.choose_device("cuda:2")
    with pytest.raises(InputError, match="`device` mps: this machine has none"):
        device.choose_device("mps")
    with pytest.raises(ConfigError, match="`device`: expected auto, cpu, cuda"):
        device.choose_device("gpu")


@pytest.mark.parametrize(("name", "kind", "told"), [("float16", "cpu", 1), ("float16", "cuda", 0), ("auto", "cpu", 0)])
def test_half_precision_on_a_cpu_is_told(name: str, kind: str, told: int) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        device.choose_dtype(name, torch.device(kind))
    assert [w.category for w in caught] == [RunWarning] * told
    assert all(str(w.message).startswith("`dtype` float16 is meant for GPUs") for w in caught)


def test_number_formats() -> None:
    assert device.choose_dtype("auto", torch.device("cuda")) == torch.float16
    assert device.choose_dtype("auto", torch.device("cpu")) == torch.float32
    assert device.choose_dtype("bfloat16", torch.device("cuda")) == torch.bfloat16
