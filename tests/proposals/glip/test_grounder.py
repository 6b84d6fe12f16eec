"""GLIP as a grounder: captions in chunks, and boxes back in the picture's pixels."""

from types import ModuleType

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.reading import read_image
from gencontrol.proposals.glip.boxes import detect
from gencontrol.proposals.glip.grounder import GlipGrounder
from gencontrol.proposals.glip.pixels import glip_pixels


@pytest.fixture(scope="module")
def grounder(detectors: ModuleType) -> GlipGrounder:
    return GlipGrounder(detectors.glip(), detectors.bert_tokenizer())


def test_boxes_come_back_in_the_pictures_pixels(grounder: GlipGrounder, tiny: ModuleType) -> None:
    picture = tiny.photo(60, 100)
    found = grounder.ground(picture, ["a red cat", "cup"], threshold=0.0, most=5)
    pixels, scaled = glip_pixels(read_image(picture), grounder.model.config)
    assert scaled == (96, 160)
    ids = torch.tensor([[101, 209, 200, 203, 1012, 207, 102]])
    with torch.no_grad():
        raw = detect(grounder.model(pixels, ids, torch.ones_like(ids)), 0, [(1, 2, 3), (5,)], scaled, most=5)
    wanted = (raw.boxes + torch.tensor([0, 0, 1, 1])) / 1.6
    assert torch.allclose(found.boxes, wanted, atol=1e-3) and torch.allclose(found.scores, raw.scores, atol=1e-5)
    assert found.phrases == tuple(("a red cat", "cup")[number] for number in raw.phrases.tolist())
    assert found.size == (60, 100)


def test_more_phrases_than_a_caption_holds(grounder: GlipGrounder, detectors: ModuleType, tiny: ModuleType) -> None:
    """One phrase a caption gives what each phrase gives alone; with fusion, neighbours in a caption change it."""
    phrases = ["a red cat", "cup", "the blue dog"]
    single = GlipGrounder(grounder.model, grounder.tokenizer, phrases_per_caption=1)
    found = single.ground(tiny.photo(60, 100), phrases, threshold=0.0, most=300)
    alone = [grounder.ground(tiny.photo(60, 100), [phrase], threshold=0.0, most=300) for phrase in phrases]
    best = torch.cat([one.scores for one in alone]).sort(descending=True).values[:300]
    assert torch.allclose(found.scores, best, atol=1e-5)
    for phrase, one in zip(phrases, alone, strict=True):
        mine = [box for box, name in zip(found.boxes, found.phrases, strict=True) if name == phrase]
        assert torch.allclose(torch.stack(mine), one.boxes[: len(mine)], atol=1e-3)
    together = grounder.ground(tiny.photo(60, 100), phrases, threshold=0.0, most=300)
    assert not torch.allclose(found.scores[:10], together.scores[:10], atol=1e-4)


def test_a_long_list(grounder: GlipGrounder, tiny: ModuleType) -> None:
    phrases = [
        f"{colour} {thing}"
        for colour in ("red", "blue", "green")
        for thing in ("cat", "dog", "cup", "table", "note", "hat")
    ]
    found = grounder.ground(tiny.photo(60, 100), phrases, threshold=0.0, most=1000)
    assert set(found.phrases) == set(phrases)


def test_threshold_and_number(grounder: GlipGrounder, tiny: ModuleType) -> None:
    every = grounder.ground(tiny.photo(), ["cat"], threshold=0.0)
    assert 10 < len(every.boxes) <= 100 and every.scores.tolist() == sorted(every.scores.tolist(), reverse=True)
    least = every.scores[4].item()
    assert len(grounder.ground(tiny.photo(), ["cat"], threshold=least).boxes) == 5
    assert len(grounder.ground(tiny.photo(), ["cat"], threshold=0.0, most=3).boxes) == 3
    default = grounder.ground(tiny.photo(), ["cat"])
    assert len(default.boxes) == int((every.scores >= 0.5).sum())


def test_what_cannot_be_looked_for(grounder: GlipGrounder, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="at least one phrase"):
        grounder.ground(tiny.photo(), [])
    with pytest.raises(InputError, match=r"has 31 tokens, and a caption holds 22"):
        grounder.ground(tiny.photo(), ["cat", "red " * 29 + "cup"])
    with pytest.raises(ConfigError, match="`threshold`"):
        grounder.ground(tiny.photo(), ["cat"], threshold=1.5)
