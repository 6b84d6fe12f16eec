"""What a run is compared with, and what the encoder saw."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.focus import BlankFocus, CropFocus, MaskInversionFocus, SumFocus, ZoomFocus
from gencontrol.images.reading import read_image
from gencontrol.models.location import Location
from gencontrol.pipelines import open_pipeline
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.preview import preview
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.comparison import comparison_sheet, draw_comparison, encoder_view
from gencontrol.runs.drawing import Sampling
from gencontrol.runs.opening import open_own_encoder

SAMPLING = Sampling(seeds=(1,), steps=1, guidance_scale=3.0, batch=1)


@pytest.fixture
def scene(tiny: ModuleType) -> Scene:
    return Scene(picture=read_image(tiny.photo(60, 90)), regions=(Region(alpha=tiny.half_mask(60, 90)),))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def test_rows_differ_and_none_claims_a_plain_clip_that_is_not_there(tiny_folder: Path, scene: Scene) -> None:
    pipeline: Any = open_pipeline(tiny_folder)
    pipeline.set_progress_bar_config(disable=True)
    plain = open_own_encoder(Location(name=str(tiny_folder)), pipeline)
    rows = draw_comparison(pipeline, scene, plain, SAMPLING, fit=None)
    assert list(rows) == ["whole picture, no regions", "plain CLIP, whole picture", "plain CLIP, masked crop"]
    pictures = [pixels(row[0]) for row in rows.values()]
    for i, first in enumerate(pictures):
        assert all(np.abs(first - second).max() > 0 for second in pictures[i + 1 :])
    assert list(draw_comparison(pipeline, scene, pipeline.encoder, SAMPLING, fit=None)) == [
        "whole picture, no regions",
        "masked crop",
    ]
    squashed = draw_comparison(pipeline, scene, plain, SAMPLING, fit="squash")
    for label, (picture,) in squashed.items():
        assert np.abs(pixels(picture) - pixels(rows[label][0])).max() > 0, label


def test_the_sheet_ends_its_first_row_with_what_was_seen() -> None:
    red, lime, blue = (Image.new("RGB", (40, 30), colour) for colour in ("red", "lime", "blue"))
    sheet = comparison_sheet({"mine": [red], "other": [lime]}, [blue.resize((80, 80))], ["seed 1"])
    assert sheet.width == 8 + 2 * (40 + 8)
    middle = [sheet.getpixel((8 + 48 + 20, y)) for y in range(sheet.height)]
    assert middle.count((0, 0, 255)) >= 30
    # Of several looks each has a cell of its own, in its own shape.
    more = comparison_sheet({"mine": [red], "other": [lime]}, [blue.resize((80, 80)), lime], ["seed 1"])
    assert more.width == 8 + 3 * (40 + 8)
    assert more.getpixel((8 + 48 + 20, 40)) == (0, 0, 255) and more.getpixel((8 + 96 + 20, 40)) == (0, 255, 0)


def test_the_view_shows_where_to_look_or_what_a_focus_made_of_it(scene: Scene) -> None:
    geometry = Geometry(size=64)
    marked = preview(scene.picture, scene.regions[0].alpha, geometry)
    assert (pixels(encoder_view(scene, None, geometry)) == pixels(marked)).all()
    whole = preview(scene.picture, torch.ones(60, 90), geometry)
    bare = Scene(picture=scene.picture)
    for focus in (None, BlankFocus()):
        assert (pixels(encoder_view(bare, focus, geometry)) == pixels(whole)).all()
    blank = pixels(encoder_view(scene, BlankFocus(colour="#ff00ff"), geometry))
    assert (np.abs(blank[192, 300] - (255, 0, 255)) < 4).all()


def in_a_row(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Both with white between them, a 64th of their height wide."""
    gap = np.full((len(left), len(left) // 64, 3), 255, left.dtype)
    return np.concatenate([left, gap, right], axis=1)


def test_of_a_sum_each_look_is_shown(scene: Scene) -> None:
    geometry = Geometry(size=64)
    looks = (BlankFocus(), CropFocus())
    seen = pixels(encoder_view(scene, SumFocus(looks=looks), geometry))
    apart = [pixels(encoder_view(scene, look, geometry)) for look in looks]
    assert (seen == in_a_row(*apart)).all() and (apart[0] != apart[1]).any()


def test_where_a_window_is_looked_at_is_shown_in_it(scene: Scene) -> None:
    geometry = Geometry(size=64)
    window = pixels(encoder_view(scene, ZoomFocus(closeness=0.0), geometry))
    # The window is the frame, so that what is seen is the picture with the part bright in it.
    marked = pixels(preview(scene.picture, scene.regions[0].alpha, geometry))
    assert (np.abs(window - marked).max(-1) > 12).mean() < 0.02
    bright = pixels(preview(scene.picture, torch.ones(60, 90), geometry))
    assert (np.abs(window - bright).max(-1) > 12).mean() > 0.2


def test_regions_of_different_weights_are_shown_one_by_one(scene: Scene) -> None:
    geometry, (region,) = Geometry(size=64), scene.regions
    other = Region(alpha=1 - region.alpha, weight=0.3)
    alone = [Scene(picture=scene.picture, regions=(one,)) for one in (region, other)]
    apart = [pixels(encoder_view(one, CropFocus(), geometry)) for one in alone]
    both = Scene(picture=scene.picture, regions=(region, other))
    assert (pixels(encoder_view(both, CropFocus(), geometry)) == in_a_row(*apart)).all()
    alike = Scene(picture=scene.picture, regions=(region, Region(alpha=other.alpha)))
    assert encoder_view(alike, CropFocus(), geometry).width == apart[0].shape[1]


def test_what_reads_patches_is_shown_the_picture_and_the_part(scene: Scene) -> None:
    seen = pixels(encoder_view(scene, MaskInversionFocus(), Geometry(size=64)))
    assert (seen == pixels(preview(scene.picture, scene.regions[0].alpha, Geometry(size=64)))).all()
