"""The small languages of the settings."""

from pathlib import Path

import pytest

from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.focus import AlphaFocus, AttentionFocus, CropFocus, SumFocus, ZoomFocus, configured_focus
from gencontrol.runs.notation import (
    LARGEST_SEED,
    check_weights,
    drawn_seed,
    is_random,
    parse_focus,
    parse_named,
    parse_numbers,
    parse_seeds,
    scalar,
    split_looks,
    split_weight,
    write_focus,
)


@pytest.mark.parametrize(
    ("seed", "count", "expected"),
    [
        (0, None, (0, 1, 2, 3)),
        (7, 2, (7, 8)),
        ("7", 1, (7,)),
        ("1,2,3", None, (1, 2, 3)),
        ("9, 1", 2, (9, 1)),
        ("5-8", None, (5, 6, 7, 8)),
        ("1,5-6", 3, (1, 5, 6)),
        (2**63 - 1, 1, (2**63 - 1,)),
    ],
)
def test_seeds(seed: int | str, count: int | None, expected: tuple[int, ...]) -> None:
    assert parse_seeds(seed, count) == expected


@pytest.mark.parametrize(
    ("seed", "count", "message"),
    [
        ("1,2", 3, "`seed` 1,2 lists 2 seeds and `number` asks for 3"),
        ("1,x", None, "expected seeds such as 7, or 1,2,3, or 5-8, got 'x'"),
        (-3, None, "expected seeds"),
        ("8-5", None, "runs backwards"),
        ("1,1", None, "expected different seeds"),
        (2**63, 1, "expected different seeds from 0 to"),
        (f"{2**63},1", None, "expected different seeds from 0 to"),
        (0, 0, "`number`: expected at least 1, got 0"),
        ("", None, "expected seeds"),
        ("²", None, "expected seeds"),
    ],
)
def test_seeds_that_are_refused(seed: int | str, count: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_seeds(seed, count)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat.png", ("cat.png", 1.0)),
        ("cat.png:0.5", ("cat.png", 0.5)),
        ("1,2,3,4:2", ("1,2,3,4", 2.0)),
        ("C:/cat.png", ("C:/cat.png", 1.0)),
        (":2", (":2", 1.0)),
    ],
)
def test_weights(text: str, expected: tuple[str, float]) -> None:
    assert split_weight(text, setting="mask") == expected


def test_a_path_that_exists_is_not_split(tmp_path: Path) -> None:
    path = tmp_path / "mask:2"
    path.touch()
    assert split_weight(str(path), setting="mask") == (str(path), 1.0)


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
def test_weights_that_are_refused(weight: str) -> None:
    with pytest.raises(ConfigError, match=r"`mask` cat\.png:.*: expected a weight above 0"):
        split_weight(f"cat.png:{weight}", setting="mask")


def test_numbers() -> None:
    assert parse_numbers("1, 2.5", setting="point", form="X,Y", counts=(2, 3)) == (1.0, 2.5)
    for text in ("1", "1,2,3,4", "1,b", ""):
        with pytest.raises(ConfigError, match="`point`: expected X,Y, got"):
            parse_numbers(text, setting="point", form="X,Y", counts=(2, 3))


def test_a_setting_of_a_look_is_said_once() -> None:
    with pytest.raises(ConfigError, match=r"^`focus` zoom:margin=0\.1, margin=0\.2: margin is given twice: leave one"):
        parse_focus("zoom:margin=0.1, margin=0.2")


def test_a_weight_over_the_steps_has_no_region_at_its_end() -> None:
    check_weights(None)
    check_weights("0:1 0.5:0.2")
    with pytest.raises(ConfigError, match=r"^`schedule`: end: expected a number from 0 to 2, got 9"):
        check_weights("1:9")


def test_values_of_settings() -> None:
    texts = ("3", "0.5", "true", "word", "#00ff00", "")
    assert [scalar(text, where="here") for text in texts] == [3, 0.5, True, "word", "#00ff00", None]
    with pytest.raises(ConfigError, match=r"^here: '\[' is neither a number nor a name"):
        scalar("[", where="here")


