"""The benchmark's arithmetic, and that it runs."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from benchmarks import language
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.sprites.store import SpriteStore
from gencontrol.tasks.llava.head import TOWER, HeadConfig, LanguageHead, llava_config, save_head
from gencontrol.tasks.llava.opening import open_llava
from gencontrol.training.language.lessons import UNASKED, Lessons
from gencontrol.training.language.questions import CAPTION, Asked
from gencontrol.training.language.words import PROMPT, language_tokenizer


@pytest.fixture
def head(tiny: ModuleType, tiny_folder: Path, sprite_store: SpriteStore, tmp_path: Path) -> Path:
    """The folder of a random head that knows the names of the store."""
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    tokenizer = language_tokenizer([concept.name for concept in sprite_store.concepts])
    facts = {TOWER: str(tiny_folder / "alpha_clip"), "region_prompt": PROMPT, "region_caption_prompt": CAPTION}
    shape = HeadConfig(width=32, layers=1, heads=2, inner=48, context=128)
    config = llava_config(shape, encoder.vision.config, tokenizer, **facts)
    torch.manual_seed(0)
    (tmp_path / "head").mkdir()
    model = LlavaForConditionalGeneration(config)
    save_head(LanguageHead(model), config, tmp_path / "head", tokenizer=tokenizer, processor=encoder.processor)
    return tmp_path / "head"


def test_names_are_held_as_words() -> None:
    assert language.holds("a big hot dog on the left", "hot dog") and language.holds("a cat", "cat")
    assert not language.holds("a catfish", "cat") and not language.holds("a hot big dog", "hot dog")


def test_wordings_have_no_names() -> None:
    wording = language.Wordings(("dog", "hot dog", "ant"))
    assert wording("is it bigger than the hot dog?") == "is it bigger than the _?"
    assert wording("is there an ant?") == wording("is there a dog?") == "is there _?"
    assert wording("what is it?") == "what is it?"


def test_rows_count_what_is_big_by_itself() -> None:
    found = [("caption", True, True), ("caption", False, False), ("what", True, True), ("what", False, True)]
    row = language.row_of("zoom", [*found, ("what", True, False)])
    assert (row.caption, row.caption_big) == (50.0, 100.0)
    assert row.right == {"what": (pytest.approx(200 / 3), 3)} and row.big == {"what": (50.0, 2)}
    lines = language.table([row]).splitlines()
    assert lines[2].startswith("| zoom | 50.0 | 66.7 |") and lines[-1].startswith("| zoom | 100.0 | 50.0 |")


def test_scenes_have_so_many_sprites() -> None:
    assert language.counts_of(language.Settings()) == (0.0, 0.0, 1.0)
    assert language.counts_of(language.Settings(sprites_each=0)) == (1.0,) * 4


def test_what_can_be_said_without_looking(sprite_store: SpriteStore) -> None:
    settings = language.Settings(seed=3, scenes=40, sprites_each=2)
    names = [concept.name for concept in sprite_store.concepts]
    scenes, marked = language.marked_scenes(settings, sprite_store, index=0, batch=40)
    rows = language.questions_of(sprite_store, scenes, marked, names, Random(0))
    blind, chance = language.blind_rows(sprite_store, settings, [one for row in rows for one in row], names)
    assert blind.caption is None and blind.right["count"][0] == 100.0 and blind.right["marked"][0] == 100.0
    assert blind.right["what"][0] < 30 and 30 < blind.right["side"][0] < 70
    assert chance.right["side"] == (50.0, 0) and chance.caption == pytest.approx(100 / len(names))


def test_it_runs(
    head: Path, sprite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(language, "_TAUGHT", 64)
    settings = language.Settings(sprites=sprite_file, model=str(head), scenes=3, json=tmp_path / "rows.json")
    language.main(replace(settings, sprites_each=2))
    rows = {row["name"]: row for row in json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))}
    assert list(rows) == ["no mask", "crop", "blank", "alpha", "zoom", "likeliest answer", "chance"]
    assert "side" not in rows["zoom"]["right"] and "what" in rows["zoom"]["right"]
    assert set(rows["alpha"]["right"]) == set(rows["no mask"]["right"])
    assert capsys.readouterr().out.startswith("| all, % | name in caption | what |")


def test_a_head_without_eyes_has_a_row_of_its_own(
    head: Path, sprite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "_TAUGHT", 64)
    settings = language.Settings(sprites=sprite_file, model=str(head), scenes=3, json=tmp_path / "rows.json")
    language.main(replace(settings, sprites_each=2, blind=head))
    rows = {row["name"]: row for row in json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))}
    assert list(rows)[-3:] == ["text only", "likeliest answer", "chance"]
    assert rows["text only"]["caption"] is None and set(rows["text only"]["right"]) == set(rows["alpha"]["right"])


def test_what_is_said_blindly_is_checked_to_the_word(
    head: Path, sprite_store: SpriteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    llava, seen = open_llava(str(head)), []

    def first_row_is_right(module: object, patches: torch.Tensor, lessons: Lessons) -> torch.Tensor:
        seen.append(patches)
        wanted = lessons.target.clone()
        wanted[1] = torch.where(wanted[1] == UNASKED, UNASKED, (wanted[1] + 1) % len(llava.tokenizer))
        return functional.one_hot(wanted[lessons.target != UNASKED], len(llava.tokenizer)).float()

    monkeypatch.setattr(language, "answered", first_row_is_right)
    kinds = [Asked(kind=kind, question="what is it?", answer="a red disc") for kind in ("what", "side")]
    rows = [[language.Question(asked=one, big=big) for one in kinds] for big in (True, False)]
    assert language.said_blindly(llava, rows) == [
        ("what", True, True), ("side", True, True), ("what", False, False), ("side", False, False),
    ]  # fmt: skip
    tower: Any = llava.model.config.vision_config
    assert seen[0].shape == (2, 1, tower.hidden_size) and not seen[0].any()
