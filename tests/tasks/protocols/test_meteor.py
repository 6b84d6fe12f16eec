"""METEOR's program, spoken to as it wants to be; the program itself is not at hand, so a small one stands for it."""

import stat
import sys
from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.meteor import check_meteor, meteor

# Counts the words of a caption, and answers with their mean: the talk is that of METEOR.
PROGRAM = """
import sys
assert sys.argv[1:] == ["-jar", "-Xmx2G", "meteor-1.5.jar", "-", "-", "-stdio", "-l", "en", "-norm"], sys.argv
assert open("meteor-1.5.jar").read() == "a jar"
while line := sys.stdin.readline():
    kind, *parts = line.strip().split(" ||| ")
    if kind == "SCORE":
        print(len(parts), len(parts[-1].split()), flush=True)
    else:
        counts = [int(part.split()[1]) for part in parts]
        for count in counts:
            print(count / 100)
        print(sum(counts) / len(counts) / 100, flush=True)
"""


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    (tmp_path / "meteor-1.5.jar").write_text("a jar")
    return tmp_path / "meteor-1.5.jar"


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "java"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_what_the_program_says_of_all_captions(jar: Path, tmp_path: Path) -> None:
    java = program(tmp_path, PROGRAM)
    said, written = ["A red, red cup!", "dogs"], [["a cup", "the cup"], ["a dog"]]
    assert meteor(said, written, jar=jar, java=java) == pytest.approx((4 + 1) / 2 / 100)
    assert meteor(said[:1], written[:1], jar=jar, java=java) == pytest.approx(0.04)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "input(); print('x', flush=True)",
        "input(); print('x\\n' * 9, flush=True); input()",
        # It does not listen any more, so what is left to be said to it breaks as its pipe is closed.
        "import os, time; input(); os.close(0); print('x', flush=True); time.sleep(60)",
    ],
)
def test_programs_that_do_not_answer_so(jar: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="is not METEOR's program"):
        meteor(["a"], [["a"]], jar=jar, java=program(tmp_path, text))


def test_what_is_missing_is_said_before_the_work(jar: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No file at .*expected METEOR's program"):
        check_meteor(tmp_path / "none.jar")
    with pytest.raises(InputError, match="METEOR needs Java, and there is no program 'no-such-java'"):
        check_meteor(jar, java="no-such-java")
