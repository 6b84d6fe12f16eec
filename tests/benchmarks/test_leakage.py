"""The leakage benchmark: distances, and that each way of looking is what its row says."""

from types import ModuleType

import pytest
import torch

from benchmarks.leakage import Row, Settings, main, measure, pictures, relative, table
from gencontrol.alpha_clip.model import AlphaCLIP


def test_distances_are_relative_and_of_each_picture() -> None:
    one = torch.tensor([[[3.0, 4.0]], [[0.0, 1.0]]])
    other = torch.tensor([[[3.0, 4.0]], [[1.0, 1.0]]])
    assert relative(one, other) == pytest.approx(0.5)
    assert relative(other, one) == pytest.approx(0.5 / 2**0.5)


def test_pictures_are_colours_of_their_seed() -> None:
    one = pictures(2, 16, seed=0)
    assert one.shape == (2, 3, 16, 16) and 0 <= one.min() and one.max() <= 1
    assert torch.equal(one, pictures(2, 16, seed=0)) and not torch.equal(one, pictures(2, 16, seed=1))


def test_rows_of_a_tower_without_alpha_weights(tiny: ModuleType) -> None:
    """Its alpha row is its plain one; the class row leaves patches alone before they can read the class token."""
    encoder = AlphaCLIP.from_clip(tiny.vision_tower(channels=3)).eval()
    rows = {row.name: row for row in measure(encoder, Settings(pairs=4))}
    plain, alpha, every = rows["plain"], rows["alpha"], rows["attention:rows=all"]
    assert (plain.inside, plain.class_token) == (alpha.inside, alpha.class_token) and plain.from_plain == 0
    assert rows["attention:rows=class"].inside == plain.inside
    assert every.inside < 0.1 * plain.inside < rows["unrelated"].inside and every.from_plain > 0


def test_what_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    text = table([Row(name="plain", inside=0.4424, class_token=0.25, from_plain=0.0)])
    assert text.splitlines()[1].split() == ["plain", "0.442", "0.250", "0.000"]
    rows = main(Settings(pairs=2, json=tmp_path / "rows.json"))
    assert capsys.readouterr().out.strip().startswith("inside") and len(rows) == 5
    assert '"attention:rows=all"' in (tmp_path / "rows.json").read_text()
