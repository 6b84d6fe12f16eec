"""The benchmark of large photographs: its rows embed what they say, and it prints what it measured."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import photograph
from gencontrol.images.reading import read_image


def test_pictures_are_of_the_size_that_is_asked_for(tmp_path: Path) -> None:
    photograph.write_pictures(tmp_path, (60, 40))
    assert [read_image(tmp_path / f"{name}").size for name in ("photo.jpg", "photo.png", "mask.png")] == [(40, 60)] * 3


def test_every_row_embeds_the_picture_through_its_region(tmp_path: Path) -> None:
    photograph.write_pictures(tmp_path, (240, 160))
    encoder = photograph.load_encoder()
    embeds = {row: photograph.embed(encoder, tmp_path, row) for row in photograph.ROWS}
    assert all(tuple(embed.shape) == (1, encoder.embed_dim) for embed in embeds.values())
    # Both formats show one picture, which the encoder looks at closely; the box is another region of it.
    alike, apart = (torch.cosine_similarity(embeds["png"], embeds[row]).item() for row in ("jpeg", "box"))
    assert alike > 0.99 and apart < 0.99


def test_what_is_printed_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(photograph, "ask_process", lambda module, settings, **changes: 3_000_000)
    flags = ["--width", "120", "--height", "80", "--rounds", "1", "--json", str(tmp_path / "rows.json")]
    monkeypatch.setattr("sys.argv", ["photograph", *flags])
    photograph.main()
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert set(rows) == {"jpeg", "png", "box"} and all(row["megabytes"] == 3.0 for row in rows.values())
    assert all(row["large"] > 0 and row["small"] > 0 for row in rows.values())
    assert "120 x 80" in capsys.readouterr().out
