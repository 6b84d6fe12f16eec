"""What a command says beside its results."""

import io
import json
import sys
import warnings

import pytest

from gencontrol.cli.report import markdown, notices, print_json, table
from gencontrol.cli.vary import VaryFlags
from gencontrol.regions.region import RegionWarning
from gencontrol.runs.notices import RunWarning, ShareWarning


def speak(message: str, category: type[Warning] = RegionWarning) -> None:
    warnings.warn(message, category, stacklevel=1)


@pytest.mark.parametrize(("rank", "printed"), [("0", "gencontrol: a mask was stretched\n"), ("1", "")])
def test_of_several_processes_the_first_speaks(
    rank: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    with notices():
        speak("a mask was stretched")
        speak("a mask was stretched")
    assert capsys.readouterr().err == printed


@pytest.mark.parametrize("rank", ["0", "1"])
def test_each_process_speaks_of_its_share_each_time(
    rank: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    with notices():
        speak("seed 3 is black", ShareWarning)
        speak("seed 3 is black", ShareWarning)
    assert capsys.readouterr().err == "gencontrol: seed 3 is black\n" * 2


def test_settings_go_by_their_flags_and_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with notices(VaryFlags):
        speak("`dtype` float16 is slow", RunWarning)
        assert capsys.readouterr().err == "gencontrol: --dtype float16 is slow\n"
        speak("`dtype` float16 is slow", RunWarning)
        speak("another", RunWarning)
    assert capsys.readouterr().err == "gencontrol: another\n"


def test_each_command_says_it_anew_and_others_warnings_go_their_way(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            with notices():
                speak("a mask was stretched")
                speak("old", FutureWarning)
        speak("ours, outside")
    assert capsys.readouterr().err == "gencontrol: a mask was stretched\n" * 2
    assert [(w.category, str(w.message)) for w in caught] == [
        (FutureWarning, "old"),
        (FutureWarning, "old"),
        (RegionWarning, "ours, outside"),
    ]


def test_markdown() -> None:
    assert markdown([("a", "b c")], header=("x", "y")) == "| x | y |\n|---|---|\n| a | b c |"
    assert markdown([("a\nb",)], header=("x",)).splitlines()[2] == "| a\\nb |"


def test_table() -> None:
    assert table([("a", "bcd"), ("efg", "")], header=("x", "y")) == "x    y\na    bcd\nefg"
    assert table([("a\nb", "c")], header=("x", "y")) == "x     y\na\\nb  c"


def test_json_is_json_whatever_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN is none, and a file name of another encoding, or letters that the stream has not, are escaped."""
    result = {"path": "grün \udcff.png", "scores": [1.5, float("nan")], "more": {"x": float("inf")}}
    for encoding in ("utf-8", "ascii"):
        raw = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
        print_json(result)
        sys.stdout.flush()
        text = raw.getvalue().decode("ascii")
        assert json.loads(text) == {"path": "grün \udcff.png", "scores": [1.5, None], "more": {"x": None}}
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    print_json({"path": "grün"})
    sys.stdout.flush()
    assert "grün" in raw.getvalue().decode()
