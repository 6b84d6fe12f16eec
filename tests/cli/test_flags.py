"""What the command line calls the settings."""

import dataclasses
from typing import Any, cast

import pytest

from gencontrol.cli.ask.answering import AnswerFlags
from gencontrol.cli.ask.command import AskFlags
from gencontrol.cli.calibrate.command import CalibrateFlags
from gencontrol.cli.classify.command import ClassifyFlags
from gencontrol.cli.edit import EditFlags
from gencontrol.cli.embed import EmbedFlags
from gencontrol.cli.evaluate.command import EvaluateFlags
from gencontrol.cli.flags import flag_names, in_flags
from gencontrol.cli.parse import parse
from gencontrol.cli.score import ScoreFlags
from gencontrol.cli.serve.command import ServeFlags
from gencontrol.cli.studio.command import StudioFlags
from gencontrol.cli.vary import VaryFlags
from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.runs.calibration.settings import CalibrationSettings
from gencontrol.runs.classification.settings import ClassificationSettings
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.evaluation.settings import EvaluationSettings
from gencontrol.runs.relating.ranking_settings import RankingSettings
from gencontrol.runs.settings import EmbeddingSettings, EncoderSettings, RegionSettings, VariationSettings
from gencontrol.studio.settings import ServingSettings, StudioSettings

OWN = {"format", "config"}
PAIRS = [
    (VaryFlags, (RankingSettings, VariationSettings), OWN | {"from_picture", "server"}),
    (EditFlags, (EditingSettings,), OWN | {"from_picture"}),
    (EmbedFlags, (EmbeddingSettings,), OWN),
    (CalibrateFlags, (CalibrationSettings,), OWN),
    (ClassifyFlags, (ClassificationSettings,), OWN),
    (AnswerFlags, (AnswerSettings,), OWN),
    (AskFlags, (AnswerSettings,), OWN | {"question"}),
    (ScoreFlags, (RegionSettings, EncoderSettings), OWN | {"text", "truncate", "sweep_level"}),
]


NO_PICTURES = (EvaluateFlags, (EvaluationSettings,), OWN)
SERVERS = ((StudioFlags, (StudioSettings,), set[str]()), (ServeFlags, (ServingSettings,), set[str]()))


def defaults(cls: type) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(cast(Any, cls))}


@pytest.mark.parametrize(("flags", "settings", "own"), [*PAIRS, NO_PICTURES, *SERVERS])
def test_flags_are_the_settings_and_no_others(flags: type, settings: tuple[type, ...], own: set[str]) -> None:
    expected: dict[str, Any] = {}
    for base in settings:
        expected |= defaults(base)
    found = defaults(flags)
    assert found.keys() - own == expected.keys()
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("flags", "settings", "own"), PAIRS)
def test_help_has_every_flag_with_its_sentence(
    flags: type, settings: tuple[type, ...], own: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(flags, ["--help"], command="test", description="")
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for sentence in ("Pictures, or folders of pictures.", "Where to compute: cpu, cuda", "Soften the edges"):
        assert sentence in printed or (sentence == "Soften the edges" and flags is CalibrateFlags)
    assert "REQUIRED" not in printed.upper().replace("(REPEATABLE)", "")
    for name, flag in flag_names(flags).items():
        assert flag in printed, name


def test_a_setting_is_called_by_its_short_flag_its_long_one_or_what_stands_for_it() -> None:
    names = flag_names(VaryFlags)
    called = {"output": "-o", "number": "-n", "images": "IMAGE", "negative_mask": "--negative-mask", "steps": "--steps"}
    called |= {"from_picture": "--from", "invert": "--invert", "no_invert": "--no-invert", "device": "--device"}
    assert {name: names[name] for name in called} == called
    assert "no_steps" not in names
    assert flag_names(EmbedFlags)["text"] == "-t"


def test_messages_show_flags_and_leave_other_words() -> None:
    text = "`negative_mask` needs `guidance`; the focus `attention` and `gencontrol doctor`, or `no_alpha_from_image`."
    assert in_flags(text, VaryFlags) == (
        "--negative-mask needs --guidance; the focus `attention` and `gencontrol doctor`, or --no-alpha-from-image."
    )
    assert in_flags(text, None) == text


def test_arguments_of_the_core_are_shown_as_the_flags_that_stand_for_them() -> None:
    text = "the hub is not asked (`local_files_only`); `resize` stretches it, `from_index_mask` takes one class."
    assert in_flags(text, VaryFlags) == (
        "the hub is not asked (--offline); --resize-mask stretches it, --index-mask takes one class."
    )
    assert in_flags(text, None) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a' is 9 tokens long: shorten it, or give `truncate`.", "'a' is 9 tokens long: shorten it."),
        ("Give a mask of its size, or have it stretched with `resize`.", "Give a mask of its size."),
        ("The mask has colours. To take one, use `from_index_mask`.", "The mask has colours."),
        (
            "Save it as 255 (or a bool array); if it has classes, use `from_index_mask`.",
            "Save it as 255 (or a bool array).",
        ),
    ],
)
def test_advice_that_a_command_has_no_flag_for_is_left_out(text: str, expected: str) -> None:
    assert in_flags(text, ServeFlags) == expected
    assert "--" in in_flags(text, ClassifyFlags) and in_flags(text, None) == text


def test_what_is_said_of_an_arguments_order_is_left_out() -> None:
    text = "over the image of 4 x 8; cut to 0,0,4,5; PIL's size is (width, height), and that is expected as `size`."
    for flags in (ServeFlags, ClassifyFlags):
        assert in_flags(text, flags) == "over the image of 4 x 8; cut to 0,0,4,5."
    assert in_flags(text, None) == text


@pytest.mark.parametrize("command", ["vary", "score", "embed"])
def test_help_says_which_forms_a_place_may_have(command: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    text = run(command, "--help").out
    for form in ("in percent as 10%,20%,60%,80%", "in percent as 50%,25%,10%", "- is standard input"):
        assert form in text, form


def test_a_strength_is_advised_where_there_is_one() -> None:
    message = "`level` of one region changes nothing, since it is a share; `strength` is how much it counts."
    assert in_flags(message, ScoreFlags) == "--level of one region changes nothing, since it is a share."
    assert in_flags(message, VaryFlags).endswith("since it is a share; --strength is how much it counts.")


@pytest.mark.parametrize("command", ["vary", "edit"])
def test_help_says_where_guidance_is_off(command: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    text = " ".join(run(command, "--help").out.split())
    for flag in ("--guidance", "--true-guidance"):
        told = text.partition(f"{flag} SCALE ")[2].partition(".")[0]
        assert "guidance" in told and told.partition(",")[0].endswith("; off at 1 and below"), told
