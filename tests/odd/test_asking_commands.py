"""Whatever is asked about a picture and its parts, of a data set, or of a server's start: or one line why not."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gencontrol import AlphaCLIP

Try = Callable[..., Any]
# Each of these commands opens a model.
FEWER = settings(max_examples=max(1, settings().max_examples // 2))


@pytest.fixture(scope="module")
def lists(odd_builders: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The odd files, and texts, folders and models that these commands take, and such that they do not."""
    folder = odd_builders.write_files(tmp_path_factory.mktemp("lists") / "files")
    return odd_builders.write_lists(folder)


@pytest.fixture(scope="module")
def world(attempt: Try, sprite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set as `gencontrol data export` writes it, and beside it what is only like one."""
    base = tmp_path_factory.mktemp("worlds") / "worlds"
    base.mkdir()
    for name in ("good", "no pictures", "deep"):
        done = attempt("data", "export", f"--store={sprite_file}", "-n2", "--size=32", "-o", base / name)
        assert not done.code, done.err
    for picture in (base / "no pictures").rglob("*.JPEG"):
        picture.unlink()
    for text in (base / "deep").rglob("*.txt"):
        text.write_bytes(b"n0\xff\xfe\n" * 3)
    (base / "empty").mkdir()
    (base / "file").write_text("I am no folder.", encoding="utf-8")
    (base / "loop").symlink_to(base / "loop")
    return base


def _named(words: Any, value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """With a name before it, or without."""
    name = st.one_of(st.sampled_from(["cat", "dog", "cat 2", "", "x" * 500]), words.SOME_TEXT)
    return st.one_of(value, st.tuples(name, value).map("=".join))


def _candidates(words: Any, files: Path) -> dict[str, Any]:
    return {
        "--mask": _named(words, words.files(files, "mask.png", "mask.npy", "run lengths.json")),
        "--index-mask": st.tuples(words.files(files, "classes.png"), words.choices("3", "#ff0000")).map("=".join),
        "--box": _named(words, words.listed("8,16,36,44", "48,20,72,52", "10%,20%,60%,80%")),
        "--point": _named(words, words.listed("20,30", "20,30,6", "50%,50%,10%")),
        "--label-map": words.files(files, "classes.png", "two hundred.png", "sixteen bits.png"),
        "--threshold": words.numbers("0.5", "1"),
        "--resize-mask": None,
        "--focus": words.choices(
            "alpha", "zoom:closeness=0.5", "crop", "alpha+crop", "masked-pooling", "zoom:closeness"
        ),
        "--fit": words.choices("pad", "squash", "crop", "published"),
        "--config": words.files(files, "good.yaml", "typo.yaml", "deep.yaml"),
        "--format": words.choices("json", "human"),
        "--model": words.files(files, "model without weights", "deep model", "some.pth"),
        "--alpha-clip": words.files(files, "some.pth", "deep model", "picture.pth"),
        "--revision": words.SOME_TEXT,
        "--device": words.choices("cpu", "cuda:99", "mps"),
        "--dtype": words.choices("float32", "bfloat16"),
    }


def _pointing(words: Any, files: Path) -> dict[str, Any]:
    """As the commands take it that look at what is pointed at; of several pictures too."""
    flags = _candidates(words, files)
    masks = words.weighted(words.files(files, "mask.png", "mask.npy"))
    boxes = words.weighted(words.listed("8,16,36,44", "10%,20%,60%,80%"))
    return flags | {
        "--mask": masks,
        "--box": boxes,
        "--phrase": words.choices("cat", "the cat left of the dog", "the dog and", "the 3rd cat from the left"),
        "--segmenter": words.choices("grabcut", "box", "sam"),
        "--grounder": words.files(files, "model without weights", "deep model"),
        "--most": words.numbers("1", "3"),
        "--score": words.numbers("0", "1"),
        "--level": words.numbers("0", "0.5", "1"),
        "--levels-curve": words.files(files, "curve.json", "deep.json"),
        "--alpha-from-image": None,
        "--recursive": None,
        "--feather": words.numbers("0", "3"),
        "--invert": None,
    }


def _outputs(words: Any, files: Path, *good: str) -> st.SearchStrategy[str]:
    others = ["/dev/full", "/dev/null", "-", "missing/deeper/out", "/proc/out", "x" * 300]
    return st.one_of(st.sampled_from(good), st.sampled_from(others), words.files(files))


@pytest.fixture(scope="module")
def asked(attempt: Try, checked: Any, lists: Path) -> Try:
    """A function that asks something of a command, and looks at what came of it."""
    return partial(_asked, attempt, checked, lists)


def _asked(attempt: Try, checked: Any, files: Path, command: str, line: list[str], *named: str) -> Any:
    done = attempt(command, *line, "--", *named, watched=files)
    checked(done, [command, *line, *named])
    if done.code == 0 and "--format=json" in line:
        assert json.loads(done.out, parse_constant=pytest.fail) is not None
    for path in done.folder.rglob("out.png"):
        with Image.open(path) as image:
            image.load()
    return done


def _opened(folder: Path, drawn: list[str]) -> list[str]:
    """The small model's flag, unless another is given."""
    return ["--offline", *([] if any(flag.startswith("--model") for flag in drawn) else [f"--model={folder}"]), *drawn]


@FEWER
@given(data=st.data())
def test_relate(asked: Try, lists: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = _candidates(words, lists) | {
        "--text": words.choices("the cat left of the dog", "cat", "a on a on a on a", "left of", "the " * 300),
        "--at-least": words.numbers("0", "0.5", "1"),
        "--core": words.choices("auto", "rules", "rim", "gru"),
        "--module": words.files(lists, "empty folder", "deep model", "odd module"),
        "--graph": _outputs(words, lists, "out.png", "out.svg"),
        "--overwrite": None,
    }
    two = [f"--mask=cat={lists / 'mask.png'}", "--box=dog=48,20,72,52"]
    line = _opened(tiny_folder, [*data.draw(st.sampled_from([two, []])), *data.draw(words.arguments(flags, most=3))])
    asked("relate", line, data.draw(words.files(lists, "photo.png", "cutout.png", "moving.gif")))


@FEWER
@given(data=st.data())
def test_refer(asked: Try, lists: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = _candidates(words, lists) | {
        "--grounder": words.files(lists, "model without weights", "deep model"),
        "--segmenter": words.choices("grabcut", "box", "sam"),
        "--score": words.numbers("0", "1"),
        "--most": words.numbers("1", "3"),
        "--output": _outputs(words, lists, "out.png", "out.npy"),
        "--overwrite": None,
    }
    text = data.draw(words.choices("cat", "the cat left of the dog", "the 200th cat", "(cat", "", "cat " * 300))
    two = [f"--mask=cat={lists / 'mask.png'}", "--box=dog=48,20,72,52"]
    line = _opened(tiny_folder, [*data.draw(st.sampled_from([two, []])), *data.draw(words.arguments(flags, most=3))])
    picture = data.draw(words.files(lists, "photo.png", "cutout.png"))
    asked("refer", line, picture, text)


@FEWER
@given(data=st.data())
def test_classify(asked: Try, lists: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = _pointing(words, lists) | {
        "--labels": words.files(lists, "labels.txt", "labels twice.txt", "labels of latin.txt"),
        "--templates": st.one_of(words.choices("single", "clip-7", "bare"), words.files(lists, "templates.txt")),
        "--top": words.numbers("1", "5"),
        "--compare": None,
        "--cache": _outputs(words, lists, "cache.safetensors", str(lists / "other.safetensors")),
        "--truncate": None,
        "--output": _outputs(words, lists, "out.csv", "out.json", "out.xyz"),
        "--overwrite": None,
    }
    drawn = data.draw(words.arguments(flags, most=3))
    labels = [] if any(flag.startswith("--labels") for flag in drawn) else [f"--labels={lists / 'labels.txt'}"]
    shown = data.draw(st.sampled_from([[], ["--box=8,16,36,44"]]))
    asked(
        "classify",
        _opened(tiny_folder, [*labels, *shown, *drawn]),
        data.draw(words.files(lists, "photo.png", "cutout.png")),
    )


@FEWER
@given(data=st.data())
def test_calibrate(asked: Try, lists: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = {
        name: _candidates(words, lists)[name] for name in ("--focus", "--fit", "--config", "--format", "--model")
    } | {
        "--masks": words.files(lists, "masks", "empty folder"),
        "--form": words.choices("{}", "a {}", "a {x}", "{} {}", "a", "{0.__class__}"),
        "--way": words.choices("auto", "one-pass", "passes"),
        "--points": words.numbers("5"),
        "--output": _outputs(words, lists, "out.json", "out"),
        "--overwrite": None,
    }
    drawn = data.draw(words.arguments(flags, most=3))
    masks = [] if any(flag.startswith("--masks") for flag in drawn) else [f"--masks={lists / 'masks'}"]
    few = [] if any(flag.startswith("--points") for flag in drawn) else ["--points=5"]
    picture = data.draw(words.files(lists, "photo.png"))
    asked("calibrate", _opened(tiny_folder, [*masks, *few, *drawn]), picture)


@FEWER
@given(data=st.data())
def test_evaluate(asked: Try, lists: Path, world: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = {
        name: _candidates(words, lists)[name] for name in ("--focus", "--fit", "--config", "--format", "--model")
    } | {
        "--root": words.files(world, "good", "no pictures", "deep"),
        "--split": words.choices("validation", "test", "val"),
        "--names": words.files(lists, "labels.txt", "labels of latin.txt"),
        "--templates": words.files(lists, "templates.txt"),
        "--compare": None,
        "--by": words.choices("unc", "google"),
        "--detections": words.files(lists, "deep.json"),
        "--segmenter": words.choices("box", "annotated"),
        "--source": words.choices("refcoco", "visual-genome"),
        "--meteor": words.files(lists, "deep.json"),
        "--max-tokens": words.numbers("4"),
        "--captions": words.files(lists, "deep.json", "labels.txt"),
        "--clip": words.files(lists, "model without weights", "deep model"),
        "--limit": words.numbers("1"),
        "--output": _outputs(words, lists, "out.json"),
        "--overwrite": None,
    }
    drawn = data.draw(words.arguments(flags, most=3))
    root = [] if any(flag.startswith("--root") for flag in drawn) else [f"--root={world / 'good'}"]
    named = data.draw(words.choices("imagenet-s", "imagenet-s", "refcoco", "region-caption", "whole"))
    asked("evaluate", _opened(tiny_folder, [*root, "--limit=1", *drawn]), named)


@pytest.fixture(scope="module")
def llava(tiny: ModuleType, llava_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small language model, and an alpha tower of its width."""
    folder = tmp_path_factory.mktemp("towers") / "tower"
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(folder)
    return llava_folder, folder


@FEWER
@given(data=st.data())
@pytest.mark.parametrize("command", ["caption", "ask"])
def test_in_words(
    asked: Try, lists: Path, llava: tuple[Path, Path], words: Any, command: str, data: st.DataObject
) -> None:
    flags = _pointing(words, lists) | {
        "--max-tokens": words.numbers("1", "3"),
        "--temperature": words.numbers("0", "1"),
        "--top-p": words.numbers("0.5", "1"),
        "--seed": words.numbers("0", "7"),
        "--batch": words.numbers("1", "4"),
        "--stream": None,
        "--output": _outputs(words, lists, "out.csv", "out.json", "out.txt"),
        "--overwrite": None,
        "--offload": words.choices("none", "model"),
    }
    questions = words.choices("what is it made of ?", "what", "is it " * 200, "<image>", "")
    flags |= {"--question": questions} if command == "ask" else {}
    drawn = data.draw(words.arguments(flags, most=3))
    question = ["--question=what is it made of ?"] if command == "ask" and data.draw(st.booleans()) else []
    folder, tower = llava
    alpha = [] if any(flag.startswith("--alpha-clip") for flag in drawn) else [f"--alpha-clip={tower}"]
    line = _opened(folder, ["--max-tokens=2", *alpha, *question, *drawn])
    asked(command, line, data.draw(words.files(lists, "photo.png", "cutout.png")))


@FEWER
@given(data=st.data())
@pytest.mark.parametrize("command", ["serve", "studio"])
def test_servers_that_cannot_begin(asked: Try, lists: Path, words: Any, command: str, data: st.DataObject) -> None:
    """Each has a number that cannot be, so that none waits for requests."""
    amiss = st.sampled_from(
        [f"--port={n}" for n in ("-1", "65536", "nan", "1.5", "", "1e400", "9" * 30)]
        + [f"--concurrency={n}" for n in ("0", "-2", "17", "nan", "two", "9" * 30)]
    )
    flags = {"--model": words.files(lists, "model without weights", "deep model"), "--offline": None}
    if command == "studio":
        flags |= {
            "--host": words.choices("127.0.0.1", "localhost", "::1", "0.0.0.0", "256.1.1.1", "a.example"),
            "--auth": words.files(lists, "labels.txt", "labels of latin.txt"),
            "--output": _outputs(words, lists, "out"),
            "--no-browser": None,
        }
    line = [data.draw(amiss), *data.draw(words.arguments(flags, most=3))]
    picture = [data.draw(words.files(lists, "photo.png"))] if command == "studio" else []
    assert asked(command, line, *picture).code


@FEWER
@given(data=st.data())
def test_data_export(
    attempt: Try, checked: Any, lists: Path, sprite_file: Path, words: Any, data: st.DataObject
) -> None:
    flags = {
        "--format": words.choices("imagenet-s", "refcoco", "coco"),
        "--store": words.files(lists, "photo.png", "no array.npy", "odd store.npz"),
        "--output": _outputs(words, lists, "out", str(lists / "empty folder")),
        "--number": words.numbers("1", "2").filter(lambda text: text != "1_000"),
        "--size": words.numbers("32", "16").filter(lambda text: text != "1_000"),
        "--split": words.choices("train", "test"),
        "--style": words.choices("noto", "fluent"),
        "--seed": words.numbers("0", "5"),
    }
    drawn = data.draw(words.arguments(flags, most=3))
    store = [] if any(flag.startswith("--store") for flag in drawn) else [f"--store={sprite_file}"]
    done = attempt("data", "export", *store, "-n1", "--size=32", "-oout", *drawn, watched=lists)
    checked(done, drawn)
