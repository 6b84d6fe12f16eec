"""Plans of edits, and what they come to; `tests/cli/test_edit.py` looks at the files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.reading import read_image
from gencontrol.pipelines import edit, open_pipeline
from gencontrol.regions import from_mask
from gencontrol.regions.scene import Scene
from gencontrol.runs.edits.editing import run_edits
from gencontrol.runs.edits.planning import plan_edits
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.files.encodings import record_text
from gencontrol.runs.files.records import is_result
from gencontrol.runs.notices import RunWarning


def settings(scene: Path, **more: Any) -> EditingSettings:
    base: Any = {
        "images": (str(scene / "photo.png"),),
        "mask": (str(scene / "blue.png"),),
        "output": str(scene / "out"),
    }
    return EditingSettings(**base | more)


def painting(scene: Path, model: Path, **more: Any) -> EditingSettings:
    return settings(scene, **({"like_mask": (str(scene / "red.png"),), "model": str(model), "steps": 2} | more))


def test_a_run_is_the_front_function(scene: Path, tiny_folder: Path) -> None:
    plan = plan_edits(painting(scene, tiny_folder, seed="3,5", focus="crop", strength=0.5, margin=0.2, seam=0.1))
    paths = run_edits(plan)
    assert paths == [scene / "out" / f"photo-{seed}.png" for seed in (3, 5)]
    photo = read_image(scene / "photo.png")
    hole, part = (from_mask(scene / f"{name}.png", size=photo.size) for name in ("blue", "red"))
    pipeline = open_pipeline(str(tiny_folder))
    pipeline.set_progress_bar_config(disable=True)
    how: Any = {"focus": "crop", "strength": 0.5, "margin": 0.2, "seam": 0.1, "num_inference_steps": 2}
    found = edit(pipeline, photo, hole, Scene(picture=photo, regions=(part,)), seeds=(3, 5), **how)
    for path, picture in zip(paths, found, strict=True):
        written = torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)
        assert int((written.int() - picture.stored_rgb.int()).abs().max()) <= 1


def test_a_strength_may_change_over_the_steps(scene: Path, tiny_folder: Path) -> None:
    made = {}
    for name, strength in {
        "still": {"strength": 0.2},
        "course": {"schedule": "0.2:0.2"},
        "change": {"schedule": "2:0"},
    }.items():
        (path,) = run_edits(plan_edits(painting(scene, tiny_folder, output=str(scene / f"{name}.png"), **strength)))
        made[name] = np.asarray(Image.open(path)).astype(int)
    assert np.abs(made["still"] - made["course"]).max() <= 1
    assert (made["still"] != made["change"]).any()
    with Image.open(scene / "change.png") as image:
        text = record_text(image)
    assert text is not None and json.loads(text)["edit"]["schedule"] == "2:0"


def test_what_a_plan_says(scene: Path, tiny_folder: Path) -> None:
    plan = plan_edits(painting(scene, tiny_folder))
    assert plan.seeds == (0,) and plan.settings.guidance == 3.0 and plan.strength.at(0.0) == 1.0
    assert plan_edits(painting(scene, tiny_folder, guidance=1.0)).settings.guidance == 1.0
    assert plan_edits(painting(scene, tiny_folder, number=3, seed=7)).seeds == (7, 8, 9)
    assert plan_edits(painting(scene, tiny_folder, seed="5-6")).seeds == (5, 6)
    (drawn,) = plan_edits(painting(scene, tiny_folder, seed="random")).seeds
    assert drawn != plan_edits(painting(scene, tiny_folder, seed=-1)).seeds[0]
    with pytest.warns(RunWarning, match="fills the hole without a model: there is none is not used"):
        removal = plan_edits(settings(scene, remove=True, seed=3, model="there is none"))
    assert removal.seeds == (0,) and removal.asked is None and removal.settings.guidance is None
    for asked in ({"seed": "3,5"}, {"number": 2}):
        with pytest.warns(RunWarning, match="has one answer, whatever the seed: one picture is made, not 2"):
            assert plan_edits(settings(scene, remove=True, **asked)).seeds == (0,)


def test_records_and_sheets(scene: Path, tiny_folder: Path) -> None:
    like = scene / "cutout.png"
    plan = plan_edits(painting(scene, tiny_folder, like=str(like), grid=True))
    picture, sheet = run_edits(plan)
    assert sheet == scene / "out" / "photo-grid.png" and is_result(sheet)
    with Image.open(picture) as image:
        record = json.loads(record_text(image) or "")
    assert record["like"]["path"] == str(like) and len(record["like"]["sha256"]) == 64
    assert record["edit"]["steps"] == 2 and record["edit"]["guidance"] == 3.0 and record["seed"] == 0
    assert "output" not in record["edit"] and "existing" not in record["edit"]
    plain = plan_edits(settings(scene, remove=True, metadata=False, grid=True, output=str(scene / "plain")))
    assert not any(is_result(path) for path in run_edits(plain))


def test_what_is_refused_before_weights_load(scene: Path, tiny_folder: Path) -> None:
    with pytest.raises(ConfigError, match="Show the hole that is painted"):
        plan_edits(settings(scene, mask=(), remove=True))
    with pytest.raises(InputError, match="The mask is"):
        Image.new("L", (8, 8), 255).save(scene / "small.png")
        plan_edits(painting(scene, tiny_folder, like_mask=(str(scene / "small.png"),)))
    with pytest.raises(InputError, match="the picture that shows what to paint"):
        plan_edits(painting(scene, tiny_folder, like=str(scene / "cutout.png"), output=str(scene / "cutout.png")))
    with pytest.raises(ConfigError, match="no_metadata"):
        plan_edits(settings(scene, images=(str(scene),), remove=True, metadata=False, output=str(scene)))


def test_results_among_the_pictures_are_left_out(scene: Path) -> None:
    folder = scene / "set"
    folder.mkdir()
    Image.open(scene / "photo.png").save(folder / "a.png")
    masks = scene / "masks"
    masks.mkdir()
    Image.open(scene / "blue.png").save(masks / "a.png")
    how: Any = {"images": (str(folder),), "mask": (str(masks),), "remove": True, "output": str(folder)}
    assert run_edits(plan_edits(EditingSettings(**how))) == [folder / "a-0.png"]
    with pytest.warns(UserWarning, match="1 of the pictures in .* is the result of an earlier run"):
        plan = plan_edits(EditingSettings(**how | {"existing": "skip"}))
    assert plan.items == () and run_edits(plan) == []


def test_what_a_photograph_says_of_itself_stays_but_for_how_it_lies(scene: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A maker", 3
    with Image.open(scene / "photo.png") as image:
        image.rotate(180).save(scene / "turned.png", exif=exif)
    (path,) = run_edits(plan_edits(settings(scene, images=(str(scene / "turned.png"),), remove=True)))
    with Image.open(path) as image:
        assert dict(image.getexif()) == {0x010F: "A maker"}
