"""A plan carried out, or rehearsed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gencontrol.errors import InputError
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.files.records import read_record
from gencontrol.runs.notices import ShareWarning, warn
from gencontrol.runs.plan import Plan, plan_variations
from gencontrol.runs.settings import VariationSettings
from gencontrol.runs.variation import rehearse_variations, run_variations


def plan(scene: Path, tiny_folder: Path, **settings: Any) -> Plan:
    usual: dict[str, Any] = {"images": (str(scene / "photo.png"),), "mask": (str(scene / "red.png"),)}
    usual |= {"model": str(tiny_folder), "output": str(scene / "out"), "steps": 1, "device": "cpu", "seed": "4,7"}
    return plan_variations(VariationSettings(**(usual | settings)))


def test_pictures_records_and_what_is_said_of_them(scene: Path, tiny_folder: Path) -> None:
    outcome = run_variations(plan(scene, tiny_folder, grid=True, feather=2.0))
    assert [(output.path.name, output.seed) for output in outcome.outputs] == [("photo-4.png", 4), ("photo-7.png", 7)]
    assert {output.image for output in outcome.outputs} == {scene / "photo.png"}
    assert [(sheet.path.name, sheet.kind) for sheet in outcome.sheets] == [("photo-grid.png", "grid")]
    assert outcome.machine == {"device": "cpu", "dtype": "float32"}
    assert outcome.drawing_seconds == outcome.results[0].seconds > 0
    for output in outcome.outputs:
        record = read_record(output.path)
        assert (record["seed"], record["settings"]["feather"]) == (output.seed, 2.0)
        assert record["image"]["path"] == str(scene / "photo.png") and record["embeds"] is None
    assert all(sheet.path.exists() for sheet in outcome.sheets)


def test_of_a_changing_strength_the_last_steps_embeddings_are_written(scene: Path, tiny_folder: Path) -> None:
    def written(name: str, **settings: Any) -> torch.Tensor:
        file = scene / f"{name}.safetensors"
        made = plan(scene, tiny_folder, embeds_out=str(file), output=str(scene / name), number=None, **settings)
        run_variations(made)
        return load_file(file)["image_embeds"]

    course = written("course", schedule="1:0.25")
    torch.testing.assert_close(course, written("end", strength=0.25))
    assert (course - written("start", strength=1.0)).abs().max() > 1e-3


def test_a_rehearsal_makes_previews_alone(scene: Path, tiny_folder: Path) -> None:
    outcome = rehearse_variations(plan(scene, tiny_folder, preview=True, grid=True))
    assert outcome.machine == {} and outcome.drawing_seconds == 0
    assert [output.path.exists() for output in outcome.outputs] == [False, False]
    assert {sheet.kind: sheet.path.exists() for sheet in outcome.sheets} == {"grid": False, "preview": True}


def test_a_rehearsal_asks_for_the_device_too(scene: Path, tiny_folder: Path) -> None:
    with pytest.raises(InputError, match="`offload` model moves weights between main memory and a GPU"):
        rehearse_variations(plan(scene, tiny_folder, offload="model", device="cpu"))
    with pytest.raises(InputError, match="`device` cpu:3: this machine has 1 of them"):
        rehearse_variations(plan(scene, tiny_folder, device="cpu:3"))


def test_nothing_to_do_loads_nothing(scene: Path, tiny_folder: Path) -> None:
    made = plan(scene, tiny_folder)
    (item,), recorded = made.items, made.scene
    for seed, path in zip((4, 7), item.paths, strict=True):
        write_picture(Image.new("RGB", (4, 4)), path, record={**(made.record(item, recorded) or {}), "seed": seed})
    outcome = run_variations(plan(scene, tiny_folder, existing="skip"))
    assert (outcome.outputs, outcome.machine) == ([], {})


def test_a_sheet_that_is_kept_and_lacks_what_is_drawn_now_is_named(scene: Path, tiny_folder: Path) -> None:
    run_variations(plan(scene, tiny_folder, grid=True, preview=True, seed="4", number=1))
    before = (scene / "out" / "photo-grid.png").read_bytes()
    with pytest.warns(ShareWarning) as said:
        outcome = run_variations(plan(scene, tiny_folder, grid=True, preview=True, existing="skip"))
    assert [output.path.name for output in outcome.outputs] == ["photo-7.png"] and not outcome.sheets
    assert (scene / "out" / "photo-grid.png").read_bytes() == before
    assert [str(one.message) for one in said] == [
        f"{scene / 'out' / 'photo-grid.png'} was there and is kept, as `existing` skip says: it does not show what is "
        "drawn now. Remove it to have a new one."
    ]


def test_what_is_said_while_one_of_several_is_drawn_names_it(
    scene: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A safety checker sees pictures when they are drawn, not when the run is planned."""

    def blackening(*arguments: Any, **settings: Any) -> list[Image.Image]:
        warn("blackened.", ShareWarning)
        return [Image.new("RGB", (4, 4))] * 2

    monkeypatch.setattr("gencontrol.runs.variation.draw_scene", blackening)
    (scene / "other.png").write_bytes((scene / "photo.png").read_bytes())
    images = [scene / "photo.png", scene / "other.png"]
    with pytest.warns(ShareWarning) as caught:
        run_variations(plan(scene, tiny_folder, images=tuple(map(str, images))))
    assert [str(warning.message) for warning in caught] == [f"{path}: blackened." for path in images]
