"""`gencontrol evaluate imagenet-s`, on the files that `gencontrol data export` writes."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.regions.geometry import Geometry
from gencontrol.tasks.protocols.imagenet_s import read_folder, read_ids, read_names

Run = Callable[..., Any]
NAMES = ("cat", "apple", "moon")


@pytest.fixture
def root(run: Run, sprite_file: Path, tmp_path: Path) -> Path:
    """A small world of plain shapes, whose first three classes have names that the encoder knows."""
    done = run("data", "export", "--store", sprite_file, "-n", 12, "--size", 32, "--seed", 5, "-o", tmp_path / "world")
    assert done.code == 0, done.err
    assert re.fullmatch(rf"wrote 12 pictures of \d+ classes to {tmp_path / 'world'}\n", done.out)
    return tmp_path / "world"


@pytest.fixture
def evaluate(run: Run, root: Path, tiny_folder: Path, tmp_path: Path) -> Run:
    words = "red green blue yellow black white".split()
    things = "cat dog bird fish tree house car boat apple banana".split()
    synsets = read_folder(root).synsets
    lines = [f"{synset} {words[i // 10]} {things[i % 10]}, spare" for i, synset in enumerate(synsets)]
    (tmp_path / "known.txt").write_text("\n".join(lines), encoding="utf-8")

    def evaluate_world(*arguments: object) -> Any:
        given = ("--root", root, "--model", tiny_folder, "--names", tmp_path / "known.txt", "-o", tmp_path / "e.json")
        return run("evaluate", "imagenet-s", *given, *arguments)

    return evaluate_world


def test_accuracy_is_that_of_the_encoder_reckoned_by_hand(
    evaluate: Run, root: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    done = evaluate("--format", "json")
    assert done.code == 0, done.err
    rows = {(row["focus"], row["fit"]): row for row in json.loads(done.out)["rows"]}
    assert set(rows) == {(focus, fit) for focus in ("alpha", "whole picture") for fit in ("crop", "pad")}
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip").with_geometry(Geometry(size=64, fit="crop"))
    data = read_folder(root)
    names = read_names(tmp_path / "known.txt", data.synsets)
    texts = encoder.encode_text([f"a {name}" for name in names], normalize=True)
    shares: dict[int, list[tuple[bool, bool]]] = {}
    for sample in data.samples:
        alpha = (read_ids(sample.mask) == sample.category).float()
        ranks = (encoder.encode_image(sample.picture, alpha, normalize=True) @ texts.T)[0].argsort(descending=True)
        place = ranks.tolist().index(sample.category - 1)
        shares.setdefault(sample.category, []).append((place < 1, place < 5))
    for k, key in enumerate(("top1", "top5")):
        expected = sum(sum(hit[k] for hit in found) / len(found) for found in shares.values()) / len(shares)
        assert rows["alpha", "crop"][key] == pytest.approx(expected)


def test_what_is_written_and_printed(evaluate: Run, tmp_path: Path) -> None:
    done = evaluate("--limit", 4, "--compare", "--fit", "pad")
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    assert record["pictures"] == 4 and record["classes"] == 60 and record["templates"] == ["{a}"]
    assert record["settings"]["limit"] == 4 and record["accuracy"] == "mean over classes"
    assert set(record["versions"]) >= {"torch", "transformers"}
    focus = [row["focus"] for row in record["rows"]]
    assert focus[0] == "alpha" and focus[-1] == "whole picture" and {"zoom", "crop", "blank"} <= set(focus)
    lines = done.out.splitlines()
    assert lines[0].split() == ["focus", "fit", "top", "1", "top", "5"] and len(lines) == len(focus) + 2
    assert lines[-1] == f"4 pictures, 60 classes, 0 left out; wrote {tmp_path / 'e.json'}"
    kept = evaluate()
    assert kept.code == 1 and "exists already: give --overwrite, or another -o" in kept.err


def test_a_mask_that_does_not_show_its_class_is_left_out(evaluate: Run, root: Path) -> None:
    sample = read_folder(root).samples[0]
    Image.new("RGB", (32, 32)).save(sample.mask)
    done = evaluate("--format", "json")
    assert done.code == 0 and "has no pixel of its class" in done.err
    assert json.loads(done.out)["without_mask"] == 1 and json.loads(done.out)["pictures"] == 11


def test_data_sets_that_cannot_be_used(evaluate: Run, root: Path, run: Run, tmp_path: Path) -> None:
    done = evaluate("--names", root / "LOC_synset_mapping.txt")
    assert done.code == 1 and "does not know every word" in done.err
    sample = read_folder(root).samples[0]
    Image.new("RGB", (16, 32)).save(sample.mask)
    done = evaluate()
    assert done.code == 1 and "is 16 x 32, and its picture 32 x 32" in done.err
    sample.picture.unlink()
    done = evaluate()
    assert (
        done.code == 1 and "lacks 1 of 12 pictures that have masks" in done.err and not (tmp_path / "e.json").exists()
    )
    done = run("evaluate", "imagenet-s")
    assert done.code == 2 and "--root: name the data set's folder" in done.err
    done = run("evaluate")
    assert done.code == 2 and "DATA is not given: name one of aro, imagenet-s, " in done.err
    done = run("evaluate", "imagenet", "--root", root)
    assert done.code == 2 and "there is no 'imagenet'" in done.err and "imagenet-s" in done.err


def test_worlds_that_cannot_be_written(run: Run, sprite_file: Path, root: Path) -> None:
    done = run("data", "export", "--store", sprite_file, "-o", root, "-n", 2)
    assert done.code == 1 and "holds other things" in done.err
    for flags, said in {
        ("-n", 0): "--number: expected 1 or more and at most 10,000,000, got 0",
        ("-n", 10_000_001): "--number: expected 1 or more and at most 10,000,000, got 10000001",
        ("--size", 4096): "--size: expected 8 or more pixels and at most 2,048, got 4096",
        ("--seed", 2**63): "--seed: expected 0 or more and at most",
    }.items():
        done = run("data", "export", *flags)
        assert done.code == 2 and said in done.err
