"""Whatever is written behind a command: it does what it says, or says in one line why not, and nothing is lost.

`make odd SEED=7 EXAMPLES=400` tries other lines than the default run, which are the same each time.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

from gencontrol.cli.terminal import one_line

Try = Callable[..., Any]


def _pointing(words: Any, odd_files: Path) -> dict[str, Any]:
    mask = words.weighted(words.files(odd_files, "mask.png", "mask.npy", "run lengths.json"))
    return {
        "--mask": mask,
        "--index-mask": st.tuples(words.files(odd_files, "classes.png"), words.choices("3", "#ff0000", "red")).map(
            "=".join
        ),
        "--box": words.weighted(words.listed("8,16,36,44", "10%,20%,60%,80%", "0.1,0.2,0.6,0.8", "36,44,8,16")),
        "--point": words.weighted(words.listed("20,30", "20,30,6", "50%,50%", "50%,50%,10%")),
        "--alpha-from-image": None,
        "--invert": None,
        "--threshold": words.numbers("0.5", "1"),
        "--feather": words.numbers("0", "3"),
        "--resize-mask": None,
        "--focus": words.choices(
            "alpha", "zoom", "zoom:closeness=0.5", "crop", "attention", "blur:sigma=2", "alpha:foo=1"
        ),
        "--fit": words.choices("pad", "squash", "crop", "published"),
        "--config": words.files(odd_files, "good.yaml", "typo.yaml"),
        "--format": words.choices("json", "human"),
    }


def _varying(words: Any, odd_files: Path) -> dict[str, Any]:
    return _pointing(words, odd_files) | {
        "--negative-mask": words.weighted(words.files(odd_files, "mask.png")),
        "--strength": words.numbers("0", "0.5", "2"),
        "--schedule": words.choices("1:0.3", "1:0@0.2:0.6", "0:1 0.5:0.8 1:0.3 cosine"),
        "--seed": words.choices("7", "1,2", "5-6", "random", "6-5", "1,1", "0-99999999999"),
        "--guidance": words.numbers("1", "3"),
        "--scheduler": words.choices("ddim", "euler", "pndm"),
        "--batch": words.numbers("1", "2"),
        "--dtype": words.choices("float32", "bfloat16"),
        "--offload": words.choices("none", "model"),
        "--embeds-in": words.files(odd_files, "nan.safetensors", "narrow.safetensors"),
        "--embeds-out": st.one_of(st.just("e.safetensors"), words.files(odd_files)),
        "--encoding": words.choices("png", "jpg", "webp"),
        "--existing": words.choices("error", "overwrite", "skip"),
        "--from": words.files(odd_files),
        "--output": st.one_of(st.just("out"), st.just("out.png"), words.files(odd_files)),
        "--grid": None,
        "--preview": None,
        "--no-metadata": None,
        "--dry-run": None,
    }


def _made(folder: Path) -> list[Path]:
    """The files in a folder, as they are told."""
    return [path.relative_to(folder) for path in folder.rglob("*")]


def _check_written(done: Any) -> None:
    """Each file that a line says was written is there and can be opened."""
    for name, embeds in re.findall(r"^wrote (.+?)(: image_embeds .*)?$", done.out, re.MULTILINE):
        # A name with a line break in it is told on one line.
        path = done.folder / next((p for p in _made(done.folder) if one_line(str(p)) == name), name)
        assert path.is_file() and path.stat().st_size
        # Embeddings may be called anything that is not another kind of file's name.
        if embeds or path.suffix == ".safetensors":
            assert all(bool(tensor.isfinite().all()) for tensor in load_file(path).values())
        else:
            with Image.open(path) as image:
                image.load()


@given(data=st.data())
def test_vary(attempt: Try, checked: Any, odd_files: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = _varying(words, odd_files)
    picture = data.draw(words.files(odd_files, "photo.png", "photo.jpg", "cutout.png"))
    rest = data.draw(words.arguments(flags, most=4))
    line = [
        f"--model={tiny_folder}",
        "--offline",
        "--steps=1",
        *([] if any("--seed" in r for r in rest) else ["-n1"]),
        *rest,
    ]
    done = attempt("vary", *line, "--", picture)
    checked(done, [*line, picture])
    _check_written(done)


@given(data=st.data())
def test_score(attempt: Try, checked: Any, odd_files: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = _pointing(words, odd_files) | {"--truncate": None, "--text": words.choices("a red disc", "blue " * 100)}
    picture = data.draw(words.files(odd_files, "photo.png", "cutout.png"))
    line = [f"--model={tiny_folder}", "--offline", *data.draw(words.arguments(flags, most=3, needed=["--text"]))]
    done = attempt("score", *line, "--", picture)
    checked(done, [*line, picture])
    if done.code == 0 and "--format=json" in line:
        assert json.loads(done.out, parse_constant=pytest.fail)


@given(data=st.data())
def test_embed(attempt: Try, checked: Any, odd_files: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    output = st.one_of(st.just("e.safetensors"), words.files(odd_files))
    flags = _pointing(words, odd_files) | {"--strength": words.numbers("0.5"), "--overwrite": None, "--output": output}
    picture = data.draw(words.files(odd_files, "photo.png", "cutout.png"))
    line = [f"--model={tiny_folder}", "--offline", *data.draw(words.arguments(flags, most=4))]
    done = attempt("embed", *line, "--", picture)
    checked(done, [*line, picture])
    _check_written(done)


@given(data=st.data())
def test_models_that_are_none(attempt: Try, checked: Any, odd_files: Path, words: Any, data: st.DataObject) -> None:
    flags = {
        "--model": words.files(odd_files, "model without weights", "some.pth"),
        "--alpha-clip": words.files(odd_files, "some.pth", "zip.pth", "picture.pth"),
        "--revision": words.SOME_TEXT,
    }
    line = ["--offline", "--steps=1", "-n1", *data.draw(words.arguments(flags, most=2, needed=["--model"]))]
    done = attempt("vary", *line, odd_files / "photo.png")
    checked(done, line)
    assert done.code


@given(data=st.data())
def test_convert(attempt: Try, checked: Any, odd_files: Path, words: Any, data: st.DataObject) -> None:
    flags = {
        "--output": st.one_of(st.just("out"), words.files(odd_files)),
        "--kind": words.choices("auto", "published", "clip", "open_clip"),
        "--to": words.choices("folder", "published", "open-clip"),
        "--base": words.files(odd_files),
        "--pretrained": words.SOME_TEXT,
        "--subfolder": words.choices("image_encoder"),
        "--dtype": words.choices("float16"),
        "--overwrite": None,
    }
    source = data.draw(words.files(odd_files, "some.pth", "zip.pth", "picture.pth", "model without weights"))
    line = ["--offline", *data.draw(words.arguments(flags, most=3))]
    done = attempt("convert", *line, "--", source)
    checked(done, [*line, source])
    assert done.code
    assert not (done.folder / "out").exists()


@given(data=st.data())
def test_edit(attempt: Try, checked: Any, odd_files: Path, tiny_folder: Path, words: Any, data: st.DataObject) -> None:
    flags = _pointing(words, odd_files) | {
        "--like": words.files(odd_files, "photo.png", "cutout.png"),
        "--like-mask": words.weighted(words.files(odd_files, "mask.png")),
        "--like-box": words.listed("8,16,36,44", "10%,20%,60%,80%"),
        "--like-point": words.listed("20,30"),
        "--remove": None,
        "--strength": words.numbers("0.5"),
        "--schedule": words.choices("1:0.3", "0:1@0.2:0.6"),
        "--seed": words.choices("7", "1,2", "random"),
        "--guidance": words.numbers("1", "3"),
        "--margin": words.numbers("0", "1"),
        "--seam": words.numbers("0", "0.5"),
        "--output": st.one_of(st.just("out"), st.just("out.jpg"), words.files(odd_files)),
        "--encoding": words.choices("jpg", "webp"),
        "--existing": words.choices("overwrite", "skip"),
        "--grid": None,
        "--no-metadata": None,
    }
    picture = data.draw(words.files(odd_files, "photo.png", "cutout.png", "turned.jpg"))
    hole = data.draw(st.sampled_from([f"--mask={odd_files / 'mask.png'}", "--box=10%,20%,60%,80%"]))
    line = [f"--model={tiny_folder}", "--offline", "--steps=1", hole, *data.draw(words.arguments(flags, most=4))]
    done = attempt("edit", *line, "--", picture)
    checked(done, [*line, picture])
    _check_written(done)
