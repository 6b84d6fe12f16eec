"""What a person, or a script with a mistake in it, may write behind a flag."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

ODD_NUMBERS = (
    "0 -0 -1 0.5 1e-30 1e9 1e400 nan NaN inf -inf 0x10 1_000 1,5 ٣ ½ 5% --5 + - 1e 00 1. .5 3.0 2.5e0 "
    "9999999999999999999 None null true [] {} '' 1;2 $X"
).split()
"""Numbers out of every range, and what looks like one."""

SOME_TEXT = st.text(
    # What a shell can hand over: no NUL, and no halves of surrogate pairs.
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]),
    max_size=12,
)


def numbers(*good: str) -> SearchStrategy[str]:
    """The good ones, odd ones, and any at all; never one that is large and yet allowed, which would take long."""
    return st.one_of(
        st.sampled_from(good), st.sampled_from(ODD_NUMBERS), st.floats(max_value=0.0).map(repr), st.just("1e308")
    )


def choices(*good: str) -> SearchStrategy[str]:
    """The good ones, some in other letters or with blanks, and any text."""
    return st.one_of(
        st.sampled_from(good),
        st.sampled_from(good).map(str.upper),
        st.sampled_from(good).map(lambda w: f" {w} "),
        SOME_TEXT,
    )


def files(folder: Path, *good: str) -> SearchStrategy[str]:
    """Paths of the folder's files, the good ones more often than each of the others, and of none."""
    there = sorted(str(path) for path in folder.iterdir())
    return st.one_of(
        st.sampled_from([str(folder / name) for name in good] or there),
        st.sampled_from(there),
        st.sampled_from(
            [
                str(folder),
                *(str(folder / name) for name in ("missing.png", ".png", ".safetensors")),
                "x" * 300 + ".png",
                "https://a.example/b.png",
                "~",
                ".",
            ]
        ),
        SOME_TEXT,
    )


def weighted(value: SearchStrategy[str]) -> SearchStrategy[str]:
    """With a weight behind a colon, or without."""
    return st.one_of(value, st.tuples(value, numbers("1", "2.5")).map(":".join))


def listed(*good: str) -> SearchStrategy[str]:
    """Numbers with commas between them, the good forms among them."""
    return st.one_of(
        st.sampled_from(good),
        st.lists(numbers("1", "10", "10%", "60"), min_size=1, max_size=5).map(",".join),
        SOME_TEXT,
    )


def arguments(
    flags: Mapping[str, SearchStrategy[str] | None], *, most: int, needed: Sequence[str] = ()
) -> SearchStrategy[list[str]]:
    """Some flags with values, as `--flag=value`; None stands for a flag without one.

    Args:
        flags: Flag -> its values.
        most: How many flags at once.
        needed: Flags that are always there.
    """

    def written(flag: str) -> SearchStrategy[str]:
        values = flags[flag]
        return st.just(flag) if values is None else values.map(lambda value: f"{flag}={value}")

    def of(chosen: list[str]) -> SearchStrategy[list[str]]:
        return st.tuples(*(written(flag) for flag in (*needed, *chosen))).map(list)

    return st.lists(st.sampled_from(sorted(flags)), max_size=most).flatmap(of)
