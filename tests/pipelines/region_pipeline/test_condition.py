"""Embeddings become the tensor that a denoiser reads."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError
from gencontrol.pipelines.region_pipeline.condition import Conditioning, given_rows, split_rows, with_negatives

CPU = torch.device("cpu")


def entry(value: float, *, negative: float | None = None, whole: float | None = None) -> RegionEmbeds:
    def row(number: float | None) -> Tensor | None:
        return None if number is None else torch.tensor([[number]])

    return RegionEmbeds(
        image_embeds=torch.tensor([[value]]), negative_image_embeds=row(negative), whole_image_embeds=row(whole)
    )


def plus_ten(embeds: Tensor) -> Tensor:
    """A host that takes embeddings in with an offset, so that zeros before and after differ."""
    return embeds + 10


def make(conditioning: Conditioning, *, count: int, guided: bool = True, dtype: torch.dtype = torch.float32) -> Tensor:
    return conditioning.make(plus_ten, count=count, guided=guided, device=CPU, dtype=dtype)


def test_negative_half_first_and_outputs_of_one_picture_together() -> None:
    conditioning = Conditioning([entry(1.0, negative=5.0), entry(2.0)], StrengthSchedule())
    made = make(conditioning, count=4)
    # Where there is no negative region: zeros where the embedding enters, not the embedding zero.
    assert_close(made[:, 0], torch.tensor([15.0, 15.0, 0.0, 0.0, 11.0, 11.0, 12.0, 12.0]))
    assert conditioning.condition().tensor is made


def test_without_guidance_there_is_one_half() -> None:
    conditioning = Conditioning([entry(1.0, negative=5.0)], StrengthSchedule())
    assert_close(make(conditioning, count=2, guided=False)[:, 0], torch.tensor([11.0, 11.0]))
    condition = conditioning.condition()
    assert condition.negative is None and condition.positive is condition.tensor


def test_halves_are_views() -> None:
    conditioning = Conditioning([entry(1.0)], StrengthSchedule())
    made = make(conditioning, count=1)
    conditioning.condition().positive.fill_(3.0)
    negative = conditioning.condition().negative
    assert negative is not None
    negative.fill_(4.0)
    assert_close(made[:, 0], torch.tensor([4.0, 3.0]))


def test_strength_moves_the_embedding_before_it_enters() -> None:
    conditioning = Conditioning([entry(1.0, whole=3.0)], StrengthSchedule(start=2.0, end=0.0))
    made = make(conditioning, count=1, guided=False)
    # whole + 2 (region - whole) = -1 at the first step.
    assert_close(made[:, 0], torch.tensor([9.0]))
    assert_close(conditioning.condition().at_strength(0.0)[:, 0], torch.tensor([13.0]))


def test_dtype_of_the_denoiser() -> None:
    assert make(Conditioning([entry(1.0)], StrengthSchedule()), count=1, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_rows_and_negatives() -> None:
    entries = split_rows(torch.tensor([[1.0], [2.0]]), torch.tensor([[7.0]]))
    assert [float(e.image_embeds) for e in entries] == [1.0, 2.0]
    assert [float(e.negative_image_embeds) for e in entries if e.negative_image_embeds is not None] == [7.0, 7.0]
    assert with_negatives([entry(1.0)], None)[0].negative_image_embeds is None


@pytest.mark.parametrize("shape", [(3, 1), (1, 2), (2,)])
def test_negatives_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected the shape \(2, 1\) or \(1, 1\), got"):
        with_negatives([entry(1.0), entry(2.0)], torch.zeros(shape))
    with pytest.raises(InputError, match=r"expected the shape \(3, 1\) or \(1, 1\), got \(2, 1\)"):
        with_negatives([entry(1.0)] * 3, torch.zeros(2, 1))


def test_two_negatives_for_one_picture() -> None:
    with pytest.raises(InputError, match="either negative_mask_image or negative_image_embeds"):
        with_negatives([entry(1.0, negative=2.0)], torch.zeros(1, 1))


def test_embeddings_of_no_picture() -> None:
    with pytest.raises(InputError, match=r"image_embeds: expected floats of shape \(b, d\), got \(0, 4\)"):
        given_rows(torch.zeros(0, 4), width=4)
