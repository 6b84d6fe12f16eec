"""`gencontrol data pairs`: pictures and captions in, pairs out."""

import dataclasses
import json
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.cli.data.pairs import PairsFlags, told
from gencontrol.cli.flags import flag_names
from gencontrol.runs.pairs.settings import PairsSettings
from gencontrol.training.data.folder_pairs import read_listing

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def sets() -> ModuleType:
    """The builders of tests/engine/_sets.py."""
    spec = spec_from_file_location("cli_sets", Path(__file__).parents[1] / "engine" / "_sets.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pairs(run: Run, sets: ModuleType, tmp_path: Path, tiny_folder: Path) -> Run:
    """Make pairs of two pictures with given boxes; an encoder with random weights agrees to anything."""
    pictures = sets.save_pictures(tmp_path / "pictures", 2)
    captions = sets.write_lines(tmp_path / "captions.jsonl", sets.rows(2))
    usual = ["--captions", captions, "--grounder", "given", "--model", tiny_folder, "--agreement", -1, "--offline"]

    def make(*flags: object, pictures: Path = pictures, usual: list[object] = usual) -> Any:
        return run("data", "pairs", pictures, *usual, "-o", tmp_path / "out", "--device", "cpu", *flags)

    return make


def test_pairs_for_people_and_for_programs(pairs: Run, tmp_path: Path) -> None:
    done = pairs()
    assert done.code == 0 and done.err == ""
    *lines, wrote = done.out.splitlines()
    rows = {line[:25].strip(): line[25:].strip() for line in lines}
    assert wrote == f"wrote {tmp_path / 'out'}" and lines[0].split() == ["what", "how", "many"]
    assert rows["pairs"] == "4" and rows["pictures"] == "2" and "mean" in rows["agreement, kept"]
    assert len(read_listing(tmp_path / "out")) == 4
    again = pairs()
    assert again.code == 1 and "holds pairs already: give --overwrite, or another -o." in again.err
    done = pairs("--overwrite", "--format", "json", "--seed", 3)
    found = json.loads(done.out)
    assert found["folder"] == str(tmp_path / "out") and found["statistics"]["pairs"] == 4
    header = json.loads((tmp_path / "out" / "pairs.json").read_text())
    assert header["settings"]["focus"] == "crop" and header["settings"]["seed"] == 3


def test_a_real_grounder_and_a_real_segmenter(pairs: Run, owl: Path, sam: Path, tmp_path: Path) -> None:
    done = pairs("--grounder", owl, "--score", 0, "--segmenter", sam, "--least-area", 0, "--most-area", 1)
    assert done.code == 0, done.err
    header = json.loads((tmp_path / "out" / "pairs.json").read_text())
    assert header["models"]["grounder"]["name"] == str(owl) and header["models"]["segmenter"]["fingerprint"]
    lines = [
        json.loads(line)
        for name in ("kept.jsonl", "rejected.jsonl")
        for line in (tmp_path / "out" / name).read_text().splitlines()
    ]
    assert lines and {line["phrase"] for line in lines} <= {"a cat", "the dog"}
    assert all(0 <= line["score"] <= 1 for line in lines if line["box"] is not None)


def test_folders_that_are_classes(pairs: Run, sets: ModuleType, tmp_path: Path, tiny_folder: Path) -> None:
    sets.save_pictures(tmp_path / "classes" / "cat", 2)
    usual = ["--model", tiny_folder, "--agreement", -1, "--segmenter", "box", "--templates", "bare"]
    done = pairs("--per-class", 1, pictures=tmp_path / "classes", usual=usual)
    assert done.code == 0, done.err
    assert "rejected: not among the best of its class" in done.out
    assert [pair.caption for pair in read_listing(tmp_path / "out")] == ["a cat"]


def test_archives_and_annotations(pairs: Run, sets: ModuleType, tmp_path: Path, tiny_folder: Path) -> None:
    held = sets.content(sets.picture())
    about = json.dumps({"caption": "a cat", "noun_chunks": [[0, 5, 0.1, 0.15, 0.4, 0.55, 0.9]]}).encode()
    tar = sets.write_tar(tmp_path / "a.tar", {"x/1.png": held, "x/1.json": about})
    usual = ["--grounder", "given", "--no-filter"]
    assert pairs(pictures=tar, usual=usual).code == 0
    (pair,) = read_listing(tmp_path / "out")
    assert pair.image == "pictures/000000/00000.png" and pair.caption == "a cat"
    things = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 6, 16, 16], "segmentation": [[4, 6, 20, 6, 20, 22]]}
    ]
    values = {"images": [{"id": 1, "file_name": "0.png"}], "annotations": things}
    instances = tmp_path / "instances.json"
    instances.write_text(json.dumps(values | {"categories": [{"id": 1, "name": "cat"}]}))
    assert pairs("--overwrite", usual=["--annotations", instances, "--no-filter"]).code == 0
    (kept,) = map(json.loads, (tmp_path / "out" / "kept.jsonl").read_text().splitlines())
    # The annotation's own outline, a triangle, and not the box.
    assert kept["area"] == pytest.approx(128 / 1920, abs=0.005)


