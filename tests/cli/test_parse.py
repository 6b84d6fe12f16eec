"""Defaults, under a file, under the flags that were given."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pytest

from gencontrol.cli.convert import ConvertFlags
from gencontrol.cli.edit import EditFlags
from gencontrol.cli.flags import RegionFlags, RunOptions
from gencontrol.cli.nerf import NewFlags, RenderFlags
from gencontrol.cli.parse import check_values, file_settings, given_fields, parse, switched_off, value_of
from gencontrol.cli.train import TrainOptions
from gencontrol.cli.vary import VaryFlags
from gencontrol.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Options(RegionFlags, RunOptions):
    """Flags for these tests."""

    steps: int = 10
    """A number."""


def parsed(*arguments: str, settings: dict[str, object] | None = None) -> Options:
    return parse(Options, arguments, command="test", description="A test.", settings=settings)


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return str(path)


def test_repeated_flags_are_gathered() -> None:
    options = parsed("a.png", "b.png", "--mask", "x.png", "--mask", "y.png:2", "--box", "0,0,1,1")
    assert (options.images, options.mask, options.box) == (("a.png", "b.png"), ("x.png", "y.png:2"), ("0,0,1,1",))


def test_flags_win_over_the_file_over_settings(tmp_path: Path) -> None:
    file = write(tmp_path, "steps: 20\nfeather: 3")
    assert parsed("--config", file).steps == 20
    assert parsed("--config", file, "--steps", "30").steps == 30
    assert parsed(f"--config={file}", settings={"steps": 5, "threshold": 0.5}) == Options(
        config=file, steps=20, feather=3.0, threshold=0.5
    )


def test_strength_and_schedule_replace_each_other(tmp_path: Path) -> None:
    def options(*arguments: str) -> tuple[float, str | None]:
        settings = {"strength": 0.5}
        parsed = parse(VaryFlags, arguments, command="vary", description="", settings=settings)
        return parsed.strength, parsed.schedule

    file = write(tmp_path, "schedule: '1:0'")
    assert options() == (0.5, None)
    assert options("--schedule", "0:1") == (1.0, "0:1")
    assert options("--config", file) == (1.0, "1:0")
    assert options("--config", file, "--strength", "2") == (2.0, None)


def test_a_region_flag_replaces_the_files_regions(tmp_path: Path) -> None:
    file = write(tmp_path, "mask: [x.png]\nalpha_from_image: true\nfeather: 2")
    assert parsed("--config", file).mask == ("x.png",)
    options = parsed("--config", file, "--box", "0,0,1,1")
    assert (options.mask, options.alpha_from_image, options.box, options.feather) == ((), False, ("0,0,1,1",), 2.0)
    assert parsed("--config", file, "--mask", "y.png").mask == ("y.png",)
    assert parsed("--config", file, settings={"point": ["1,2"]}).point == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stesp: 3", "settings.yaml: unknown key 'stesp'; did you mean 'steps'"),
        ("steps: many", "settings.yaml: steps: expected a whole number, got 'many'"),
        ("mask: x.png", "settings.yaml: mask: expected a list"),
        ("- 1", "expected a mapping"),
    ],
)
def test_files_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        parsed("--config", write(tmp_path, text))


def test_wrong_flags_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parsed("--stepz", "3")
    assert end.value.code == 2
    assert "--steps" in capsys.readouterr().err


def test_value_of() -> None:
    assert value_of(["--a", "1", "--a=2"], "a") == "2"
    assert value_of(["--ab", "1", "--a"], "a") is None


def test_settings_of_the_file(tmp_path: Path) -> None:
    assert file_settings(Options, ["--steps", "3"]) == {}
    assert file_settings(Options, ["--config", write(tmp_path, "steps: 20")]) == {"steps": 20}
    assert file_settings(RegionFlags, ["--config", "nowhere.yaml"]) == {}


def test_what_a_file_switches_on_a_flag_switches_off(tmp_path: Path) -> None:
    file = write(tmp_path, "mask: [x.png]\nalpha_from_image: true\ninvert: true\nresize_mask: true")
    assert parsed("--config", file).invert
    options = parsed("--config", file, "--no-invert", "--no_resize_mask")
    assert (options.invert, options.resize_mask, options.alpha_from_image) == (False, False, True)
    # Of the regions only this one goes.
    options = parsed("--config", file, "--no-alpha-from-image")
    assert (options.mask, options.alpha_from_image, options.invert) == (("x.png",), False, True)
    assert parsed("--no-invert", "--invert").invert
    assert not parsed("--config", file, "--invert", "--no-invert").invert
    assert not parsed("--no-invert").invert


def test_every_switch_of_vary_has_both_flags_and_the_help_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    switches = {field.name.replace("_", "-") for field in dataclasses.fields(VaryFlags) if field.type is bool}
    assert switches >= {"invert", "alpha-from-image", "grid", "compare", "preview", "metadata", "offline", "dry-run"}
    with pytest.raises(SystemExit) as end:
        parse(VaryFlags, ["--help"], command="vary", description="")
    assert end.value.code == 0
    printed = capsys.readouterr().out
    for name in switches:
        assert f"--{name}, --no-{name}" in printed
    assert "--no-no-" not in printed


def test_switched_off() -> None:
    assert switched_off(VaryFlags, ["--no-invert", "--no_grid", "--compare", "--no-nonsense"]) == {"invert", "grid"}
    assert switched_off(VaryFlags, ["--no-invert", "--invert"]) == frozenset()
    assert switched_off(VaryFlags, ["--no-invert", "--invert", "--no-invert"]) == {"invert"}


def test_given_fields() -> None:
    assert given_fields(VaryFlags, ["--no-invert", "--steps", "3"]) == {"invert", "steps"}
    assert given_fields(Options, ["--alpha-from-image", "--steps=3", "mask"]) == {"alpha_from_image", "steps"}
    assert given_fields(Options, ["--alpha_from_image"]) == {"alpha_from_image"}


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["--mask", ""], "--mask"),
        (["--mask="], "--mask"),
        (["--index-mask", " "], "--index-mask"),
        (["--config", ""], "--config"),
        (["--alpha_clip", ""], "--alpha_clip"),
        (["a.png", "--box"], None),
        (["--mask", "x.png", "--invert", ""], None),
        (["--mask=a=b"], None),
    ],
)
def test_values_that_are_empty(arguments: list[str], flag: str | None) -> None:
    if flag is None:
        check_values(VaryFlags, arguments)
        return
    with pytest.raises(ConfigError, match=f"{flag} is empty: leave it out, or say what it is to be"):
        check_values(VaryFlags, arguments)
    with pytest.raises(ConfigError, match="is empty"):
        parse(VaryFlags, arguments, command="vary", description="")


@pytest.mark.parametrize("flag", ["-o", "--output", "--from", "-n"])
def test_short_flags_and_renamed_ones_too(flag: str) -> None:
    with pytest.raises(ConfigError, match=f"{flag} is empty"):
        check_values(VaryFlags, [flag, ""])


def test_a_file_of_settings_names_no_other(tmp_path: Path) -> None:
    path = write(tmp_path, "config: other.yaml")
    with pytest.raises(ConfigError, match=r"config: a file of settings names no other one: put what that says into"):
        file_settings(Options, ["--config", path])


def test_what_a_flag_is_called_a_file_may_call_it(tmp_path: Path) -> None:
    arguments = ["--config", write(tmp_path, "from: a.png")]
    assert file_settings(VaryFlags, arguments) == {"from_picture": "a.png"}


@pytest.mark.parametrize(
    ("flags", "arguments"),
    [
        (VaryFlags, ["--embeds-out", "-"]),
        (VaryFlags, ["--alpha_clip=-"]),
        (VaryFlags, ["--canvas-mask", "-"]),
        (VaryFlags, ["--from", "-"]),
        (ConvertFlags, ["-o", "-"]),
        (RenderFlags, ["--output=-"]),
        (NewFlags, ["-o", "-"]),
        (TrainOptions, ["--config", "-"]),
    ],
)
def test_a_stream_is_no_file(flags: type, arguments: list[str]) -> None:
    name = arguments[0].partition("=")[0]
    with pytest.raises(ConfigError, match=rf"^{name} -: expected a file; only .* A file of that name is \./-\.$"):
        check_values(flags, arguments)


def test_streams_where_they_are_taken() -> None:
    check_values(
        VaryFlags, ["-", "-o", "-", "--mask", "-", "--negative-mask", "-", "--embeds-in", "-", "--prompt", "-"]
    )
    check_values(VaryFlags, ["--embeds-out", "./-"])


@pytest.mark.parametrize(
    ("encoding", "output", "is_told"),
    [
        ("webp", "a.png", True),
        ("png", "a.jpg", True),
        ("png", "a.WEBP", True),
        ("jpg", "a.jpeg", False),
        ("webp", "a.webp", False),
        ("webp", "folder", False),
        ("webp", "v1.2", False),
    ],
)
def test_an_encoding_and_a_files_name_agree(encoding: str, output: str, is_told: bool) -> None:
    arguments = ["a.png", "-o", output, "--encoding", encoding]
    for flags in (VaryFlags, EditFlags):
        if is_told:
            with pytest.raises(ConfigError, match=rf"^--encoding {encoding} is of files in a folder, and -o {output} "):
                parse(flags, arguments, command="test", description="A test.")
        else:
            assert parse(flags, arguments, command="test", description="A test.").encoding == encoding


def test_only_an_encoding_that_is_given_has_to_agree(tmp_path: Path) -> None:
    recorded = {"encoding": "jpg"}
    arguments = ["a.png", "-o", "a.png"]
    assert parse(VaryFlags, arguments, command="test", description="", settings=recorded).encoding == "jpg"
    file = write(tmp_path, "encoding: webp")
    with pytest.raises(ConfigError, match="--encoding webp is of files"):
        parse(VaryFlags, [*arguments, "--config", file], command="test", description="")
    (tmp_path / "out.png").mkdir()
    inside = ["a.png", "-o", str(tmp_path / "out.png"), "--encoding", "webp"]
    assert parse(VaryFlags, inside, command="test", description="").encoding == "webp"
