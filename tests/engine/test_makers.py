"""Pictures of squares, whole ways through: by captions, and by classes."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.engine import Agreement, Candidate, ClassMaker, GroundingMaker, Rules
from gencontrol.engine.candidates import (
    DISAGREES,
    EMPTY_MASK,
    LARGE_MASK,
    NOTHING_GIVEN,
    OTHER_PART,
    SAME_MASK,
    SMALL_MASK,
    UNKNOWN_WORDS,
)
from gencontrol.engine.masks import box_grid, masked
from gencontrol.engine.rows import Part, Row
from gencontrol.engine.wording import PhraseWording, TemplateWording
from gencontrol.images.reading import read_image
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.proposals.opening import open_grounder
from gencontrol.proposals.segmenter import BoxSegmenter, Segmentation


def grounding(**changes: Any) -> GroundingMaker:
    usual: dict[str, Any] = {
        "grounder": None,
        "segmenter": GrabCutSegmenter(),
        "agreement": None,
        "wording": PhraseWording(),
        "rules": Rules(agreement=None),
    }
    return GroundingMaker(**usual | changes)


def made(maker: Any, row: Row, sets: Any) -> list[Candidate]:
    return list(maker.make(row, read_image(sets.picture()), (0, 0)))


def row_of_squares(sets: Any) -> Row:
    parts = tuple(Part(phrase=one["phrase"], box=tuple(one["box"])) for one in sets.boxes())
    return Row(name="0.png", caption="a cat and the dog", parts=parts)


def test_given_boxes_become_masks_and_texts(sets: Any, agreement: Agreement) -> None:
    found = made(grounding(agreement=agreement), row_of_squares(sets), sets)
    assert [(one.phrase, one.caption, one.rejected_because) for one in found] == [
        ("a cat", "a cat", ""),
        ("the dog", "the dog", ""),
    ]
    for one, (_, (x0, y0, x1, y1)) in zip(found, sets.SQUARES, strict=True):
        assert one.mask is not None and one.agreement is not None and one.area is not None
        inside = torch.zeros_like(one.mask)
        inside[y0:y1, x0:x1] = True
        assert int((one.mask & inside).sum()) / int((one.mask | inside).sum()) > 0.9
    assert [one.rejected_because for one in made(grounding(), Row(name="0.png"), sets)] == [NOTHING_GIVEN]
    # Without an encoder nothing is asked.
    assert all(one.agreement is None for one in made(grounding(), row_of_squares(sets), sets))


def test_a_real_grounder_and_the_contrast_of_its_phrases(sets: Any, agreement: Agreement, owl: Path) -> None:
    rules = Rules(score=0.0, agreement=None, contrast=True, least_area=0.0, most_area=1.0, overlap=1.0)
    maker = grounding(grounder=open_grounder(str(owl)), segmenter=BoxSegmenter(), agreement=agreement, rules=rules)
    found = made(maker, Row(name="0.png", caption="a cat and the dog"), sets)
    assert {one.phrase for one in found} == {"a cat", "the dog"}
    asked = [one for one in found if one.agreement is not None]
    assert asked and all((one.mask is None) == bool(one.rejected_because) for one in found)


def test_masks_of_the_data_set_or_of_the_segmenter(sets: Any) -> None:
    triangle = Part(phrase="cat", box=(4, 6, 20, 22), outline=[[4, 6, 20, 6, 20, 22]])
    row = Row(name="0.png", parts=(triangle,))
    (own,) = made(grounding(segmenter=BoxSegmenter()), row, sets)
    (boxed,) = made(grounding(segmenter=BoxSegmenter(), own_masks=False), row, sets)
    assert own.mask is not None and boxed.mask is not None
    assert int(boxed.mask.sum()) == 256 and abs(int(own.mask.sum()) - 128) < 12


def parts_of(found: list[Candidate]) -> list[Candidate]:
    """Without the lines that count what was dropped."""
    return [one for one in found if one.box is not None]


def by_class(agreement: Agreement, **changes: Any) -> ClassMaker:
    usual: dict[str, Any] = {
        "segmenter": BoxSegmenter(),
        "agreement": agreement,
        "templates": ("a {}",),
        "wording": TemplateWording(("a {}",)),
        "rules": Rules(agreement=None),
    }
    return ClassMaker(**usual | changes)


def test_the_part_that_agrees_best_with_its_class(sets: Any, agreement: Agreement) -> None:
    picture = read_image(sets.picture())
    grid = [Candidate(box=tuple(box)) for box in box_grid(picture.size).tolist()]
    parts = masked(BoxSegmenter(), picture, grid, Rules(agreement=None))
    own = agreement.text("cat", ("a {}",))
    assert isinstance(own, torch.Tensor)
    agreed = torch.cat([agreement.parts(picture, [one]) @ own for one in parts])
    best = int(agreed.argmax())
    found = parts_of(made(by_class(agreement), Row(name="cat/0.png", label="cat"), sets))
    assert [one.rejected_because for one in found] == ["", OTHER_PART] and found[0].caption == "a cat"
    assert found[0].agreement == pytest.approx(float(agreed[best]), abs=1e-5)
    mask = found[0].mask
    grid_mask = parts[best].mask
    assert mask is not None and grid_mask is not None and torch.equal(mask, grid_mask)
    x0, y0, x1, y1 = (int(side) for side in found[0].box or ())
    assert bool(mask[y0:y1, x0:x1].all()) and int(mask.sum()) == (x1 - x0) * (y1 - y0)


def test_several_parts_of_a_class_and_those_that_do_not_agree(sets: Any, agreement: Agreement) -> None:
    row = Row(name="cat/0.png", label="cat")
    few = parts_of(made(by_class(agreement, rules=Rules(agreement=None, each=3, overlap=0.3)), row, sets))
    assert [one.rejected_because for one in few] == ["", "", "", OTHER_PART]
    order = [one.agreement or 0.0 for one in few]
    assert order == sorted(order, reverse=True)
    for more, reason in ((1e-4, DISAGREES), (0.0, ""), (-1e-4, "")):
        strict = parts_of(made(by_class(agreement, rules=Rules(agreement=order[0] + more)), row, sets))
        assert [one.rejected_because for one in strict] == [reason, OTHER_PART]


def test_classes_that_cannot_be_read_and_pictures_without_masks(sets: Any, agreement: Agreement) -> None:
    (lost,) = made(by_class(agreement), Row(name="gnu/0.png", label="gnu"), sets)
    assert lost.rejected_because == UNKNOWN_WORDS and lost.phrase == "gnu"

    class Blind(BoxSegmenter):
        def segment(self, image: Any, boxes: torch.Tensor) -> Segmentation:
            return Segmentation(masks=torch.zeros(len(boxes), *image.size, dtype=torch.bool), scores=None)

    none, all_of_them = made(by_class(agreement, segmenter=Blind()), Row(name="cat/0.png", label="cat"), sets)
    assert none.rejected_because == all_of_them.rejected_because == EMPTY_MASK != SMALL_MASK
    assert all_of_them.detail == f"{len(box_grid((64, 64)))} masks of the grid"


def test_every_mask_of_the_grid_is_accounted_for(sets: Any, agreement: Agreement) -> None:
    rules = Rules(agreement=None, each=2, overlap=0.3, most_area=0.5)
    found = made(by_class(agreement, rules=rules), Row(name="cat/0.png", label="cat"), sets)
    few, counted = parts_of(found), found[len(parts_of(found)) :]
    assert [one.rejected_because for one in few] == ["", "", OTHER_PART]
    assert [one.rejected_because for one in counted] == [LARGE_MASK, SAME_MASK, OTHER_PART]
    numbers = [int(re.fullmatch(r"(\d+) masks? of the grid", one.detail)[1]) for one in counted]  # pyright: ignore[reportOptionalSubscript]
    # The largest boxes, nine tenths of each side, are over half of the picture.
    size = read_image(sets.picture()).size
    large = sum((x1 - x0) * (y1 - y0) > 0.5 * size[0] * size[1] for x0, y0, x1, y1 in box_grid(size).tolist())
    assert numbers[0] == large > 1 and sum(numbers) + len(few) == len(box_grid(size))
    assert all(one.phrase == "cat" and one.mask is None for one in counted)
    # Where nearly the same is only what is the very same, no mask is.
    apart = made(
        by_class(agreement, rules=Rules(agreement=None, each=2, overlap=1.0)), Row(name="0", label="cat"), sets
    )
    assert [one.rejected_because for one in apart if one.box is None] == [OTHER_PART]
    assert apart[-1].detail == f"{len(box_grid(size)) - 3} masks of the grid"


@pytest.fixture(scope="module")
def owl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small OWLv2."""
    from importlib.util import module_from_spec, spec_from_file_location

    path = Path(__file__).parents[1] / "proposals" / "_detectors.py"
    spec = spec_from_file_location("engine_owl", path)
    assert spec is not None and spec.loader is not None
    builders = module_from_spec(spec)
    spec.loader.exec_module(builders)
    return builders.save_owl(tmp_path_factory.mktemp("owls") / "owl")
