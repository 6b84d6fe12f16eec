"""The arithmetic of following, and that it runs."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from benchmarks import tracking


def test_overlaps_and_what_is_hidden() -> None:
    rgb = 0.5 + 0.02 * torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    alphas = torch.zeros(3, 2, 32, 32)
    for t in range(3):
        alphas[t, 0, 4:12, 2 + 5 * t : 10 + 5 * t] = 1
    # The second one is hidden after the first frame.
    alphas[0, 1, 20:28, 20:28] = 1
    rgb = torch.where(alphas[:, :1] > 0, torch.tensor([0.9, 0.1, 0.1])[None, :, None, None], rgb)
    rgb[:1] = torch.where(alphas[:1, 1:] > 0, torch.tensor([0.1, 0.1, 0.9])[None, :, None, None], rgb[:1])
    rows = tracking.measured(rgb, alphas)
    assert rows.shape == (4, 4) and rows[:, 0].tolist() == [1, 0, 1, 0]
    assert bool((rows[::2, 1] > 0.9).all()) and rows[1::2, 2].tolist() == [1, 1]
    # Left where it was, five of its eight columns are off, and then all.
    assert_close(rows[::2, 3], torch.tensor([3 / 13, 0.0]))
    table = tracking.table(rows)
    assert "95% to 100%       2" in table and table.splitlines()[-1].split()[:2] == ["hidden", "2"]


def test_it_runs(sprite_file: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = tracking.stage_clip
    monkeypatch.setattr(tracking, "stage_clip", lambda *a, **k: drawn(*a, **{**k, "frames": 3}))
    tracking.main(tracking.Settings(sprites=sprite_file, clips=2, size=32))
    assert len(capsys.readouterr().out.strip().splitlines()) == 6
