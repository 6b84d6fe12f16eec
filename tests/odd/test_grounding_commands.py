"""Whatever is asked of `gencontrol ground`: it says where it is, or in one line why not."""

import json
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

Try = Callable[..., Any]


@pytest.fixture(scope="module", params=["save_small_glip", "save_owl"])
def grounder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small GLIP, or OWLv2."""
    path = Path(__file__).parents[1] / "proposals" / "_detectors.py"
    spec = spec_from_file_location("odd_detectors", path)
    assert spec is not None and spec.loader is not None
    builders = module_from_spec(spec)
    spec.loader.exec_module(builders)
    return getattr(builders, request.param)(tmp_path_factory.mktemp("odd_grounders") / "grounder")


@given(data=st.data())
def test_ground(attempt: Try, checked: Any, odd_files: Path, words: Any, grounder: Path, data: st.DataObject) -> None:
    flags = {
        "--caption": None,
        "--best": None,
        "--overwrite": None,
        "--threshold": words.numbers("0", "0.3", "1"),
        "--most": words.numbers("1", "20"),
        "--dtype": words.choices("float32", "bfloat16"),
        "--output": words.choices("out.png", "out.jpg", "-", "/dev/null", str(odd_files), "missing/out.webp"),
        "--format": words.choices("json", "human"),
        "--model": words.files(odd_files, "model without weights", "some.pth", "picture.pth"),
    }
    text = data.draw(words.choices("a red cat. a table.", "a man rides a horse", "red " * 40, "cat. Cat.", "(x) . !"))
    picture = data.draw(words.files(odd_files, "photo.png", "photo.jpg", "cutout.png"))
    model = f"--model={grounder}"
    line = ["--offline", "--device=cpu", model, *data.draw(words.arguments(flags, most=3))]
    done = attempt("ground", *line, "--", picture, text)
    checked(done, [*line, picture, text])
    if done.code == 0 and "--format=json" in line:
        assert "boxes" in json.loads(done.out, parse_constant=pytest.fail)
    for path in done.folder.rglob("out.*"):
        with Image.open(path) as image:
            image.load()
