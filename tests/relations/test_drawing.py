"""Named arrows: what they say, and that they are there."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import ImageChops

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations import draw_relations, relate
from gencontrol.relations.drawing import arrows


@pytest.fixture
def scene(boxes: Any) -> Scene:
    maps = boxes((0, 10, 10, 20), (30, 10, 40, 20), (60, 2, 78, 20))
    regions = tuple(Region(alpha=a, label=n) for a, n in zip(maps, ("cup", "dog", "moon"), strict=True))
    return Scene(picture=Picture(rgb=torch.full((3, 40, 80), 0.5)), regions=regions)


def test_each_pair_has_one_arrow_with_what_holds(scene: Scene) -> None:
    found = {(i, j): {*said} for i, j, said in arrows(relate(None, scene), at_least=0.5)}
    assert found[0, 1] == {"left of"} if (0, 1) in found else found[1, 0] == {"right of"}
    # The moon is up on the right, and bigger; the arrow may start at either end.
    for other in (0, 1):
        said = found[2, other] if (2, other) in found else found[other, 2]
        side, size = ("right of", "bigger than") if (2, other) in found else ("left of", "smaller than")
        assert {side, size} <= said
    assert len(found) == 3
    assert arrows(relate(None, scene), at_least=1.0) == []


def test_the_drawing_is_the_enlarged_picture_with_lines(scene: Scene) -> None:
    related = relate(None, scene)
    drawn, bare = draw_relations(scene, related), draw_relations(scene, related, at_least=1.0)
    assert drawn.size == (80 * 13, 40 * 13) and drawn.mode == "RGB"
    # Names and boxes are there in any case; the arrow from cup to dog is not.
    assert ImageChops.difference(drawn, bare).getbbox() is not None
    middle = (20 * 13, 15 * 13)
    assert bare.getpixel(middle) in ((127,) * 3, (128,) * 3) and drawn.getpixel(middle) != bare.getpixel(middle)
    # The left border of the dog's box.
    assert bare.getpixel((30 * 13, 15 * 13)) != bare.getpixel(middle)


def test_what_has_no_converse_is_said_along_an_arrow_of_its_own(scene: Scene) -> None:
    related = relate(None, scene)
    asked = (*related.relations, "riding", "facing", "chasing")
    more = torch.zeros(3, 3, 3)
    more[0, 1, 0] = more[1, 0, 1] = more[1, 0, 2] = 0.9
    both = replace(related, relations=asked, probabilities=torch.cat([related.probabilities, more], dim=-1))
    found = {(i, j): said for i, j, said in arrows(both, at_least=0.5) if 2 not in (i, j)}
    assert found == {(1, 0): ("chasing", "facing", "right of"), (0, 1): ("riding",)}


def test_relations_of_another_scene_are_refused(scene: Scene) -> None:
    other = Scene(picture=scene.picture, regions=scene.regions[:2])
    with pytest.raises(InputError, match="got 2 regions and relations of 3"):
        draw_relations(other, relate(None, scene))


@pytest.mark.parametrize("at_least", [float("nan"), -0.1, 1.1])
def test_a_probability_that_is_none(scene: Scene, at_least: float) -> None:
    with pytest.raises(ConfigError, match="at_least: expected 0 or more and at most 1"):
        draw_relations(scene, relate(None, scene), at_least=at_least)
