"""The benchmark's arithmetic, and that it runs; nothing is timed here."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import one_pass
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass, OnePassConfig
from gencontrol.alpha_clip.one_pass.regions import encode_fitted, untrained


def test_it_runs(model: Path, sprite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    encoder = AlphaCLIP.from_pretrained(model / "alpha_clip")
    torch.manual_seed(0)
    encoder.one_pass = OnePass(encoder.vision.config, OnePassConfig(rank=2, features=2)).requires_grad_(False)
    encoder.one_pass.start[::2] += 1
    encoder.save_pretrained(tmp_path / "encoder")
    settings = one_pass.Settings(
        model=str(tmp_path / "encoder"), sprites=sprite_file, regions=(2, 3), scenes=4, architecture="tiny", at_once=3,
        rounds=1, output=tmp_path / "rows.json",
    )  # fmt: skip
    one_pass.main(settings)
    *rows, times = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["way"], row["regions"]) for row in rows] == [
        (way, number) for number in (2, 3) for way in ("one pass", "untrained")
    ]
    assert all(0 <= row["each"] <= 1 and -1 <= row["cosine"] <= 1 for row in rows)
    assert rows[0]["each"] == rows[1]["each"] and rows[0]["cosine"] != rows[1]["cosine"]
    assert times["ratio"] > 0
    printed = capsys.readouterr().out
    assert "3 regions in one pass take" in printed and printed.count("untrained") == 2


def test_a_row_is_of_paired_answers(model: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(model / "alpha_clip").requires_grad_(False)
    rgb, alphas = torch.rand(2, 3, 64, 64), torch.zeros(2, 2, 64, 64)
    alphas[:, 0, :32], alphas[:, 1, 32:] = 1, 1
    found = encode_fitted(encoder, rgb, alphas, approximate=True)
    chunk = {
        "rgb": rgb,
        "alphas": alphas,
        "used": torch.tensor([[True, True], [True, False]]),
        "taught": torch.nn.functional.normalize(found, dim=-1),
        "concepts": torch.tensor([[0, 1], [2, -1]]),
    }
    names = torch.nn.functional.normalize(found.flatten(0, 1)[:3], dim=-1)
    row = one_pass.row_of("untrained", untrained(encoder.vision), encoder, names, chunk, regions=2)
    assert row.looked_at == 3 and row.each == row.one == 1 and row.error == 0
    assert row.cosine == pytest.approx(1, abs=1e-5)
    chunk["taught"] = -chunk["taught"]
    opposite = one_pass.row_of("untrained", untrained(encoder.vision), encoder, names, chunk, regions=2)
    assert opposite.cosine == pytest.approx(-1, abs=1e-5) and opposite.one == 1 and opposite.each < 1
