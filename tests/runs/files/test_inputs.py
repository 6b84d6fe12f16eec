"""What a run reads is never written over."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.models.registry import resolve
from gencontrol.runs.calibration.settings import CalibrationSettings
from gencontrol.runs.classification.settings import ClassificationSettings
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.evaluation.settings import EvaluationSettings
from gencontrol.runs.files.inputs import Input, check_apart, check_folder_apart, inputs_of, without_results
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.files.records import describe_sheet
from gencontrol.runs.grounding.settings import GroundingSettings
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.referring.settings import ReferringSettings
from gencontrol.runs.relating.settings import RelatingSettings
from gencontrol.runs.settings import ConversionSettings, EncoderSettings, VariationSettings


def test_every_setting_that_names_a_file_names_an_input(scene: Path) -> None:
    for name in ("e.safetensors", "a.pth", "c d=1.png"):
        (scene / name).touch()
    (scene / "model").mkdir()
    settings = VariationSettings(
        mask=(f"{scene}/red.png:3", f"{scene}/blue.png", f"{scene}/missing.png"),
        index_mask=(f"{scene}/classes.png=7:2", f"{scene}/c d=1.png=#fff"),
        negative_mask=(f"{scene}/cutout.png:0.5",),
        embeds_in=f"{scene}/e.safetensors",
        alpha_clip=f"{scene}/a.pth",
        model=f"{scene}/model",
    )
    found = {entry.path.name: entry.what for entry in inputs_of(settings, [scene / "photo.png"])}
    assert found == {
        "photo.png": "one of the pictures to vary",
        "red.png": "a mask",
        "blue.png": "a mask",
        "classes.png": "a mask",
        "c d=1.png": "a mask",
        "cutout.png": "a negative mask",
        "e.safetensors": "the file of embeddings",
        "a.pth": "the Alpha-CLIP",
        "model": "the model",
    }
    source = ConversionSettings(source=f"{scene}/a.pth", base=f"{scene}/model")
    assert {entry.what for entry in inputs_of(source)} == {"the source", "the base"}
    assert inputs_of(VariationSettings(model="x" * 300, mask=("y" * 300,))) == []


def test_a_presets_name_is_the_folder_that_it_stands_for() -> None:
    folder = Path(resolve("tiny"))
    (model,) = inputs_of(VariationSettings(model="tiny"))
    assert (model.path, model.what, model.is_model) == (folder, "the model", True)
    for path, how in ((folder / "new.png", " in the model"), (folder / "model_index.json", " a file of the model")):
        with pytest.raises(InputError, match=f"is{how}, which is not written over"):
            check_apart([path], [model])
    with pytest.raises(InputError, match="unet lies in the model, which is not written over"):
        check_folder_apart(folder / "unet", [model])
    assert inputs_of(VariationSettings(model="sd-image-variations")) == []


def test_models_stay_as_they_are_and_folders_of_pictures_grow(scene: Path) -> None:
    (scene / "folder").mkdir()
    new = scene / "folder" / "sub" / "new.png"
    check_apart([new], [Input(path=scene / "folder", what="a mask")])
    with pytest.raises(InputError, match=r"new\.png is in the Alpha-CLIP, which is not written over"):
        check_apart([new], [Input(path=scene / "folder", what="the Alpha-CLIP", is_model=True)])
    flags = {
        entry.what: entry.is_model
        for entry in inputs_of(
            VariationSettings(model=f"{scene}/folder", alpha_clip=f"{scene}/folder", mask=(f"{scene}/red.png",))
        )
    }
    assert flags == {"the model": True, "the Alpha-CLIP": True, "a mask": False}


def test_of_a_source_the_part_is_read_that_is_named(scene: Path) -> None:
    for name in ("image_encoder", "alpha_clip"):
        (scene / "model" / name).mkdir(parents=True)
    inputs = inputs_of(ConversionSettings(source=f"{scene}/model", subfolder="image_encoder"))
    assert [entry.path for entry in inputs] == [scene / "model" / "image_encoder"]
    check_folder_apart(scene / "model" / "alpha_clip", inputs)
    with pytest.raises(InputError, match="image_encoder is the source, which is not written over"):
        check_folder_apart(scene / "model" / "image_encoder", inputs)
    with pytest.raises(InputError, match="alpha_clip lies in the source, which is not written over"):
        check_folder_apart(scene / "model" / "alpha_clip", inputs_of(ConversionSettings(source=f"{scene}/model")))


@pytest.mark.parametrize("way", ["name", "dots", "link", "hard link"])
def test_an_input_is_known_by_any_name(way: str, scene: Path) -> None:
    mask, out = scene / "red.png", scene / "out.png"
    if way == "dots":
        out = scene / "x" / ".." / "red.png"
    elif way == "link":
        out.symlink_to(mask)
    elif way == "hard link":
        os.link(mask, out)
    else:
        out = mask
    with pytest.raises(InputError, match=r"is a mask, which is not written over: give another `output`"):
        check_apart([scene / "new.png", out], [Input(path=mask, what="a mask")])
    check_apart([scene / "new.png"], [Input(path=mask, what="a mask")])


def test_files_of_a_folder_are_inputs_and_new_ones_are_not(scene: Path) -> None:
    (scene / "masks" / "inner").mkdir(parents=True)
    (scene / "masks" / "inner" / "a.png").touch()
    folder = [Input(path=scene / "masks", what="a mask")]
    with pytest.raises(InputError, match=r"a\.png is a file of a mask, which is not written over"):
        check_apart([scene / "masks" / "inner" / "a.png"], folder)
    check_apart([scene / "masks" / "b.png", scene / "photo.png"], folder)


def test_a_folder_that_holds_an_input_is_not_replaced(scene: Path) -> None:
    source = Input(path=scene / "clip" / "a.pth", what="the source")
    (scene / "clip").mkdir()
    with pytest.raises(InputError, match="clip holds the source, which is not written over"):
        check_folder_apart(scene / "clip", [source])
    with pytest.raises(InputError, match="clip is the base, which is not written over"):
        check_folder_apart(scene / "x" / ".." / "clip", [Input(path=scene / "clip", what="the base")])
    check_folder_apart(scene / "clip" / "made", [Input(path=scene / "clip", what="the base")])


def test_results_among_the_pictures_are_left_out(scene: Path) -> None:
    photos = scene / "photos"
    photos.mkdir()
    shutil.copy(scene / "photo.png", photos / "a.png")
    write_picture(Image.new("RGB", (4, 4)), photos / "a-0.jpg", record=describe_sheet("grid"))
    (photos / "broken.png").write_bytes(b"no picture")
    paths = [photos / "a-0.jpg", photos / "a.png", photos / "broken.png"]
    with pytest.warns(
        RunWarning, match=r"1 of the pictures in .*photos is the result of an earlier run, which is left out\.$"
    ):
        assert without_results(paths, [str(photos)], str(photos)) == paths[1:]
    shutil.copy(photos / "a-0.jpg", photos / "a-1.jpg")
    with pytest.warns(RunWarning, match=r"2 of the pictures in .* are results of earlier runs, which are left out\.$"):
        assert without_results([photos / "a-1.jpg", *paths], [str(photos)], str(photos)) == paths[1:]
    with pytest.warns(RunWarning):
        without_results(paths, [str(photos)], f"{photos}/../photos")
    # Named one by one, they are meant; and elsewhere nothing is looked at.
    assert without_results(paths, [str(path) for path in paths], str(photos)) == paths
    assert without_results(paths, [str(photos)], str(scene / "out")) == paths
    with pytest.warns(RunWarning), pytest.raises(InputError, match="holds nothing but results of earlier runs"):
        without_results(paths[:1], [str(photos)], str(photos))


def test_results_that_nothing_marks_do_not_go_among_the_pictures(scene: Path) -> None:
    with pytest.raises(ConfigError, match=r"`no_metadata`: results in .* could not be told from the pictures there"):
        without_results([scene / "photo.png"], [str(scene)], str(scene), marked=False)
    assert without_results([scene / "photo.png"], [str(scene)], str(scene / "out"), marked=False)


def test_every_setting_that_reads_is_protected(scene: Path) -> None:
    """By every command, whatever it calls what it reads: the picture, masks with names, lists, folders."""
    for name in ("names.txt", "settings.yaml"):
        (scene / name).touch()
    for name in ("masks", "sam", "data"):
        (scene / name).mkdir()

    def at(name: str) -> str:
        return str(scene / name)

    named = {"mask": (f"dog={at('red.png')}", at("blue.png")), "index_mask": (f"cat={at('classes.png')}=3",)}
    related = RelatingSettings(image=at("photo.png"), label_map=at("cutout.png"), module=at("sam"), **named)
    everything: list[tuple[Any, set[str]]] = [
        (related, {"photo.png", "red.png", "blue.png", "classes.png", "cutout.png", "sam"}),
        (
            ReferringSettings(image=at("photo.png"), grounder=at("data"), segmenter=at("sam")),
            {"photo.png", "data", "sam"},
        ),
        (GroundingSettings(image=at("photo.png"), model=at("data")), {"photo.png", "data"}),
        (CalibrationSettings(masks=at("masks"), model=at("sam")), {"masks", "sam"}),
        (EvaluationSettings(root=at("data"), names=at("names.txt"), templates=at("names.txt")), {"data", "names.txt"}),
        (ClassificationSettings(labels=at("names.txt"), templates=at("settings.yaml")), {"names.txt", "settings.yaml"}),
    ]
    for settings, names in everything:
        found = {entry.path.name for entry in inputs_of(settings)} - {"tiny"}
        assert found == names, settings
    for model in ("sam", "data"):
        with pytest.raises(InputError, match=f"new.png is in the {'trained module' if model == 'sam' else 'grounder'}"):
            check_apart([scene / model / "new.png"], inputs_of(related if model == "sam" else everything[1][0]))


def test_nothing_new_is_written_into_a_model(scene: Path) -> None:
    (scene / "model").mkdir()
    model = Input(path=scene / "model", what="the source", is_model=True)
    with pytest.raises(InputError, match=r"in2\.pth lies in the source, which is not written over"):
        check_folder_apart(scene / "model" / "in2.pth", [model])


def test_a_folder_that_is_called_as_what_lies_nowhere_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results go into a folder of their model's name, of a run's second part too."""
    monkeypatch.chdir(tmp_path)
    for name in ("sd35-ip", "flux-fill", "grabcut", "box", "own"):
        Path(name).mkdir()
    assert inputs_of(VariationSettings(model="sd35-ip")) == [] == inputs_of(EditingSettings(model="flux-fill"))
    for name in ("grabcut", "box"):
        assert inputs_of(VariationSettings(model="sd35-ip", segmenter=name)) == []
    (segmenter,) = inputs_of(VariationSettings(model="sd35-ip", segmenter="own"))
    assert segmenter.path == Path("own") and segmenter.is_model
    # A command that puts nothing together reads it.
    (model,) = inputs_of(EncoderSettings(model="sd35-ip"))
    assert model.what == "the model"
