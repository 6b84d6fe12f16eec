"""The forms that pictures and masks may take."""

import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError
from gencontrol.images.reading import read_image
from gencontrol.images.writing import to_pil
from gencontrol.pipelines.region_pipeline.arguments import (
    Reference,
    is_pixel_values,
    noise_of,
    read_scenes,
    warn_of_idle,
)
from gencontrol.regions.drawn import from_box
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.scene import Scene


def as_image(mask: torch.Tensor) -> Image.Image:
    return Image.fromarray((mask * 255).byte().numpy())


def test_every_form_of_a_mask_is_the_same_region(tiny: ModuleType, tmp_path: Path) -> None:
    photo, mask = tiny.photo(48, 64), tiny.half_mask(48, 64)
    as_image(mask).save(tmp_path / "mask.png")
    forms = [mask, mask.numpy(), as_image(mask), tmp_path / "mask.png", Region(alpha=mask), (mask, 1.0), [mask]]
    for form in forms:
        (scene,) = read_scenes(photo, form)
        assert [torch.equal(region.alpha, mask) for region in scene.regions] == [True]
        assert scene.regions[0].weight == 1.0 and scene.negative_regions == ()


def test_several_masks_with_weights(tiny: ModuleType) -> None:
    left, right = tiny.half_mask(48, 64), tiny.half_mask(48, 64, side="right")
    masks = [(left, 0.5), Region(alpha=right, weight=2.0, label="right"), (Region(alpha=right, label="again"), 3)]
    (scene,) = read_scenes(tiny.photo(48, 64), masks, right)
    assert [(region.weight, region.label) for region in scene.regions] == [(0.5, ""), (2.0, "right"), (3.0, "again")]
    assert torch.equal(scene.negative_regions[0].alpha, right)


def test_a_list_of_pictures_has_a_list_of_masks(tiny: ModuleType) -> None:
    photos = [tiny.photo(48, 64), tiny.photo(32, 32, seed=1)]
    left, small = tiny.half_mask(48, 64), tiny.half_mask(32, 32)
    first, second = read_scenes(photos, [[left, left], small], [None, tiny.half_mask(32, 32, side="right")])
    assert (len(first.regions), len(second.regions)) == (2, 1)
    assert (len(first.negative_regions), len(second.negative_regions)) == (0, 1)
    assert [r.picture.size for r in read_scenes(photos)] == [(48, 64), (32, 32)]


def test_a_pictures_own_alpha_is_its_region(tiny: ModuleType) -> None:
    photo, mask = tiny.photo(48, 64), tiny.half_mask(48, 64)
    rgba = photo.copy()
    rgba.putalpha(as_image(mask))
    (scene,) = read_scenes(rgba)
    assert torch.equal(scene.regions[0].alpha, mask)
    # The context under the transparent part is the picture's own, not premultiplied.
    assert np.array_equal(np.asarray(to_pil(scene.picture.rgb)), np.asarray(photo))
    # A mask that is given wins.
    given = torch.ones(48, 64)
    given[0] = 0
    (scene,) = read_scenes(rgba, given)
    assert torch.equal(scene.regions[0].alpha, given)


def test_a_cut_out_without_context_says_so(tiny: ModuleType) -> None:
    cut = np.zeros((48, 64, 4), dtype=np.uint8)
    cut[:, :32] = 200
    with pytest.warns(RegionWarning):
        read_scenes(Image.fromarray(cut))


def reference(**given: Any) -> Reference:
    names = [field.name for field in fields(Reference)]
    usual: dict[str, Any] = {name: None for name in names} | {"strength": 1.0}
    return Reference(**usual | given)


def test_what_no_region_heeds_is_told() -> None:
    picture, part = read_image(torch.rand(3, 8, 8)), from_box((0, 0, 4, 8), size=(8, 8))
    without, looking = Scene(picture=picture), Scene(picture=picture, regions=(part,))
    away = Scene(picture=picture, negative_regions=(part,))
    with pytest.warns(RegionWarning, match="No region is shown, so focus and strength can do nothing: give `mask_im"):
        warn_of_idle(reference(focus="crop", strength=0.5), [without])
    with pytest.warns(RegionWarning, match="so strength can do nothing"):
        warn_of_idle(reference(focus="crop", strength=StrengthSchedule(start=1.0, end=0.5)), [away])
    # Warnings are errors here.
    warn_of_idle(reference(focus="crop", strength=0.5), [without, looking])
    warn_of_idle(reference(focus="crop"), [away])
    warn_of_idle(reference(), [without])


