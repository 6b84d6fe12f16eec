"""Lists of parts in YAML: what is read, and what is refused, saying where."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.parts.highlights import named_shape
from gencontrol.nerf.parts.part_lists import LIST, Painted, lift_painted, parts_file, read_parts, write_painted
from gencontrol.nerf.parts.parts import (
    Part,
)
from gencontrol.nerf.parts.shapes import Sphere, Voxels, Whole, membership
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.still_life.world import bake, photograph, still_life
from gencontrol.schedules import Schedule, constant


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "parts.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "parts.yaml"


def test_parts_are_read_with_schedules_and_highlights(tmp_path: Path) -> None:
    text = """
parts:
  - name: body
    prompt: red cat
  - {name: hat, prompt: blue cup, weight: "0:0 100:2", highlight: {sphere: {centre: [0, 0, 0.5], radius: 0.3}}}
"""
    body, hat = read_parts(write(tmp_path, text))
    assert body == Part(name="body", prompt="red cat", weight=constant(1.0), shape=Whole())
    assert hat.weight == Schedule(points=((0, 0.0), (100, 2.0)))
    assert hat.shape == Sphere(centre=(0.0, 0.0, 0.5), radius=0.3)


def test_painted_masks_are_lifted_into_the_scene(tmp_path: Path) -> None:
    world, scene = still_life(), bake(still_life(), 48)
    for azimuth in (0.0, 120.0, 240.0):
        cameras = orbit_cameras(torch.tensor([azimuth]), torch.tensor([30.0]), (64, 64), orbit=Orbit())
        mask = photograph(world, cameras).masks[0, 0]
        Image.fromarray((mask * 255).byte().numpy()).save(tmp_path / f"{azimuth:.0f}.png")
    views = ", ".join(f"{{file: {a}.png, azimuth: {a}, elevation: 30}}" for a in (0, 120, 240))
    (ball,) = read_parts(write(tmp_path, f"parts: [{{name: ball, highlight: {{painted: [{views}]}}}}]"), base=scene)
    assert isinstance(ball.shape, Voxels)
    places = torch.tensor([[-0.55, 0.0, -0.25], [0.05, 0.15, -0.3]])
    assert membership(ball.shape, places).tolist() == [1.0, 0.0]


def lifted(tmp_path: Path, mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The mask of one view as it arrives where it is lifted."""
    arrived = []

    def lift(base: object, cameras: object, masks: torch.Tensor, *, lifting: object) -> Sphere:
        arrived.append(masks[0])
        return Sphere(centre=(0.0, 0.0, 0.0), radius=0.5)

    monkeypatch.setattr("gencontrol.nerf.parts.part_lists.lift_masks", lift)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    text = "parts: [{name: a, highlight: {painted: [{file: mask.png, azimuth: 0}]}}]"
    read_parts(write(tmp_path, text), base=bake(still_life(), 8))
    return arrived[0]


