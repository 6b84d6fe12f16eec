import dataclasses

import pytest
import torch
from transformers import AutoTokenizer, CLIPModel

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.sprites.captions import build_tokenizer
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.clip import (
    ClipTask,
    ClipTraining,
    TowerConfig,
    first_clip,
    name_embeddings,
    tokenise,
    trim,
)

TOWERS = TowerConfig(
    image_size=16, patch_size=4, vision_width=32, vision_layers=2, vision_heads=2, text_width=32, text_layers=1,
    text_heads=2, embedding=16,
)  # fmt: skip
RUN = RunConfig(steps=30, batch=32, chunk=16, learning_rate=3e-3, warmup=5, evaluate_every=0, sheet_every=0)
SCENES = SceneConfig(size=16, counts=(0.7, 0.3))


def test_stage_one_learns_and_what_it_saves_opens_everywhere(sprite_store, tmp_path):
    task = ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES), sprite_store)
    reports = []
    clip = train(task, RUN, folder=tmp_path, report=reports.append)
    assert isinstance(clip, CLIPModel)
    assert reports[-1].losses["image_to_text"] < reports[0].losses["image_to_text"] - 0.1
    stock = CLIPModel.from_pretrained(tmp_path / "export")
    text = stock.config.text_config
    assert text is not None and not isinstance(text, dict) and text.eos_token_id != 2
    assert AutoTokenizer.from_pretrained(tmp_path / "export")("a red disc")["input_ids"] == [
        *task.tokenizer("a red disc")["input_ids"]
    ]
    # As an AlphaCLIP (of zero alpha weights) it gives the embeddings that the stage was trained with.
    ours = AlphaCLIP.from_clip(tmp_path / "export")
    torch.testing.assert_close(
        ours.encode_text(["a red disc"], normalize=True), name_embeddings(clip, task.names)[:1], atol=1e-5, rtol=1e-4
    )
    rgb = task.tests[0].rgb[:2]
    encode, _ = task._readers(clip)
    torch.testing.assert_close(ours.encode_image(rgb), encode(rgb, torch.ones(2, 16, 16)), atol=1e-5, rtol=1e-4)


def test_a_run_goes_on_from_an_earlier_ones_export(sprite_store, tmp_path):
    config = ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES)
    first = ClipTask(config, sprite_store)
    first.export(first.module, tmp_path)
    task = ClipTask(
        dataclasses.replace(config, start=str(tmp_path), run=dataclasses.replace(RUN, seed=5)), sprite_store
    )
    for name, weight in task.module.state_dict().items():
        assert torch.equal(weight, first.module.state_dict()[name]), name
    fewer = dataclasses.replace(sprite_store, concepts=sprite_store.concepts[:20])
    with pytest.raises(ConfigError, match="another list of concepts"):
        first_clip(dataclasses.replace(config, start=str(tmp_path)), build_tokenizer(fewer.concepts))


def test_the_last_word_moves_the_embedding(sprite_store):
    """With eos_token_id 2 the text tower would pool at the largest token id, whatever the text."""
    task = ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES), sprite_store)
    tokens = tokenise(task.tokenizer, ["a red disc", "a red ring", "a red disc and a blue ring"])
    first, second, third = name_embeddings(task.module, tokens)  # type: ignore[arg-type]
    assert not torch.allclose(first, second, atol=1e-4) and not torch.allclose(first, third, atol=1e-4)


def test_trimming_keeps_every_token():
    assert trim(torch.tensor([[2, 5, 3, 0, 0], [2, 5, 6, 3, 0]])).tolist() == [[2, 5, 3, 0], [2, 5, 6, 3]]


def test_captions_are_about_the_whole_picture(sprite_store):
    task = ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES, growth=0.0), sprite_store)
    batch = task.draw(3)
    assert batch["pixels"].shape == (16, 3, 16, 16) and ((batch["image_concepts"] >= 0).sum(-1) > 1).any()
    assert torch.equal(batch["pixels"], task.draw(3)["pixels"])


def test_a_description_is_learnt_against_its_opposite(sprite_store):
    config = ClipTraining(run=RUN, towers=TOWERS, scenes=SceneConfig(size=16, counts=(0.0, 1.0)), described=0.6)
    task = ClipTask(config, sprite_store)
    batch = task.draw(0)
    has = batch["has_opposite"]
    assert 0 < has.sum() < len(has)
    same = (batch["opposites"] == batch["tokens"]).all(1)
    assert torch.equal(same, ~has)
    truth = task._truth(batch)
    own, opposite, names = truth.split([len(has), len(has), len(sprite_store.concepts)], dim=1)
    assert own.diagonal().all()
    # A pair's own opposite is a negative; where there is none, the text that stands for it is left out for all.
    assert torch.equal(opposite.diagonal(), ~has) and opposite[:, ~has].all()
    assert torch.equal(names.sum(1), torch.tensor([len(set(row) - {-1}) for row in batch["image_concepts"].tolist()]))


def test_opposites_are_told_apart_in_the_figures(sprite_store):
    config = ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES, described=0.5)
    task = ClipTask(config, sprite_store)
    share = task.evaluate(task.module)["described/2"]
    assert 0.2 < share < 0.8  # nothing is learnt yet
    assert "described/2" not in ClipTask(dataclasses.replace(config, described=0.0), sprite_store).evaluate(task.module)


def test_opposites_reach_the_loss(sprite_store):
    config = ClipTraining(run=RUN, towers=TOWERS, scenes=SceneConfig(size=16, counts=(0.0, 1.0)), described=1.0)
    task = ClipTask(config, sprite_store)
    batch = task.draw(0)
    without = {k: v for k, v in batch.items() if k not in ("opposites", "has_opposite")}
    with torch.no_grad():
        both, alone = task.losses(task.module, batch), task.losses(task.module, without)
    # Further negatives for every picture, none for a text over the pictures.
    assert both["image_to_text"] > alone["image_to_text"] + 0.02
    assert torch.allclose(both["text_to_image"], alone["text_to_image"], atol=1e-5)
