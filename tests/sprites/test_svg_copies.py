"""Styles made from SVG."""

import numpy as np
import pytest

from gencontrol.errors import InputError
from gencontrol.sprites.catalog import COPIED_STYLES, training_styles
from gencontrol.sprites.iconify import rasterise
from gencontrol.sprites.store import check_copies, open_store, prepare_store
from gencontrol.sprites.svg_copies import COPIES, flattened

BOX = {"left": 0, "top": 0, "width": 16, "height": 16}
RED = BOX | {"body": '<rect x="2" y="2" width="12" height="12" fill="#ff0000"/>'}
GRADIENT = BOX | {
    "body": '<defs><linearGradient id="a"><stop offset="0" stop-color="#000000"/>'
    '<stop offset="1" stop-color="#00ff00"/></linearGradient></defs><rect width="16" height="16" fill="url(#a)"/>'
}


def colours(way: str, icon=RED) -> np.ndarray:
    return rasterise(COPIES[way](icon), 64)


def test_outlines_are_added_and_colours_kept() -> None:
    drawn = colours("outlined")
    assert drawn[32, 32].tolist() == [255, 0, 0, 255]
    assert (drawn[0, 32, :3] < 60).all() and drawn[0, 32, 3] > 100


def test_lines_are_white_with_black_edges() -> None:
    drawn = colours("lines")
    assert drawn[32, 32].tolist() == [255, 255, 255, 255]
    assert (drawn[0, 32, :3] < 60).all()


def test_a_wire_is_hollow() -> None:
    drawn = colours("wire")
    assert drawn[32, 32, 3] == 0 and drawn[1, 32, 3] > 200


def test_gradients_become_their_middle_stop() -> None:
    assert "url(" not in flattened(GRADIENT)["body"]
    drawn = rasterise(flattened(GRADIENT), 32)
    assert drawn[16, 2].tolist() == drawn[16, 30].tolist() == [0, 255, 0, 255]
    assert flattened(RED) == RED


def test_the_shipped_copies_are_of_known_styles() -> None:
    check_copies(COPIED_STYLES, training_styles())


@pytest.mark.parametrize("name", ["noto", "noto:painted", "nobody:lines", ":lines"])
def test_copies_of_what_is_not_there_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"is no copy of a style: expected STYLE:WAY .* such as noto:outlined"):
        check_copies([name], ["noto", "twemoji"])


def test_a_store_holds_copies_beside_their_styles(sprite_tarballs, sprite_world, tmp_path) -> None:
    path = tmp_path / "sprites.npz"
    prepare_store(sprite_tarballs, sprite_world.concepts()[:5], path, size=16, copies=["noto:wire"])
    store = open_store(path)
    assert store.styles[-1] == "noto:wire" and store.present[:, -1].all()
    plain, copy = (store.levels[0][0, store.styles.index(s)] for s in ("noto", "noto:wire"))
    assert copy[..., 3].float().mean() < 0.8 * plain[..., 3].float().mean()


@pytest.mark.parametrize(("way", "width"), [("outlined", "0.352"), ("lines", "0.416"), ("wire", "0.544")])
def test_lines_are_as_wide_as_the_longer_side_says(way: str, width: str) -> None:
    assert f"stroke-width:{width};" in COPIES[way](RED)["body"]
    assert f"stroke-width:{width};" in COPIES[way](RED | {"height": 8})["body"]


def test_of_three_stops_the_second_is_the_middle_one() -> None:
    body = str(GRADIENT["body"]).replace('<stop offset="1"', '<stop style="stop-color: #0000ff ;"/><stop offset="1"')
    assert 'fill="#0000ff"' in flattened(BOX | {"body": body})["body"]
    plain = BOX | {"body": '<linearGradient id="a"></linearGradient><rect fill="url(#a)"/>'}
    assert flattened(plain) == plain
