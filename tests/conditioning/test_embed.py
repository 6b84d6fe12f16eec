"""Regions of an image become embeddings, with no host."""

import copy
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from gencontrol.alpha_clip.model import DEFAULT_FOCUS, GRADED, AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.conditioning.embed import (
    alpha_maps,
    check_visible,
    choose_focus,
    embed_regions,
    seen_through,
    weighted_mean,
)
from gencontrol.errors import InputError, PairingError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.attention import AttentionFocus
from gencontrol.focus.blank import BlankFocus
from gencontrol.focus.crop import CropFocus
from gencontrol.focus.looks import SumFocus, added
from gencontrol.focus.zoom import ZoomFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.scene import Scene

GEOMETRY = Geometry(size=64)
SIZE = (64, 80)


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP(tiny.vision_tower(channels=4), processor=AlphaCLIPProcessor(geometry=Geometry(size=64))).eval()


@pytest.fixture(scope="module")
def plain(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.vision_tower(channels=3)).eval()


@pytest.fixture(scope="module")
def image(tiny: ModuleType) -> Any:
    return read_image(tiny.photo(*SIZE))


def side(tiny: ModuleType, name: str, weight: float = 1.0) -> Region:
    return Region(alpha=tiny.half_mask(*SIZE, side=name), weight=weight)


@torch.no_grad()
def embed(encoder: AlphaCLIP, image: Any, *regions: Region, geometry: Geometry = GEOMETRY, **settings: Any) -> Tensor:
    return embed_regions(encoder, geometry, image, regions, **settings).image_embeds[0]


@torch.no_grad()
def direct(encoder: AlphaCLIP, image: Any, alpha: Tensor | None = None) -> Tensor:
    return encoder.encode_image(image, alpha)[0]


