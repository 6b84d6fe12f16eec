"""The peak is this program's own."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.memory import ask_process, flags, peak, reset_peak

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps the peak")
def test_the_peak_forgets_what_was_given_back() -> None:
    reset_peak("cpu")
    before = peak("cpu")
    held = torch.ones(50_000_000)
    assert peak("cpu") - before > 0.9 * held.nbytes
    del held
    reset_peak("cpu")
    assert peak("cpu") - before < 20_000_000


def test_the_peak_is_of_this_program_and_not_of_what_started_it() -> None:
    code = f"import sys; sys.path.append({str(ROOT)!r}); from benchmarks.memory import peak; print(peak('cpu'))"
    ballast = torch.ones(500_000_000 // 4)  # half a gigabyte, in the process that starts the other
    started = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True)
    found = int(started.stdout.splitlines()[-1])
    assert found < peak("cpu") - ballast.nbytes // 2


def test_settings_become_flags() -> None:
    found = flags({"encoder": "x", "view_size": 3, "batches": (1, 4), "quick": False, "json": None})
    assert list(found) == ["--encoder", "x", "--view-size", "3", "--batches", "1", "4"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    file: Path
    """Relative."""
    sizes: tuple[int, ...] = (1, 2)
    """Two."""


def test_another_process_is_asked_in_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "probe.py").write_text(
        "import json, sys, benchmarks.memory as m\nprint('noise')\nprint(json.dumps([m.__file__, *sys.argv[1:]]))",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    found = ask_process("probe", Settings(file=Path("a.npz")), sizes=(3,))
    assert found == [str(ROOT / "benchmarks" / "memory.py"), "--file", "a.npz", "--sizes", "3"]