def test_names_with_settings() -> None:
    assert parse_named("alpha", setting="focus") == ("alpha", {})
    assert parse_named("crop:margin=0.2,colour=mean", setting="focus") == ("crop", {"margin": 0.2, "colour": "mean"})
    # YAML takes what follows a # for a comment.
    assert parse_named("circle:colour=#00ff00", setting="focus") == ("circle", {"colour": "#00ff00"})
    with pytest.raises(ConfigError, match="`focus` crop:margin: expected settings such as crop:key=value"):
        parse_named("crop:margin", setting="focus")
    with pytest.raises(
        ConfigError, match="`focus` crop:margin= : expected settings such as crop:key=value, got 'margin= '"
    ):
        parse_named("crop:margin= ", setting="focus")
    with pytest.raises(ConfigError, match=r"`focus` crop:margin=\[: '\[' is neither a number nor a name"):
        parse_named("crop:margin=[", setting="focus")


@pytest.mark.parametrize(
    ("seed", "count", "message"),
    [
        ("99999999999999999999999,5", None, r"`seed`: expected different seeds from 0 to 2\^63 - 1, got 9999"),
        ("9" * 5000, None, r"`seed`: expected different seeds from 0 to 2\^63 - 1"),
        ("5-" + "9" * 5000, None, r"`seed`: expected different seeds from 0 to 2\^63 - 1"),
        (str(LARGEST_SEED), 2, r"`seed`: expected different seeds from 0 to 2\^63 - 1, got \d+ as the first of 2\.$"),
        ("0-9999999999", None, "`seed`: expected at most 100,000 pictures of one input, got 10000000000"),
        ("0-100000", None, "`seed`: expected at most 100,000 pictures of one input, got 100001"),
        ("0", 100_001, "`number`: expected at most 100,000 pictures of one input, got 100001"),
        ("0", 99_999_999_999, "`number`: expected at most 100,000 pictures"),
    ],
)
def test_seeds_and_counts_are_bounded_before_they_are_laid_out(seed: str, count: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_seeds(seed, count)


def test_the_largest_seed_and_count() -> None:
    assert parse_seeds(str(LARGEST_SEED), 1) == (LARGEST_SEED,)
    assert len(parse_seeds("0", 100_000)) == len(parse_seeds("0-99999", None)) == 100_000


@pytest.mark.parametrize(("seed", "random"), [(-1, True), ("-1", True), (" Random", True), (0, False), ("1,2", False)])
def test_a_seed_may_be_left_to_chance(seed: int | str, random: bool) -> None:
    assert is_random(seed) == random


def test_drawn_seeds_differ_and_are_short() -> None:
    drawn = {drawn_seed() for _ in range(20)}
    assert len(drawn) == 20 and all(0 <= seed < 2**32 for seed in drawn) and max(drawn) > 2**28


def test_weights_are_bounded() -> None:
    assert split_weight("a.png:1e6", setting="mask") == ("a.png", 1e6)
    with pytest.raises(ConfigError, match=r"expected a weight above 0 and at most 1e\+06, got 1e39"):
        split_weight("a.png:1e39", setting="mask")
    assert split_weight("x" * 300 + ":2", setting="mask") == ("x" * 300, 2.0)


@pytest.mark.parametrize("value", ["2024-13-45", "[" * 5000])
def test_values_that_yaml_chokes_on(value: str) -> None:
    with pytest.raises(ConfigError, match="is neither a number nor a name"):
        parse_named(f"crop:margin={value}", setting="focus")


def test_looks_that_are_added() -> None:
    assert parse_focus(None) is None and parse_focus("alpha") == AlphaFocus()
    two = SumFocus(looks=(ZoomFocus(closeness=0.5, outside="blank"), CropFocus(margin=0.3)))
    assert parse_focus("zoom:closeness=0.5,outside=blank + crop:margin=0.3") == two
    assert parse_focus("attention:scale=1.5e+1") == AttentionFocus(scale=15.0)
    assert split_looks("a:x=1e+3,y=+2+b") == ["a:x=1e+3,y=+2", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zoom+krop", "unknown focus 'krop'; did you mean 'crop'"),
        ("zoom+", r"a focus without a name, such as on one side of a \+; known are alpha"),
        ("zoom+crop:margn=1", "focus 'crop': unknown key 'margn'; did you mean 'margin'"),
        ("zoom+zoom", "'zoom' is named twice with the same settings"),
    ],
)
def test_sums_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_focus(text)


def test_a_look_is_written_as_it_is_read() -> None:
    for look, text in (
        ({"name": "zoom", "outside": "blank", "margin": 0.5}, "zoom:outside=blank,margin=0.5"),
        ({"name": "alpha"}, "alpha"),
    ):
        assert write_focus(look) == text
        assert parse_focus(text) == configured_focus(look)
    with pytest.raises(CheckpointError, match="default_focus that cannot be used"):
        write_focus({"name": "zom"})
