from pathlib import Path

import pytest

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.save import check_replaceable
from gencontrol.errors import InputError


def test_an_earlier_save_is_replaced_whole(encoder: AlphaCLIP, tmp_path: Path) -> None:
    encoder.save_pretrained(tmp_path / "out")
    (tmp_path / "out" / "extra.json").write_text("{}")
    encoder.save_pretrained(tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"} <= names
    assert "extra.json" not in names
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_other_things_are_not_overwritten(encoder: AlphaCLIP, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds other things \(thesis\.tex\): name a new folder"):
        encoder.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="is a file; expected the name of a folder"):
        encoder.save_pretrained(tmp_path / "thesis.tex")
    (tmp_path / "sub" / "unet").mkdir(parents=True)
    with pytest.raises(InputError, match="unet"):
        check_replaceable(tmp_path / "sub")
    assert [p.name for p in tmp_path.glob("*.tex")] == ["thesis.tex"]
    # Files that a save might have written, had there been one.
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package.json").write_text("{}")
    with pytest.raises(InputError, match=r"web holds files and no earlier save \(no config\.json\)"):
        encoder.save_pretrained(tmp_path / "web")
    assert (tmp_path / "web" / "package.json").exists()


def test_a_failed_save_leaves_the_earlier_one(encoder: AlphaCLIP, tmp_path: Path, monkeypatch) -> None:
    encoder.save_pretrained(tmp_path / "out")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}

    def fail(*_, **__) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(encoder.tokenizer, "save_pretrained", fail)
    with pytest.raises(OSError, match="disk full"):
        encoder.save_pretrained(tmp_path / "out")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
