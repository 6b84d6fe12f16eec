"""The table of subcommands, and the exit codes."""

import errno
import importlib.util
import io
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol import __version__
from gencontrol.cli import main as cli
from gencontrol.errors import ConfigError, InputError


def fake_command(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None, code: int | None = None) -> None:
    """Put a module in the place of `gencontrol.cli.doctor` that raises or returns as told."""
    module = ModuleType("gencontrol.cli.doctor")

    def main(arguments: list[str]) -> int | None:
        if error is not None:
            raise error
        return code

    module.__dict__["main"] = main
    module.__spec__ = importlib.util.spec_from_loader("gencontrol.cli.doctor", loader=None)
    monkeypatch.setitem(sys.modules, "gencontrol.cli.doctor", module)


def test_help_lists_every_command_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    for name, line in cli.COMMANDS.items():
        there = importlib.util.find_spec(f"gencontrol.cli.{name}") is not None
        assert (f"  {name:10}{line}" in printed) == there


def test_a_command_whose_module_is_missing_is_not_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", {"doctor": "looks", "nothing_here": "does not exist"})
    assert list(cli.available()) == ["doctor"]
    assert cli.main(["nothing_here"]) == 2
    assert "no command 'nothing_here'" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"gencontrol {__version__}\n"


def test_no_command_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "usage: gencontrol COMMAND" in capsys.readouterr().out


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["vray"]) == 2
    assert "no command 'vray'; did you mean 'vary'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (InputError("the mask is empty"), 1, "gencontrol: the mask is empty\n"),
        (ConfigError("unknown key"), 2, "gencontrol: unknown key\n"),
        (KeyboardInterrupt(), 130, "gencontrol: interrupted\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(None), 0, ""),
        (SystemExit("no"), 1, ""),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_command(monkeypatch, error)
    assert cli.main(["doctor"]) == code
    assert capsys.readouterr().err == printed


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1)])
def test_a_command_may_return_its_code(returned: int | None, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_command(monkeypatch, code=returned)
    assert cli.main(["doctor"]) == code


@pytest.mark.parametrize("flags", [["--format", "json"], ["--format=json"]])
def test_errors_are_json_too(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, InputError("the mask is empty"))
    assert cli.main(["doctor", *flags]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"error": {"type": "InputError", "message": "the mask is empty"}}


def test_of_several_processes_one_prints_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, InputError("the mask is empty"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert cli.main(["doctor", "--format", "json"]) == 1
    assert capsys.readouterr() == ("", "gencontrol: the mask is empty\n")


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_command(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])


def test_help_before_a_command_is_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["help", "doctor"]) == 0
    assert "usage: gencontrol doctor" in capsys.readouterr().out
    assert cli.main(["help", "nerf", "scene"]) == 0
    assert "usage: gencontrol nerf scene" in capsys.readouterr().out
    assert cli.main(["help", "vray"]) == 2
    assert "did you mean 'vary'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (MemoryError(), "gencontrol: doctor ran out of memory: try fewer or smaller pictures.\n"),
        (RecursionError("x"), "gencontrol: doctor was given something that is nested too deeply to be read.\n"),
        (OSError(28, "No space left on device", "a.png"), "gencontrol: a.png: No space left on device.\n"),
        (OSError(28, "No space left on device"), "gencontrol: standard output: No space left on device.\n"),
    ],
)
def test_what_the_machine_says_is_one_line(
    error: Exception, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, error)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == printed


class _Full(io.StringIO):
    """Standard output on a full disk: nothing is refused before the buffer is written."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("line", [["--help"], ["--version"], ["models"], ["models", "--format", "json"]])
def test_what_cannot_be_printed_is_no_success(
    line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", _Full())
    assert cli.main(line) == 1
    assert capsys.readouterr().err == "gencontrol: standard output: No space left on device.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_told_at_the_end() -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        line = [sys.executable, "-m", "gencontrol.cli.main", "--version"]
        done = subprocess.run(line, env=buffered, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"gencontrol: standard output: No space left on device.\n")


def test_a_reader_that_has_left_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = _Full()
    monkeypatch.setattr(left, "flush", lambda: (_ for _ in ()).throw(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    monkeypatch.setattr(sys, "stdout", left)
    assert cli.main(["--version"]) == 1
    assert not capsys.readouterr().err


def test_where_an_error_was_raised_is_shown_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, InputError("the mask is empty"))
    monkeypatch.setenv("GENCONTROL_DEBUG", "1")
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback") and printed.endswith("gencontrol: the mask is empty\n")


@pytest.mark.parametrize(("asked", "shown"), [([], False), (["default"], True)])
def test_what_libraries_tell_their_developers_is_left_out(
    asked: list[str], shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(arguments: list[str]) -> None:
        for category in (FutureWarning, DeprecationWarning):
            warnings.warn("old", category, stacklevel=1)

    fake_command(monkeypatch)
    sys.modules["gencontrol.cli.doctor"].__dict__["main"] = main
    monkeypatch.setattr(sys, "warnoptions", asked)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert cli.main(["doctor"]) == 0
    assert len(caught) == (2 if shown else 0)


def test_without_docstrings_there_is_no_transformers() -> None:
    """Which raises while it is imported; help needs none."""
    text = "PYTHONOPTIMIZE=2 takes out docstrings"
    for arguments, code, said in ((["doctor"], 1, text), (["doctor", "--help"], 0, ""), (["nerf", "--help"], 1, text)):
        command = [sys.executable, "-OO", "-m", "gencontrol.cli.main", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_a_message_is_one_line(run: Any, tmp_path: Path) -> None:
    """A name with a line break in it cannot add a line of its own, nor colour the terminal."""
    done = run("vary", tmp_path / "a\ngencontrol: all is well\x1b[32m.png", "--offline")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert r"a\ngencontrol: all is well\x1b[32m.png" in done.err
