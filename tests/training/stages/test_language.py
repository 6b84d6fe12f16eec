"""The language head's stage, at a tiny size."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import from_yaml
from gencontrol.errors import ConfigError
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.tasks.llava.answering import model_inputs
from gencontrol.tasks.llava.head import HeadConfig, LanguageHead
from gencontrol.tasks.llava.opening import open_llava
from gencontrol.training.language import cache
from gencontrol.training.language.lessons import UNASKED, lessons_of
from gencontrol.training.language.questions import Asked
from gencontrol.training.language.samples import Viewer, patches_of
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages import language_data
from gencontrol.training.stages.language import LanguageTask, LanguageTraining, answered, exact, shown_of
from gencontrol.training.stages.registry import STAGES, Places, preset_path, settings_path

RUN = RunConfig(
    steps=4, batch=3, chunk=3, warmup=1, learning_rate=3e-3, log_every=2, evaluate_every=4, sheet_every=4,
    checkpoint_every=2, precision="float32",
)  # fmt: skip
SMALL = LanguageTraining(
    run=RUN,
    head=HeadConfig(width=32, layers=2, heads=2, inner=48, context=128),
    scenes=SceneConfig(size=64, counts=(0.4, 0.3, 0.3)),
    pictures=4,
    tests=4,
)


@pytest.fixture
def folder(tiny_folder: Path) -> Path:
    return tiny_folder / "alpha_clip"


@pytest.fixture
def task(folder: Path, sprite_store: SpriteStore):
    encoder = AlphaCLIP.from_pretrained(folder).requires_grad_(False)
    sets = {}
    for name, seed in (("train", 0), ("test", 1)):
        viewer = Viewer(store=sprite_store, config=SMALL.scenes, tower=encoder.vision, processor=encoder.processor)
        sets[name] = viewer.draw(seed=seed, index=0, batch=4).tensors()

    def build(**changes: Any) -> LanguageTask:
        config = replace(SMALL, encoder=str(folder), **changes)
        return LanguageTask(config, encoder, sprite_store.concepts, sets, facts={"steps": 4})

    return build


def test_a_run_is_resumed_to_the_same_weights_and_exported(task, tmp_path: Path) -> None:
    whole = train(task(), RUN, folder=tmp_path / "whole")
    train(task(), RUN, folder=tmp_path / "parts", until=2)
    parts = train(task(), RUN, folder=tmp_path / "parts")
    for first, second in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert_close(first, second, rtol=0, atol=0)
    figures = task().evaluate(whole)
    assert {"caption/alpha", "what/zoom", "caption/whole"} <= set(figures)
    assert all(0 <= value <= 1 for value in figures.values())
    assert task().sheet(whole).height > 100
    # What is exported answers as what was trained.
    llava = open_llava(str(tmp_path / "whole" / "export"))
    assert llava.has_alpha and llava.caption_question == "describe it" and llava.prompt == "<image> {} :"
    head = LanguageHead(llava.model)
    assert isinstance(whole, LanguageHead)
    for (name, mine), other in zip(head.state_dict().items(), whole.state_dict().values(), strict=True):
        assert_close(mine, other, atol=1e-3, rtol=1e-3, msg=name)


def test_exact_is_what_greedy_decoding_says(task, folder: Path, tmp_path: Path) -> None:
    built = task()
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in built.module.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    (tmp_path / "head").mkdir()
    built.export(built.module, tmp_path / "head")
    llava = open_llava(str(tmp_path / "head"))
    pixels = torch.randn(6, 4, 64, 64)
    questions = ["what is it?", "how many things are there?"]
    said = []
    for question in questions:
        inputs = model_inputs(llava, pixels, [question] * 6)
        ids = cast(Any, llava.model).generate(**inputs, max_new_tokens=5, do_sample=False, pad_token_id=0)
        said.append([row[inputs["input_ids"].shape[1] :].tolist() for row in ids])
    # Of random weights, some say what no text holds.
    plain = [[len(answer) == 5 and min(answer) > 4 for answer in answers] for answers in said]
    assert sum(map(sum, plain)) > 4
    asked: list[list[Asked]] = [[] for _ in range(6)]
    for question, answers in zip(questions, said, strict=True):
        for row, answer in zip(asked, answers, strict=True):
            row.append(Asked(kind="what", question=question, answer=str(llava.tokenizer.decode(answer))))
    lessons = lessons_of(llava.tokenizer, asked)
    # The answers were cut off: no end was said.
    lessons.target[lessons.target == llava.tokenizer.eos_token_id] = UNASKED
    patches = patches_of(llava.model.model.vision_tower, pixels, precision="float32")
    logits = answered(LanguageHead(llava.model), patches, lessons)
    right = exact(logits, lessons)
    assert all(right[row, number + 1] for number in (0, 1) for row in range(6) if plain[number][row])
    # One wrong word is enough.
    row, number = next((row, number) for number in (0, 1) for row in range(6) if plain[number][row])
    places = ((lessons.group[row] == number + 1) & (lessons.target[row] != UNASKED)).nonzero()[:, 0]
    lessons.target[row, places[2]] += 1
    assert not exact(logits, lessons)[row, number + 1]


def test_chunks_are_functions_of_their_index(task) -> None:
    first, again, other = task().draw(4), task().draw(4), task().draw(5)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["patches"], other["patches"])
    assert first["group"].max() == 5


def test_a_blind_head_is_shown_nothing(task) -> None:
    blind, seeing = task(blind=True), task()
    batch, whole = blind.draw(2), seeing.draw(2)
    assert batch["patches"].shape == (3, 1, whole["patches"].shape[-1]) and not batch["patches"].any()
    assert torch.equal(batch["ids"], whole["ids"]) and torch.equal(batch["target"], whole["target"])
    # What the tower sees tells it nothing: any other patches give the same figures.
    before = blind.evaluate(blind.module)
    blind.sets["test"]["patches"].normal_(generator=torch.Generator().manual_seed(1))
    assert blind.evaluate(blind.module) == before
    assert not LanguageTraining().blind


def test_losses_are_of_the_answers(task) -> None:
    built = task()
    with torch.no_grad():
        built.module.lm_head.weight.zero_()
    loss = built.losses(built.module, built.draw(0))["words"]
    assert_close(loss, torch.tensor(float(len(built.tokenizer))).log())


def test_patches_are_taught_their_names_where_that_is_asked_for(task) -> None:
    built = task(naming=0.5)
    batch = built.draw(1)
    assert (batch["named"] >= 0).any() and "named" not in task().draw(1)
    losses = built.losses(built.module, batch)
    assert set(losses) == {"words", "naming"} and set(task().losses(built.module, batch)) == {"words"}
    # It is a mean over the named patches, times its weight, and reaches the projector and the words.
    assert_close(task(naming=1.0).losses(built.module, batch)["naming"], 2 * losses["naming"])
    losses["naming"].backward()
    words = built.module.language_model.embed_tokens.weight
    assert words.grad.abs().sum() > 0 and built.module.projector.linear_1.weight.grad.abs().sum() > 0
    assert built.module.lm_head.weight.grad is None
    nothing = batch | {"named": torch.full_like(batch["named"], -1)}
    assert built.losses(built.module, nothing)["naming"] == 0


def test_views_are_read_back(task) -> None:
    built = task()
    shown = shown_of(built.sets["test"], built.names)
    assert [one.look for one in shown[4:8]] == ["zoom"] * 4
    assert all(len(one.marked) == 1 and 1 <= len(one.things) <= 3 for one in shown[4:8])


def test_muon_trains_the_blocks(task) -> None:
    hidden, rest = task().groups()
    assert hidden.hidden and not rest.hidden and len(hidden.parameters) == 2 * 7
    count = sum(len(group.parameters) for group in (hidden, rest))
    assert count == len(list(task().module.parameters()))


def test_the_stage_is_put_together(
    folder: Path, sprite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SHARD", 4)
    config = replace(SMALL, encoder=str(folder), cache=str(tmp_path / "views"))
    built = STAGES["language"].build(config, Places(folder=tmp_path / "run", sprites=sprite_file))
    assert isinstance(built, LanguageTask) and len(built.sets["train"]["look"]) == 16
    assert (tmp_path / "views" / "test" / "0000.safetensors").is_file()
    assert language_data._tested(SMALL.scenes).split == "test"
    # Of another seed the scenes to learn from are others, and those of the test the same.
    other = STAGES["language"].build(
        replace(config, scene_seed=2, cache=""), Places(folder=tmp_path / "run", sprites=sprite_file)
    )
    assert isinstance(other, LanguageTask)
    same = [torch.equal(built.sets[name]["patches"], other.sets[name]["patches"]) for name in ("train", "test")]
    assert same == [False, True]


def test_the_preset_and_settings_that_cannot_be() -> None:
    config = from_yaml(LanguageTraining, preset_path(STAGES["language"]))
    assert config.encoder == "tiny" and config.run.optimizer == "muon"
    first = from_yaml(LanguageTraining, settings_path(Path("language_names"), STAGES["language"]))
    assert first.head.layers == 1 and first.questions == 0 and first.scenes == config.scenes
    assert first.head.width == config.head.width
    with pytest.raises(ConfigError, match=r"run\.batch: expected one chunk of 2 a step, got 4"):
        LanguageTraining(run=RunConfig(batch=4, chunk=2))
    with pytest.raises(ConfigError, match="questions: expected 0 to 10, got 11"):
        LanguageTraining(questions=11)
    with pytest.raises(ConfigError, match="scene_seed: expected"):
        LanguageTraining(scene_seed=-1)
    with pytest.raises(ConfigError, match="naming: expected 0 or more and at most 100, got"):
        LanguageTraining(naming=-1.0)
    with pytest.raises(ConfigError, match=r"naming: expected 0 for a blind head, which .*, got 0\.2"):
        LanguageTraining(naming=0.2, blind=True)


def test_a_tower_of_another_shape_is_refused(task, tiny: ModuleType) -> None:
    from gencontrol.errors import PairingError
    from gencontrol.tasks.llava.head import with_tower

    built = task()
    config = tiny.clip_config(channels=4).vision_config
    config.intermediate_size = 96
    from transformers import CLIPVisionModelWithProjection

    other = AlphaCLIP.from_clip(CLIPVisionModelWithProjection(config))
    with pytest.raises(PairingError, match="intermediate_size is 96"):
        with_tower(built.module, built.llava, other)