def test_painted_masks_are_read_as_all_masks_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    square = np.zeros((96, 96), dtype=bool)
    square[20:60, 20:60] = True
    stroke = np.full((96, 96, 4), 255, dtype=np.uint8)
    stroke[..., 3] = square * 255
    soft = np.where(square, 65535, 32896).astype(np.uint16)
    soft[:10] = 0
    for mask, expected in ((stroke, square), (square.astype(np.uint8) * 255, square), (soft, soft / 65535)):
        expected = torch.from_numpy(expected.astype(np.float32))
        torch.testing.assert_close(lifted(tmp_path, mask, monkeypatch), expected)
    stroke[..., 3] = 0
    for mask, message in ((stroke, "is empty"), (square.astype(np.uint8), "save it as 0 and 255")):
        with pytest.raises(InputError, match=message):
            lifted(tmp_path, mask, monkeypatch)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("other: 1", "one key, `parts:`"),
        ("parts: []", "one key, `parts:`"),
        ("parts: [{name: a, prompt: [cat]}]", r"parts\[0\]: prompt: expected a text, got \['cat'\]; put a word"),
        ("parts: [{name: a, prompt: yes}]", r"parts\[0\]: prompt: expected a text, got True; .* in quotes"),
        ("parts: [{name: {a: 1}}]", r"parts\[0\]: name: expected a text, got {'a': 1}"),
        ("parts: [3]", r"parts\[0\]: expected name"),
        ("parts: [{prompt: x}]", "missing name"),
        ("parts: [{name: a, promt: x}]", "unknown key 'promt'"),
        ("parts: [{name: a, highlight: {box: {centre: [0, 0, 0]}}}]", "missing size"),
        ("parts: [{name: a}, {name: a}]", "Two parts are called 'a'"),
        ("parts: [{name: }]", r"parts\[0\]: missing name"),
        ("parts: [{name: a, weight: }]", r"parts\[0\]: weight: Cannot read the schedule None: expected a number"),
        ("parts: [{name: a, weight: [0, 1]}]", r"parts\[0\]: weight: Cannot read the schedule \[0, 1\]"),
        ("parts: [{name: a, highlight: }]", r"parts\[0\]: highlight: expected a shape such as .*, got None"),
        ("parts: [{name: a, highlight: {sphere: 5}}]", r"highlight: sphere: expected its settings by name, got 5"),
        ("parts: [{name: a, highlight: {difference: []}}]", r"difference: expected its settings by name, got \[\]"),
        ("parts: [{name: a, highlight: {union: []}}]", r"union: expected a list of shapes, at least one, got \[\]"),
        ("parts: [{name: a, highlight: {union: [3]}}]", r"highlight: union: expected a shape such as .*, got 3"),
    ],
)
def test_wrong_files_say_where(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_parts(write(tmp_path, text))


def test_an_empty_prompt_is_none(tmp_path: Path) -> None:
    (part,) = read_parts(write(tmp_path, "parts: [{name: a, prompt: }]"))
    assert part.prompt == ""


@pytest.mark.parametrize("painted", ["3", "[3]", "{file: a.png}"])
def test_painted_masks_are_a_list_of_mappings(painted: str, tmp_path: Path) -> None:
    text = f"parts: [{{name: a, highlight: {{painted: {painted}}}}}]"
    with pytest.raises(ConfigError, match=r"parts\[0\]: painted: expected a list of masks, each with file, azimuth"):
        read_parts(write(tmp_path, text), base=bake(still_life(), 8))


def test_growing_needs_a_part_that_is_named(tmp_path: Path) -> None:
    scene = bake(still_life(), 16)
    with pytest.raises(
        ConfigError, match=r"parts.yaml: `grow` enlarges a part .*\(`part:`\), and no highlight in the list"
    ):
        read_parts(
            write(
                tmp_path,
                "parts: [{name: a}, {name: b, highlight: {half_space: {normal: [0, 0, 1], point: [0, 0, 0]}}}]",
            ),
            base=scene,
            grow=0.1,
        )
    text = "parts: [{name: a}, {name: b, highlight: {part: egg}}]"
    _, egg = read_parts(write(tmp_path, text), base=scene, grow=0.1)
    assert egg.shape == named_shape(scene, "egg", grow=0.1)


def test_highlights_that_cannot_be_are_refused(tmp_path: Path) -> None:
    outside = "parts: [{name: hat, highlight: {sphere: {centre: [5, 0, 0], radius: 1}}}]"
    with pytest.raises(InputError, match="highlight of 'hat' encloses nothing"):
        read_parts(write(tmp_path, outside))
    with pytest.raises(InputError, match="by name needs the scene"):
        read_parts(write(tmp_path, "parts: [{name: hat, highlight: {part: egg}}]"))
    with pytest.raises(InputError, match=r"needs the scene that it is lifted into.*a run of the mode 'fit'"):
        read_parts(write(tmp_path, "parts: [{name: hat, highlight: {painted: []}}]"))


def test_a_preset_is_found_by_its_name_and_a_file_goes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts_file(Path("hat")).name == "hat.yaml" and parts_file(Path("hat")).is_file()
    assert parts_file(Path("no-such")) == Path("no-such")
    monkeypatch.chdir(tmp_path)
    Path("hat").write_text("mine", encoding="utf-8")
    assert parts_file(Path("hat")) == Path("hat")


def test_shipped_presets_are_parts() -> None:
    from importlib.resources import files

    presets = sorted(Path(str(files("gencontrol.configs"))).glob("nerf/*.yaml"))
    assert [preset.stem for preset in presets] == ["hat", "two-parts"]
    named = (presets[1].read_text(encoding="utf-8").splitlines()[0]).split("--pipeline.model.parts ")[1]
    assert parts_file(Path(named)) == presets[1]
    for preset in presets:
        assert all(part.prompt for part in read_parts(preset))


def test_views_stand_at_twenty_degrees_and_their_masks_are_of_one_size(tmp_path: Path) -> None:
    assert Painted(file=tmp_path, azimuth=3.0) == Painted(file=tmp_path, azimuth=3.0, elevation=20.0)
    for side in (8, 9):
        Image.fromarray(np.eye(8, side, dtype=np.uint8) * 255).save(tmp_path / f"{side}.png")
    for views in ("[]", "[{file: 8.png, azimuth: 0}, {file: 9.png, azimuth: 90}]"):
        text = f"parts: [{{name: a, highlight: {{painted: {views}}}}}]"
        with pytest.raises(InputError, match=r"parts\[0\]: painted: expected one or more masks of one size"):
            read_parts(write(tmp_path, text), base=bake(still_life(), 8))
    text = "parts: [{name: a, highlight: {painted: [{file: none.png, azimuth: 0}]}}]"
    with pytest.raises(InputError, match=r"parts\[0\]: painted: cannot use the mask .*none\.png: No image file at"):
        read_parts(write(tmp_path, text), base=bake(still_life(), 8))


def test_grey_of_a_mask_is_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.zeros((4, 4), dtype=np.uint8)
    grey[1:] = 51
    assert torch.equal(lifted(tmp_path, grey, monkeypatch)[1:], torch.full((3, 4), 0.2))


def test_what_is_painted_is_written_as_it_is_read(tmp_path: Path) -> None:
    base = bake(still_life(), 24)
    masks = torch.zeros(3, 40, 40)
    masks[0, 10:30, 12:28], masks[1, 10:30, 12:28], masks[2, 15:25, 15:25] = 1, 0.75, 1
    views = [(0.0, 20.0), (90.0, 20.0), (0.0, 75.0)]
    folder = tmp_path / "new" / "painted"
    listed = write_painted(dict(zip(views, masks, strict=True)), name="the lot", prompt="crown", folder=folder)
    assert listed == folder / LIST
    assert sorted(file.name for file in folder.iterdir()) == ["0-75.png", "0.png", "90.png", LIST]
    (part,) = read_parts(listed, base=base)
    expected = lift_painted(base, views, masks)
    assert isinstance(part.shape, Voxels) and isinstance(expected, Voxels)
    assert part.shape.values.equal(expected.values)
    assert (part.name, part.prompt) == ("the lot", "crown") and 0 < float(expected.values.mean()) < 0.5
    # Seen from another side, the same pixels are another part.
    for others in ([(180.0, 20.0), (270.0, 20.0), (0.0, 75.0)], [(0.0, 20.0), (90.0, 20.0), (0.0, 20.0)]):
        turned = lift_painted(base, others, masks)
        assert isinstance(turned, Voxels) and not turned.values.equal(expected.values)
