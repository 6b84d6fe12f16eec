"""What is opened for a run, and what the header says of it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.engine import ClassMaker, GroundingMaker
from gencontrol.engine.wording import CaptionerWording, PhraseWording, TemplateWording
from gencontrol.errors import CheckpointError, InputError
from gencontrol.focus.crop import CropFocus
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.runs.pairs.opening import models_told, open_maker, open_source, rules_of
from gencontrol.runs.pairs.settings import PairsSettings
from gencontrol.tasks.templates import templates_for


def settings_of(tiny_folder: Path, **changes: Any) -> PairsSettings:
    usual: dict[str, Any] = {
        "pictures": "p",
        "captions": "c",
        "output": "o",
        "grounder": "given",
        "device": "cpu",
        "offline": True,
    }
    usual["model"] = str(tiny_folder)
    return PairsSettings(**usual | changes)


def test_grounding_and_classes(tiny_folder: Path) -> None:
    by_phrase = open_maker(settings_of(tiny_folder))
    assert isinstance(by_phrase, GroundingMaker) and by_phrase.grounder is None
    assert isinstance(by_phrase.segmenter, GrabCutSegmenter) and isinstance(by_phrase.wording, PhraseWording)
    # A plain CLIP, or an Alpha-CLIP: parts are cut out unless something else is asked for.
    assert by_phrase.agreement is not None and isinstance(by_phrase.agreement.focus, CropFocus)
    bare = open_maker(settings_of(tiny_folder, filter=False, captioner="templates"))
    assert isinstance(bare, GroundingMaker) and bare.agreement is None and isinstance(bare.wording, TemplateWording)
    by_class = open_maker(settings_of(tiny_folder, captions=None, grounder=None, focus="alpha"))
    assert isinstance(by_class, ClassMaker)
    assert by_class.templates == templates_for(by_class.agreement.encoder.tokenizer)
    assert isinstance(by_class.wording, TemplateWording) and by_class.agreement.focus.name == "alpha"


def test_rules_are_the_settings(tiny_folder: Path) -> None:
    rules = rules_of(settings_of(tiny_folder, score=0.3, most=5, overlap=0.5, contrast=True, least_side=9))
    assert (rules.score, rules.most, rules.overlap, rules.contrast, rules.least_side) == (0.3, 5, 0.5, True, 9)
    assert rules.each == 3 and rules_of(settings_of(tiny_folder, captions=None)).each == 1
    assert rules_of(settings_of(tiny_folder, each=2)).each == 2


def test_a_captioner_is_given_parts(tiny_folder: Path, llava_folder: Path) -> None:
    maker = open_maker(settings_of(tiny_folder, captioner=str(llava_folder), filter=False))
    assert isinstance(maker, GroundingMaker) and isinstance(maker.wording, CaptionerWording)


def test_what_cannot_be_opened(tiny_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="grounding-dino-tiny"):
        open_maker(settings_of(tiny_folder, grounder=None))
    with pytest.raises(CheckpointError, match="No segmenter at"):
        open_maker(settings_of(tiny_folder, segmenter="none/such"))
    AlphaCLIP.from_clip(tiny.vision_tower()).save_pretrained(tmp_path / "tower")
    with pytest.raises(InputError, match="reads no text, so it cannot say what agrees: give one with a text tower, or"):
        open_maker(settings_of(tiny_folder, model=str(tmp_path / "tower")))


def test_the_header_names_models_and_their_licences(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    (tmp_path / "config.json").write_text("{}")
    told = models_told(settings_of(tiny_folder, segmenter=str(tmp_path)))
    assert list(told) == ["captioner", "encoder", "grounder", "segmenter"]
    assert told["grounder"] == {"name": "given", "licence": "no weights"}
    assert told["segmenter"]["licence"] == "mit" and told["segmenter"]["fingerprint"]
    assert told["encoder"]["licence"] == "not stated" and told["encoder"]["fingerprint"]
    assert models_told(settings_of(tiny_folder, model="tiny"))["encoder"]["licence"] == "CC-BY-4.0"
    assert "encoder" not in models_told(settings_of(tiny_folder, filter=False))


def test_data_sets(sets: Any, tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "n.txt").write_text("n1 cat\n")
    sets.save_pictures(tmp_path / "all" / "n1", 1)
    settings = settings_of(tiny_folder, pictures=str(tmp_path / "all"), captions=None, names=str(tmp_path / "n.txt"))
    assert [row.label for row in open_source(settings).read(0)] == ["cat"]
