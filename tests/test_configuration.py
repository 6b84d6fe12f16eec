"""Mappings and YAML become frozen dataclasses, strictly; every mistake is named with its place."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from gencontrol.configuration import filled, from_mapping, from_yaml, merge, nearest, read_yaml, shown, to_mapping
from gencontrol.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ConfigError(f"rate: expected above 0, got {self.rate}.")


@dataclass(frozen=True, kw_only=True)
class Run:
    steps: int
    fit: Literal["pad", "crop"] = "pad"
    sizes: tuple[int, ...] = ()
    folder: Path | None = None
    limit: int | float | None = None
    verbose: bool = False
    name: str = "run"
    extra: Any = None
    weights: dict[str, float] = field(default_factory=dict)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: tuple[Optimiser, ...] = ()


FULL = {
    "steps": 10,
    "fit": "crop",
    "sizes": [1, 2, 3],
    "folder": "runs/x",
    "limit": 0.5,
    "verbose": True,
    "name": "y",
    "extra": {"anything": [1]},
    "weights": {"a": 1, "b": 0.5},
    "optimiser": {"rate": 0.1, "betas": [0.5, 0.6]},
    "schedule": [{"rate": 1}, {"rate": 2.0}],
}


def test_every_kind_of_field() -> None:
    run = from_mapping(Run, FULL)
    assert run == Run(
        steps=10,
        fit="crop",
        sizes=(1, 2, 3),
        folder=Path("runs/x"),
        limit=0.5,
        verbose=True,
        name="y",
        extra={"anything": [1]},
        weights={"a": 1.0, "b": 0.5},
        optimiser=Optimiser(rate=0.1, betas=(0.5, 0.6)),
        schedule=(Optimiser(rate=1.0), Optimiser(rate=2.0)),
    )
    assert isinstance(run.weights["a"], float) and isinstance(run.schedule[0].rate, float)


def test_defaults_stay_and_instances_pass() -> None:
    optimiser = Optimiser(rate=3.0)
    run = from_mapping(Run, {"steps": 1, "optimiser": optimiser, "folder": None})
    assert run == Run(steps=1, optimiser=optimiser)


def test_to_mapping_is_plain_and_reads_back() -> None:
    run = from_mapping(Run, FULL)
    plain = to_mapping(run)
    assert plain == FULL | {
        "weights": {"a": 1.0, "b": 0.5},
        "schedule": [{"rate": 1.0, "betas": [0.9, 0.99]}, {"rate": 2.0, "betas": [0.9, 0.99]}],
    }
    assert from_mapping(Run, plain) == run


def test_yamls_reading_of_numbers() -> None:
    # YAML 1.1 takes 1e-3 for a string, as it has no dot.
    assert from_mapping(Optimiser, {"rate": "1e-3"}).rate == 1e-3
    assert from_mapping(Run, {"steps": 1, "limit": 3}).limit == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"^here: missing steps\.$"),
        ({"steps": 1, "stesp": 2}, "^here: unknown key 'stesp'; did you mean 'steps'"),
        ({"steps": 1, "zzz": 2}, "here: unknown key 'zzz'; known are extra, fit, folder, limit"),
        ({"steps": "ten"}, r"^here: steps: expected a whole number, got 'ten'\.$"),
        ({"steps": True}, "here: steps: expected a whole number, got True"),
        ({"steps": 1.5}, "here: steps: expected a whole number, got 1.5"),
        ({"steps": None}, "here: steps: expected a whole number, got None"),
        ({"steps": 1, "fit": "squeeze"}, "here: fit: expected one of pad, crop, got 'squeeze'"),
        ({"steps": 1, "sizes": 3}, "here: sizes: expected a list, got 3"),
        ({"steps": 1, "sizes": [1, "x"]}, r"here: sizes\[1\]: expected a whole number, got 'x'"),
        ({"steps": 1, "folder": 3}, "here: folder: expected a path, got 3"),
        ({"steps": 1, "limit": "x"}, "here: limit: expected a whole number or a number or null, got 'x'"),
        ({"steps": 1, "verbose": "yes"}, "here: verbose: expected true or false, got 'yes'"),
        ({"steps": 1, "weights": [1]}, r"here: weights: expected a mapping, got \[1\]"),
        ({"steps": 1, "weights": {"a": "x"}}, "here: weights.a: expected a number, got 'x'"),
        ({"steps": 1, "optimiser": {"rat": 1}}, "here: optimiser: unknown key 'rat'; did you mean 'rate'"),
        ({"steps": 1, "optimiser": {"rate": True}}, "here: optimiser: rate: expected a number, got True"),
        ({"steps": 1, "optimiser": {"betas": [1.0]}}, "here: optimiser: betas: expected 2 values, got 1"),
        ({"steps": 1, "optimiser": 3}, "here: optimiser: expected a mapping, got 3"),
        ({"steps": 1, "optimiser": {"rate": -1}}, r"here: optimiser: rate: expected above 0, got -1\.0"),
        ({"steps": 1, "schedule": [{"rate": 0}]}, r"here: schedule\[0\]: rate: expected above 0"),
        ({1: 2}, "here: unknown key 1; known are"),
    ],
    ids=str,
)
def test_mistakes_are_named_with_their_place(values: dict[Any, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(Run, values, where="here")


def test_yaml_file_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("steps: 10\noptimiser:\n  rate: 1e-4\n  betas: [0.8, 0.9]\n")
    run = from_yaml(Run, path, overrides={"optimiser.rate": 0.5, "fit": "crop"})
    assert run == Run(steps=10, fit="crop", optimiser=Optimiser(rate=0.5, betas=(0.8, 0.9)))
    assert from_yaml(Run, path).optimiser.rate == 1e-4
    with pytest.raises(ConfigError, match=r"run\.yaml with steps=abc: steps: expected a whole number, got 'abc'"):
        from_yaml(Run, path, overrides={"steps": "abc"})
    with pytest.raises(ConfigError, match=r"run\.yaml with steps=1, fit=3: fit: "):
        from_yaml(Run, path, overrides={"steps": 1, "fit": 3})
    path.write_text("stesp: 10")
    with pytest.raises(ConfigError, match=r"run\.yaml: unknown key 'stesp'; did you mean 'steps'"):
        from_yaml(Run, path)


def test_yaml_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    with pytest.raises(ConfigError, match=r"No configuration file at .*x\.yaml"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="is a folder; expected a file of settings"):
        read_yaml(tmp_path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"is not in UTF-8 \(byte 0\); expected a file of settings"):
        read_yaml(path)
    path.write_text("a: [1, 2")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read_yaml(path)
    path.write_text("- 1\n- 2\n")
    with pytest.raises(ConfigError, match="expected a mapping of settings, got list"):
        read_yaml(path)
    path.write_text("")
    assert read_yaml(path) == {}


def test_yaml_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: !!python/object/apply:os.getcwd []")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read_yaml(path)


def test_a_value_that_is_nested_too_deeply_is_told_as_one() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    assert shown(deep) == "a list that is nested too deeply to be shown"
    assert shown({"a": {"b": deep}}) == "a dict that is nested too deeply to be shown"


def test_merge_sets_at_depth_and_leaves_its_arguments() -> None:
    values = {"a": {"b": {"c": 1, "d": 2}}, "e": None}
    merged = merge(values, {"a.b.c": 3, "e.f": 4, "g.h": 5, "i": 6})
    assert merged == {"a": {"b": {"c": 3, "d": 2}}, "e": {"f": 4}, "g": {"h": 5}, "i": 6}
    assert values == {"a": {"b": {"c": 1, "d": 2}}, "e": None}
    with pytest.raises(ConfigError, match=r"b\.c: b is not a group of settings but 3"):
        merge({"a": {"b": 3}}, {"a.b.c": 1})


def test_nearest() -> None:
    assert nearest("stesp", ["steps", "size"]) == "; did you mean 'steps'?"
    assert nearest("margin_x", ["margin_y", "margin_z", "other"]) == "; did you mean 'margin_z' or 'margin_y'?"
    assert nearest("q", ["b", "a"]) == "; known are a, b"


@pytest.mark.parametrize(("name", "other"), [("foo", "refcoco"), ("bogus", "focus"), ("zebra", "bread")])
def test_half_of_a_name_is_not_near(name: str, other: str) -> None:
    assert nearest(name, [other, "mask"]).startswith("; known are ")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), ".nan", "-inf", "1e999", 10**400])
def test_numbers_are_finite(number: Any) -> None:
    with pytest.raises(ConfigError, match=r"configuration: optimiser: rate: expected a (finite )?number, got"):
        from_mapping(Run, {"steps": 1, "optimiser": {"rate": number}})
    with pytest.raises(ConfigError, match=r"weights\.a: expected a (finite )?number"):
        from_mapping(Run, {"steps": 1, "weights": {"a": number}})
    assert from_mapping(Run, {"steps": 1, "optimiser": {"rate": "1e-3"}}).optimiser.rate == 1e-3


@pytest.mark.parametrize("name", ["AUTO", " auto", "Auto "])
def test_a_name_in_other_letters_is_the_nearest(name: str) -> None:
    assert nearest(name, ["auto", "rules", "autos"]) == "; did you mean 'auto'?"


def test_where_nothing_is_known_there_is_nothing_near() -> None:
    assert nearest("foo", []) == "; it takes none."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 5000, "is not valid YAML: it is nested too deeply"),
        ("day: 2024-13-45", "is not valid YAML: month must be in"),
        ("steps: " + "9" * 5000, "is not valid YAML"),
    ],
)
def test_what_yaml_itself_chokes_on(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_yaml(tmp_path / "a.yaml")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match=r"a\.yaml is a pipe; expected a file of settings"):
        read_yaml(tmp_path / "a.yaml")


def test_a_device_has_no_end() -> None:
    with pytest.raises(ConfigError, match="/dev/zero is a device or a socket; expected a file of settings"):
        read_yaml(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mask: [", "expected the node content, but found '<stream end>', at line 1, column 8."),
        ("a: 1\n\tb: 2", "found character '\\t' that cannot start any token, at line 2, column 1."),
        ("a: !foo b", "could not determine a constructor for the tag '!foo', at line 1, column 4."),
        ("a: \0", "special characters are not allowed, at character 4."),
    ],
)
def test_what_is_no_yaml_is_said_in_a_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_yaml(tmp_path / "a.yaml")
    assert str(raised.value) == f"{tmp_path / 'a.yaml'} is not valid YAML: {said}"


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("steps: 2\nsize: 3\nsteps: 4")
    with pytest.raises(ConfigError, match=r"a\.yaml: 'steps' is said twice: leave one of them out\.$"):
        read_yaml(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("a: {b: 1, b: 1}")
    with pytest.raises(ConfigError, match="'b' is said twice"):
        read_yaml(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("a: {b: 1}\nc: {b: 1}")
    assert read_yaml(tmp_path / "a.yaml") == {"a": {"b": 1}, "c": {"b": 1}}


@dataclass(frozen=True, kw_only=True)
class Written:
    course: str = ""
    masks: tuple[str, ...] = ()


def test_what_yaml_takes_for_something_else_goes_into_quotes() -> None:
    quotes = "; put it into quotes, or YAML reads it as something else than text."
    with pytest.raises(ConfigError, match=re.escape("course: expected text, got 60.3" + quotes)):
        from_mapping(Written, {"course": 60.3})
    with pytest.raises(ConfigError, match=re.escape("masks[1]: expected text, got True" + quotes)):
        from_mapping(Written, {"masks": ["a", True]})
    with pytest.raises(ConfigError, match=r"course: expected text, got \['a'\]\.$"):
        from_mapping(Written, {"course": ["a"]})


def test_a_lone_value_is_told_how_to_be_a_list() -> None:
    with pytest.raises(
        ConfigError, match=r"masks: expected a list, got .m.: write masks: \[\.{3}\], with it inside\.$"
    ):
        from_mapping(Written, {"masks": "m"})
    with pytest.raises(ConfigError, match=r"masks: expected a list, got None\.$"):
        from_mapping(Written, {"masks": None})


def test_a_value_of_thousands_of_characters_is_cut() -> None:
    with pytest.raises(ConfigError) as raised:
        from_mapping(Written, {"masks": "x" * 5000})
    assert f"got '{'x' * 199}...: write" in str(raised.value)


def test_a_hint_is_no_catalogue() -> None:
    names = [f"{chr(97 + n // 10)}{n % 10}" for n in range(62)]
    assert nearest("zzz", names).endswith("f7, f8, f9 and 2 more")
    assert nearest("zzz", names[:60]).endswith("f8, f9")


def test_objects_of_a_library_are_named_by_their_kind() -> None:
    assert shown(object()) == "a value of object" and shown(Path) == "the class Path"
    assert shown([1, object()]) == "a value of list" and shown({"a": (1, "b")}) == "{'a': (1, 'b')}"


def test_what_was_kept_before_a_field_was_there_has_its_default() -> None:
    run = from_mapping(Run, FULL)
    kept = {"steps": 3, "sizes": [4], "optimiser": {"rate": 0.5}}
    made = filled(run, kept)
    assert made == to_mapping(Run(steps=3, sizes=(4,), optimiser=Optimiser(rate=0.5)))
    assert kept == {"steps": 3, "sizes": [4], "optimiser": {"rate": 0.5}}
    # Of what has no default, and of what is no more, nothing is made up.
    assert "steps" not in filled(run, {}) and filled(run, {"gone": 1})["gone"] == 1
    assert filled(run, to_mapping(run)) == to_mapping(run)
