"""The same of `gencontrol nerf`, and of the commands that train: nothing is lost, and nothing left unsaid."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")

Try = Callable[..., Any]
SMALL = ["--size", "16", "--frames", "2"]


@pytest.fixture(scope="session")
def radiance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small scene, and files that are none."""
    pytest.importorskip("nerfstudio")
    import torch
    from safetensors.torch import load_file, save_file

    from gencontrol.nerf.field.scene import SCENE_FILE, save_scene
    from gencontrol.nerf.still_life.world import bake, still_life

    folder = tmp_path_factory.mktemp("radiance") / "files"
    folder.mkdir()
    good = folder / SCENE_FILE
    save_scene(bake(still_life(), 16), good)
    values = load_file(good)
    save_file(values, folder / "no settings.safetensors")
    save_file({name: torch.full_like(t, torch.nan) for name, t in values.items()}, folder / "nan.safetensors")
    save_file({"x": torch.ones(3)}, folder / "other.safetensors")
    (folder / "short.safetensors").write_bytes(good.read_bytes()[:-7])
    (folder / "parts.yaml").write_text("- name: a\n  prompt: b\n", encoding="utf-8")
    (folder / "no parts.yaml").write_text("name: [", encoding="utf-8")
    (folder / "path.json").write_text('{"camera_path": []}', encoding="utf-8")
    (folder / "empty folder").mkdir()
    return folder


def several(words: Any, count: int) -> st.SearchStrategy[list[str]]:
    """So many numbers, as a flag of several takes them, or one fewer or more."""
    one = st.one_of(words.numbers("0", "0.5", "1"), st.just("0.25"))
    return st.one_of(
        st.lists(one, min_size=count, max_size=count), st.lists(one, min_size=count - 1, max_size=count + 1)
    )


def placed(words: Any) -> st.SearchStrategy[list[str]]:
    """A box, a ball, or nothing."""
    box, ball = several(words, 6).map(lambda n: ["--box", *n]), several(words, 4).map(lambda n: ["--sphere", *n])
    return st.one_of(st.just([]), box, ball)


def outputs(words: Any, folder: Path, *good: str) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(good), words.files(folder))


@given(data=st.data())
def test_export(attempt: Try, checked: Any, radiance: Path, words: Any, data: st.DataObject) -> None:
    flags = {
        "--output": outputs(words, radiance, "a.ply", "a.glb", "a.obj", "a.stl", "a.splat.ply", "a.xyz", "a"),
        "--resolution": words.numbers("16", "32").filter(lambda text: text != "1_000"),
        "--density": words.numbers("3", "15"),
        "--part": words.choices("ball", "egg", "eg"),
    }
    scene = data.draw(words.files(radiance, "scene.safetensors", "."))
    line = [*data.draw(words.arguments(flags, most=3)), *data.draw(placed(words))]
    checked(attempt("nerf", "export", *line, "--", scene, watched=radiance), [*line, scene])


@given(data=st.data())
def test_render(attempt: Try, checked: Any, radiance: Path, words: Any, data: st.DataObject) -> None:
    flags = {
        "--output": outputs(words, radiance, "frames", "a.gif", "a.png", "a.xyz"),
        "--path": words.choices("turntable", "spiral"),
        "--elevation": words.numbers("20", "90", "-90"),
        "--frames": words.numbers("1", "2").filter(lambda text: text != "1_000"),
        "--size": words.numbers("16").filter(lambda text: text != "1_000"),
        "--camera-path": words.files(radiance, "path.json"),
    }
    scene = data.draw(words.files(radiance, "scene.safetensors"))
    line = [*SMALL, *data.draw(words.arguments(flags, most=3))]
    checked(attempt("nerf", "render", *line, "--", scene, watched=radiance), [*line, scene])


@given(data=st.data())
def test_edits_that_cannot_begin(attempt: Try, checked: Any, radiance: Path, words: Any, data: st.DataObject) -> None:
    """Each has no steps, so that none begins."""
    flags = {
        "--prompt": words.SOME_TEXT,
        "--parts": words.files(radiance, "parts.yaml", "no parts.yaml"),
        "--mode": words.choices("edit", "replace", "remove", "recolour", "fit"),
        "--encoder": words.files(radiance),
        "--seed": words.numbers("1"),
        "--learning-rate": words.numbers("0.1"),
        "--part": words.choices("egg"),
        "--grow": words.numbers("0.1"),
        "--softness": words.numbers("0.1"),
        "--output": outputs(words, radiance, "out"),
    }
    scene = data.draw(words.files(radiance, "scene.safetensors"))
    steps = data.draw(st.sampled_from(["0", "-3", "nan", "1.5", "many"]))
    line = [f"--steps={steps}", *data.draw(words.arguments(flags, most=3)), *data.draw(placed(words))]
    done = attempt("nerf", "edit", *line, "--", scene, watched=radiance)
    checked(done, [*line, scene])
    assert done.code


