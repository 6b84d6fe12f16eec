"""The benchmark's arithmetic, and what it runs; nothing is timed here, and no model is run."""

import json

import pytest
import tyro

from benchmarks import start


def test_the_first_process_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([100.0, 5.0, 3.0, 4.0, 6.0, 2.0])
    monkeypatch.setattr(start, "wall", lambda command: (next(seconds), json.dumps({"drawing_seconds": 1.5})))
    assert start.median_outside(["x"]) == (4.0, 2.5)
    seconds = iter([100.0, 5.0, 3.0, 4.0, 6.0, 2.0])
    assert start.median_wall(["x"]) == 4.0


def test_a_process_is_run_and_heard() -> None:
    seconds, printed = start.wall(start.python("import sys; print(sys.argv[1])", "hello"))
    assert printed == "hello\n" and seconds > 0


def test_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    commands = []

    def wall(command: list[str]) -> tuple[float, str]:
        commands.append(command)
        return (9.0 if "vary" in command else 6.0), json.dumps({"drawing_seconds": 3.0})

    monkeypatch.setattr(start, "wall", wall)
    start.main()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["gencontrol", "vary", "9.00", "6.00"] in lines
    assert lines[-1] == ["times", "stock", "diffusers", "1.50", "2.00"]
    (vary,) = {tuple(c) for c in commands if "vary" in c and "--help" not in c}
    assert vary[vary.index("-n") + 1] == str(start.COUNT) and vary[vary.index("--steps") + 1] == str(start.STEPS)


def test_it_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        tyro.cli(start.main, description=start.__doc__, args=["--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0 and "python -m benchmarks.start" in printed and "default: tiny" in printed
