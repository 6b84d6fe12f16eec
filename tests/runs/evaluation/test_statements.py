"""Statements judged: regions of files and of a grounder, windows, and captions taken apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.focus import focus_strategy
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.proposals.grounder import Grounding
from gencontrol.relations.learned.module import ModuleConfig, RelationModule
from gencontrol.runs.evaluation.found_regions import Finder, finder_of, is_called
from gencontrol.runs.evaluation.settings import EvaluationSettings
from gencontrol.runs.evaluation.statement_scores import MODULE, ONE_TEXT, RULES
from gencontrol.runs.evaluation.statements import judged, shown
from gencontrol.tasks.protocols.given_regions import Given, GivenRegions
from gencontrol.tasks.protocols.statements import Statement

LEFT, RIGHT = (4.0, 20.0, 20.0, 40.0), (40.0, 22.0, 60.0, 42.0)


class FixedGrounder:
    """Finds a cat on the left and a dog on the right."""

    asked: Sequence[str] = ()

    def ground(self, image: Any, phrases: Sequence[str], *, threshold: float | None = None, most: int = 100):
        self.asked = list(phrases)
        return Grounding(
            boxes=torch.tensor([LEFT, RIGHT]),
            scores=torch.tensor([0.9, 0.8]),
            phrases=("cat", "dog"),
            size=read_image(image).size,
        )


@pytest.fixture
def encoder(tiny_folder: Path) -> AlphaCLIP:
    return AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")


@pytest.fixture
def module() -> RelationModule:
    torch.manual_seed(0)
    return RelationModule(ModuleConfig(width=16, hidden=(16,) * 4)).eval()


@pytest.fixture
def statement(tmp_path: Path) -> Statement:
    Image.effect_noise((64, 48), 60).convert("RGB").save(tmp_path / "7.png")
    said = ("A photo of a cat to the left of a dog.", "A photo of a dog to the left of a cat.")
    return Statement(picture=tmp_path / "7.png", captions=said, right=0, part="coco-two", kind="left")


def given(*things: tuple[str, tuple[float, float, float, float]]) -> Finder:
    found = tuple(Given(name=name, box=box, outline=None) for name, box in things)
    regions = GivenRegions(names=frozenset({"cat", "dog", "cup"}), pictures={"7": found}, files=("f.json",))
    return Finder(given=regions, grounder=None, segmenter=None, told="f.json")


def test_regions_that_are_given_answer(encoder: AlphaCLIP, module: RelationModule, statement: Statement) -> None:
    focus = focus_strategy("crop")
    found = judged(encoder, module, given(("cat", LEFT), ("dog", RIGHT), ("cup", RIGHT)), focus, statement)
    first, second = found[RULES]
    assert first > 0.99 > 0.01 > second and found["understood"] and found["regions"] == 2
    assert len(found[MODULE]) == 2 and found[MODULE] != found[RULES]
    # The random tower does not know "photo".
    assert found[ONE_TEXT] is None or len(found[ONE_TEXT]) == 2
    turned = judged(encoder, module, given(("cat", RIGHT), ("dog", LEFT)), focus, statement)
    assert turned[RULES][0] < 0.01 and turned[RULES][1] > 0.99
    # One region, or none, shows no relation; what nobody looked for is not answered.
    assert judged(encoder, module, given(("cat", LEFT)), focus, statement)[RULES] == [None, None]
    other = replace(statement, captions=("a cat left of a gnu", "a cat left of a dog"))
    assert judged(encoder, module, given(("cat", LEFT), ("dog", RIGHT)), focus, other)[RULES][0] is None


def test_captions_that_say_nothing_of_relations(
    encoder: AlphaCLIP, module: RelationModule, statement: Statement
) -> None:
    odd = replace(statement, captions=("a cat", "some running of it there"))
    found = judged(encoder, module, given(("cat", LEFT), ("dog", RIGHT)), focus_strategy("crop"), odd)
    assert found[RULES] == [None, None] and not found["understood"]
    # Rules do not ride; the module may.
    riding = replace(statement, captions=("a cat riding a dog", "a dog riding a cat"))
    found = judged(encoder, module, given(("cat", LEFT), ("dog", RIGHT)), focus_strategy("crop"), riding)
    assert found[RULES] == [None, None] and None not in found[MODULE] and found["understood"]


def test_a_grounder_is_asked_for_the_names(encoder: AlphaCLIP, module: RelationModule, statement: Statement) -> None:
    grounder = FixedGrounder()
    finder = Finder(given=None, grounder=grounder, segmenter=None, told="fixed")
    found = judged(encoder, module, finder, focus_strategy("crop"), statement)
    assert grounder.asked == ["cat", "dog"] and found[RULES][0] > 0.99 > found[RULES][1]
    assert finder.knows("anything at all")


def test_a_window_is_what_is_looked_at(statement: Statement) -> None:
    windowed = replace(statement, window=(10.0, 15.0, 70.0, 45.0))
    whole = read_image(statement.picture)
    part = shown(whole, windowed)
    assert part.size == (30, 54) and torch.equal(part.rgb, whole.rgb[:, 15:45, 10:64])
    scene = given(("cat", LEFT), ("dog", (0.0, 0.0, 8.0, 8.0))).find(windowed, whole, part, ["cat", "dog"])
    # The cat's columns 4 to 20 are 0 to 10 of the window, and the dog is outside of it.
    assert [region.label for region in scene.regions] == ["cat"] and scene.picture is part
    (alpha,) = (region.alpha for region in scene.regions)
    assert alpha.shape == (30, 54) and alpha.sum() == 10 * 20 and bool(alpha[5:25, :10].all())
    assert shown(Picture(rgb=whole.rgb), statement).size == (48, 64)


def test_a_name_may_say_more_than_a_label() -> None:
    assert is_called("car", "red car") and is_called("dog", "dog") and is_called("dog", "thing")
    assert not is_called("red car", "car") and not is_called("car", "scar") and not is_called("dog", "cat")


def test_finders_that_cannot_be(tmp_path: Path) -> None:
    settings = EvaluationSettings(data="vsr", root=str(tmp_path), segmenter="annotated")
    with pytest.raises(ConfigError, match=r"`segmenter` annotated: .* has no annotations \(instances_train2017\.json"):
        finder_of(settings)
    with pytest.raises(
        ConfigError, match="`segmenter` annotated is of the annotations' boxes: a grounder's have no masks"
    ):
        finder_of(replace(settings, grounder="some/grounder"))
    (tmp_path / "objects.json").write_text("[]")
    found = finder_of(replace(settings, segmenter="grabcut"))
    assert found.told == "objects.json; grabcut" and found.segmenter is not None and found.grounder is None
