"""Sums of looks: what is added, what it costs, and what it says of itself."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import AlphaFocus, BlurFocus, CropFocus, SumFocus, ZoomFocus
from gencontrol.focus.looks import added, encodes, looks_of

LOOKS = (ZoomFocus(), CropFocus(margin=0.3))


def test_embeddings_of_unit_length_are_added(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    first, second = (look.embed(trained, rgb, alpha) for look in LOOKS)
    total = functional.normalize(first, dim=-1) + functional.normalize(second, dim=-1)
    found = SumFocus(looks=LOOKS).embed(trained, rgb, alpha)
    torch.testing.assert_close(functional.cosine_similarity(found, total), torch.ones(2))
    torch.testing.assert_close(found.norm(dim=-1), (first.norm(dim=-1) + second.norm(dim=-1)) / 2)


def test_a_long_look_counts_no_more_than_a_short_one() -> None:
    torch.testing.assert_close(
        added([torch.tensor([[30.0, 0.0]]), torch.tensor([[0.0, 1.0]])]), torch.full((1, 2), 15.5 / 2**0.5)
    )
    assert added([torch.ones(1, 2, dtype=torch.bfloat16)] * 2).dtype == torch.bfloat16


def test_looks_and_what_they_cost() -> None:
    inner = SumFocus(looks=LOOKS)
    assert looks_of(AlphaFocus()) == (AlphaFocus(),) and encodes(AlphaFocus()) == 1
    assert looks_of(SumFocus(looks=(AlphaFocus(), inner))) == (AlphaFocus(), *LOOKS)
    assert encodes(inner) == 2


def test_bytes_are_for_sums_whose_looks_all_take_them() -> None:
    assert SumFocus(looks=LOOKS).takes_bytes
    assert not SumFocus(looks=(ZoomFocus(), BlurFocus())).takes_bytes


def test_a_sum_has_no_single_view(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    with pytest.raises(InputError, match=r"The focus zoom\+crop is several views"):
        SumFocus(looks=LOOKS).view(trained.processor, rgb, alpha)


def test_what_is_no_sum() -> None:
    with pytest.raises(ConfigError, match="at least two to add, got 1"):
        SumFocus(looks=(ZoomFocus(),))
    with pytest.raises(ConfigError, match="'zoom' is named twice with the same settings"):
        SumFocus(looks=(ZoomFocus(), CropFocus(), ZoomFocus(margin=0.25)))
    assert len(SumFocus(looks=(ZoomFocus(), ZoomFocus(closeness=0.5))).looks) == 2
