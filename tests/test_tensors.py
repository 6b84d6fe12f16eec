"""Safetensors files: the same values are the same bytes, in whatever order their metadata comes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from gencontrol.tensors import tensor_bytes

VALUES = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, 2], dtype=torch.int64)}
ABOUT = {name: name * 3 for name in ("version", "parts", "prompts", "é", "zeta", "alpha")}
_WRITE = """
import sys, torch
from gencontrol.tensors import tensor_bytes
about = {name: name * 3 for name in ("version", "parts", "prompts", "zeta", "alpha")}
print(tensor_bytes({"a": torch.zeros(3)}, about).hex())
"""


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(tensor_bytes(VALUES, ABOUT))
    with safe_open(file, framework="pt") as found:
        assert found.metadata() == ABOUT
        for name, value in VALUES.items():
            assert torch.equal(found.get_tensor(name), value)


def test_metadata_is_sorted_and_tensors_stay_aligned() -> None:
    content = tensor_bytes(VALUES, ABOUT)
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    assert list(json.loads(content[8 : 8 + length])["__metadata__"]) == sorted(ABOUT)
    assert content == tensor_bytes(VALUES, dict(reversed(ABOUT.items())))


@pytest.mark.parametrize("about", [None, {}])
def test_without_metadata_none_is_written(about: dict[str, str] | None) -> None:
    content = tensor_bytes(VALUES, about)
    assert "__metadata__" not in json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])


@pytest.mark.slow
def test_every_process_writes_the_same_bytes(tmp_path: Path) -> None:
    run = [sys.executable, "-P", "-c", _WRITE]
    written = {subprocess.run(run, capture_output=True, check=True, cwd=tmp_path).stdout for _ in range(4)}
    assert len(written) == 1
