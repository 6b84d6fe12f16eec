"""From settings to a plan: finished values, and the host asked once."""

import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import sha256
from gencontrol.focus import CropFocus
from gencontrol.models.location import Location
from gencontrol.regions.region import Region
from gencontrol.runs.drawing import Sampling
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.files.repeat import Repeated
from gencontrol.runs.files.sheets import mark_sheet, mark_sweep
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.plan import Plan, plan_variations
from gencontrol.runs.references.settings import ReferenceSettings
from gencontrol.runs.referring.phrase_settings import PHRASED
from gencontrol.runs.settings import RECORDED, VariationSettings
from gencontrol.runs.variation import rehearse_variations

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan(scene: Path, tiny_folder: Path) -> MakePlan:
    """Plans a run on photo.png with its red mask."""

    def make(repeated: Repeated | None = None, **settings: Any) -> Plan:
        usual: dict[str, Any] = {"images": (str(scene / "photo.png"),), "mask": (str(scene / "red.png"),)}
        usual |= {"model": str(tiny_folder), "output": str(scene / "out")}
        return plan_variations(VariationSettings(**(usual | settings)), repeated)

    return make


def test_values_are_finished(plan: MakePlan, scene: Path, tiny_folder: Path) -> None:
    made = plan(focus="crop:margin=0.2", strength=0.5, fit="squash", seed="3,5", steps=7, guidance=2.5, batch=1)
    assert made.sampling == Sampling(seeds=(3, 5), steps=7, guidance_scale=2.5, batch=1)
    assert made.focus == CropFocus(margin=0.2)
    assert made.strength == StrengthSchedule(start=0.5, end=0.5)
    assert (made.geometry.fit, made.geometry.size, made.fit) == ("squash", 64, "squash")
    assert made.model == Location(name=str(tiny_folder))
    assert made.encoder == Location(name=str(tiny_folder / "alpha_clip"))
    (item,) = made.items
    assert item.paths == (scene / "out" / "photo-3.png", scene / "out" / "photo-5.png")
    assert (item.image, item.sheets, made.embeds, made.embeds_out) == (scene / "photo.png", {}, None, None)


def test_what_is_not_given_is_the_hosts(plan: MakePlan, unclip_folder: Path) -> None:
    made = plan()
    assert (made.sampling.guidance_scale, made.focus, made.fit, made.geometry.fit) == (3.0, None, None, "pad")
    assert made.sampling.seeds == (0, 1, 2, 3)
    assert plan(model=str(unclip_folder)).sampling.guidance_scale == 10.0


