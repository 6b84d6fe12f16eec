"""What a terminal, or what takes its place, cannot show."""

import io
import os
import shutil

import pytest

from gencontrol.cli.terminal import NARROWEST, any_text, one_line, say, wide_enough


def test_names_in_another_encoding_are_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    with any_text(stream, object()):
        print("gr\u00fcn \udcff", file=stream, flush=True)
    assert raw.getvalue() == b"gr\\xfcn \\udcff\n"
    assert stream.errors == "strict"


def test_what_a_stream_does_already_stays() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape")
    with any_text(stream):
        assert stream.errors == "surrogateescape"


@pytest.mark.parametrize(("columns", "seen"), [("5", NARROWEST), ("39", NARROWEST), ("41", 41), ("200", 200)])
def test_narrow_terminals_are_taken_for_wider_ones(columns: str, seen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with wide_enough():
        assert shutil.get_terminal_size().columns == seen
    assert os.environ["COLUMNS"] == columns


def test_a_width_that_nobody_set_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((5, 24)))
    with wide_enough():
        assert os.environ["COLUMNS"] == str(NARROWEST)
    assert "COLUMNS" not in os.environ


def test_what_a_terminal_would_obey_is_shown_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert one_line("a\nb\x1b[31m\x1e\udcff") == r"a\nb\x1b[31m\x1e\udcff"
    say("wrote a\nb.png")
    assert capsys.readouterr().out == "wrote a\\nb.png\n"
    assert one_line("ünï ☃ is as it was") == "ünï ☃ is as it was"
