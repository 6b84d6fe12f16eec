"""What agrees: cosines by hand beside those of the encoder, and which of them stay."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.engine import Agreement, Candidate, Rules
from gencontrol.engine.agreement import _best, _judged
from gencontrol.engine.candidates import DISAGREES, NOT_FOUND, OTHER_PHRASE, UNKNOWN_WORDS
from gencontrol.focus import focus_strategy
from gencontrol.images.reading import read_image


def test_cosines_of_cut_parts_and_their_phrases(agreement: Agreement, encoder: AlphaCLIP, sets: Any, mask: Any) -> None:
    picture = read_image(sets.picture())
    parts = [Candidate(phrase="a cat", mask=mask(4, 6, 20, 22)), Candidate(phrase="dog", mask=mask(26, 20, 44, 36))]
    gone = Candidate(phrase="gnu").rejected(NOT_FOUND)
    found = agreement.judged(picture, [parts[0], gone, parts[1]], Rules(agreement=None))
    assert found[1] is gone and [one.rejected_because for one in found] == ["", NOT_FOUND, ""]
    with torch.no_grad():
        for one in (found[0], found[2]):
            assert one.mask is not None and one.agreement is not None
            own = focus_strategy("crop").embed(encoder, picture.rgb[None], one.mask[None].float())
            cosine = functional.cosine_similarity(own, encoder.encode_text([one.phrase]))
            assert one.agreement == pytest.approx(float(cosine), abs=1e-5)


def test_what_does_not_agree_is_dropped(agreement: Agreement, sets: Any, mask: Any) -> None:
    picture, one = read_image(sets.picture()), Candidate(phrase="a cat", mask=mask(4, 6, 20, 22))
    (told,) = agreement.judged(picture, [one], Rules(agreement=None))
    assert told.agreement is not None
    (kept,) = agreement.judged(picture, [one], Rules(agreement=told.agreement))
    assert not kept.rejected_because and kept.mask is not None
    (lost,) = agreement.judged(picture, [one], Rules(agreement=told.agreement + 1e-4))
    assert lost.rejected_because == DISAGREES and lost.agreement == told.agreement and lost.mask is None


def test_a_part_that_is_rather_another_thing_is_dropped(agreement: Agreement, sets: Any, mask: Any) -> None:
    picture, plane = read_image(sets.picture()), mask(4, 6, 20, 22)
    names = ["cat", "dog", "red house"]
    agreed = {
        name: agreement.judged(picture, [Candidate(phrase=name, mask=plane)], Rules(agreement=None))[0].agreement or 0.0
        for name in names
    }
    best, *_, worst = sorted(names, key=lambda name: -agreed[name])
    both = [Candidate(phrase=best, mask=plane), Candidate(phrase=worst, mask=plane)]
    rules: dict[str, Any] = {"agreement": None, "contrast": True}
    found = agreement.judged(picture, both, Rules(**rules), others=[*names, "gnu"])
    assert [one.rejected_because for one in found] == ["", OTHER_PHRASE]
    assert found[1].detail == f"{best}: {agreed[best]:.4f}"
    # Without others, and without being asked to, all stay.
    assert not any(one.rejected_because for one in agreement.judged(picture, both, Rules(**rules)))
    assert not any(one.rejected_because for one in agreement.judged(picture, both, Rules(agreement=None), others=names))


def test_words_that_the_encoder_does_not_know(agreement: Agreement, sets: Any, mask: Any) -> None:
    one = Candidate(phrase="a gnu", mask=mask(4, 6, 20, 22))
    (lost,) = agreement.judged(read_image(sets.picture()), [one], Rules())
    assert lost.rejected_because == UNKNOWN_WORDS and "gnu" in lost.detail and lost.agreement is None


def test_texts_are_read_once_each_by_itself(agreement: Agreement, encoder: AlphaCLIP) -> None:
    first = agreement.text("cat")
    assert agreement.text("cat") is first and isinstance(first, torch.Tensor)
    with torch.no_grad():
        alone = functional.normalize(encoder.encode_text(["cat"])[0].float(), dim=-1)
    assert torch.equal(first, alone)
    mean = agreement.text("cat", ("{}", "a {}"))
    with torch.no_grad():
        both = functional.normalize(encoder.encode_text(["cat", "a cat"]).float(), dim=-1).mean(dim=0)
    torch.testing.assert_close(mean, functional.normalize(both, dim=-1))
    # However many there are, few are remembered.
    assert isinstance(agreement.text("gnu"), str)
    for number in range(5000):
        agreement._texts[(str(number),)] = ""
        if len(agreement._texts) > 4096:
            break
    size = len(agreement._texts)
    agreement.text("dog")
    assert len(agreement._texts) == size


def test_of_two_phrases_that_agree_alike_its_own_stays() -> None:
    one, rules = Candidate(phrase="cat", agreement=0.5), Rules(agreement=0.5, contrast=True)
    assert _judged(one, rules, ("dog", 0.5)) is one and _judged(one, rules, None) is one
    assert _judged(one, rules, ("dog", 0.51)).rejected_because == OTHER_PHRASE
    embed = torch.tensor([1.0, 0.0])
    known = {"Cat": embed, "dog": torch.tensor([0.6, 0.8]), "gnu": torch.tensor([0.0, 1.0])}
    best = _best(embed, known, "cat")
    # However it is written, its own phrase is no other.
    assert best is not None and best[0] == "dog" and best[1] == pytest.approx(0.6)
    assert _best(embed, {"CAT": embed}, "cat") is None
