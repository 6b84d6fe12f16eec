"""METEOR of captions, by its authors' program, where there are Java and the program's file.

Source: Denkowski and Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target Language", 2014;
called as pycocoevalcap 1.2 calls it (`-stdio -l en -norm`).
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.caption_scores import words
from gencontrol.text_files import check_regular

_BETWEEN = " ||| "


def check_meteor(jar: Path, *, java: str = "java") -> None:
    """Refuse what cannot be started, before hours of work.

    Args:
        jar: The program, meteor-1.5.jar, with its folder `data` beside it.
        java: What starts it.

    Raises:
        InputError: Says what is missing.
    """
    check_regular(jar, what="METEOR's program, meteor-1.5.jar", piped=False)
    if shutil.which(java) is None:
        raise InputError(f"METEOR needs Java, and there is no program {java!r}: install one, or leave `meteor` out.")


def meteor(said: Sequence[str], written: Sequence[Sequence[str]], *, jar: Path, java: str = "java") -> float:
    """METEOR of all captions together, [0, 1].

    Args:
        said: One caption a thing.
        written: What people wrote of it.
        jar: See `check_meteor`.
        java: See `check_meteor`.

    Raises:
        InputError: A program that cannot be started, or that answers with no numbers.
    """
    check_meteor(jar, java=java)
    # In its own folder: it finds its tables beside itself.
    call = (java, "-jar", "-Xmx2G", jar.name, "-", "-", "-stdio", "-l", "en", "-norm")
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    try:
        # To leave it is to say what is left to be said, which fails as well where nobody listens.
        with subprocess.Popen(call, cwd=jar.parent, **pipes) as program:
            try:
                return _reckoned(program, said, written)
            finally:
                program.kill()
    except (OSError, ValueError) as error:
        raise InputError(f"{jar} is not METEOR's program: it does not answer with numbers.") from error


def _reckoned(program: "subprocess.Popen[str]", said: Sequence[str], written: Sequence[Sequence[str]]) -> float:
    counts = []
    for caption, texts in zip(said, written, strict=True):
        told = [" ".join(words(text)) for text in (*texts, caption)]
        counts.append(_answer(program, _BETWEEN.join(("SCORE", *told))))
    first = _answer(program, _BETWEEN.join(("EVAL", *counts)))
    # A number for every caption, and one for all.
    return float([first, *(_line(program) for _ in said)][-1])


def _answer(program: "subprocess.Popen[str]", line: str) -> str:
    assert program.stdin is not None
    program.stdin.write(f"{line}\n")
    program.stdin.flush()
    return _line(program)


def _line(program: "subprocess.Popen[str]") -> str:
    assert program.stdout is not None
    answer = program.stdout.readline().strip()
    if not answer:
        raise ValueError("no answer")
    return answer