@given(data=st.data())
def test_creations_that_cannot_begin(
    attempt: Try, checked: Any, radiance: Path, words: Any, data: st.DataObject
) -> None:
    """Each has no steps, so that none begins."""
    flags = {
        "--symmetry": words.choices("none", "mirror", "quarter"),
        "--relation": words.choices("crown on ball", "a hat above"),
        "--encoder": words.files(radiance),
        "--seed": words.numbers("1"),
        "--learning-rate": words.numbers("0.1"),
        "--preview-every": words.numbers("0"),
        "--device": words.choices("cpu", "cuda"),
        "--output": outputs(words, radiance, "out"),
    }
    prompt = data.draw(words.choices("a pumpkin"))
    steps = data.draw(st.sampled_from(["0", "-3", "nan", "1.5", "many"]))
    line = [f"--steps={steps}", f"--prompt={prompt}", *data.draw(words.arguments(flags, most=3))]
    done = attempt("nerf", "new", *line, watched=radiance)
    checked(done, line)
    assert done.code


@given(data=st.data())
def test_sprites_that_cannot_be_prepared(
    attempt: Try, checked: Any, odd_files: Path, words: Any, data: st.DataObject
) -> None:
    """No folder holds tarballs; without one, npm would be asked."""
    flags = {
        "--output": st.one_of(st.just("out"), words.files(odd_files)),
        "--concepts": words.files(odd_files, "typo.yaml", "list.yaml"),
        "--size": words.numbers("64", "16"),
    }
    source = data.draw(words.files(odd_files, "empty folder"))
    line = [f"--from={source or 'none'}", *data.draw(words.arguments(flags, most=2))]
    done = attempt("data", "sprites", *line)
    checked(done, line)
    assert done.code


@given(data=st.data())
def test_data_sets(attempt: Try, checked: Any, odd_files: Path, words: Any, data: st.DataObject) -> None:
    pytest.importorskip("nerfstudio")
    small = words.numbers("1", "2").filter(lambda text: text != "1_000")
    flags = {
        "--views": small,
        "--held-out": small,
        "--size": words.numbers("16").filter(lambda text: text != "1_000"),
        "--sprite": words.SOME_TEXT,
        "--sprites": words.files(odd_files),
        "--style": words.SOME_TEXT,
    }
    folder = data.draw(st.one_of(st.just("set"), words.files(odd_files, "empty folder")))
    if folder.strip() and Path(folder) == odd_files / "empty folder":
        folder = "set"
    line = ["--views=2", "--held-out=1", "--size=16", *data.draw(words.arguments(flags, most=2))]
    checked(attempt("nerf", "scene", *line, "--", folder), [*line, folder])


@given(data=st.data())
def test_trainings_that_cannot_begin(
    attempt: Try, checked: Any, odd_files: Path, words: Any, data: st.DataObject
) -> None:
    keys = st.sampled_from(["run.steps", "run.learning_rate", "run.batch", "scenes.counts", "width", "run", "", "a.b"])
    setting = st.tuples(keys, st.one_of(words.numbers("1"), words.SOME_TEXT)).map("=".join)
    flags = {
        "--output": st.one_of(st.just("out"), words.files(odd_files)),
        "--config": words.files(odd_files, "typo.yaml", "list.yaml"),
        "--set": setting,
        "--pairs": words.files(odd_files, "empty folder"),
        "--until": words.numbers("1"),
    }
    models = ("clip", "alpha-clip", "autoencoder", "denoiser")
    stages = (*models, "relations", "one-pass", "language", "grounder", "segmenter")
    stage = data.draw(words.choices(*stages))
    # No file of the folder is a store of sprites.
    sprites = data.draw(words.files(odd_files))
    line = [f"--sprites={sprites or 'none'}", *data.draw(words.arguments(flags, most=3))]
    done = attempt("train", *line, "--", stage)
    checked(done, [*line, stage])
    assert done.code and not re.search("step 1/", done.err)


@given(data=st.data())
def test_models_that_cannot_be_assembled(
    attempt: Try, checked: Any, odd_files: Path, words: Any, data: st.DataObject
) -> None:
    folder = words.files(odd_files, "empty folder", "model without weights")
    flags = dict.fromkeys(("--clip", "--alpha-clip", "--autoencoder", "--denoiser", "--output"), folder)
    line = data.draw(words.arguments(flags, most=4, needed=["--clip"]))
    done = attempt("assemble", *line)
    checked(done, line)
    assert done.code


@given(data=st.data())
def test_first_words(attempt: Try, checked: Any, words: Any, data: st.DataObject) -> None:
    """Of commands that are none, and of those that take no arguments."""
    first = data.draw(words.choices("models", "doctor", "nerf", "help", "data"))
    rest = data.draw(
        st.lists(st.one_of(words.SOME_TEXT, st.sampled_from(["--help", "--format=json", "-o"])), max_size=2)
    )
    if first.strip() in ("data", "train", "assemble") and "--help" not in rest:
        rest = [*rest, "--from=/nowhere", "--size=-1"]
    checked(attempt(first, *rest), [first, *rest])
