import numpy as np
import pytest

from gencontrol.errors import InputError
from gencontrol.sprites.iconify import plain_slug, rasterise, read_icons, to_svg


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
