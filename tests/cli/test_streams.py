"""`-`: a picture, a mask or embeddings through standard input, and one result to standard output."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load

from gencontrol.cli.main import main
from gencontrol.runs.files.encodings import record_text
from gencontrol.runs.files.spooled import PREFIX

Piped = Callable[..., tuple[int, bytes, str]]


class Terminal(io.TextIOWrapper):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def piped(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> Piped:
    """Runs a command with something in standard input; gives its code, and what is in the two outputs."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def run(command: str, *arguments: object, sent: bytes | Path = b"") -> tuple[int, bytes, str]:
        content = sent.read_bytes() if isinstance(sent, Path) else sent
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        steps = ("--steps", 1) if command == "vary" else ()
        capsysbinary.readouterr()
        code = main([command, *map(str, arguments), "--model", str(tiny_folder), *map(str, steps)])
        captured = capsysbinary.readouterr()
        # Whatever happens, nothing is left there.
        assert not list((tmp_path / "temporary").iterdir())
        return code, captured.out, captured.err.decode()

    return run


def pixels(source: Any) -> np.ndarray:
    with Image.open(source) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_picture_in_and_a_picture_out(piped: Piped, scene: Path) -> None:
    code, out, err = piped("vary", "-", "--mask", scene / "red.png", "-o", "-", sent=scene / "photo.png")
    assert (code, err) == (0, "")
    with Image.open(io.BytesIO(out)) as image:
        record = json.loads(record_text(image) or "")
    assert record["image"]["path"] == "-"
    piped("vary", scene / "photo.png", "--mask", scene / "red.png", "-n", 1, "-o", scene / "one.png")
    assert (pixels(io.BytesIO(out)) == pixels(scene / "one.png")).all()
    (scene / "out.png").write_bytes(out)
    code, _, err = piped("vary", "--from", scene / "out.png", "-o", scene / "again.png")
    assert code == 1 and "out.png was made from -, which is not there: give its new place as IMAGE" in err
    again = ("--from", scene / "out.png", "-o", scene / "again.png")
    code, _, err = piped("vary", "-", *again, sent=scene / "photo.png")
    assert (code, err) == (0, "")
    assert (pixels(scene / "again.png") == pixels(scene / "out.png")).all()


def test_results_of_what_was_sent(piped: Piped, scene: Path) -> None:
    code, out, _ = piped("vary", "-", "-n", 2, "-o", scene / "out", "--format", "json", sent=scene / "photo.png")
    assert code == 0
    assert [(Path(o["path"]).name, o["image"]) for o in json.loads(out)["outputs"]] == [
        ("stdin-0.png", "-"),
        ("stdin-1.png", "-"),
    ]


@pytest.mark.parametrize("flag", ["--mask", "--negative-mask"])
def test_masks_with_their_weights(piped: Piped, scene: Path, flag: str) -> None:
    file = ("vary", scene / "photo.png", "--box", "48,20,72,52", "-n", 1)
    assert piped(*file, flag, f"{scene}/red.png:3", "-o", scene / "file.png")[0] == 0
    code, out, err = piped(*file, flag, "-:3", "-o", "-", sent=scene / "red.png")
    assert (code, err) == (0, "")
    assert (pixels(io.BytesIO(out)) == pixels(scene / "file.png")).all()


def test_classes_and_arrays(piped: Piped, scene: Path) -> None:
    file = ("vary", scene / "photo.png", "-n", 1)
    piped(*file, "--mask", scene / "red.png", "-o", scene / "file.png")
    buffer = io.BytesIO()
    with Image.open(scene / "red.png") as mask:
        np.save(buffer, np.asarray(mask) > 0)
    sent = ((("--index-mask", "-=3"), scene / "classes.png"), (("--mask", "-"), buffer.getvalue()))
    for flags, content in sent:
        code, out, err = piped(*file, *flags, "-o", "-", sent=content)
        assert (code, err) == (0, "")
        assert (pixels(io.BytesIO(out)) == pixels(scene / "file.png")).all()


@pytest.mark.parametrize(("encoding", "kind"), [("jpg", "JPEG"), ("webp", "WEBP")])
def test_the_encoding_is_the_flags(piped: Piped, scene: Path, encoding: str, kind: str) -> None:
    _, out, _ = piped("vary", scene / "photo.png", "-o", "-", "--encoding", encoding)
    with Image.open(io.BytesIO(out)) as image:
        assert image.format == kind


def test_score_reads_what_is_sent(piped: Piped, scene: Path) -> None:
    texts = ("--text", "red", "--text", "blue", "--format", "json", "--mask", scene / "red.png")
    code, out, _ = piped("score", "-", *texts, sent=scene / "photo.png")
    (row,) = json.loads(out)
    (named,) = json.loads(piped("score", scene / "photo.png", *texts)[1])
    assert (code, row["image"]) == (0, "-")
    assert row["scores"] == named["scores"]


