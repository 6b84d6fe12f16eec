"""What of a recorded run lies beneath what is given now."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import ExifTags, Image, PngImagePlugin

from gencontrol.errors import ConfigError, InputError
from gencontrol.files import sha256
from gencontrol.regions.region import Region
from gencontrol.runs.files.encodings import encode, to_chunk
from gencontrol.runs.files.records import describe
from gencontrol.runs.files.repeat import Repeated, read_repeated, settings_beneath, starting_point
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.settings import VariationSettings

SETTINGS: dict[str, Any] = {"number": 1, "seed": 6, "invert": True, "feather": 2.0, "strength": 0.5, "steps": 9}


@pytest.fixture
def repeated(tmp_path: Path) -> Repeated:
    return Repeated(
        source=tmp_path / "made.png",
        settings=SETTINGS,
        image=recorded(tmp_path / "photo.png"),
        embeds=None,
        regions=(),
        negative_regions=(),
    )


def recorded(path: Path) -> dict[str, str]:
    path.write_bytes(path.name.encode())
    return {"path": str(path), "sha256": sha256(path)}


def test_recorded_settings_lie_beneath(repeated: Repeated) -> None:
    assert settings_beneath(repeated, set()) == SETTINGS
    assert settings_beneath(repeated, {"seed"}) == {k: v for k, v in SETTINGS.items() if k != "number"}
    assert settings_beneath(repeated, {"embeds_in"}) == {"number": 1, "seed": 6, "steps": 9}


def test_a_recorded_region_cannot_be_switched_off(repeated: Repeated) -> None:
    off = {"alpha_from_image"}
    with pytest.raises(ConfigError, match="`no_alpha_from_image`: a record holds its regions as masks"):
        settings_beneath(repeated, off, off=off)
    assert settings_beneath(repeated, {*off, "box"}, off=off) == SETTINGS
    assert settings_beneath(repeated, {"invert"}, off={"invert"}) == SETTINGS


def test_the_picture_is_the_recorded_one_or_the_given_one(repeated: Repeated, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    assert repeated.find_image([]) == photo
    assert repeated.find_image([str(photo)]) == photo
    with pytest.raises(ConfigError, match="`from_picture` repeats the run of one picture, and 2 are given"):
        repeated.find_image(["a", "b"])
    other = Path(recorded(tmp_path / "other.png")["path"])
    with pytest.warns(RunWarning, match=r"other\.png is not the picture that .*made\.png was made from"):
        assert repeated.find_image([str(other)]) == other


def test_a_picture_that_changed_or_went_is_found_out(repeated: Repeated, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    before = photo.read_bytes()
    photo.write_bytes(b"else")
    with pytest.raises(InputError, match="has changed since: give the original as `images`, or this one"):
        repeated.find_image([])
    photo.unlink()
    with pytest.raises(InputError, match="which is not there: give its new place as `images`"):
        repeated.find_image([])
    # Beside the picture that was made of it, it is found again.
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "photo.png").write_bytes(before)
    moved = replace(repeated, source=tmp_path / "moved" / "made.png")
    assert moved.find_image([]) == tmp_path / "moved" / "photo.png"


def test_a_run_from_embeddings_starts_from_them_again(repeated: Repeated, tmp_path: Path) -> None:
    file = recorded(tmp_path / "e.safetensors")
    run = replace(repeated, image=None, embeds={**file, "row": 2})
    settings = VariationSettings(number=1)
    assert starting_point(settings, repeated) == (settings, repeated)
    found, same = starting_point(settings, run)
    assert (found.embeds_in, same) == (file["path"], run)
    # Another file, or a picture, takes the place of the recorded one.
    other = replace(settings, embeds_in=recorded(tmp_path / "other")["path"])
    assert starting_point(other, run) == (other, replace(run, embeds=None))
    picture = replace(settings, images=("a.png",))
    assert starting_point(picture, run) == (picture, replace(run, embeds=None))
    # Moved, and named anew: still that row.
    (tmp_path / "moved").write_bytes(Path(file["path"]).read_bytes())
    assert starting_point(replace(settings, embeds_in=str(tmp_path / "moved")), run)[1] == run
    Path(file["path"]).unlink()
    with pytest.raises(InputError, match="give its new place as `embeds_in`"):
        starting_point(settings, run)


def test_a_run_from_embeddings_has_no_picture_unless_one_is_given(repeated: Repeated) -> None:
    without = replace(repeated, image=None)
    assert without.find_image([]) is None
    assert without.find_image(["x.png"]) == Path("x.png")


def written(path: Path, **changes: Any) -> Path:
    """A picture with a record of one region, some of it changed."""
    image = {"path": "photo.png", "sha256": "0"}
    region = Region(alpha=torch.eye(3), weight=2.0, label="cat")
    record = describe(settings={"steps": 9}, seed=6, image=image, regions=[region]) | changes
    Image.new("RGB", (3, 3)).save(path, pnginfo=to_chunk(record))
    return path


@pytest.mark.parametrize(("name", "encoding"), [("a.jpg", "jpg"), ("a.JPEG", "jpg"), ("a.webp", "webp")])
def test_a_picture_is_repeated_in_its_own_format(name: str, encoding: str, tmp_path: Path) -> None:
    record = describe(settings={"steps": 9}, seed=6, image=None, regions=[])
    path = tmp_path / name
    path.write_bytes(encode(Image.new("RGB", (3, 3)), path.suffix, record=record))
    assert read_repeated(path).settings == {"steps": 9, "seed": 6, "number": 1, "encoding": encoding}
    # A PNG is what is written anyway.
    assert "encoding" not in read_repeated(written(tmp_path / "made.png")).settings


def test_a_record_is_read_back(tmp_path: Path) -> None:
    found = read_repeated(written(tmp_path / "made.png"))
    assert found.settings == {"steps": 9, "seed": 6, "number": 1} and found.source == tmp_path / "made.png"
    assert found.image == {"path": "photo.png", "sha256": "0"} and found.embeds is None
    (region,) = found.regions
    assert torch.equal(region.alpha, torch.eye(3)) and (region.weight, region.label) == (2.0, "cat")
    assert found.negative_regions == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": [1]},
        {"image": {"path": "photo.png"}},
        {"image": "photo.png"},
        {"image": {"path": 5, "sha256": "0"}},
        {"embeds": {"path": "x"}},
        {"embeds": {"path": "x", "sha256": "0", "row": "1"}},
        {"seed": "0-9999999999"},
        {"seed": True},
        {"seed": -1},
        {"seed": 2**63},
    ],
)
def test_a_broken_record_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"made\.png: its gencontrol record is broken; expected `settings`.* got the seed"
    ):
        read_repeated(written(tmp_path / "made.png", **changes))


def test_a_strangers_record_sets_only_what_shapes_the_picture(tmp_path: Path) -> None:
    """Above all it names no file to write, and says nothing of files that are there."""
    settings = {
        "steps": 9,
        "embeds_out": "~/.profile",
        "existing": "overwrite",
        "output": "/",
        "invert": True,
        "new": 1,
    }
    with pytest.warns(RunWarning, match="also sets `embeds_out`, `existing`, `output`, which is not repeated"):
        found = read_repeated(written(tmp_path / "made.png", settings=settings))
    # A name that no setting has is refused later: a newer version may have shaped the picture with it.
    assert found.settings == {"steps": 9, "invert": True, "new": 1, "seed": 6, "number": 1}


A1111 = """a cat, Steps: 99 of them
Negative prompt: a dog
Steps: 30, Sampler: Euler a, CFG scale: 7.5, Seed: 1234567, Size: 512x512, Model: x"""
COMFY = {
    "1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    "3": {"class_type": "KSampler", "inputs": {"seed": 42, "steps": 12, "cfg": 6, "model": ["4", 0]}},
    "9": {"class_type": "KSampler", "inputs": {"seed": 43, "steps": 5, "cfg": 2}},
}


def foreign(path: Path, **texts: str) -> Path:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.new("RGB", (3, 3)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        ({"parameters": A1111}, {"steps": 30, "guidance": 7.5, "seed": 1234567, "number": 1}),
        ({"parameters": A1111.replace("1234567", str(2**64 - 1))}, {"steps": 30, "guidance": 7.5}),
        ({"parameters": A1111.replace("7.5", "1e30")}, {"steps": 30, "guidance": 1e30, "seed": 1234567, "number": 1}),
        ({"prompt": json.dumps(COMFY)}, {"steps": 12, "guidance": 6.0, "seed": 42, "number": 1}),
        (
            {"prompt": json.dumps({"3": {"inputs": {"noise_seed": 8, "steps": ["4", 0], "cfg": 6.5}}})},
            {"guidance": 6.5, "seed": 8, "number": 1},
        ),
    ],
)
def test_other_programs_pictures_give_what_means_the_same(
    texts: dict[str, str], settings: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.warns(RunWarning, match=r"a\.png was made by another program: .* are taken over, its prompt and"):
        found = read_repeated(foreign(tmp_path / "a.png", **texts))
    assert found.settings == settings and found.image is None and found.regions == ()
    assert {name: type(value) for name, value in found.settings.items() if name == "guidance"} == {"guidance": float}


def test_numbers_that_no_setting_takes_are_passed_over(tmp_path: Path) -> None:
    # JSON as Python writes it.
    texts = {"prompt": '{"3": {"inputs": {"seed": Infinity, "steps": 8, "cfg": NaN}}}'}
    with pytest.warns(RunWarning, match="another program: `steps` 8 is taken over"):
        assert read_repeated(foreign(tmp_path / "a.png", **texts)).settings == {"steps": 8}


def test_what_is_no_number_is_passed_over(tmp_path: Path) -> None:
    with pytest.warns(RunWarning, match="another program: `seed` 1234567, `steps` 30 are taken over"):
        found = read_repeated(foreign(tmp_path / "a.png", parameters=A1111.replace("7.5", "7.5x")))
    assert "guidance" not in found.settings


def test_a_seed_that_is_too_large_is_named(tmp_path: Path) -> None:
    texts = {"prompt": json.dumps({"3": {"inputs": {"seed": 2**64 - 1, "steps": 8, "cfg": 6}}})}
    with pytest.warns(RunWarning, match=r"Nor is its seed 18446744073709551615: seeds go from 0 to 2\^63 - 1 here\."):
        read_repeated(foreign(tmp_path / "a.png", **texts))


def test_an_exif_comment_of_another_program(tmp_path: Path) -> None:
    exif = Image.Exif()
    comment = b"UNICODE\0" + A1111.encode("utf-16-be")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    Image.new("RGB", (3, 3)).save(tmp_path / "a.jpg", exif=exif)
    with pytest.warns(RunWarning, match="`steps` 30"):
        assert read_repeated(tmp_path / "a.jpg").settings["seed"] == 1234567


@pytest.mark.parametrize("texts", [{}, {"prompt": "a cat"}, {"prompt": "[1]"}, {"prompt": '{"1": {"inputs": 3}}'}])
def test_pictures_that_say_nothing(texts: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no gencontrol record"):
        read_repeated(foreign(tmp_path / "a.png", **texts))


def test_other_weights_than_those_that_drew_are_told_of(repeated: Repeated, recwarn: pytest.WarningsRecorder) -> None:
    known = replace(repeated, weights={"model": "a", "alpha_clip": "b"})
    for now in ({"model": "a", "alpha_clip": "b"}, {"model": "a", "alpha_clip": ""}, {"model": "a"}, {"other": "c"}):
        known.warn_of_weights(now)
        repeated.warn_of_weights(now)
    assert not recwarn.list
    with pytest.warns(
        RunWarning, match=r"made\.png was made with other weights of `alpha_clip`; the result will differ"
    ):
        known.warn_of_weights({"model": "a", "alpha_clip": "c"})
    with pytest.warns(RunWarning, match="other weights of `model` and `alpha_clip`"):
        known.warn_of_weights({"model": "x", "alpha_clip": "c"})


def test_weights_are_read_from_the_record_as_far_as_they_are_text(tmp_path: Path) -> None:
    assert read_repeated(written(tmp_path / "made.png", weights={"model": "a", "alpha_clip": 3})).weights == {
        "model": "a"
    }
    assert read_repeated(written(tmp_path / "made.png", weights="a")).weights == {}
    assert read_repeated(written(tmp_path / "made.png")).weights == {}