def test_the_host_is_asked_once(plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    read = Location.read

    def counted(self: Location, path: str) -> dict[str, Any] | None:
        asked.append(f"{self.name}/{path}")
        return read(self, path)

    monkeypatch.setattr(Location, "read", counted)
    plan()
    for file in ("scheduler_config.json", "model_index.json"):
        assert len([path for path in asked if path.endswith(file)]) == 1


def test_what_is_recorded(plan: MakePlan) -> None:
    recorded = plan(feather=2.0, focus="crop", scheduler="euler").recorded
    assert recorded is not None
    assert {name: recorded[name] for name in ("feather", "focus", "scheduler", "guidance")} == {
        "feather": 2.0,
        "focus": "crop",
        "scheduler": "euler",
        "guidance": 3.0,
    }
    assert recorded.keys() == RECORDED - PHRASED
    # A new setting is decided upon: what a record holds, a stranger's record sets.
    references = {field.name for field in fields(ReferenceSettings)}
    assert {field.name for field in fields(VariationSettings)} - RECORDED - references == set(
        "images recursive mask index_mask box point alpha_from_image label_map negative_mask number seed embeds_in "
        "embeds_out level output existing encoding grid compare preview metadata dry_run offline device offload "
        "batch sweep".split()
    )
    assert plan(metadata=False).recorded is None


def test_settings_that_do_nothing_are_told(plan: MakePlan) -> None:
    with pytest.warns(RunWarning, match="no region is shown, so `strength`, `feather` can do nothing"):
        plan(mask=(), strength=0.5, feather=2.0)
    plan(mask=(), grid=True)


def test_sheets_and_files(plan: MakePlan, scene: Path) -> None:
    made = plan(grid=True, compare=True, preview=True, number=1, embeds_out=str(scene / "e"))
    (item,) = made.items
    assert item.sheets == {kind: scene / "out" / f"photo-{kind}.png" for kind in ("grid", "compare", "preview")}
    assert made.embeds_out == scene / "e"
    assert len(item.files) == 4 and not item.is_complete
    with pytest.raises(ConfigError, match="`compare`: show a region to compare"):
        plan(mask=(), compare=True)


def test_what_is_complete_is_skipped(plan: MakePlan, scene: Path) -> None:
    write(plan(number=2))
    with pytest.raises(InputError, match=r"photo-0\.png and 1 more exist already: give `existing` overwrite or skip"):
        plan(number=2)
    assert plan(number=2, existing="skip").items == ()
    assert len(plan(number=3, existing="skip").items) == 1
    (scene / "out" / "photo-1.png").write_bytes(b"")
    assert len(plan(number=2, existing="skip").items) == 1
    (scene / "out" / "photo-1.png").write_bytes((scene / "out" / "photo-0.png").read_bytes()[:-20])
    with pytest.raises(InputError, match=r"photo-1\.png is there and is no whole picture: remove it, or give"):
        plan(number=2, existing="skip")
    (scene / "out" / "photo-1.png").unlink()
    (scene / "out" / "photo-1.png").mkdir()
    with pytest.raises(InputError, match=r"photo-1\.png is a folder; expected the name of a file"):
        plan(number=2, existing="skip")
    (scene / "out" / "photo-1.png").rmdir()
    Image.new("RGB", (4, 4)).save(scene / "out" / "photo-1.png")
    assert len(plan(number=2, existing="overwrite").items) == 1


def write(plan: Plan) -> None:
    """What a run would write, all of one colour."""
    (item,) = plan.items
    record = plan.record(item, plan.scene)
    for seed, path in zip(plan.sampling.seeds, item.paths, strict=True):
        write_picture(Image.new("RGB", (4, 4)), path, record=None if record is None else record | {"seed": seed})
    for kind, path in item.sheets.items():
        mark = None if record is None else mark_sheet(kind, record, plan.sampling.seeds)
        write_picture(Image.new("RGB", (4, 4)), path, record=mark)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mask": ("blue.png",)}, r"it was made with another region; give `existing` overwrite"),
        ({"mask": ()}, r"it was made with another region"),
        ({"mask": ("red.png:2",)}, r"it was made with another region"),
        ({"negative_mask": ("blue.png",)}, r"it was made with another negative region"),
        ({"images": ("other/photo.png",), "mask": (), "box": ("8,8,40,40",)}, "it was made from another picture, or"),
        ({"steps": 7}, r"`steps` was 25 and is 7; give `existing` overwrite, or another `output`\."),
        ({"strength": 0.5, "invert": True}, r"`invert` was False and is True; `strength` was 1\.0 and is 0\.5"),
        ({"focus": "crop"}, r"`focus` was not set and is crop"),
        ({"guidance": 2.0}, r"`guidance` was 3\.0 and is 2\.0"),
        ({"alpha_clip": "trained anew"}, r"`alpha_clip` was not set and is .*clip"),
    ],
)
def test_what_other_settings_made_is_not_skipped(
    changed: dict[str, Any], said: str, plan: MakePlan, scene: Path, tiny_folder: Path
) -> None:
    (scene / "other").mkdir()
    Image.new("RGB", (80, 64), "green").save(scene / "other" / "photo.png")
    write(plan(number=2))
    files = {"images", "mask", "negative_mask"}
    here = {n: tuple(str(scene / text) for text in v) if n in files else v for n, v in changed.items()}
    if "alpha_clip" in here:
        here["alpha_clip"] = train_anew(tiny_folder / "alpha_clip", scene / "clip")
    with pytest.raises(InputError, match=rf"photo-0\.png is there and is not what would be made now: {said}"):
        plan(number=2, existing="skip", **here)


def train_anew(encoder: Path, copy: Path) -> str:
    shutil.copytree(encoder, copy)
    tensors = load_file(copy / "model.safetensors")
    name = next(name for name in sorted(tensors) if name.endswith("weight"))
    save_file(tensors | {name: tensors[name] + 1}, copy / "model.safetensors", metadata={"format": "pt"})
    return str(copy)


def test_what_shapes_no_picture_may_change(plan: MakePlan, scene: Path, tiny_folder: Path) -> None:
    """Where things lie, what they are called, how many are drawn at once, and the version."""
    write(plan(number=2))
    (scene / "moved").mkdir()
    for name in ("photo.png", "red.png"):
        shutil.copy(scene / name, scene / "moved" / name)
    (scene / "moved" / "red.png").rename(scene / "moved" / "disc.png")
    shutil.copytree(tiny_folder, scene / "model")
    moved = {"images": (str(scene / "moved" / "photo.png"),), "mask": (str(scene / "moved" / "disc.png"),)}
    assert plan(number=2, existing="skip", batch=1, device="cpu", **moved).items == ()
    assert plan(number=2, existing="skip", model=str(scene / "model")).items == ()
    assert plan(number=2, existing="skip", alpha_clip=str(tiny_folder / "alpha_clip")).items == ()


def test_a_model_that_wastrain_anew_makes_other_pictures(plan: MakePlan, scene: Path, tiny_folder: Path) -> None:
    shutil.copytree(tiny_folder, scene / "model")
    write(plan(number=2, model=str(scene / "model")))
    shutil.rmtree(scene / "model" / "alpha_clip")
    train_anew(tiny_folder / "alpha_clip", scene / "model" / "alpha_clip")
    with pytest.raises(InputError, match=r"the weights of `alpha_clip` were others; give `existing` overwrite"):
        plan(number=2, existing="skip", model=str(scene / "model"))


