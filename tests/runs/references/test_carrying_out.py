"""Runs with references: files, sheets, records, and what a run is compared with."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.files import sha256
from gencontrol.focus import CropFocus
from gencontrol.pipelines import REFERENCE_HOSTS, Drawing, RegionReference, draw_references, open_reference_host
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.files.records import read_record
from gencontrol.runs.files.repeat import read_repeated
from gencontrol.runs.notices import RunWarning, ShareWarning
from gencontrol.runs.references import carrying_out
from gencontrol.runs.references.carrying_out import open_planned, rehearse_references, run_references
from gencontrol.runs.references.plan import plan_references
from gencontrol.runs.settings import VariationSettings

Settings = Callable[..., VariationSettings]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_files_hold_what_the_library_draws(
    settings: Settings, pictures: Path, reference_folder: Callable[[str], Path]
) -> None:
    outcome = run_references(plan_references(settings(prompt="a cup", number=2, seed=3)))
    paths = [output.path for output in outcome.outputs]
    assert paths == [pictures / "out" / "photo-3.png", pictures / "out" / "photo-4.png"]
    assert [output.seed for output in outcome.outputs] == [3, 4] and outcome.sheets == []
    assert outcome.machine == {"device": "cpu", "dtype": "float32"} and outcome.drawing_seconds > 0
    folder = reference_folder("sd15-ip-plus")
    adapter, tower = folder / "adapter.safetensors", folder / "image_encoder"
    opened = open_reference_host("sd15-ip-plus", base=folder / "base", adapter=adapter, image_encoder=tower)
    opened.pipeline.set_progress_bar_config(disable=True)
    reference = RegionReference(image=pictures / "photo.png", mask_image=pictures / "red.png")
    drawn = draw_references(opened, [reference], [3, 4], Drawing(prompt="a cup", steps=2))
    for path, one in zip(paths, drawn, strict=True):
        assert np.array_equal(pixels(path), np.asarray(one.image).astype(int))


def test_a_record_repeats_everything(settings: Settings, pictures: Path) -> None:
    text = f"{pictures / '2.png'},mask={pictures / 'hat.png'},weight=0.6,canvas={pictures / 'left.png'},schedule=1:0.2"
    given = settings(
        prompt="a cup",
        negative_prompt="a car",
        reference=(text,),
        canvas_mask=str(pictures / "left.png"),
        weight=0.7,
        width=64,
        height=64,
        feather=2.0,
        focus="attention:rows=all",
        scheduler="euler",
        guidance=3.0,
        negative_mask=(str(pictures / "blue.png"),),
    )
    (output,) = run_references(plan_references(given)).outputs
    record = read_record(output.path)
    assert record["image"] == {"path": str(pictures / "photo.png"), "sha256": sha256(pictures / "photo.png")}
    assert [entry["image"]["path"] for entry in record["references"]] == [str(pictures / "2.png")]
    repeated = read_repeated(output.path)
    # Masks are in the record: their files may be gone.
    for name in ("hat.png", "left.png", "red.png", "blue.png"):
        (pictures / name).unlink()
    again = VariationSettings(**repeated.settings, output=str(pictures / "again.png"))
    plan = plan_references(again, repeated)
    run_references(plan)
    assert (pictures / "again.png").read_bytes() == output.path.read_bytes()
    # What is shown now takes the place of what is recorded.
    other = replace(again, reference=(f"{pictures / '2.png'},weight=0.1",), output=str(pictures / "other.png"))
    (bound,) = plan_references(other, repeated).further
    assert bound.terms.weight == 0.1 and bound.recorded.scene.regions == ()


def test_recorded_references_are_not_looked_for_where_others_are_shown(settings: Settings, pictures: Path) -> None:
    (output,) = run_references(plan_references(settings(reference=(str(pictures / "2.png"),)))).outputs
    (pictures / "2.png").rename(pictures / "3.png")
    repeated = read_repeated(output.path)
    again = VariationSettings(**repeated.settings, output=str(pictures / "again.png"))
    with pytest.raises(InputError, match=r"2\.png, which is not there: give its new place as `reference`"):
        plan_references(again, repeated)
    (bound,) = plan_references(replace(again, reference=(str(pictures / "3.png"),)), repeated).further
    assert bound.recorded.path == pictures / "3.png"


@pytest.mark.parametrize(
    ("recorded", "given", "dropped"),
    [
        ({"strength": 0.5}, {"schedule": "1:0", "strength": 1.0}, "strength` 0.5"),
        ({"schedule": "1:0"}, {"strength": 0.5, "schedule": None}, "schedule` 1:0"),
    ],
)
def test_what_gives_way_to_a_schedule_is_said(
    recorded: dict[str, Any], given: dict[str, Any], dropped: str, settings: Settings, pictures: Path
) -> None:
    """The command line takes strength and schedule for one thing, which they are with other models."""
    (output,) = run_references(plan_references(settings(**recorded))).outputs
    repeated = read_repeated(output.path)
    where: dict[str, Any] = {"output": str(pictures / "again.png")}
    plan_references(VariationSettings(**repeated.settings, **where), repeated)
    with pytest.warns(RunWarning, match=f"the recorded `{dropped} is not taken over"):
        plan_references(VariationSettings(**(repeated.settings | given | where)), repeated)


def test_a_picture_to_repeat_and_its_references_are_inputs(settings: Settings, pictures: Path) -> None:
    (output,) = run_references(plan_references(settings(reference=(str(pictures / "2.png"),)))).outputs
    repeated = read_repeated(output.path)
    for path, what in ((output.path, "the picture to repeat"), (pictures / "2.png", "a reference")):
        again = VariationSettings(**repeated.settings, output=str(path), existing="overwrite")
        with pytest.raises(InputError, match=f"is {what}, which is not written over"):
            plan_references(again, repeated)


def test_sheets(settings: Settings, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[dict[str, list[Image.Image]]] = []
    sheet = carrying_out.comparison_sheet
    monkeypatch.setattr(carrying_out, "comparison_sheet", lambda r, *rest: rows.append(r) or sheet(r, *rest))
    text = f"{pictures / '2.png'},mask={pictures / 'hat.png'}"
    outcome = run_references(plan_references(settings(reference=(text,), grid=True, compare=True, preview=True)))
    assert {made.kind: made.path.name for made in outcome.sheets} == {
        "grid": "photo-grid.png",
        "compare": "photo-compare.png",
        "preview": "photo-preview.png",
    }
    (made,) = rows
    assert list(made) == ["with the regions", "whole pictures, no regions", "masked crop"]
    first, whole, crop = (np.asarray(images[0]).astype(int) for images in made.values())
    assert min(np.abs(first - whole).max(), np.abs(first - crop).max(), np.abs(whole - crop).max()) > 2
    plan = plan_references(settings(mask=(), output=str(pictures / "whole")))
    (output,) = run_references(plan).outputs
    # Without the second one: the first alone, whole.
    alone = plan_references(settings(output=str(pictures / "alone")))
    (other,) = run_references(alone).outputs
    assert np.abs(pixels(output.path) - pixels(other.path)).max() > 2
    with pytest.raises(InputError, match="is a sheet"):
        read_record(pictures / "out" / "photo-grid.png")


def test_hosts_that_take_pictures_are_not_compared_with_crops(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_references(settings())
    assert plan.scene is not None
    kontext = replace(plan, fitted=replace(plan.fitted, host=REFERENCE_HOSTS["flux-kontext"]))
    drawn: list[list[RegionReference]] = []
    monkeypatch.setattr(carrying_out, "_draw", lambda opened, plan, references: drawn.append(references) or [])
    opened = OpenedHost(fitted=plan.fitted, pipeline=None, encoder=None)
    assert list(carrying_out._compared(opened, kontext, plan.references(plan.scene))) == ["whole pictures, no regions"]
    assert list(carrying_out._compared(opened, plan, plan.references(plan.scene)))[1:] == ["masked crop"]
    assert [[reference.focus for reference in row] for row in drawn] == [[None], [None], [CropFocus()]]
    assert [len(row[0].image.regions) for row in drawn] == [0, 0, 1]


def test_a_preview_of_each_reference(settings: Settings, pictures: Path) -> None:
    one = rehearse_references(plan_references(settings(preview=True, output=str(pictures / "one"))))
    two = rehearse_references(
        plan_references(settings(preview=True, reference=(str(pictures / "2.png"),), output=str(pictures / "two")))
    )
    (single,), (double,) = one.sheets, two.sheets
    assert pixels(double.path).shape[1] >= 2 * pixels(single.path).shape[1]
    assert not (pictures / "one" / "photo-0.png").exists() and [o.seed for o in one.outputs] == [0]


def test_files_that_are_there(settings: Settings, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_references(plan_references(settings()))
    with pytest.raises(InputError, match="exists already"):
        plan_references(settings())
    monkeypatch.setattr(carrying_out, "open_fitted", lambda *_, **__: pytest.fail("opened"))
    outcome = run_references(plan_references(settings(existing="skip")))
    assert outcome.outputs == [] and outcome.machine == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prompt": "a hat"}, "`prompt` was not set and is a hat; give `existing` overwrite"),
        ({"weight": 0.5}, r"`weight` was 1\.0 and is 0\.5"),
        ({"canvas_mask": "{}/left.png"}, "it was made with another canvas mask"),
        ({"reference": ("{}/2.png",)}, "`reference`: it was made with 0"),
    ],
)
def test_what_other_settings_made_is_not_skipped(
    changed: dict[str, Any], said: str, settings: Settings, pictures: Path
) -> None:
    plan = plan_references(settings())
    (item,), recorded = plan.items, plan.scene
    assert recorded is not None and plan.record(recorded) is not None
    write_picture(Image.new("RGB", (4, 4)), item.paths[0], record=plan.record(recorded))
    assert plan_references(settings(existing="skip")).items == ()
    here = {
        name: tuple(text.format(pictures) for text in value)
        if isinstance(value, tuple)
        else value.format(pictures)
        if isinstance(value, str)
        else value
        for name, value in changed.items()
    }
    with pytest.raises(InputError, match=rf"photo-0\.png is there and is not what would be made now: {said}"):
        plan_references(settings(existing="skip", **here))


def test_an_adapter_that_was_trained_anew_makes_other_pictures(settings: Settings, pictures: Path) -> None:
    plan = plan_references(settings())
    assert plan.scene is not None
    record = plan.record(plan.scene) or {}
    assert set(record["weights"]) == {"base", "adapter", "image_encoder"} and all(record["weights"].values())
    weights = record["weights"] | {"adapter": "another"}
    write_picture(Image.new("RGB", (4, 4)), plan.items[0].paths[0], record=record | {"weights": weights})
    with pytest.raises(InputError, match="the weights of `adapter` were others"):
        plan_references(settings(existing="skip"))


def test_a_dry_run_looks_for_the_device(settings: Settings) -> None:
    with pytest.raises(InputError, match="`offload` model moves weights between main memory and a GPU"):
        rehearse_references(plan_references(settings(offload="model")))
    with pytest.raises(InputError, match="`device` cpu:3: this machine has 1 of them"):
        rehearse_references(plan_references(settings(device="cpu:3")))


def test_without_a_record(settings: Settings, pictures: Path) -> None:
    (output,) = run_references(plan_references(settings(metadata=False))).outputs
    with Image.open(output.path) as image:
        assert "gencontrol" not in image.info


def test_a_record_is_plain(settings: Settings, pictures: Path) -> None:
    (output,) = run_references(plan_references(settings())).outputs
    record = read_record(output.path)
    assert json.loads(json.dumps(record)) == record
    assert record["references"] == [] and record["canvas_mask"] is None and record["seed"] == 0


class TestOpening:
    """Where and how the host is put."""

    def test_sampler_slicing_and_dtype(self, settings: Settings) -> None:
        opened = open_planned(plan_references(settings(scheduler="euler", slicing=True, dtype="bfloat16")))
        assert type(opened.pipeline.scheduler).__name__ == "EulerDiscreteScheduler"
        assert opened.pipeline.vae.use_slicing and opened.dtype == torch.bfloat16
        plain = open_planned(plan_references(settings()))
        assert type(plain.pipeline.scheduler).__name__ == "DDIMScheduler" and not plain.pipeline.vae.use_slicing

    @pytest.mark.parametrize(
        ("name", "dtype", "expected"),
        [
            ("sd15-ip-plus", "auto", torch.float16),
            ("flux-ip", "auto", torch.bfloat16),
            ("flux-ip", "float16", torch.float16),
            ("flux-ip", "float32", torch.float32),
        ],
    )
    def test_auto_is_what_the_host_was_made_for(
        self, name: str, dtype: str, expected: torch.dtype, settings: Settings
    ) -> None:
        plan = replace(plan_references(settings()), dtype=dtype)
        plan = replace(plan, fitted=replace(plan.fitted, host=REFERENCE_HOSTS[name]))
        assert carrying_out._dtype(plan, torch.device("cuda")) == expected

    def test_auto_on_a_cpu(self, settings: Settings) -> None:
        plan = plan_references(settings())
        plan = replace(plan, fitted=replace(plan.fitted, host=REFERENCE_HOSTS["flux-ip"]))
        assert carrying_out._dtype(plan, torch.device("cpu")) == torch.float32

    @pytest.mark.parametrize("offload", ["model", "sequential"])
    def test_offloading_needs_a_gpu(self, offload: str, settings: Settings) -> None:
        with pytest.raises(InputError, match=f"`offload` {offload} moves weights between main memory and a GPU"):
            open_planned(plan_references(settings(offload=offload, device="cpu")))


def test_what_is_done_is_said_where_a_run_is_interrupted(
    settings: Settings, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    plan = plan_references(settings())
    monkeypatch.setattr(carrying_out, "_run_item", stop)
    with pytest.raises(KeyboardInterrupt), pytest.warns(ShareWarning, match="stopped with 0 of 1 inputs done"):
        run_references(plan)


def test_black_pictures_are_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = carrying_out.draw_references
    monkeypatch.setattr(carrying_out, "draw_references", lambda *a: [replace(d, flagged=True) for d in draw(*a)])
    with pytest.warns(ShareWarning, match="safety checker blackened the picture of seed 0"):
        run_references(plan_references(settings()))
