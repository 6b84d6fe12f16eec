"""The benchmark's arithmetic, and that it runs; nothing is timed here."""

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import encoder
from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.towers import fill_vision


@pytest.mark.parametrize("name", ["tiny", "ViT-B/32"])
def test_operations_are_those_that_torch_counts(name: str) -> None:
    config = encoder.configuration(name)
    state = {k: torch.empty(s, device="meta") for k, s in encoder.published_shapes(config).items()}
    size, _ = square(config)
    pixels = torch.empty(1, 4, size, size, device="meta")
    with FlopCounterMode(display=False) as counter:
        encoder.published_forward(state, pixels[:, :3], pixels[:, 3:], heads=config.num_attention_heads)
    assert encoder.flops(config) == counter.get_total_flops()


def test_the_three_are_of_one_shape() -> None:
    config = encoder.configuration("tiny")
    pixels = torch.randn(2, 4, 64, 64)
    embeds = {m: encoder.build(m, config, torch.float32, "cpu")(pixels) for m in encoder.MODELS}
    torch.testing.assert_close(embeds["tower"], embeds["restatement"], atol=1e-5, rtol=0)
    assert embeds["OpenCLIP"].shape == embeds["tower"].shape
    state = encoder.published_to_clip(encoder.random_state(config))
    count = sum(p.numel() for p in fill_vision(config, state).parameters())
    _, patch = square(config)
    alpha = config.hidden_size * patch**2
    assert sum(p.numel() for p in encoder.open_clip_tower(config).parameters()) == count - alpha


def test_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(encoder, "_memory_of", lambda settings, *_: {str(b): 7.0 for b in settings.batches})
    output = tmp_path / "rows.json"
    encoder.main(encoder.Settings(architecture="tiny", quick=True, json=output))
    rows = json.loads(output.read_text())
    assert {(r["dtype"], r["batch"], r["model"]) for r in rows} == {
        (d, b, m) for d in ("float32", "bfloat16") for b in (1, 4) for m in encoder.MODELS
    }
    assert all(r["against_tower"] == 1 for r in rows if r["model"] == "tower")
    printed = capsys.readouterr().out
    assert printed.startswith("tiny on cpu") and printed.count("\n") == 2 + len(rows)


def test_memory_rises_with_the_batch(capsys: pytest.CaptureFixture) -> None:
    settings = encoder.Settings(architecture="tiny", memory_of="tower", batches=(1, 64), dtypes=("float32",))
    encoder.main(settings)
    peaks = json.loads(capsys.readouterr().out)
    assert set(peaks) == {"1", "64"} and 0 <= peaks["1"] <= peaks["64"]
