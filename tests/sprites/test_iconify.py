import tarfile
from pathlib import Path

import numpy as np
import pytest

from gencontrol.errors import InputError
from gencontrol.sprites.iconify import _by_plain_slug, _fill_square, plain_slug, rasterise, read_icons, to_svg


def icon(body, **box):
    return {"left": 0, "top": 0, "width": 16, "height": 16, "body": body} | box


def test_tarballs_give_icons_by_slug_without_hyphens(sprite_tarballs):
    icons = read_icons(sprite_tarballs["noto"])
    assert "reddisc" in icons.icons and icons.categories["red-disc"] == "Shapes"
    assert plain_slug("lady-beetle") == "ladybeetle"


def test_something_else_is_refused(tmp_path):
    (tmp_path / "x.tgz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is not an Iconify package"):
        read_icons(tmp_path / "x.tgz")


def test_the_drawn_part_fills_the_square_and_stays_straight():
    picture = rasterise(icon('<rect x="2" y="6" width="8" height="4" fill="#ff8000" fill-opacity="0.5"/>'), 32)
    opaque = picture[..., 3] > 0
    rows, columns = np.nonzero(opaque)
    assert (columns.min(), columns.max()) == (0, 31)
    assert (rows.min(), rows.max()) == (8, 23)  # Half as high as wide, and centred.
    inside = picture[16, 16]
    assert abs(int(inside[3]) - 128) <= 1
    assert np.abs(inside[:3].astype(int) - [255, 128, 0]).max() <= 2  # Not darkened by its opacity.


def test_an_icon_that_draws_nothing_is_refused():
    with pytest.raises(InputError, match="draws nothing"):
        rasterise(icon(""), 16)


def test_the_view_box_is_the_icons_own():
    assert 'viewBox="1 2 3 4"' in to_svg(icon("", left=1, top=2, width=3, height=4), 8)


def test_icons_have_the_sets_box_or_16_by_16_and_aliases_their_parents_picture():
    plain = _by_plain_slug({"icons": {"a-b": {"body": "x"}, "c": {"body": "y", "top": 3, "height": 5}}})
    assert plain == {"ab": icon("x"), "c": icon("y", top=3, height=5)}
    aliases = {
        "d-e": {"parent": "a"},
        "f": {"parent": "a", "hFlip": True},
        "g": {"parent": "none"},
        "a": {"parent": "h"},
    }
    boxed = _by_plain_slug({"width": 32, "icons": {"a": {"body": "x"}, "h": {"body": "z"}}, "aliases": aliases})
    assert set(boxed) == {"a", "h", "de"} and boxed["de"] == boxed["a"] == icon("x", width=32)


def test_what_is_all_but_transparent_is_no_part_of_the_drawing():
    pixels = np.zeros((6, 5, 4), np.uint8)
    pixels[..., 3] = 8
    pixels[1:5, 2] = [200, 100, 50, 9]
    square = _fill_square(pixels, 4)
    # A column of four, in the middle of the square, rounded to the left.
    assert square[:, 1].tolist() == [[200, 100, 50, 9]] * 4 and not square[:, [0, 2, 3]].any()
    with pytest.raises(InputError, match="draws nothing"):
        _fill_square(np.where(pixels > 8, 0, pixels), 4)


def test_colours_are_averaged_by_their_opacity():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0], pixels[1, 1] = [200, 0, 0, 255], [0, 100, 0, 85]
    assert _fill_square(pixels, 1)[0, 0].tolist() == [150, 25, 0, 85]


@pytest.mark.parametrize(
    ("text", "said"), [("[" * 100_000, "it is nested too deeply"), ("[]", r"package/icons\.json holds no mapping")]
)
def test_icons_that_are_none(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "icons.json").write_text(text)
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        archive.add(tmp_path / "icons.json", "package/icons.json")
    with pytest.raises(InputError, match=f"is not an Iconify package: {said}"):
        read_icons(tmp_path / "x.tgz")
