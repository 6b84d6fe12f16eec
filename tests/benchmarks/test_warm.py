"""The benchmark of warm runs: what it compares, and what it prints."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import tyro

from benchmarks import warm


def test_folders_are_the_same_where_their_files_are(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "empty", "void"):
        (tmp_path / name).mkdir()
    for name, content in {"a": b"1", "b": b"1", "c": b"2"}.items():
        (tmp_path / name / "x.png").write_bytes(content)
    assert warm.same_files(tmp_path / "a", tmp_path / "b")
    assert not warm.same_files(tmp_path / "a", tmp_path / "c")
    assert not warm.same_files(tmp_path / "a", tmp_path / "empty")
    # Nothing made is nothing compared.
    assert not warm.same_files(tmp_path / "void", tmp_path / "empty")


def test_the_table_has_both_ways(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def made(command: list[str]) -> float:
        folder = Path(command[command.index("-o") + 1])
        folder.mkdir()
        (folder / "x.png").write_bytes(b"1")
        return 1.5 if "--server" in command else 9.0

    monkeypatch.setattr(warm, "running", lambda command, model: nullcontext())
    monkeypatch.setattr(warm, "median_wall", made)
    warm.main()
    printed = capsys.readouterr().out
    assert "gencontrol vary                       9.00" in printed
    assert "gencontrol vary --server auto         1.50" in printed and "the same files: yes" in printed


def test_it_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        tyro.cli(warm.main, description=warm.__doc__, args=["--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0 and "python -m benchmarks.warm" in printed and "default: tiny" in printed
