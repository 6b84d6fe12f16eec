"""transformers' detectors as grounders, against the models' own answers."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.proposals.detectors import LARGER, DinoGrounder, OwlGrounder, corners, phrase_scores
from gencontrol.proposals.opening import open_grounder

PHRASES = ["a red cat", "Table", "the blue dog"]


@pytest.fixture(scope="module", params=["dino", "mm"])
def dino(request: pytest.FixtureRequest, grounder_folder: Callable[[str], Path]) -> Any:
    return open_grounder(str(grounder_folder(request.param)))


@pytest.fixture(scope="module")
def owl(grounder_folder: Callable[[str], Path]) -> Any:
    return open_grounder(str(grounder_folder("owl")))


def test_boxes_by_hand() -> None:
    boxes = corners(torch.tensor([[0.5, 0.5, 1.0, 0.5], [0.25, 0.1, 0.1, 0.2]]), width=200, height=100)
    assert torch.allclose(boxes, torch.tensor([[0.0, 25, 200, 75], [40, 0, 60, 20]]), atol=1e-4)


def test_a_phrase_is_the_mean_of_its_tokens() -> None:
    logits = torch.tensor([[0.0, 20.0, -20.0, -torch.inf]])
    assert phrase_scores(logits, [(0, 1), (2,), (1, 2)])[0].tolist() == pytest.approx([0.75, 0.0, 0.5], abs=1e-6)


@torch.no_grad()
def test_dino_is_the_models_own_answer(dino: DinoGrounder, tiny: ModuleType) -> None:
    """Its own processor writes "a red cat. table. the blue dog." of the list, and scales boxes as we do."""
    from transformers import GroundingDinoProcessor

    picture = tiny.photo(60, 100)
    processor: Any = GroundingDinoProcessor(image_processor=dino.image_processor, tokenizer=dino.tokenizer)
    inputs = processor(images=picture, text=[[p.lower() for p in PHRASES]], return_tensors="pt")
    output = dino.model(**inputs)
    (theirs,) = processor.post_process_grounded_object_detection(
        output, inputs["input_ids"], threshold=0.0, text_threshold=0.0, target_sizes=[(60, 100)]
    )
    found = dino.ground(picture, PHRASES, threshold=0.0, most=1000)
    assert set(found.phrases) == set(PHRASES) and found.size == (60, 100)
    likely = output.logits[0].sigmoid()
    tokens = {"a red cat": [1, 2, 3], "Table": [5], "the blue dog": [7, 8, 9]}
    boxes = theirs["boxes"].clamp(min=0).minimum(torch.tensor([100, 60, 100, 60]))
    for box, score, phrase in zip(found.boxes, found.scores, found.phrases, strict=True):
        # Queries without weights of their own may share a box.
        same = (boxes - box).abs().amax(dim=1) < 1e-3
        assert (likely[same][:, tokens[phrase]].mean(dim=1) - score).abs().amin() < 1e-4


def test_dino_in_chunks(dino: DinoGrounder, tiny: ModuleType) -> None:
    """With room for a phrase or two, each caption's boxes are those that it gives by itself."""
    room, dino.model.config.max_text_len = dino.model.config.max_text_len, 9
    try:
        found = dino.ground(tiny.photo(60, 100), PHRASES, threshold=0.0, most=1000)
        first = dino.ground(tiny.photo(60, 100), PHRASES[:2], threshold=0.0, most=1000)
        last = dino.ground(tiny.photo(60, 100), PHRASES[2:], threshold=0.0, most=1000)
    finally:
        dino.model.config.max_text_len = room
    scores = torch.cat([first.scores, last.scores]).sort(descending=True).values
    assert torch.allclose(found.scores, scores, atol=1e-5)
    assert sorted(found.phrases) == sorted(first.phrases + last.phrases)


