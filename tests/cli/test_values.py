"""A word where a number is expected is one line that says so, whatever the flag's type is made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from tyro.conf import Positional, UseAppendAction, arg

from gencontrol.cli.parse import parse
from gencontrol.cli.values import check_behind, check_dashes, check_kinds
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


@dataclass(frozen=True, kw_only=True)
class Named(Flags):
    """And one whose values have a name."""

    mask: Annotated[tuple[str, ...], UseAppendAction, arg(aliases=("-m",), metavar="PATH")] = ()
    """Repeated."""


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
        ("--box", "--box: expected 3 numbers with blanks between them, got nothing."),
        ("--box --dry", "--box: expected 3 numbers with blanks between them, got the flag --dry."),
        ("--box nothing", "--box: expected 3 numbers with blanks between them, got 'nothing'."),
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps", "--steps: expected a whole number behind it, got nothing."),
        ("a.png -n", "-n: expected a whole number behind it, got nothing."),
        ("--guidance --dry", "--guidance: expected a number behind it, got the flag --dry."),
        ("--fit --steps=3", "--fit: expected one of pad, crop behind it, got the flag --steps=3."),
        ("--level 1 --level -n 3", "--level: expected a value behind it, got the flag -n."),
        ("--in_front_of --no-dry", "--in_front_of: expected a value behind it, got the flag --no-dry."),
        ("--seed -h", "--seed: expected a value behind it, got the flag -h."),
        ("--mask", "--mask: expected PATH behind it, got nothing."),
        ("-m --mask x", "-m: expected PATH behind it, got the flag --mask."),
    ],
)
def test_what_has_nothing_behind_it(words: str, message: str) -> None:
    with pytest.raises(ConfigError) as said:
        check_behind(Named, words.split())
    assert str(said.value) == message


@pytest.mark.parametrize("words", ["--dry", "--seed -1", "--mask -", "--mask=--dry", "-n4 --dry", "-- --steps"])
def test_what_has_what_it_needs_behind_it(words: str) -> None:
    check_behind(Named, words.split())


def test_what_passes_is_read_by_tyro() -> None:
    words = "--steps 3 --guidance -1.5 -n 2 --fit crop --box -1 0 1e3 --level 0.5 --level 1 --seed random".split()
    flags = parse(Flags, words, command="test", description="A test.")
    assert (flags.steps, flags.guidance, flags.number, flags.fit) == (3, -1.5, 2, "crop")
    assert flags.box == (-1.0, 0.0, 1000.0) and flags.level == (0.5, 1.0) and flags.seed == "random"


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Of a command that is about pictures, and what is said of them."""

    images: Annotated[tuple[str, ...], Positional, arg(metavar="IMAGE")] = ()
    """Bare words."""
    stage: Positional[str] = ""
    """One that says nothing of how it is shown."""
    number: Annotated[int, arg(aliases=("-n",))] = 1
    """With a short name."""
    source: Annotated[str, arg(name="from")] = ""
    """Of another name."""
    dry: bool = False
    """A switch."""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-dash.png ./-dash.png", "-dash.png begins with a dash, as flags do: write ./-dash.png, or put it behind --."),
        ("a.png -there", "-there begins with a dash, as flags do: write ./-there, or put it behind --."),
        ("--from -net", "-net begins with a dash, as flags do: write ./-net."),
        ("--from -m.png", "-m.png begins with a dash, as flags do: write ./-m.png."),
        ("-i a.png", "There is no -i here: IMAGE is given without a flag."),
        ("--dry --images=a.png", "There is no --images here: IMAGE is given without a flag."),
        ("--image a.png", "There is no --image here: IMAGE is given without a flag."),
        ("a.png -s clip", "There is no -s here: STAGE is given without a flag."),
    ],
)
def test_what_is_no_flag(words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-there", "-net"):
        Path(name).touch()
    with pytest.raises(ConfigError) as refused:
        parse(Pictures, words.split(), command="test", description="A test.")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "words",
    [
        "a.png ./-dash.png - -n 3 -n4 --from=x --from x --no-dry --dry -h --help",
        "-- -dash.png -i",
        # What tyro says of these is enough.
        "-x --steps 3 -n1.5 -1.png -there",
    ],
)
def test_flags_and_words_that_are_let_through(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_dashes(Pictures, words.split())


def test_what_is_behind_two_dashes_is_read() -> None:
    flags = parse(Pictures, ["-n4", "clip", "--", "-dash.png"], command="test", description="A test.")
    assert flags.number == 4 and "-dash.png" in (*flags.images, flags.stage)
