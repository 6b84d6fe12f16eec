"""The language head that comes with the package, on the scene that comes with it."""

from pathlib import Path

import pytest

from gencontrol.focus.zoom import ZoomFocus
from gencontrol.images.reading import read_image
from gencontrol.models.shipped import LANGUAGE, shipped_folder
from gencontrol.regions.masks import from_mask
from gencontrol.regions.scene import Scene
from gencontrol.tasks.ask import ask_regions, caption_regions
from gencontrol.tasks.llava.head import WEIGHTS
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.opening import open_llava

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def llava() -> RegionLlava:
    return open_llava()


@pytest.fixture(scope="module")
def scene() -> Scene:
    picture = read_image(EXAMPLES / "scene.png")
    return Scene(picture=picture, regions=(from_mask(EXAMPLES / "scene-mask.png", size=picture.size),))


def test_it_is_small() -> None:
    assert (shipped_folder(LANGUAGE) / WEIGHTS).stat().st_size < 10e6


def test_it_says_what_is_marked(llava: RegionLlava, scene: Scene) -> None:
    for focus in (None, ZoomFocus(margin=0.1)):
        (caption,) = caption_regions(llava, scene, focus=focus)
        assert "pumpkin" in caption.split()
    assert ask_regions(llava, scene, "What is it?") == ("a pumpkin",)
