"""Boxes drawn on a picture."""

import torch

from gencontrol.proposals.grounder import Grounding
from gencontrol.proposals.preview import draw_grounding, phrase_colours


def _grounding(boxes: list[list[float]], phrases: tuple[str, ...]) -> Grounding:
    scores = torch.linspace(0.9, 0.5, len(boxes))
    return Grounding(boxes=torch.tensor(boxes).reshape(-1, 4), scores=scores, phrases=phrases, size=(120, 160))


def test_each_phrase_has_its_colour() -> None:
    colours = phrase_colours(8)
    assert len(set(colours)) == 8 and all(max(c) - min(c) > 150 for c in colours)
    nearest = min(sum(abs(a - b) for a, b in zip(x, y, strict=True)) for x in colours for y in colours if x != y)
    assert nearest > 60


def test_a_box_is_drawn_within_its_edges() -> None:
    picture = torch.zeros(3, 120, 160)
    image = draw_grounding(picture, _grounding([[40.0, 60, 90, 100]], ("cat",)))
    assert image.size == (160, 120) and image.mode == "RGB"
    colour = phrase_colours(1)[0]
    for place in ((40, 60), (89, 60), (40, 99), (89, 99), (60, 60), (40, 80)):
        assert image.getpixel(place) == colour, place
    for place in ((39, 80), (90, 80), (60, 100), (60, 80)):
        assert image.getpixel(place) == (0, 0, 0), place
    # The label stands above.
    assert image.crop((40, 45, 90, 59)).getbbox()


def test_a_label_at_the_upper_edge_goes_inside() -> None:
    image = draw_grounding(torch.zeros(3, 120, 160), _grounding([[40.0, 0, 150, 100]], ("cat",)))
    # Letters are white with soft edges.
    assert any(
        min(pixel) > 180 for _, pixel in image.crop((42, 2, 90, 14)).getcolors() or [] if isinstance(pixel, tuple)
    )


def test_the_best_lies_on_top_and_nothing_changes_without_boxes() -> None:
    box = [40.0, 60, 90, 100]
    image = draw_grounding(torch.zeros(3, 120, 160), _grounding([box, box], ("cat", "dog")))
    assert image.getpixel((89, 99)) == phrase_colours(2)[0]
    assert draw_grounding(torch.zeros(3, 120, 160), _grounding([], ())).getbbox() is None