@torch.no_grad()
@pytest.mark.parametrize("size", [(60, 100), (100, 60)])
def test_owl_is_the_models_own_answer(owl: OwlGrounder, tiny: ModuleType, size: tuple[int, int]) -> None:
    from transformers import Owlv2Processor

    picture = tiny.photo(*size)
    processor: Any = Owlv2Processor(image_processor=owl.image_processor, tokenizer=owl.tokenizer)
    text = owl.tokenizer(PHRASES, padding="max_length", max_length=16, return_tensors="pt")
    pixels = owl.image_processor(images=picture, return_tensors="pt")["pixel_values"]
    output = owl.model(pixel_values=pixels, input_ids=text["input_ids"], attention_mask=text["attention_mask"])
    (theirs,) = processor.post_process_grounded_object_detection(output, threshold=0.0, target_sizes=[size])
    found = owl.ground(picture, PHRASES, threshold=0.0, most=1)
    best = int(theirs["scores"].argmax())
    assert found.scores[0].item() == pytest.approx(theirs["scores"][best].item(), abs=1e-5)
    assert found.phrases[0] == PHRASES[int(theirs["labels"][best])]
    height, width = size
    cut = theirs["boxes"][best].clamp(min=0).minimum(torch.tensor([width, height, width, height]))
    assert torch.allclose(found.boxes[0], cut, atol=1e-3)


def test_owl_reads_each_phrase_by_itself(owl: OwlGrounder, tiny: ModuleType) -> None:
    alone = owl.ground(tiny.photo(60, 100), PHRASES[1:2], threshold=0.0, most=1000)
    among = owl.ground(tiny.photo(60, 100), PHRASES, threshold=0.0, most=1000)
    mine = [score for score, name in zip(among.scores.tolist(), among.phrases, strict=True) if name == "Table"]
    assert mine == pytest.approx(alone.scores.tolist(), abs=1e-5)


def test_owl_refuses_what_it_would_cut(owl: OwlGrounder, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match=r"has 17 tokens, and OWLv2 reads 16"):
        owl.ground(tiny.photo(), ["cat", "red " * 14 + "cup"])
    owl.ground(tiny.photo(), ["red " * 13 + "cup"])


def test_owl_refuses_words_that_would_all_be_one_to_it(owl: OwlGrounder, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match=r"does not know every word of 'a red carp': 'carp'"):
        owl.ground(tiny.photo(), ["a cat", "a red carp"])
    with pytest.raises(InputError, match=r"The phrase 'red red .{49}\.\.\.' has"):
        owl.ground(tiny.photo(), ["red " * 999])


def test_a_large_picture_is_taken_down_before_owl_smooths_it(owl: OwlGrounder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    processor = owl.image_processor

    def watched(images: Image.Image, **how: Any) -> Any:
        seen.append(images.size)
        return processor(images=images, **how)

    monkeypatch.setattr(owl, "image_processor", watched)
    side = LARGER * owl.model.config.vision_config.image_size
    picture = Image.linear_gradient("L").convert("RGB").resize((2 * side, side // 2))
    large = owl.ground(picture, ["a cat"], threshold=0.0, most=3)
    small = owl.ground(picture.resize((side, side // 4), Image.Resampling.BILINEAR), ["a cat"], threshold=0.0, most=3)
    assert seen == [(side, side // 4)] * 2 and large.size == (side // 2, 2 * side)
    # Of the picture's own size, not of what was looked at.
    assert torch.allclose(large.boxes, small.boxes * 2, atol=0.1) and torch.equal(large.scores, small.scores)


def test_alpha_plays_no_part(owl: OwlGrounder, dino: DinoGrounder, tiny: ModuleType) -> None:
    plain, seen_through = tiny.photo(), tiny.photo()
    seen_through.putalpha(Image.linear_gradient("L").resize(plain.size))
    for grounder in (owl, dino):
        one, other = (grounder.ground(p, ["cat"], threshold=0.0) for p in (plain, seen_through))
        assert torch.equal(one.boxes, other.boxes) and torch.equal(one.scores, other.scores)


def test_default_thresholds(owl: OwlGrounder, dino: DinoGrounder, tiny: ModuleType) -> None:
    for grounder, least in ((owl, 0.1), (dino, 0.25)):
        every = grounder.ground(tiny.photo(), PHRASES, threshold=0.0, most=1000)
        kept = grounder.ground(tiny.photo(), PHRASES, most=1000)
        assert len(kept.scores) == int((every.scores >= least).sum())
