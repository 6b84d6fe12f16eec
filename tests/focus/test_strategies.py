"""What all strategies have in common: the whole image gives the plain answer, batches do not mix, shapes and errors."""

from typing import ClassVar

import pytest
import torch
from accelerate import cpu_offload
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import InputError
from gencontrol.focus import FOCUS, focus_strategy
from gencontrol.focus.strategy import ByView, colours_for
from gencontrol.images.picture import Picture

NAMES = sorted(FOCUS)
FROM_PATCHES = {"masked-pooling", "mask-inversion"}
"""Strategies that read more of the tower than what it is given and what comes out."""
NEUTRAL = sorted(set(FOCUS) - {"circle", *FROM_PATCHES})


@pytest.mark.parametrize("name", NEUTRAL)
def test_the_whole_image_gives_the_plain_answer(name: str, viewed: AlphaCLIP, rgb: Tensor) -> None:
    whole = torch.ones_like(rgb[:, 0])
    embeds = focus_strategy(name).embed(viewed, rgb, whole)
    assert torch.equal(embeds, viewed.encode_image(rgb))


def test_the_circle_changes_the_picture_even_then(plain: AlphaCLIP, rgb: Tensor) -> None:
    embeds = focus_strategy("circle").embed(plain, rgb, torch.ones_like(rgb[:, 0]))
    assert not torch.allclose(embeds, plain.encode_image(rgb), atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_part_gives_another_answer(name: str, viewed: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    embeds = focus_strategy(name).embed(viewed, rgb, alpha)
    assert embeds.shape == (2, viewed.embed_dim)
    assert torch.allclose(embeds, viewed.encode_image(rgb), atol=1e-3) == (name == "alpha")


@pytest.mark.parametrize("name", sorted(set(FOCUS) - {"attention", *FROM_PATCHES}))
def test_the_encoder_is_given_the_view(name: str, trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    strategy = focus_strategy(name)
    view = strategy.view(trained.processor, rgb, alpha)
    assert torch.equal(strategy.embed(trained, rgb, alpha), trained.encode_pixels(view))


@pytest.mark.parametrize("name", NAMES)
def test_pictures_of_a_batch_do_not_mix(name: str, trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    strategy = focus_strategy(name)
    alone = torch.cat([strategy.embed(trained, rgb[i : i + 1], alpha[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(strategy.embed(trained, rgb, alpha), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", sorted({"blank", "blur", "crop"}))
def test_what_is_far_outside_does_not_matter(name: str, plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    settings = {"blur": {"sigma": 0.02}}.get(name, {})
    strategy = focus_strategy(name, **settings)
    changed = rgb.clone()
    changed[..., :, :20] = 1 - changed[..., :, :20]
    difference = (strategy.embed(plain, changed, alpha) - strategy.embed(plain, rgb, alpha)).abs().amax()
    unfocused = (plain.encode_image(changed) - plain.encode_image(rgb)).abs().amax()
    assert difference > 1e-4 * unfocused if name == "blur" else difference == 0


@pytest.mark.parametrize("name", sorted(set(FOCUS) - {"crop", "circle", "mask-inversion"}))
def test_gradients_reach_picture_and_map(name: str, trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    colours, part = rgb.clone().requires_grad_(), (0.2 + 0.6 * alpha).requires_grad_()
    embeds = focus_strategy(name).embed(trained, colours, part)
    for gradient in torch.autograd.grad(embeds.square().sum(), (colours, part)):
        assert gradient.isfinite().all() and gradient.abs().amax() > 0


@pytest.mark.parametrize("name", ["crop", "circle"])
def test_gradients_reach_the_picture(name: str, plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    colours = rgb.clone().requires_grad_()
    embeds = focus_strategy(name).embed(plain, colours, alpha)
    (gradient,) = torch.autograd.grad(embeds.square().sum(), colours)
    assert gradient.isfinite().all() and (gradient * alpha[:, None]).abs().amax() > 0


@pytest.mark.parametrize("name", ["crop", "circle", *sorted(FROM_PATCHES)])
def test_an_empty_map_has_no_place(name: str, plain: AlphaCLIP, rgb: Tensor) -> None:
    with pytest.raises(InputError, match="region is empty: no pixel is marked"):
        focus_strategy(name).embed(plain, rgb, torch.zeros_like(rgb[:, 0]))


def test_half_precision(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    half = AlphaCLIP.from_clip(trained.vision, dtype=torch.bfloat16)
    for name in NAMES:
        strategy = focus_strategy(name)
        embeds = strategy.embed(half, rgb, alpha)
        assert embeds.dtype == torch.bfloat16
        assert torch.cosine_similarity(embeds.float(), strategy.embed(trained, rgb, alpha)).amin() > 0.99


@torch.no_grad()
def test_an_encoder_whose_weights_are_elsewhere(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    """As under `enable_sequential_cpu_offload`: between calls the weights are on no device."""
    offloaded = AlphaCLIP.from_clip(trained.vision)
    cpu_offload(offloaded.vision, torch.device("cpu"))
    assert offloaded.device.type == "meta"
    for name in NAMES:
        strategy = focus_strategy(name)
        assert torch.equal(strategy.embed(offloaded, rgb, alpha), strategy.embed(trained, rgb, alpha))


@pytest.mark.parametrize("name", NAMES)
def test_stored_bytes_give_the_answer_of_floats(name: str, trained: AlphaCLIP, alpha: Tensor) -> None:
    levels = torch.randint(0, 256, (3, *alpha.shape[1:]), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    picture, strategy = Picture(rgb=levels), focus_strategy(name)
    colours = colours_for(strategy, picture)
    # What paints over a picture works on floats; what takes its planes as they are does not need them.
    assert (colours.dtype == torch.uint8) == (name not in ("blank", "blur", "circle"))
    expected = strategy.embed(trained, picture.rgb[None], alpha[:1])
    torch.testing.assert_close(strategy.embed(trained, colours, alpha[:1]), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("settings", [{"outside": "blank"}, {"outside": "blur"}, {"closeness": 0.0}])
def test_a_zoom_that_paints_takes_bytes_too(settings: dict, trained: AlphaCLIP, alpha: Tensor) -> None:
    generator = torch.Generator().manual_seed(3)
    levels = torch.randint(0, 256, (1, 3, *alpha.shape[1:]), dtype=torch.uint8, generator=generator)
    for strategy in (focus_strategy("zoom", **settings), focus_strategy("crop", masked=False)):
        view = strategy.view(trained.processor, levels, alpha[:1])
        expected = strategy.view(trained.processor, levels.float() / 255, alpha[:1])
        torch.testing.assert_close(view, expected, atol=1e-5, rtol=1e-5)


class OwnFocus(ByView):
    """A strategy of somebody else's, who knows of no bytes."""

    name: ClassVar[str] = "own"

    def view(self, processor: AlphaCLIPProcessor, rgb: Tensor, alpha: Tensor) -> Tensor:
        return processor(rgb, alpha)


def test_a_strategy_of_ones_own_gets_floats() -> None:
    picture = Picture(rgb=torch.full((3, 2, 2), 255, dtype=torch.uint8))
    assert torch.equal(colours_for(OwnFocus(), picture), torch.ones(1, 3, 2, 2))