def test_embeddings_from_one_command_to_the_next(piped: Piped, scene: Path) -> None:
    mask = ("--mask", scene / "red.png")
    code, sent, err = piped("embed", "-", *mask, "-o", "-", sent=scene / "photo.png")
    assert (code, err) == (0, "")
    assert load(sent)["image_embeds"].shape[0] == 1
    code, out, err = piped("vary", "--embeds-in", "-", "-o", "-", sent=sent)
    assert (code, err) == (0, "")
    piped("vary", scene / "photo.png", *mask, "-n", 1, "-o", scene / "one.png")
    assert np.abs(pixels(io.BytesIO(out)) - pixels(scene / "one.png")).max() <= 3


def test_messages_go_to_standard_error(piped: Piped, scene: Path) -> None:
    code, out, err = piped("vary", scene / "photo.png", "--strength", 0.5, "-o", "-", "--dry-run")
    assert (code, out) == (0, b"")
    assert err.splitlines() == [
        "gencontrol: no region is shown, so --strength can do nothing.",
        "would write standard output",
    ]


REFUSED = [
    (("-", "--mask", "-"), "IMAGE and --mask are all to come through standard input, which is read once: give files."),
    (("-", "-"), "IMAGE and IMAGE are all to come through standard input"),
    (("{photo}", "--mask", "-", "--mask", "-:2"), "--mask and --mask are all to come through standard input"),
    (("-",), "standard input is empty: nothing was sent through it."),
    (("{photo}", "-o", "-", "-n", "2"), "-o - is one picture, and 2 are asked for: name a folder."),
    (("{photo}", "-o", "-", "--seed", "3-5"), "-o - is one picture, and 3 are asked for: name a folder."),
    (("{photo}", "-o", "-", "--seed", "random", "-n", "4"), "-o - is one picture, and 4 are asked for: name a folder."),
    (("{photo}", "{mask}", "-o", "-"), "-o standard output: 2 pictures go in, so expected a folder."),
    (("{photo}", "-o", "-", "--grid"), "--grid writes more than one picture, and -o - is one: name a folder."),
    (("{photo}", "-o", "-", "--sweep", "steps=1,2"), "--sweep writes more than one picture, and -o - is one"),
    (("{photo}", "--from", "-"), "--from -: expected a file; only pictures, masks and embeddings come by standard"),
    (
        (
            "{photo}",
            "--config=-",
        ),
        "--config -: expected a file; only pictures, masks and embeddings come by standard",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_one_line_says_why_not(piped: Piped, scene: Path, arguments: tuple[str, ...], message: str) -> None:
    given = [argument.format(photo=scene / "photo.png", mask=scene / "red.png") for argument in arguments]
    code, out, err = piped("vary", *given, "--dry-run")
    assert code in (1, 2) and out == b"" and err.count("\n") == 1
    assert err.startswith(f"gencontrol: {message}")


def test_garbage_is_named_as_what_it_is(piped: Piped, scene: Path) -> None:
    code, _, err = piped("vary", "-", sent=b"no picture at all")
    assert code == 1
    assert err == ("gencontrol: standard input is not an image in a format that Pillow reads; convert it to PNG.\n")
    code, _, err = piped("vary", "-", sent=(scene / "photo.png").read_bytes()[:400])
    assert code == 1 and err.startswith("gencontrol: standard input is truncated or damaged")
    code, _, err = piped("vary", "--embeds-in", "-", sent=b"no tensors")
    assert code == 1 and err.startswith("gencontrol: standard input is not a safetensors file that can be read")


def test_a_bomb_stays_one(piped: Piped, monkeypatch: pytest.MonkeyPatch, scene: Path) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    code, _, err = piped("vary", "-", sent=scene / "photo.png")
    assert code == 1 and err.startswith("gencontrol: standard input is too large, or a decompression bomb")


def test_json_has_no_room_beside_a_picture(piped: Piped, scene: Path) -> None:
    for command in ("vary", "embed"):
        code, _, err = piped(command, scene / "photo.png", "-o", "-", "--format", "json")
        assert code == 2 and "-o -: standard output holds the result, and has no room for --format json" in err


def test_terminals_and_closed_streams(
    run: Any, scene: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ("--model", tiny_folder, "--dry-run")
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    for stream, message in (
        (Terminal(io.BytesIO()), "standard input is a terminal: send a picture through it, as in `< photo.png`."),
        (closed, "standard input is closed: give a file, or send something through it."),
        (None, "standard input is closed: give a file, or send something through it."),
    ):
        monkeypatch.setattr(sys, "stdin", stream)
        done = run("vary", "-", *model)
        assert (done.code, done.err) == (1, f"gencontrol: {message}\n")
    for stream, message in (
        (Terminal(io.BytesIO()), "standard output is a terminal, which shows no pictures: send it on, as in"),
        (None, "standard output is closed: name a file as -o."),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            done = run("vary", scene / "photo.png", "-o", "-", *model)
        assert done.code == 1 and message in done.err


def test_several_processes_have_no_standard_input(piped: Piped, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, err = piped("vary", "-", sent=scene / "photo.png")
    assert code == 1 and "standard input and output are one process's: give files to a run of several" in err


def test_a_file_of_that_name_is_named_with_its_folder(
    piped: Piped, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scene)
    (scene / "-").write_bytes((scene / "photo.png").read_bytes())
    code, out, _ = piped("vary", "./-", "--dry-run", "-n", 1)
    assert code == 0 and PREFIX.encode() not in out and b"would write variations/--0.png" in out
