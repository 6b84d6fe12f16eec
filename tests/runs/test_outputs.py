"""Names of files, sheets, records, and shares of several processes."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from PIL import Image, PngImagePlugin

from gencontrol.runs.records import describe, read_record, storable, unpack
from gencontrol.runs.outputs import check_existing, check_writable, plan_paths, sheet_path, write_picture
from gencontrol.runs.processes import Processes
from gencontrol.cli.report import notices
from gencontrol.images.sheets import GAP, contact_sheet
from gencontrol.errors import ConfigError, InputError
from gencontrol.regions.region import Region, RegionWarning


def test_paths_in_a_folder() -> None:
    assert plan_paths(["a", "b"], (3, 4), "out") == [
        [Path("out/a-3.png"), Path("out/a-4.png")],
        [Path("out/b-3.png"), Path("out/b-4.png")],
    ]


def test_paths_of_a_file() -> None:
    assert plan_paths(["a"], (3,), "x/one.png") == [[Path("x/one.png")]]
    assert plan_paths(["a"], (3, 4), "x/one.png") == [[Path("x/one-3.png"), Path("x/one-4.png")]]


def test_a_folder_may_have_a_dot(tmp_path: Path) -> None:
    assert plan_paths(["a"], (0,), "v1.2") == [[Path("v1.2/a-0.png")]]
    (tmp_path / "odd.png").mkdir()
    assert plan_paths(["a"], (0,), str(tmp_path / "odd.png")) == [[tmp_path / "odd.png" / "a-0.png"]]


@pytest.mark.parametrize(
    ("stems", "output", "message"),
    [
        (["a", "a"], "out", "Several pictures are called a: run them apart"),
        (["a", "b"], "one.png", "2 pictures go in, so expected a folder"),
        (["a"], "one.webp", "pictures are written as PNG"),
    ],
)
def test_paths_that_are_refused(stems: list[str], output: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_paths(stems, (0,), output)


def test_sheets_lie_beside_the_pictures() -> None:
    assert sheet_path([Path("out/a-3.png")], "a", "out", kind="grid") == Path("out/a-grid.png")
    assert sheet_path([Path("x/one.png")], "a", "x/one.png", kind="grid") == Path("x/one-grid.png")


def test_existing_files(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    check_existing(paths, "error")
    for path in paths[:2]:
        path.touch()
    with pytest.raises(InputError, match=r"a\.png and 1 more exists already"):
        check_existing(paths, "error")
    check_existing(paths, "overwrite")
    check_existing(paths, "skip")


def test_places_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable([Path("a.png"), Path("new/folder/a.png"), tmp_path / "b" / "c.png"])
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/new cannot be written to: .*file is a file. Give another -o"):
        check_writable([tmp_path / "a.png", tmp_path / "file" / "new" / "a.png"])
    with pytest.raises(InputError, match="is a folder; expected the name of a file"):
        check_writable([tmp_path])
    # Not by chmod: the superuser, as whom tests may run, may write anywhere.
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(InputError, match=r"new cannot be written to: you may not write in .* Give another -o"):
        check_writable([tmp_path / "new" / "a.png"])


def test_a_sheet_puts_every_picture_in_its_cell() -> None:
    colours = [["red", "lime"], ["blue"]]
    rows = [[Image.new("RGB", (60, 40), colour) for colour in row] for row in colours]
    sheet = contact_sheet(rows, row_labels=["", "second"], column_labels=[])
    assert sheet.width == 3 * GAP + 2 * 60
    assert sheet.getpixel((GAP, GAP)) == (255, 0, 0)
    assert sheet.getpixel((2 * GAP + 60, GAP)) == (0, 255, 0)
    assert sheet.getpixel((GAP, sheet.height - GAP - 1)) == (0, 0, 255)
    assert sheet.getpixel((GAP - 1, GAP)) == (255, 255, 255)


def test_a_sheet_scales_pictures_of_another_shape_into_the_cell() -> None:
    rows = [[Image.new("RGB", (60, 40), "red"), Image.new("RGBA", (200, 400), "blue")]]
    sheet = contact_sheet(rows, row_labels=[""], column_labels=["one", "a label much too long for its cell"])
    middle = 2 * GAP + 60 + 30
    assert sheet.getpixel((middle, GAP + 20)) == (0, 0, 255)
    assert sheet.getpixel((middle - 15, GAP + 20)) == (255, 255, 255)


def region(seed: int = 0) -> Region:
    generator = torch.Generator().manual_seed(seed)
    return Region(alpha=torch.rand(20, 30, generator=generator), weight=0.5, label="Ähre")


def test_a_record_gives_its_regions_back_exactly(tmp_path: Path) -> None:
    exact = storable(region())
    image = {"path": "a.png", "sha256": "0"}
    record = describe(settings={"steps": 3}, seed=7, image=image, regions=[exact], negative_regions=[exact])
    path = tmp_path / "out.png"
    write_picture(Image.new("RGB", (8, 8)), path, record=record)
    read = read_record(path)
    assert read == json.loads(json.dumps(record))
    (back,) = unpack(read["regions"], source=path)
    assert torch.equal(back.alpha, exact.alpha)
    assert (back.weight, back.label) == (0.5, "Ähre")


@pytest.mark.parametrize("levels", [255, 65535])
def test_masks_of_8_and_16_bits_are_stored_exactly(levels: int) -> None:
    alpha = (torch.arange(1, 257).reshape(16, 16) * (levels // 255)).clamp(max=levels).float() / levels
    assert torch.equal(storable(Region(alpha=alpha)).alpha, alpha)


@pytest.mark.parametrize("text", ["no json", "[]", '{"seed": 1}'])
def test_broken_records(text: str, tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("gencontrol", text)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(InputError, match=r"a\.png: its gencontrol record is broken"):
        read_record(tmp_path / "a.png")


@pytest.mark.parametrize("packed", [{}, {"alpha": "????", "weight": 1.0, "label": ""}])
def test_broken_masks(packed: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"a\.png: a mask in its gencontrol record cannot be read"):
        unpack([packed], source=Path("a.png"))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_processes_share_everything_once(count: int) -> None:
    shares = [Processes(index=i, count=count).share(range(5)) for i in range(count)]
    assert sorted(item for share in shares for item in share) == list(range(5))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(("rank", "printed"), [("0", "gencontrol: a mask was stretched\n"), ("1", "")])
def test_of_several_processes_the_first_speaks(
    rank: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    with notices():
        warnings.warn("a mask was stretched", RegionWarning, stacklevel=1)
        warnings.warn("a mask was stretched", RegionWarning, stacklevel=1)
    assert capsys.readouterr().err == printed