def test_one_region_is_the_encoder_with_its_alpha(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    region = side(tiny, "left")
    assert_close(embed(encoder, image, region), direct(encoder, image, region.alpha))
    assert (embed(encoder, image, region) - embed(encoder, image, side(tiny, "right"))).norm() > 0.05


def test_no_region_is_the_whole_image(encoder: AlphaCLIP, plain: AlphaCLIP, image: Any) -> None:
    assert_close(embed(encoder, image), direct(encoder, image))
    # Whatever the strategy, and for a plain encoder too.
    assert_close(embed(plain, image, focus=CropFocus()), direct(plain, image))
    assert_close(embed(plain, image, focus=AlphaFocus()), direct(plain, image))


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_equal_weights_are_the_union(tiny: ModuleType, encoder: AlphaCLIP, image: Any, weight: float) -> None:
    first, second = side(tiny, "left", weight), Region(alpha=torch.eye(*SIZE), weight=weight)
    expected = direct(encoder, image, torch.maximum(first.alpha, second.alpha))
    assert_close(embed(encoder, image, first, second), expected)


def test_different_weights_are_the_mean_of_embeddings(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    left, right = side(tiny, "left", 3.0), side(tiny, "right", 1.0)
    a, b = (direct(encoder, image, region.alpha) for region in (left, right))
    mean = 0.75 * a + 0.25 * b
    expected = mean / mean.norm() * (0.75 * a.norm() + 0.25 * b.norm())
    assert_close(embed(encoder, image, left, right), expected)


def test_a_vanishing_weight_leaves_the_other_region(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    left, right = side(tiny, "left"), side(tiny, "right", 1e-7)
    assert_close(embed(encoder, image, left, right), embed(encoder, image, left))


def test_weighted_mean_by_hand() -> None:
    embeds, weights = torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([2.0, 2.0])
    # The mean is (1.5, 0.5), of length sqrt(2.5); the lengths 3 and 1 have the mean 2.
    assert_close(weighted_mean(embeds, weights), torch.tensor([1.5, 0.5]) * 2 / 2.5**0.5)
    assert_close(weighted_mean(embeds.half(), weights), (torch.tensor([1.5, 0.5]) * 2 / 2.5**0.5).half())
    # Opposite embeddings leave nothing to point at, and nothing to divide by.
    assert torch.equal(weighted_mean(torch.tensor([[1.0], [-1.0]]), weights), torch.zeros(1))


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0, 2.0])
def test_strength(tiny: ModuleType, encoder: AlphaCLIP, image: Any, strength: float) -> None:
    region = side(tiny, "left")
    whole, part = direct(encoder, image), direct(encoder, image, region.alpha)
    assert_close(embed(encoder, image, region, strength=strength), whole + strength * (part - whole))


def test_strength_changes_nothing_without_a_region(encoder: AlphaCLIP, image: Any) -> None:
    assert torch.equal(embed(encoder, image, strength=0.3), embed(encoder, image))


@torch.no_grad()
def test_negative_regions_and_the_whole_image(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    left, right = side(tiny, "left"), side(tiny, "right")
    made = embed_regions(encoder, GEOMETRY, image, [left], negative_regions=[right], strength=0.5, keep_whole=True)
    assert made.negative_image_embeds is not None and made.whole_image_embeds is not None
    assert_close(made.negative_image_embeds[0], direct(encoder, image, right.alpha))
    assert_close(made.whole_image_embeds[0], direct(encoder, image))
    bare = embed_regions(encoder, GEOMETRY, image, [left])
    assert bare.negative_image_embeds is None and bare.whole_image_embeds is None
    # Computed on the way, and not asked for.
    assert embed_regions(encoder, GEOMETRY, image, [left], strength=0.5).whole_image_embeds is None


def test_the_strategy_is_chosen_by_the_encoder(
    tiny: ModuleType, encoder: AlphaCLIP, plain: AlphaCLIP, image: Any
) -> None:
    region = side(tiny, "left")
    assert torch.equal(embed(encoder, image, region), embed(encoder, image, region, focus=AlphaFocus()))
    assert torch.equal(embed(plain, image, region), embed(plain, image, region, focus=AttentionFocus()))
    assert (embed(plain, image, region) - embed(plain, image)).norm() > 0.05


@pytest.mark.parametrize("which", ["regions", "negative_regions"])
def test_alpha_on_a_plain_clip_would_ignore_the_region(
    tiny: ModuleType, plain: AlphaCLIP, image: Any, which: str
) -> None:
    regions: dict[str, Any] = {which: [side(tiny, "left")]}
    with pytest.raises(PairingError, match=r"plain CLIP: its alpha weights are zero.*`attention` or `crop`"):
        embed_regions(plain, GEOMETRY, image, **regions, focus=AlphaFocus())


def test_a_region_of_another_size(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    with pytest.raises(InputError, match=r"A region of 32 x 32 on a picture of 80 x 64 \(width x height\)"):
        embed(encoder, image, Region(alpha=torch.ones(32, 32)))


def test_strength_outside_its_range(encoder: AlphaCLIP, image: Any) -> None:
    with pytest.raises(InputError, match="strength: expected a number"):
        embed(encoder, image, strength=3.0)


def test_a_region_outside_the_view_is_an_error(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    """Of 64 x 80, the centre crop sees columns 8 to 72."""
    edge, partly, middle = (torch.zeros(SIZE) for _ in range(3))
    edge[:, :6] = partly[:, :20] = middle[:, 8:72] = 1.0
    crop = {"geometry": Geometry(size=64, fit="crop")}
    for focus in (None, AttentionFocus()):
        with pytest.raises(InputError, match="outside the centre crop that the encoder sees"):
            embed(encoder, image, Region(alpha=edge), focus=focus, **crop)
        with pytest.warns(RegionWarning, match="cuts off 40% of the region"):
            embed(encoder, image, Region(alpha=partly), focus=focus, **crop)
    # Equal weights are one region, which is in view; padding and the focus `crop` show everything.
    embed(encoder, image, Region(alpha=edge), Region(alpha=middle), **crop)
    embed(encoder, image, Region(alpha=edge))
    embed(encoder, image, Region(alpha=edge), focus=CropFocus(), **crop)


@torch.no_grad()
def test_the_geometry_is_used_at_the_encoders_size(tiny: ModuleType, encoder: AlphaCLIP) -> None:
    image, region = read_image(tiny.photo(200, 300)), Region(alpha=tiny.half_mask(200, 300))
    made = embed(encoder, image, region, geometry=Geometry(size=224, fit="squash", antialias=False))
    # By hand: both resized without a low-pass, then normalised.
    planes = torch.cat([image.rgb, region.alpha[None]])[None]
    fitted = torch.nn.functional.interpolate(planes, size=(64, 64), mode="bicubic").clamp(0, 1)
    assert_close(made, encoder.encode_pixels(encoder.processor.normalize(fitted))[0])
    assert (made - embed(encoder, image, region)).norm() > 1e-3
    assert seen_through(encoder, Geometry(size=224, fit="crop")).processor.geometry == Geometry(size=64, fit="crop")


@torch.no_grad()
def test_a_scene_brings_its_regions(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    left, right = side(tiny, "left"), side(tiny, "right")
    scene = Scene(picture=image, regions=(left,), negative_regions=(right,))
    made = embed_regions(encoder, GEOMETRY, scene)
    assert made.negative_image_embeds is not None
    assert_close(made.image_embeds[0], direct(encoder, image, left.alpha))
    assert_close(made.negative_image_embeds[0], direct(encoder, image, right.alpha))
    settings: tuple[dict[str, Any], ...] = ({"regions": [left]}, {"negative_regions": [right]})
    for beside in settings:
        with pytest.raises(InputError, match="A Scene has regions of its own: give either it, or a picture"):
            embed_regions(encoder, GEOMETRY, scene, **beside)


def test_alpha_maps(tiny: ModuleType) -> None:
    left, right = side(tiny, "left", 0.5), side(tiny, "right", 0.5)
    united, ones = alpha_maps([left, right])
    assert torch.equal(united, torch.ones(1, *SIZE)) and torch.equal(ones, torch.ones(1, dtype=torch.float64))
    apart, weights = alpha_maps([left, side(tiny, "right", 2.0)])
    assert torch.equal(apart, torch.stack([left.alpha, right.alpha])) and weights.tolist() == [0.5, 2.0]


def test_choose_focus() -> None:
    assert isinstance(choose_focus(None, has_alpha=True), AlphaFocus)
    assert isinstance(choose_focus(None, has_alpha=False), AttentionFocus)
    given = CropFocus()
    assert choose_focus(given, has_alpha=False) is choose_focus(given, has_alpha=True) is given
    both = SumFocus(looks=(given, AlphaFocus()))
    assert choose_focus(both, has_alpha=True) is both
    with pytest.raises(PairingError, match="its alpha weights are zero"):
        choose_focus(both, has_alpha=False)


def test_an_encoders_own_look_is_the_default_and_no_more(tiny: ModuleType) -> None:
    look = {"name": "zoom", "outside": "blank"}
    assert choose_focus(None, has_alpha=True, default=look) == ZoomFocus(outside="blank")
    assert choose_focus(None, has_alpha=False, default=look) == ZoomFocus(outside="blank")
    assert choose_focus(AlphaFocus(), has_alpha=True, default=look) == AlphaFocus()
    encoder, region = AlphaCLIP.from_clip(tiny.alpha_clip_model()).requires_grad_(False), side(tiny, "left")
    scene = Scene(picture=read_image(tiny.photo(*SIZE)), regions=(region,))
    plainly = embed_regions(encoder, GEOMETRY, scene).image_embeds
    setattr(encoder.vision.config, DEFAULT_FOCUS, look)
    assert encoder.default_focus == look
    closely = embed_regions(encoder, GEOMETRY, scene).image_embeds
    assert torch.equal(closely, embed_regions(encoder, GEOMETRY, scene, focus=ZoomFocus(outside="blank")).image_embeds)
    assert torch.equal(closely, embed_each_region(encoder, scene)) and not torch.allclose(closely, plainly, atol=1e-3)
    assert torch.equal(embed_regions(encoder, GEOMETRY, scene, focus=AlphaFocus()).image_embeds, plainly)


def test_a_sum_of_looks_is_seen_as_each_of_them(tiny: ModuleType, encoder: AlphaCLIP, image: Any) -> None:
    left, right = side(tiny, "left"), side(tiny, "right", 2.0)
    two = SumFocus(looks=(ZoomFocus(), AlphaFocus()))
    looks = [embed(encoder, image, left, focus=look)[None] for look in two.looks]
    assert_close(embed(encoder, image, left, focus=two), added(looks)[0])
    apart = torch.stack([embed(encoder, image, region, focus=two) for region in (left, right)])
    assert_close(embed(encoder, image, left, right, focus=two), weighted_mean(apart, torch.tensor([1.0, 2.0])))


@pytest.mark.parametrize("looks", [(ZoomFocus(), AlphaFocus()), (BlankFocus(), CropFocus())])
def test_a_sum_is_checked_for_each_of_its_looks(tiny: ModuleType, encoder: AlphaCLIP, image: Any, looks: Any) -> None:
    edge = torch.zeros(*SIZE)
    edge[:, :3] = 1
    with pytest.raises(InputError, match="lies outside the centre crop"):
        check_visible(edge[None], SumFocus(looks=looks), Geometry(size=16, fit="crop"))
    check_visible(edge[None], SumFocus(looks=(ZoomFocus(), CropFocus())), Geometry(size=16, fit="crop"))
    small = torch.zeros(*SIZE)
    small[30:36, 30:36] = 1
    with pytest.warns(RegionWarning, match="The region is 6 pixels long"):
        check_visible(small[None], SumFocus(looks=(CropFocus(), ZoomFocus())), GEOMETRY)
    with pytest.warns(RegionWarning, match="mostly grey"):
        grey = Region(alpha=0.5 * tiny.half_mask(*SIZE))
        embed(encoder, image, grey, focus=SumFocus(looks=(CropFocus(), AlphaFocus())))


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """A strategy that keeps what it was given."""

    name: ClassVar[str] = "recorder"
    seen: list[Tensor]

    def embed(self, encoder: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> Tensor:
        self.seen.extend([rgb, alpha])
        return torch.zeros(len(rgb), 24)

    def view(self, processor: AlphaCLIPProcessor, rgb: Tensor, alpha: Tensor) -> Tensor:
        raise NotImplementedError


def test_an_encoder_without_a_device_computes_where_it_is_told(tiny: ModuleType, image: Any) -> None:
    """Offloaded layer by layer, an encoder's own weights lie on the device `meta`, and cannot be looked at."""
    processor, recorder = AlphaCLIPProcessor(geometry=Geometry(size=64)), Recorder(seen=[])
    offloaded = AlphaCLIP(tiny.vision_tower(channels=4), processor=processor).to("meta")
    embed(offloaded, image, side(tiny, "left"), focus=recorder)
    embed(offloaded, image, side(tiny, "left"), focus=recorder, device=torch.device("cpu"))
    assert [tensor.device.type for tensor in recorder.seen] == ["cpu"] * 4
    assert_close(recorder.seen[0][0], image.rgb)


def test_zoom_brings_an_edge_into_view_and_tells_of_small_parts(plain: AlphaCLIP) -> None:
    edge = torch.zeros(1, 40, 120)
    edge[:, :, :20] = 1
    crop = Geometry(size=64, fit="crop")
    check_visible(edge, ZoomFocus(), crop)
    with pytest.raises(InputError):
        check_visible(edge, AlphaFocus(), crop)
    small = torch.zeros(1, 40, 120)
    small[:, 5:9, 5:9] = 1
    with pytest.warns(RegionWarning, match="4 pixels long"):
        check_visible(small, ZoomFocus(), crop)


def test_weights_of_any_size_count_by_their_ratios() -> None:
    embeds = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    expected = weighted_mean(embeds, torch.tensor([1.0, 3.0]))
    for scale in (1e39, 1e-300, 1e308 / 3):
        weights = torch.tensor([scale, 3 * scale], dtype=torch.float64)
        assert_close(weighted_mean(embeds, weights), expected)


def test_embeddings_that_are_no_numbers_are_refused(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    damaged = AlphaCLIP(encoder.vision, processor=encoder.processor)
    before = damaged.vision.visual_projection.weight.detach().clone()
    try:
        with torch.no_grad():
            damaged.vision.visual_projection.weight[0, 0] = torch.nan
        for regions in ([], [side(tiny, "left")]):
            with pytest.raises(InputError, match="What the encoder made of the picture holds NaN or infinite values"):
                embed_regions(damaged, GEOMETRY, tiny.photo(*SIZE), regions)
    finally:
        with torch.no_grad():
            damaged.vision.visual_projection.weight.copy_(before)


def levelled(tiny: ModuleType, left: float, right: float) -> tuple[Region, Region]:
    return replace(side(tiny, "left"), level=left), replace(side(tiny, "right"), level=right)


def test_a_graded_encoder_looks_once_at_a_map_of_levels(encoder: AlphaCLIP, image: Any, tiny: ModuleType) -> None:
    graded = copy.deepcopy(encoder)
    setattr(graded.vision.config, GRADED, True)
    assert graded.graded and not encoder.graded
    alpha = torch.maximum(tiny.half_mask(*SIZE, side="left"), 0.25 * tiny.half_mask(*SIZE, side="right"))
    expected = graded.encode_image(image, alpha)[0]
    for levels in ((1.0, 0.25), (0.4, 0.1)):
        assert_close(embed(graded, image, *levelled(tiny, *levels)), expected)


def test_others_mix_a_look_at_each_in_the_levels_shares(encoder: AlphaCLIP, image: Any, tiny: ModuleType) -> None:
    looks = torch.stack([embed(encoder, image, side(tiny, name)) for name in ("left", "right")])
    expected = weighted_mean(looks, torch.tensor([0.8, 0.2]))
    assert_close(embed(encoder, image, *levelled(tiny, 1.0, 0.25)), expected)
    assert_close(embed(encoder, image, *levelled(tiny, 0.0, 0.25)), looks[1])
    # Another way of looking than by the alpha channel has no map of levels, whatever the encoder was trained on.
    graded = copy.deepcopy(encoder)
    setattr(graded.vision.config, GRADED, True)
    crops = torch.stack([embed(graded, image, side(tiny, name), focus=CropFocus()) for name in ("left", "right")])
    mixed = embed(graded, image, *levelled(tiny, 0.5, 0.5), focus=CropFocus())
    assert not torch.allclose(mixed, crops[0])
    assert_close(
        embed(graded, image, *levelled(tiny, 0.3, 0.1), focus=CropFocus()),
        weighted_mean(crops, torch.tensor([3.0, 1.0])),
    )


@pytest.mark.parametrize("by", ["level", "weight"])
@pytest.mark.parametrize("graded", [False, True])
def test_a_course_has_no_jump_where_regions_are_equal(
    encoder: AlphaCLIP, image: Any, tiny: ModuleType, by: str, graded: bool
) -> None:
    looking = copy.deepcopy(encoder)
    setattr(looking.vision.config, GRADED, graded)
    left, right = (replace(side(tiny, name), mixed_by=by) for name in ("left", "right"))
    near, equal = (embed(looking, image, replace(left, **{by: value}), right) for value in (1 - 1e-5, 1.0))
    assert_close(near, equal, atol=1e-3, rtol=1e-3)
    united = embed(looking, image, side(tiny, "left"), side(tiny, "right"))
    # One look at a map of levels is one at the union where they are equal; a mixture never is.
    assert torch.allclose(united, equal, atol=1e-3, rtol=1e-3) == (graded and by == "level")


def test_equal_levels_leave_weights_alone(encoder: AlphaCLIP, image: Any, tiny: ModuleType) -> None:
    heavy = [side(tiny, "left", 3.0), side(tiny, "right")]
    levelled = [replace(region, mixed_by="level") for region in heavy]
    assert torch.equal(embed(encoder, image, *levelled), embed(encoder, image, *heavy))


def test_a_level_of_one_region_changes_nothing(encoder: AlphaCLIP, image: Any, tiny: ModuleType) -> None:
    left = side(tiny, "left")
    assert torch.equal(embed(encoder, image, replace(left, level=0.2)), embed(encoder, image, left))


def test_levels_without_meaning(encoder: AlphaCLIP, image: Any, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="Every region has level 0"):
        embed(encoder, image, *levelled(tiny, 0.0, 0.0))
    left, right = levelled(tiny, 0.5, 1.0)
    with pytest.raises(InputError, match="differ in level and in weight"):
        embed(encoder, image, replace(left, weight=3.0), right)


def test_grey_is_told_of_where_it_is_a_switch(encoder: AlphaCLIP, image: Any, tiny: ModuleType) -> None:
    grey = Region(alpha=0.5 * tiny.half_mask(*SIZE))
    with pytest.warns(RegionWarning, match="mostly grey, and this encoder was not trained on grey"):
        embed(encoder, image, grey)
    graded = copy.deepcopy(encoder)
    setattr(graded.vision.config, GRADED, True)
    embed(graded, image, grey)
    embed(encoder, image, grey, focus=CropFocus())


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_weights_of_a_mean_that_cannot_be(weights: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="Expected finite weights of at least 0, and one above it, got "):
        weighted_mean(torch.rand(2, 4), torch.tensor(weights))


def test_what_weighs_nothing_is_not_in_a_mean() -> None:
    # The ends of a mixture, as calibration has them.
    embeds = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert_close(weighted_mean(embeds, torch.tensor([0.0, 3.0])), embeds[1])
