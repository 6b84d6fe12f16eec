"""Whatever is asked of `gencontrol data pairs`: it makes pairs, or says in one line why not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gencontrol.training.data.folder_pairs import read_listing

Try = Callable[..., Any]
# Each of these opens a model.
FEWER = settings(max_examples=max(1, settings().max_examples // 2))


@pytest.fixture(scope="module")
def listed(odd_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets of the odd files: captions, annotations and classes that are good, and such that are not."""
    folder = tmp_path_factory.mktemp("listed") / "sets"
    for name in ("cat", "dog"):
        (folder / "classes" / name).mkdir(parents=True)
        Image.effect_noise((40, 30), 60).convert("RGB").save(folder / "classes" / name / "1.png")
    (folder / "classes" / "cat" / "odd.png").write_text("I am no picture.")
    names = [path.name for path in odd_files.iterdir() if path.is_file()]
    boxes = [{"phrase": "a red cat", "box": [4, 4, 20, 30], "score": 0.5}, {"phrase": "dog", "box": [9, 9, 1, 1]}]
    rows: list[Any] = [{"file": name, "caption": "a red cat", "boxes": boxes} for name in names]
    rows += [{"file": "photo.png", "boxes": 3}, [], {"file": "../photo.png"}, {"file": "x" * 300, "boxes": boxes}]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n{", encoding="utf-8")
    (folder / "latin.jsonl").write_bytes(b'{"file": "\xff"}\n' * 3)
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    things = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 1, 9, 9], "segmentation": {"size": 3}}]
    values = {"images": images, "annotations": things, "categories": [{"id": 1, "name": "cat"}]}
    (folder / "instances.json").write_text(json.dumps(values), encoding="utf-8")
    (folder / "deep.json").write_text("[" * 5000, encoding="utf-8")
    (folder / "empty").mkdir()
    (folder / "broken.tar").write_bytes(b"no archive" * 99)
    (folder / "names.txt").write_text("cat x\ndog y\n", encoding="utf-8")
    return folder


@FEWER
@given(data=st.data())
def test_pairs(
    attempt: Try, checked: Any, odd_files: Path, listed: Path, tiny_folder: Path, *, words: Any, data: st.DataObject
) -> None:
    flags = {
        "--captions": words.files(listed, "captions.jsonl", "latin.jsonl", "deep.json"),
        "--annotations": words.files(listed, "instances.json", "deep.json", "captions.jsonl"),
        "--names": words.files(listed, "names.txt", "deep.json"),
        "--grounder": st.one_of(words.choices("given"), words.files(odd_files, "model without weights", "some.pth")),
        "--segmenter": words.choices("grabcut", "box", "sam"),
        "--score": words.numbers("0", "0.5", "1"),
        "--most": words.numbers("1", "5"),
        "--each": words.numbers("1", "2"),
        "--overlap": words.numbers("0", "0.5", "1"),
        "--least-area": words.numbers("0", "0.01"),
        "--most-area": words.numbers("0.5", "1"),
        "--least-side": words.numbers("1", "64"),
        "--agreement": words.numbers("0", "0.5"),
        "--no-filter": None,
        "--contrast": None,
        "--no-own-masks": None,
        "--per-class": words.numbers("1", "2"),
        "--captioner": words.choices("phrases", "templates", "nobody"),
        "--templates": words.choices("single", "bare", "clip-7", "{}"),
        "--shard": words.numbers("1", "3", "999"),
        "--share": words.numbers("0.5", "1"),
        "--seed": words.numbers("0", "7"),
        "--copies": None,
        "--licence": words.SOME_TEXT,
        "--focus": words.choices("crop", "alpha", "zoom:closeness=0.5", "crop+zoom"),
        "--format": words.choices("json", "human"),
        "--overwrite": None,
        # Where nobody answers.
        "--cluster": words.choices("127.0.0.1:9", "head:0"),
        "--workers": words.numbers("1", "2"),
    }
    drawn = data.draw(words.arguments(flags, most=4))
    usual = data.draw(
        st.sampled_from(
            [
                [f"--captions={listed / 'captions.jsonl'}", "--grounder=given"],
                [f"--annotations={listed / 'instances.json'}"],
                [],
            ]
        )
    )
    output = data.draw(st.one_of(st.just("out"), words.choices("/dev/null", "/proc/out", str(odd_files), "a/b/out")))
    pictures = data.draw(
        st.one_of(
            st.sampled_from([str(odd_files), str(listed / "classes")]),
            words.files(listed, "classes", "empty", "broken.tar", "captions.jsonl"),
        )
    )
    agreeing = ["--agreement=-1", f"--model={tiny_folder}", "--device=cpu", "--offline"]
    line = [*usual, *agreeing, *drawn, f"--output={output}"]
    done = attempt("data", "pairs", *line, "--", pictures, watched=odd_files)
    checked(done, ["pairs", *line, pictures])
    if done.code == 0 and "--format=json" in line:
        assert json.loads(done.out, parse_constant=pytest.fail)["statistics"]["pictures"] >= 0
    for path in done.folder.rglob("pairs.jsonl"):
        if path.stat().st_size:
            assert read_listing(path.parent)
