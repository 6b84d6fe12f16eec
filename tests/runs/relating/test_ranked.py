"""Drawn pictures ranked by the relation that was asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.proposals.segmenter import BoxSegmenter
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha
from gencontrol.runs.relating.ranked import Ranker, check_ranking, open_ranker, within_canvases
from gencontrol.runs.relating.ranking_settings import RankingSettings
from gencontrol.runs.settings import VariationSettings

BIG_LEFT = ((4, 8, 30, 44), (44, 20, 56, 32))


@dataclass(frozen=True, kw_only=True)
class Settings(RankingSettings, VariationSettings):
    """As the command has them."""


def canvas(x0: int, x1: int, side: int = 32) -> Region:
    return Region(alpha=box_alpha((x0, 4, x1, side - 4), (side, side)))


def looked(picture: Picture) -> Scene:
    """The two boxes of a picture that is 64 wide; in a picture that is turned, where they then are."""
    maps = [box_alpha(box, picture.size) for box in BIG_LEFT]
    turned = bool(picture.rgb[0, 0, 0] > 0.5)
    return Scene(picture=picture, regions=tuple(Region(alpha=m.flip(-1) if turned else m) for m in maps))


def test_the_best_comes_first_and_the_others_are_rejected(tiny_folder: Path, tmp_path: Path) -> None:
    for name, colour in (("turned", "white"), ("straight", "black")):
        Image.new("RGB", (64, 48), colour).save(tmp_path / f"{name}.png")
    ranker = Ranker(
        text="a thing left of the biggest thing",
        at_least=0.5,
        encoder=AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip"),
        module=None,
        look=looked,
        found_by="hand",
    )
    best, last = ranker.rank([tmp_path / "turned.png", tmp_path / "straight.png"])
    assert (best.path.name, best.accepted, best.regions) == ("turned.png", True, 2) and best.fits > 0.9
    assert (last.path.name, last.accepted) == ("straight.png", False) and last.fits < 0.1
    assert ranker.rank([]) == ()


def test_regions_are_looked_for_where_references_act() -> None:
    drawn = Image.new("RGB", (64, 64), "grey")
    ImageDraw.Draw(drawn).ellipse((6, 16, 26, 46), fill="red")
    picture = read_image(drawn)
    maps = [canvas(0, 16).alpha, canvas(18, 32).alpha]
    boxes = within_canvases(picture, maps, BoxSegmenter())
    # Masks of 32 are stretched to the 64 of the picture.
    assert [region.alpha.sum() for region in boxes.regions] == [32 * 48, 28 * 48]
    found = within_canvases(picture, maps, GrabCutSegmenter())
    disc = picture.rgb[0] > 0.9
    assert ((found.regions[0].alpha > 0.5) == disc).float().mean() > 0.97
    # In a part of one colour nothing is found: there the mask itself is the region.
    assert float((found.regions[1].alpha - boxes.regions[1].alpha).abs().mean()) < 0.1


def test_what_cannot_be_ranked_is_told_before_anything_is_drawn(tiny_folder: Path) -> None:
    model, two = str(tiny_folder), (canvas(0, 16), canvas(18, 32))
    asked: dict[str, Any] = {"model": model, "relation": "a cat left of a dog"}
    check_ranking(Settings(**asked), two)
    check_ranking(Settings(**asked, grounder="g"), ())
    with pytest.raises(ConfigError, match=r"`relation`: name a `grounder` that finds things in the drawn pictures, or"):
        check_ranking(Settings(**asked), (two[0], None))
    with pytest.raises(ConfigError, match=r"`at_least`: expected .* 1"):
        check_ranking(Settings(**asked, at_least=1.5), two)
    with pytest.raises(ConfigError, match="`at_least` is a probability of `relation`"):
        check_ranking(Settings(model=model, at_least=0.7), two)
    with pytest.raises(InputError, match="says of no two things how they stand"):
        check_ranking(Settings(model=model, relation="a cat"), two)
    with pytest.raises(InputError, match="'chasing' is understood, but a clip"):
        check_ranking(Settings(model=model, relation="a cat chasing a dog"), two)
    with pytest.raises(ConfigError, match="and sd15-ip-plus has none: name one as `phrase_model`"):
        check_ranking(Settings(model="sd15-ip-plus", relation="a cat left of a dog"), two)
    assert open_ranker(Settings(model=model), two) is None
    opened = open_ranker(Settings(**asked, segmenter="box"), two)
    assert (
        opened is not None and opened.found_by == "box in the boxes of the canvas masks" and opened.module is not None
    )