def test_pictures_without_a_record(plan: MakePlan, scene: Path) -> None:
    write(plan(number=2, metadata=False))
    with pytest.raises(InputError, match=r"photo-0\.png is there .*: it holds no gencontrol record, which would say"):
        plan(number=2, existing="skip")
    with pytest.warns(RunWarning, match="`existing` skip keeps 2 pictures without a record: what made them is not"):
        assert plan(number=2, metadata=False, existing="skip").items == ()


def test_sheets_of_other_seeds(plan: MakePlan, scene: Path) -> None:
    write(plan(number=3, grid=True, preview=True))
    assert plan(number=3, grid=True, preview=True, existing="skip").items == ()
    assert plan(number=2, preview=True, existing="skip").items == ()
    with pytest.raises(InputError, match=r"photo-grid\.png is there .*: it shows other pictures; give `existing`"):
        plan(number=2, grid=True, existing="skip")


def test_every_value_of_a_sweep_is_compared(plan: MakePlan, scene: Path) -> None:
    made = plan(number=1, sweep="strength=0,1")
    (item,) = made.items
    records = [at.record(part, made.swept[0].scene) or {} for at, part in zip(made.swept, item.swept, strict=True)]
    for record, part in zip(records, item.swept, strict=True):
        write_picture(Image.new("RGB", (4, 4)), part.paths[0], record=record)
    write_picture(Image.new("RGB", (4, 4)), item.sheets["sweep"], record=mark_sweep(records, (0,)))
    assert plan(number=1, sweep="strength=0,1", existing="skip").items == ()
    with pytest.raises(InputError, match=r"photo-strength-0-0\.png is there .* `steps` was 25 and is 5"):
        plan(number=1, sweep="strength=0,1", steps=5, existing="skip")
    write_picture(Image.new("RGB", (4, 4)), item.sheets["sweep"], record=mark_sweep(records[::-1], (0,)))
    with pytest.raises(InputError, match=r"photo-sweep\.png is there .*: it shows other pictures"):
        plan(number=1, sweep="strength=0,1", existing="skip")


def test_a_region_that_cannot_be_seen_is_found(plan: MakePlan) -> None:
    with pytest.raises(InputError, match="outside the centre crop"):
        plan(mask=(), box=("0,0,7,64",), fit="crop")
    assert plan(mask=(), box=("0,0,7,64",), fit="crop", focus="crop").items


class TestRepeated:
    """A run that is repeated brings its regions and its input."""

    @pytest.fixture
    def repeated(self, scene: Path) -> Repeated:
        alpha = torch.zeros(64, 80)
        alpha[10:20, 10:20] = 1
        photo = scene / "photo.png"
        return Repeated(
            source=scene / "made.png",
            settings={},
            image={"path": str(photo), "sha256": sha256(photo)},
            embeds=None,
            regions=(Region(alpha=alpha, label="old"),),
            negative_regions=(Region(alpha=1 - alpha),),
        )

    def test_its_regions_serve_where_none_is_shown(self, plan: MakePlan, repeated: Repeated) -> None:
        made = plan(repeated, images=(), mask=())
        assert made.pointing.pointers == ()
        assert made.pointing.recorded == repeated.regions
        assert made.pointing.recorded_negative == repeated.negative_regions
        assert [item.image for item in made.items] == [repeated.source.with_name("photo.png")]

    def test_its_negative_regions_need_guidance(self, plan: MakePlan, repeated: Repeated) -> None:
        with pytest.raises(ConfigError, match="`negative_mask` acts through classifier-free guidance"):
            plan(repeated, guidance=1.0)
        assert plan(replace(repeated, negative_regions=()), guidance=1.0).items

    def test_nothing_is_said_of_settings_that_it_brought(self, plan: MakePlan, repeated: Repeated) -> None:
        assert plan(repeated, mask=(), strength=0.5).strength.end == 0.5

    def test_recorded_regions_of_another_size(self, plan: MakePlan, repeated: Repeated, scene: Path) -> None:
        Image.new("RGB", (50, 64)).save(scene / "small.png")
        with (
            pytest.warns(RunWarning, match=r"small\.png is not the picture that"),
            pytest.raises(InputError, match="the recorded regions are of a picture of 80 x 64"),
        ):
            plan(repeated, images=(str(scene / "small.png"),), mask=())


def test_a_single_picture_is_read_once_and_several_are_not_kept(
    plan: MakePlan, scene: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = plan()
    assert made.scene is not None and made.scene.path == made.items[0].image
    monkeypatch.setattr("gencontrol.runs.variation.read_scene", None)
    assert rehearse_variations(replace(made, items=(replace(made.items[0], sheets={"preview": tmp_path / "p.png"}),)))
    assert (tmp_path / "p.png").is_file()
    pictures = (str(scene / "photo.png"), str(scene / "red.png"))
    assert plan(images=pictures).scene is None