def test_what_is_refused_before_anything_is_loaded(pairs: Run, run: Run, tmp_path: Path) -> None:
    said = {
        "PICTURES is not given: gencontrol data pairs": run("data", "pairs", "-o", tmp_path / "out"),
        "-o is not given": run("data", "pairs", tmp_path / "pictures"),
        "--share: expected above 0": pairs("--share", 0),
        "--overlap: expected 0 or more and at most 1, got 2": pairs("--overlap", 2),
        "--score: expected 0 or more and at most 1": pairs("--score", 7),
        "--agreement: expected -1 or more": pairs("--agreement", -2),
        "no.jsonl; expected a file of captions": pairs("--captions", tmp_path / "no.jsonl"),
        "lie in one another": pairs("-o", tmp_path / "pictures" / "out"),
        "has no folders with pictures in them": pairs(usual=[]),
        "--no-filter is of captions": pairs("--no-filter", usual=[]),
    }
    for text, done in said.items():
        assert done.code and text in done.err and not done.out, (text, done.err)
    assert not (tmp_path / "out").exists()
    missing = run(
        "data", "pairs", tmp_path / "pictures", "--captions", tmp_path / "captions.jsonl", "-o", "x", "--offline"
    )
    assert missing.code == 1 and "IDEA-Research/grounding-dino-tiny" in missing.err


def test_flags_are_the_settings_and_no_others() -> None:
    flags, settings = ({f.name: f.default for f in dataclasses.fields(c)} for c in (PairsFlags, PairsSettings))
    assert flags.keys() - {"format", "config"} == settings.keys()
    assert {name: flags[name] for name in settings} == settings


def test_help_has_every_flag(run: Run) -> None:
    printed = " ".join(run("data", "pairs", "--help").out.replace("│", " ").split())
    for name, flag in flag_names(PairsFlags).items():
        assert flag in printed, name


def test_a_run_without_a_pair_in_words() -> None:
    empty = {"count": 0}
    text = told(
        {
            "pictures": 1,
            "pictures_used": 0,
            "boxes": 0,
            "pairs": 0,
            "phrases": 0,
            "mask_area": empty,
            "agreement": {"kept": empty, "rejected": empty},
            "speed": {"seconds": 1.0, "pairs_an_hour": 0},
            "rejected": {"no caption": 1},
        }
    )
    assert "rejected: no caption       1" in text and "mask area                  -" in text


@pytest.fixture(scope="session")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small SAM."""
    spec = spec_from_file_location("pairs_sam", Path(__file__).parents[1] / "proposals" / "_segmenters.py")
    assert spec is not None and spec.loader is not None
    builders = module_from_spec(spec)
    spec.loader.exec_module(builders)
    return builders.save(tmp_path_factory.mktemp("segmenters") / "sam", "sam")


def test_a_cluster_that_is_none(pairs: Run, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = pairs("--cluster", "127.0.0.1:9")
    assert done.code == 1 and not done.out
    assert done.err.startswith("gencontrol: No cluster answers at 127.0.0.1:9 (Connection refused): name HOST:PORT as")
    assert len(done.err.splitlines()) == 1
    assert "--cluster: expected HOST:PORT" in pairs("--cluster", "head").err
    assert "--workers are a cluster's: say which as --cluster" in pairs("--workers", 2).err
    monkeypatch.setitem(sys.modules, "ray", None)
    done = pairs("--cluster", "auto")
    assert "run `pip install 'gencontrol[cluster]'`, or leave --cluster out." in done.err
