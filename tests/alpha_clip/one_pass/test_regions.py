import warnings
from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.one_pass.regions import ApproximateWarning, encode_fitted, untrained, warn_approximate
from gencontrol.errors import InputError, PairingError
from gencontrol.regions.geometry import Geometry


@pytest.fixture
def trained(encoder: AlphaCLIP, changed: OnePass) -> AlphaCLIP:
    encoder.one_pass = changed
    return encoder


def test_a_pass_for_each_unless_it_was_trained(encoder: AlphaCLIP, rgb: Tensor, alphas: Tensor) -> None:
    each = encoder.encode_image(rgb[0], alphas[0])
    assert_close(encoder.encode_regions(rgb[0], alphas[0]), each)
    assert_close(encoder.encode_regions(rgb, alphas), encoder.encode_image(rgb, alphas))
    with pytest.warns(ApproximateWarning, match="approximate: this encoder was not trained for several in one pass"):
        found = encoder.encode_regions(rgb[0], alphas[0], approximate=True)
    assert found.shape == each.shape and (found - each).abs().max() > 1e-3


def test_one_pass_where_it_was_trained(trained: AlphaCLIP, rgb: Tensor, alphas: Tensor) -> None:
    with warnings.catch_warnings(action="error"):
        found = trained.encode_regions(rgb, alphas)
    assert_close(found, encode_fitted(trained, rgb, alphas).flatten(0, 1), atol=1e-5, rtol=0)
    assert_close(trained.encode_regions(rgb, alphas, approximate=False), trained.encode_image(rgb, alphas))
    lengths = trained.encode_regions(rgb, alphas, normalize=True).norm(dim=-1)
    assert_close(lengths, torch.ones(6))


def test_a_single_region_is_the_towers_own(trained: AlphaCLIP, rgb: Tensor, alphas: Tensor) -> None:
    assert torch.equal(trained.encode_regions(rgb[0], alphas[0, :1]), trained.encode_image(rgb[0], alphas[0, :1]))


def test_pictures_of_any_size(trained: AlphaCLIP, tiny: ModuleType) -> None:
    left = tiny.half_mask(60, 96)
    found = trained.encode_regions(tiny.photo(60, 96), torch.stack([left, 1 - left]))
    assert found.shape == (2, trained.embed_dim) and (found[0] - found[1]).abs().max() > 1e-3
    squashed = trained.with_geometry(Geometry(size=64, fit="squash"))
    assert squashed.one_pass is trained.one_pass
    other = squashed.encode_regions(tiny.photo(60, 96), torch.stack([left, 1 - left]))
    assert (found - other).abs().max() > 1e-3


def test_what_cannot_be_used(encoder: AlphaCLIP, changed: OnePass, rgb: Tensor, alphas: Tensor) -> None:
    with pytest.raises(InputError, match="expected a map for each region, got None"):
        encoder.encode_regions(rgb[0], None)
    with pytest.raises(InputError, match="not trained for several regions in one pass: train it"):
        encode_fitted(encoder, rgb, alphas)
    assert encode_fitted(encoder, rgb, alphas, approximate=True).shape == (2, 3, encoder.embed_dim)
    with pytest.raises(InputError, match="The alpha map is 32 x 64 but the image is 64 x 64"):
        encoder.encode_regions(rgb[0], alphas[0, :, :, :32])
    changed.start = torch.nn.Parameter(torch.full_like(changed.start, torch.nan))
    encoder.one_pass = changed
    with pytest.raises(InputError, match="What the encoder made of the picture"):
        encoder.encode_regions(rgb[0], alphas[0])


def test_weights_of_another_tower(encoder: AlphaCLIP, small_config, changed: OnePass) -> None:
    other = OnePass(small_config)
    with pytest.raises(PairingError, match=r"is of a tower of 3 blocks.*the vision tower has 2"):
        AlphaCLIP(encoder.vision, processor=encoder.processor, one_pass=other)
    assert AlphaCLIP(encoder.vision, processor=encoder.processor, one_pass=changed).one_pass is changed


def test_untrained_weights_draw_nothing_from_the_callers_stream(encoder: AlphaCLIP) -> None:
    state = torch.random.get_rng_state()
    assert untrained(encoder.vision).config.rank == 1
    assert torch.equal(torch.random.get_rng_state(), state)
    with pytest.warns(ApproximateWarning, match="gencontrol train one-pass"):
        warn_approximate()
