"""A run from settings to files: whole, stopped anywhere, by two processes, and again."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gencontrol import __version__
from gencontrol.engine import finishing, shards
from gencontrol.errors import ConfigError, InputError, OutputError
from gencontrol.locks import LOCK
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.pairs import carrying_out
from gencontrol.runs.pairs.carrying_out import Made, make_pairs, settings_told
from gencontrol.runs.pairs.settings import PairsSettings
from gencontrol.training.data.folder_pairs import FolderPairs, read_listing

HEADER, STATISTICS = "pairs.json", "statistics.json"


@pytest.fixture
def settings(sets: Any, tmp_path: Path) -> PairsSettings:
    """Five pictures, three shards, given boxes, no encoder."""
    return PairsSettings(
        pictures=str(sets.save_pictures(tmp_path / "pictures")),
        captions=str(sets.write_lines(tmp_path / "captions.jsonl", [*sets.rows(5), {"file": "no.png"}])),
        output=str(tmp_path / "out"),
        grounder="given",
        filter=False,
        shard=2,
        device="cpu",
        licence="CC0",
    )


def made(settings: PairsSettings) -> Made:
    found = make_pairs(settings)
    assert found is not None
    return found


def files(folder: str | Path, *, but: str = STATISTICS) -> dict[str, bytes]:
    root = Path(folder)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != but
    }


def test_pairs_that_training_reads(settings: PairsSettings) -> None:
    told = made(settings).statistics
    assert (told["pictures"], told["pairs"], told["rejected"]) == (6, 10, {"unreadable picture": 1})
    assert told["speed"]["seconds"] > 0 and told["speed"]["pairs_an_hour"] > 0
    folder = Path(settings.output)
    assert {path.name for path in folder.iterdir()} == {
        "masks",
        "pairs.jsonl",
        "kept.jsonl",
        "rejected.jsonl",
        "sheet.png",
        HEADER,
        STATISTICS,
    }
    drawn = FolderPairs(folder=folder, pairs=read_listing(folder), size=32, seed=0, whole_share=0.5).draw(0, 8)
    assert drawn.rgb.shape == (8, 3, 32, 32) and set(drawn.texts) <= {"a cat", "the dog", "a cat and the dog"}
    header = json.loads((folder / HEADER).read_text())
    assert (
        header["gencontrol"] == __version__ and header["source"]["licence"] == "CC0" and "torch" in header["versions"]
    )
    assert header["source"]["pictures"] == 6 and header["pairs"] == 10
    assert header["models"]["segmenter"] == {"name": "grabcut", "licence": "no weights"}
    assert "encoder" not in header["models"] and header["models"]["grounder"]["name"] == "given"
    assert header["settings"] == json.loads(json.dumps(settings_told(settings)))
    assert "output" not in header["settings"] and header["settings"]["seed"] == 0


def test_stopped_anywhere_it_goes_on_with_the_same_bytes(
    settings: PairsSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(settings)
    expected = files(settings.output)
    broken = replace(settings, output=str(tmp_path / "broken"))

    class Stopped(BaseException):
        """As Ctrl-C, or a kill, at one place."""

    def stopping(module: Any, name: str, at: int) -> None:
        whole, calls = getattr(module, name), []

        def call(*arguments: Any, **more: Any) -> Any:
            calls.append(name)
            if len(calls) == at:
                raise Stopped
            return whole(*arguments, **more)

        monkeypatch.setattr(module, name, call)

    places = [(shards, "save_image", n) for n in (1, 2, 6)]
    places += [(shards, "atomic_file", 2), (carrying_out, "finish_set", 1), (finishing, "_tidy", 2)]
    places += [(finishing, "save_image", 1), (carrying_out, "_write", 1), (carrying_out, "_write", 2)]
    places += [(carrying_out, "remove_kept", 1)]
    for module, name, at in places:
        with monkeypatch.context() as patch, pytest.raises(Stopped):
            monkeypatch = patch
            stopping(module, name, at)
            _quietly(broken)
    _quietly(broken)
    assert files(broken.output) == expected
    # What was done before the stop is not looked at again, and what is whole is not made again.
    with pytest.raises(InputError, match="broken holds pairs already: give `overwrite`, or another `output`"):
        make_pairs(broken)


def _quietly(settings: PairsSettings) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RunWarning)
        make_pairs(settings)


def test_other_settings_do_not_mix(settings: PairsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(carrying_out, "finish_set", _interrupted)
        make_pairs(settings)
    other = replace(settings, least_area=0.14)
    with pytest.raises(InputError, match="part of a measurement with other settings"):
        make_pairs(other)
    told = made(replace(other, overwrite=True)).statistics
    assert told["rejected"] == {"small box": 5, "unreadable picture": 1} and told["pairs"] == 5
    left = files(settings.output)
    assert sum(name.startswith("masks/") for name in left) == told["pairs"]
    # Written over, it is as if nothing had been there.
    made(replace(settings, overwrite=True))
    fresh = replace(settings, output=f"{settings.output}-fresh")
    made(fresh)
    assert files(settings.output) == files(fresh.output)


def test_an_archive_that_was_written_anew_is_another_one(
    settings: PairsSettings, sets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(phrase: str) -> Path:
        about = json.dumps({"boxes": [{"phrase": phrase, "box": [4, 6, 20, 22]}]}).encode()
        return sets.write_tar(tmp_path / "a.tar", {"0.png": sets.content(sets.picture()), "0.json": about})

    archive = written("a cat")
    size, when = archive.stat().st_size, archive.stat().st_mtime_ns
    settings = replace(settings, pictures=str(archive), captions=None)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(carrying_out, "finish_set", _interrupted)
        make_pairs(settings)
    assert written("a dog").stat().st_size == size
    os.utime(archive, ns=(when, when + 10**9))
    with pytest.raises(InputError, match="other settings, or of files that have changed since: give the same ones"):
        make_pairs(settings)
    made(replace(settings, overwrite=True))
    first = files(settings.output)
    assert b"a dog" in first["pairs.jsonl"]
    # When it was written is no part of the set.
    os.utime(archive, ns=(when, when))
    again = replace(settings, output=f"{settings.output}-again")
    made(again)
    assert files(again.output) == first


def test_other_settings_are_not_those_of_a_set_that_is_whole_but_for_its_clearing(
    settings: PairsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(carrying_out, "remove_kept", _interrupted)
        make_pairs(settings)
    with pytest.raises(InputError, match="out holds pairs already: give `overwrite`, or another `output`"):
        make_pairs(replace(settings, least_area=0.14))
    assert made(settings).statistics["pairs"] == 10
    assert not list(Path(settings.output).glob("*.part"))


def _interrupted(*arguments: Any, **more: Any) -> Any:
    raise KeyboardInterrupt


def test_no_pair_is_said(settings: PairsSettings) -> None:
    with pytest.warns(RunWarning, match=r"No pair was kept: .*rejected\.jsonl says why"):
        assert made(replace(settings, most_area=0.003)).statistics["pairs"] == 0
    with pytest.warns(RunWarning, match=r"No pair was kept of .*pictures: `share` 1e-09 takes none of its pictures"):
        made(replace(settings, share=1e-9, overwrite=True))


def test_an_archive_without_pictures_is_said(settings: PairsSettings, sets: Any, tmp_path: Path) -> None:
    archive = sets.write_tar(tmp_path / "a.tar", {})
    with pytest.warns(RunWarning, match=r"No pair was kept of .*a\.tar: it holds no pictures"):
        made(replace(settings, pictures=str(archive), captions=None))


def test_what_is_not_in_utf_8_leaves_files_that_are(settings: PairsSettings) -> None:
    made(replace(settings, licence="caf\udce9, \ud800"))
    header = json.loads((Path(settings.output) / HEADER).read_text(encoding="utf-8"))
    assert header["source"]["licence"] == "caf\udce9, \ud800"


def test_two_processes_make_the_same_set_as_one(settings: PairsSettings, tmp_path: Path) -> None:
    made(replace(settings, shard=1, licence="not stated"))
    launch = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    given = (settings.pictures, str(settings.captions), str(tmp_path / "two"))
    order = (sys.executable, "-m", *launch, str(Path(__file__).with_name("_two.py")), *given)
    subprocess.run(order, check=True, capture_output=True, env={**os.environ, "ACCELERATE_USE_CPU": "true"})
    assert files(tmp_path / "two") == files(settings.output)


def test_folders_that_are_classes(settings: PairsSettings, sets: Any, tmp_path: Path, tiny_folder: Path) -> None:
    for name in ("cat", "dog"):
        sets.save_pictures(tmp_path / "classes" / name, 2)
    classes = replace(
        settings,
        pictures=str(tmp_path / "classes"),
        captions=None,
        grounder=None,
        filter=True,
        agreement=-1.0,
        per_class=1,
        segmenter="box",
        model=str(tiny_folder / "clip"),
    )
    told = made(classes).statistics
    assert told["pairs"] == 2 and told["rejected"]["not among the best of its class"] == 2
    assert {pair.caption for pair in read_listing(Path(settings.output))} == {"a cat", "a dog"}
    header = json.loads((Path(settings.output) / HEADER).read_text())
    assert header["models"]["encoder"]["fingerprint"] and "grounder" not in header["models"]
    assert header["models"]["captioner"] == {"name": "templates", "licence": "no weights"}


def test_where_nothing_may_be_written(settings: PairsSettings, tmp_path: Path) -> None:
    inside = replace(settings, output=f"{settings.pictures}/out")
    with pytest.raises(InputError, match="lie in one another"):
        make_pairs(inside)
    with pytest.raises(InputError, match=r"which is not written over|lie in one another"):
        make_pairs(replace(settings, output=str(tmp_path)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds other things \(mine.txt\)"):
        make_pairs(replace(settings, output=str(tmp_path / "full")))
    with pytest.raises(ConfigError, match="`most_area`: expected above"):
        make_pairs(replace(settings, most_area=0.0))
    assert not Path(settings.output).exists()


def test_one_run_at_a_time(settings: PairsSettings) -> None:
    code = "import sys, pathlib; from gencontrol.locks import held\n"
    code += "with held(pathlib.Path(sys.argv[1])):\n    print(flush=True); sys.stdin.read()"
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-P", "-c", code, settings.output], **pipes) as process:
        assert process.stdout is not None and process.stdout.readline()
        with pytest.raises(OutputError, match=f"{settings.output} is in use: process {process.pid} has been writing"):
            make_pairs(settings)
        assert {path.name for path in Path(settings.output).iterdir()} == {LOCK}
        process.communicate("")
    made(settings)
    assert not (Path(settings.output) / LOCK).exists()
