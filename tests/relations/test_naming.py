"""Names beside their rivals, at the encoder's temperature."""

from types import ModuleType

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError
from gencontrol.relations.naming import log_names, readable, scale_of, with_article
from gencontrol.relations.vocabulary import OTHER_THINGS


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


def test_articles() -> None:
    assert [with_article(name) for name in ("cup", "apple", "Owl")] == ["a cup", "an apple", "an Owl"]


def test_only_words_that_the_tokenizer_knows(encoder: AlphaCLIP) -> None:
    assert readable(encoder, ("cat", "trophy", "apple", "red zebra")) == ("cat", "apple")
    assert readable(AlphaCLIP(encoder.vision, processor=encoder.processor), ("trophy",)) == ("trophy",)


def test_a_name_against_all_that_share_no_word_with_it(encoder: AlphaCLIP) -> None:
    regions = torch.randn(3, encoder.embed_dim, generator=torch.Generator().manual_seed(0))
    found = log_names(encoder, regions, ("red cup", "thing", "crown", "cup"))
    others = [n for n in readable(encoder, OTHER_THINGS) if n != "cup"]
    units = regions / regions.norm(dim=-1, keepdim=True)

    def share(name: str, rivals: list[str]) -> torch.Tensor:
        texts = encoder.encode_text([with_article(n) for n in (name, *rivals)], normalize=True)
        return (scale_of(encoder) * units @ texts.T).log_softmax(dim=-1)[:, 0]

    assert len(others) > 5
    assert_close(found[:, 0], share("red cup", ["crown", *others]))
    assert_close(found[:, 2], share("crown", ["red cup", "cup", *others]))
    assert_close(found[:, 3], share("cup", ["crown", *others]))
    assert not found[:, 1].any()
    assert not log_names(encoder, regions, ("thing",)).any()
    with pytest.raises(InputError, match="'zebra'"):
        log_names(encoder, regions, ("zebra",))


def test_without_a_temperature_it_is_that_of_clip(encoder: AlphaCLIP) -> None:
    assert scale_of(encoder) == pytest.approx(float(encoder.logit_scale.exp()))  # pyright: ignore[reportOptionalMemberAccess]
    assert scale_of(AlphaCLIP(encoder.vision, processor=encoder.processor)) == 100.0
