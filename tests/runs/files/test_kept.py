"""What in a record is a difference, and what is said of it."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.regions.region import Region
from gencontrol.runs.files.kept import check_kept, difference, digest_of, is_broken, is_whole
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.files.records import describe, describe_edit, describe_sheet, pack


def region(value: float = 1.0, **how: Any) -> Region:
    """Of a single bright corner."""
    alpha = torch.zeros(4, 6)
    alpha[0, 0] = value
    return Region(alpha=alpha, **how)


def made(**changed: Any) -> dict[str, Any]:
    """A record."""
    usual: dict[str, Any] = {
        "settings": {"steps": 20, "model": "tiny", "revision": None},
        "seed": 3,
        "image": {"path": "a.png", "sha256": "1"},
        "weights": {"model": "m", "alpha_clip": "a", "levels_curve": "c"},
        "regions": [region(label="a")],
    }
    return describe(**usual | changed)


REFERENCE = {
    "image": {"path": "b.png", "sha256": "2"},
    "regions": [],
    "negative_regions": [],
    "weight": 1.0,
    "focus": None,
    "canvas_mask": None,
}


@pytest.mark.parametrize(
    ("was", "said"),
    [
        (made(), None),
        (made() | {"version": "0.0.1"}, None),
        (made(image={"path": "moved/a.png", "sha256": "1"}, regions=[region(label="b")]), None),
        (made(settings={"steps": 20, "model": "folder", "revision": "main"}), None),
        (made(weights={}), None),
        (made(weights={"model": "", "alpha_clip": "a"}), None),
        (made(settings={"steps": 20, "model": "other", "revision": None}, weights={}), "`model` was other and is tiny"),
        (made(weights={"model": "m", "alpha_clip": "b"}), "the weights of `alpha_clip` were others"),
        (made(weights={"levels_curve": "old"}), "the curve of `levels_curve` was another"),
        (made(settings={"steps": 20}, weights={"model": "x"}), "`model` was not set and is tiny"),
        (made(settings={"steps": 5, "model": "tiny", "revision": None}), "`steps` was 5 and is 20"),
        (made(seed=4), "its `seed` was 4"),
        (made(image=None), "it was made from another picture, or from this one before it was changed"),
        (
            made(embeds={"path": "e", "sha256": "1", "row": 0}),
            "it was made from other embeddings, or from this one before it was changed",
        ),
        (made(regions=[]), "it was made with another region"),
        (made(regions=[region(0.5)]), "it was made with another region"),
        (made(regions=[region(weight=2.0)]), "it was made with another region"),
        (made(regions=[region(level=0.5)]), "it was made with another region"),
        (made(negative_regions=[region()]), "it was made with another negative region"),
        (made() | {"canvas_mask": pack(region())}, "it was made with another canvas mask"),
        (made() | {"references": [REFERENCE]}, "`reference`: it was made with 1"),
        (describe_sheet("grid"), "it is a sheet (grid)"),
        (describe_edit(settings={}, inputs={}), "it is an edited photograph"),
        (None, "it holds no gencontrol record, which would say how it was made"),
        (made() | {"regions": [{"weight": 1.0, "level": 1.0}]}, "its gencontrol record is broken"),
        (made() | {"image": "a.png"}, "its gencontrol record is broken"),
    ],
)
def test_differences_in_words(was: dict[str, Any] | None, said: str | None) -> None:
    assert difference(was, made()) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"weight": 0.5}, "`reference`: weight was 0.5 (picture 2)"),
        ({"image": {"sha256": "3"}}, "it was made from another picture, or from this one before it was changed"),
        ({"canvas_mask": pack(region())}, "it was made with another canvas mask"),
    ],
)
def test_further_references(changed: dict[str, Any], said: str | None) -> None:
    found = difference(made() | {"references": [REFERENCE | changed]}, made() | {"references": [REFERENCE]})
    assert found == said or (said is not None and found == f"{said} (picture 2)")


def test_edits_and_sheets() -> None:
    first = describe_edit(settings={"seam": 0.1}, inputs={"image": {"path": "a", "sha256": "1"}})
    second = describe_edit(settings={"seam": 0.2}, inputs={"image": {"path": "a", "sha256": "1"}})
    other = describe_edit(settings={"seam": 0.1}, inputs={"image": {"path": "a", "sha256": "2"}})
    assert difference(first, first) is None
    assert difference(first, second) == "`seam` was 0.1 and is 0.2"
    assert "another picture" in (difference(first, other) or "")
    assert difference(describe_sheet("grid", "a"), describe_sheet("grid", "a")) is None
    assert difference(describe_sheet("grid", "a"), describe_sheet("grid", "b")) == "it shows other pictures"
    assert difference(describe_sheet("compare", "a"), describe_sheet("grid", "a")) == "it is a sheet (compare)"
    assert difference(made(), describe_sheet("grid", "a")) == "it is no sheet and no edit"


def test_a_mask_that_was_packed_in_another_way_is_the_same() -> None:
    packed = made()
    there = made() | {"regions": [packed["regions"][0] | {"alpha": _packed_anew(packed["regions"][0]["alpha"])}]}
    assert there["regions"][0]["alpha"] != packed["regions"][0]["alpha"]
    assert difference(there, packed) is None


def _packed_anew(alpha: str) -> str:
    import base64
    import io

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(alpha))) as image:
        image.save(buffer, format="PNG", compress_level=0)
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_records_in_every_encoding_are_compared(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_picture(Image.new("RGB", (8, 8)), path, record=made())
    assert check_kept(path, made())
    with pytest.raises(InputError, match=r"is not what would be made now: its `seed` was 3; give `existing` overwrite"):
        check_kept(path, made(seed=5))
    Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(InputError, match="it holds no gencontrol record"):
        check_kept(path, made())


def test_a_jpeg_may_have_no_room_to_say(tmp_path: Path) -> None:
    wanted = made(regions=[Region(alpha=torch.rand(300, 300, generator=torch.Generator().manual_seed(0)))])
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    assert not check_kept(tmp_path / "a.jpg", wanted)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.webp")
    with pytest.raises(InputError, match="no gencontrol record"):
        check_kept(tmp_path / "a.webp", wanted)


def test_digests_of_what_a_sheet_shows() -> None:
    first = digest_of(made(), (1, 2))
    assert first == digest_of(made(seed=9) | {"version": "9"}, (1, 2))
    assert len({first, digest_of(made(), (1, 3)), digest_of(made(regions=[]), (1, 2))}) == 3


def test_whole_and_broken_pictures(tmp_path: Path) -> None:
    whole, cut, empty = (tmp_path / name for name in ("whole.png", "cut.png", "empty.png"))
    Image.effect_noise((40, 40), 60).save(whole)
    cut.write_bytes(whole.read_bytes()[:-400])
    empty.touch()
    assert [is_whole(path) for path in (whole, cut, empty, tmp_path, tmp_path / "none")] == [True, *[False] * 4]
    assert [is_broken(path) for path in (whole, cut, empty, tmp_path)] == [False, True, False, False]


def test_a_pipe_is_no_picture_and_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    assert not is_whole(pipe) and not is_broken(pipe)
