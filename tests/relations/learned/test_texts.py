"""The texts that regions are compared with."""

from types import ModuleType

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.relations.learned.inputs import PROBES
from gencontrol.relations.learned.texts import relation_texts
from gencontrol.relations.naming import readable, with_article
from gencontrol.relations.vocabulary import OTHER_THINGS


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


def test_names_and_probes_that_the_encoder_reads(encoder: AlphaCLIP) -> None:
    found = relation_texts(encoder)
    assert found is not None
    names = readable(encoder, OTHER_THINGS)
    assert_close(found.names, encoder.encode_text([with_article(name) for name in names]), atol=1e-5, rtol=0)
    known = readable(encoder, PROBES)
    for place, name in enumerate(PROBES):
        if name in known:
            assert_close(found.probes[place], encoder.encode_text([with_article(name)])[0], atol=1e-5, rtol=0)
        else:
            assert bool(torch.isnan(found.probes[place]).all())


def test_an_encoder_without_texts(encoder: AlphaCLIP) -> None:
    assert relation_texts(AlphaCLIP(encoder.vision, processor=encoder.processor)) is None