def test_lists_that_do_not_fit(tiny: ModuleType) -> None:
    photos = [tiny.photo(48, 64)] * 2
    with pytest.raises(InputError, match="at least one image, got an empty list"):
        read_scenes([])
    with pytest.raises(InputError, match=r"mask_image: for a list of 2 images, .* got one Tensor"):
        read_scenes(photos, tiny.half_mask(48, 64))
    with pytest.raises(InputError, match=r"negative_mask_image: for a list of 2 images, .* got a list of 1"):
        read_scenes(photos, None, [tiny.half_mask(48, 64)])
    told = "mask_image: expected at least one mask, got an empty list; None shows no region"
    with pytest.raises(InputError, match=f"^{told}"):
        read_scenes(photos[0], [])
    with pytest.raises(InputError, match=f"^negative_{told}"):
        read_scenes(photos[0], None, [])
    with pytest.raises(InputError, match=f"^{told}"):
        read_scenes(photos, [None, []])


def test_a_tuple_is_a_mask_and_its_weight(tiny: ModuleType) -> None:
    mask = tiny.half_mask(48, 64)
    for wrong in ((mask, mask), (mask, mask, mask), (mask, True)):
        with pytest.raises(InputError, match="A tuple is one mask with its weight"):
            read_scenes(tiny.photo(48, 64), [wrong])  # type: ignore[list-item]


def test_stacks_are_several_masks(tiny: ModuleType) -> None:
    maps = torch.stack([tiny.half_mask(48, 64), 1 - tiny.half_mask(48, 64)])
    for stack in (maps, maps > 0.5, maps.numpy(), maps[:1]):
        corner = torch.zeros(48, 64)
        corner[:8, :8] = 1
        (scene,), (away,) = (
            read_scenes(tiny.photo(48, 64), stack, corner),
            read_scenes(tiny.photo(48, 64), corner, stack),
        )
        for regions in (scene.regions, away.negative_regions):
            assert len(regions) == len(stack)
            assert all(torch.equal(region.alpha, alpha) for region, alpha in zip(regions, maps, strict=False))
    # Three grey planes are a picture of one mask, three others are three masks; in a list, one entry for each picture.
    (scene,) = read_scenes(tiny.photo(48, 64), maps[:1].expand(3, -1, -1))
    assert len(scene.regions) == 1
    first, second = read_scenes([tiny.photo(48, 64)] * 2, [maps, None])
    assert len(first.regions) == 2 and not second.regions


def test_masks_of_other_tools(tiny: ModuleType) -> None:
    runs = {"size": [48, 64], "counts": [48 * 32, 48 * 32]}
    (scene,) = read_scenes(tiny.photo(48, 64), [runs, (runs, 2)])
    assert [region.weight for region in scene.regions] == [1.0, 2.0]
    assert bool((scene.regions[0].alpha[:, 32:] == 1).all()) and not scene.regions[0].alpha[:, :32].any()


def test_a_mask_of_another_size(tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="64 x 48"):
        read_scenes(tiny.photo(48, 64), torch.ones(10, 10))


def test_pixel_values_are_batches() -> None:
    assert is_pixel_values(torch.zeros(1, 4, 8, 8))
    assert not is_pixel_values(torch.zeros(4, 8, 8)) and not is_pixel_values(np.zeros((1, 4, 8, 8)))


def host(dtype: torch.dtype = torch.float32) -> Any:
    """What `noise_of` asks of a pipeline."""
    unet = SimpleNamespace(config=SimpleNamespace(in_channels=4, sample_size=8), dtype=dtype)
    return SimpleNamespace(unet=unet, vae_scale_factor=4, _execution_device=torch.device("cpu"))


@pytest.mark.parametrize(
    "bad", [torch.zeros(4, 8, 8), np.zeros((1, 4, 8, 8)), 3, torch.zeros(1, 4, 8, 8), torch.zeros(2, 3, 8, 8)]
)
def test_noise_has_the_shape_of_what_is_drawn(bad: Any) -> None:
    got = re.escape(str(tuple(bad.shape))) if isinstance(bad, torch.Tensor) else type(bad).__name__
    with pytest.raises(
        InputError, match=rf"latents: expected a tensor .* of \(2, 4, 8, 8\), .* 4 times .* got {got}\."
    ):
        noise_of(bad, host(), count=2, size=(None, None))


def test_noise_of_outputs_of_another_size() -> None:
    assert noise_of(torch.ones(1, 4, 6, 8), host(), count=1, size=(24, None)) is not None
    assert noise_of(torch.ones(1, 4, 8, 6), host(), count=1, size=(None, 24)) is not None
    with pytest.raises(InputError, match=r"of \(1, 4, 6, 8\)"):
        noise_of(torch.ones(1, 4, 8, 8), host(), count=1, size=(24, None))


def test_noise_comes_where_the_host_runs() -> None:
    assert noise_of(None, host(), count=1, size=(None, None)) is None
    noise = noise_of(torch.ones(1, 4, 8, 8, dtype=torch.float64), host(torch.float16), count=1, size=(None, None))
    assert noise is not None and noise.dtype == torch.float16 and bool((noise == 1).all())
