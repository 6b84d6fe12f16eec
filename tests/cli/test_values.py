"""A word where a number is expected is one line that says so, whatever the flag's type is made of."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from tyro.conf import UseAppendAction, arg

from gencontrol.cli.parse import parse
from gencontrol.cli.values import check_kinds
from gencontrol.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Flags:
    """Of every kind that commands have."""

    steps: int = 1
    """A number."""
    guidance: float | None = None
    """One that may be missing."""
    number: Annotated[int | None, arg(aliases=("-n",))] = None
    """One with a short name."""
    fit: Literal["pad", "crop"] | None = None
    """A choice."""
    box: tuple[float, float, float] | None = None
    """Several numbers."""
    level: Annotated[tuple[float, ...], UseAppendAction] = ()
    """Repeated."""
    in_front_of: str = ""
    """Any word."""
    seed: int | str = 0
    """A number or a word."""
    dry: bool = False
    """A switch."""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps ten", "--steps: expected a whole number, got 'ten'."),
        ("--steps=1.5", "--steps: expected a whole number, got '1.5'."),
        ("--dry --guidance 1,5", "--guidance: expected a number, got '1,5'."),
        ("-n x", "-n: expected a whole number, got 'x'."),
        ("--number=x", "--number: expected a whole number, got 'x'."),
        ("--fit padd", "--fit: there is no 'padd'; did you mean 'pad'?"),
        ("--box 1 2 x", "--box: expected 3 numbers with blanks between them, got '1 2 x'."),
        ("--box 1 2", "--box: expected 3 numbers with blanks between them, got '1 2'."),
        ("--box 1 2 3 4", "--box: expected 3 numbers with blanks between them, got '1 2 3 4'."),
        (
            "--box 1 2 3 0x4",
            "--box: expected 3 numbers with blanks between them, got '0x4' behind them: "
            "what the command is about goes before its flags.",
        ),
        (
            "--dry --box -1 2 -3 a.png",
            "--box: expected 3 numbers with blanks between them, got 'a.png' behind them: what the command is about "
            "goes before its flags.",
        ),
        ("--box", "--box: expected 3 numbers with blanks between them, got 'nothing'."),
        ("--box None 0 -1", "--box: expected 3 numbers with blanks between them, got 'None'."),
        ("--box None -1", "--box: expected 3 numbers with blanks between them, got 'None'."),
        ("--box=1,2,3", "--box: expected 3 numbers with blanks between them, got '1,2,3'."),
        ("--level 0.5 --level half", "--level: expected a number, got 'half'."),
    ],
)
def test_what_is_refused(words: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(Flags, words.split(), command="test", description="A test.")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "words",
    [
        "--steps 3 --guidance -1.5 -n 2 --fit crop --box -1 0 1e3 --level 0.5 --level nan --seed random",
        "--guidance None --fit None --box None --in-front-of 1,5 --in_front_of=x --seed 5",
        "--dry",
        "-- --steps ten",
    ],
)
def test_what_passes(words: str) -> None:
    check_kinds(Flags, words.split())


def test_what_passes_is_read_by_tyro() -> None:
    words = "--steps 3 --guidance -1.5 -n 2 --fit crop --box -1 0 1e3 --level 0.5 --level 1 --seed random".split()
    flags = parse(Flags, words, command="test", description="A test.")
    assert (flags.steps, flags.guidance, flags.number, flags.fit) == (3, -1.5, 2, "crop")
    assert flags.box == (-1.0, 0.0, 1000.0) and flags.level == (0.5, 1.0) and flags.seed == "random"
