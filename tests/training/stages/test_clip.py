import dataclasses
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.sprites.captions import build_tokenizer
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages import clip as clip_stage
from gencontrol.training.stages.clip import (
    ClipTask,
    ClipTraining,
    TowerConfig,
    build_clip,
    first_clip,
    name_embeddings,
    normalise_rgb,
    tokenise,
    trim,
)
from gencontrol.training.stages.recognition import recognition_sets

TOWERS = TowerConfig(
    image_size=16, patch_size=4, vision_width=32, vision_layers=2, vision_heads=2, text_width=32, text_layers=1,
    text_heads=2, embedding=16,
)  # fmt: skip
RUN = RunConfig(steps=30, batch=32, chunk=16, learning_rate=3e-3, warmup=5, evaluate_every=0, sheet_every=0)
SCENES = SceneConfig(size=16, counts=(0.7, 0.3))


@pytest.fixture(autouse=True)
def _few_test_scenes(monkeypatch):
    monkeypatch.setattr(clip_stage, "recognition_sets", partial(recognition_sets, count=16))


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


def test_defaults():
    assert TowerConfig() == TowerConfig(
        image_size=64,
        patch_size=8,
        vision_width=192,
        vision_layers=6,
        vision_heads=3,
        text_width=128,
        text_layers=3,
        text_heads=2,
        embedding=192,
    )
    assert ClipTraining() == ClipTraining(
        run=RunConfig(),
        start="",
        towers=TowerConfig(),
        scenes=SceneConfig(counts=(0.4, 0.2, 0.2, 0.2)),
        growth=0.5,
        temperature=0.07,
        smoothing=0.0,
        described=0.0,
    )


def test_the_towers_have_the_shapes_that_are_asked_for(sprite_store):
    tokenizer = build_tokenizer(sprite_store.concepts)
    clip = build_clip(TOWERS, tokenizer)
    text, vision = clip.text_model.config, clip.vision_model.config
    assert (text.intermediate_size, vision.intermediate_size) == (128, 128)
    assert (text.num_hidden_layers, vision.num_hidden_layers, text.num_attention_heads) == (1, 2, 2)
    assert text.vocab_size == len(tokenizer) and text.max_position_embeddings == 32
    assert clip.logit_scale.exp().item() == pytest.approx(1 / 0.07)
    warm = build_clip(TOWERS, tokenizer, temperature=0.5)
    assert warm.logit_scale.exp().item() == pytest.approx(2.0)


def test_scenes_grow_over_a_share_of_the_runs_chunks(sprite_store):
    def task(growth):
        return ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES, growth=growth), sprite_store)

    # Thirty steps of two chunks.
    assert [task(growth).source.growth for growth in (0.0, 0.5, 1.0)] == [0, 30, 60]
    assert task(0.5).source.whole_share == 1.0
    first, last = (task(0.5).draw(index)["image_concepts"] for index in (0, 30))
    assert ((first >= 0).sum(-1) == 1).all() and ((last >= 0).sum(-1) == 2).any()


def test_matrices_of_the_blocks_are_hidden_and_nothing_is_left_out(sprite_store):
    task = ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES), sprite_store)
    others, hidden = task.groups()
    assert hidden.hidden and not others.hidden and all(p.ndim == 2 for p in hidden.parameters)
    # Query, key, value, output and two of the MLP, in three blocks.
    assert len(hidden.parameters) == 6 * 3
    assert len(hidden.parameters) + len(others.parameters) == len([*task.module.parameters()])


def test_losses_are_halves_of_cross_entropies_at_a_scale_of_a_hundred_at_most(sprite_store):
    config = ClipTraining(run=RUN, towers=TOWERS, scenes=SceneConfig(size=16, counts=(0.0, 1.0)), described=1.0)
    task = ClipTask(config, sprite_store)
    batch = task.draw(0)

    class Blind(torch.nn.Module):
        def forward(self, input_ids, attention_mask, pixel_values):
            assert torch.equal(attention_mask, input_ids != 0)
            unit = torch.eye(16)[:1]
            return SimpleNamespace(image_embeds=unit.expand(16, -1), text_embeds=unit.expand(len(input_ids), -1))

    losses = task.losses(Blind(), batch)
    # To whom all look alike, every text that may be wrong is as likely as the right one.
    truth = task._truth(batch)
    kept = ~truth | torch.eye(*truth.shape, dtype=torch.bool)
    assert losses["image_to_text"].item() == pytest.approx(kept.sum(1).log().mean().item() / 2, rel=1e-5)
    assert losses["text_to_image"].item() == pytest.approx(kept[:, :16].sum(0).log().mean().item() / 2, rel=1e-5)
    with torch.no_grad():
        found, rest = [], {k: v for k, v in task.module.state_dict().items() if k != "logit_scale"}
        for scale in (100.0, 1000.0, 50.0):
            task.module.load_state_dict({"logit_scale": torch.tensor(scale).log()} | rest)
            found.append(task.losses(task.module, batch)["image_to_text"].item())
    assert found[0] == pytest.approx(found[1], rel=1e-4) != pytest.approx(found[2], rel=1e-2)


def test_a_scale_at_its_bound_can_still_be_lowered(sprite_store):
    """torch's clamp has no gradient there, and so would hold it for good."""
    task = ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES), sprite_store)
    batch, rest = task.draw(0), {k: v for k, v in task.module.state_dict().items() if k != "logit_scale"}
    gradients = []
    for scale in (100.0, 99.99):
        task.module.load_state_dict({"logit_scale": torch.tensor(scale).log()} | rest)
        losses = task.losses(task.module, batch)
        total = losses["image_to_text"] + losses["text_to_image"]
        (gradient,) = torch.autograd.grad(total, task.module.get_parameter("logit_scale"))
        gradients.append(gradient.item())
    assert gradients[0] == pytest.approx(gradients[1], rel=0.01) and abs(gradients[0]) > 1e-4


def test_descriptions_are_judged_on_two_sprites_of_the_test_split(sprite_store):
    task = ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES, described=0.5), sprite_store)
    scenes = SceneConfig(size=16, counts=(0.0, 1.0), split="test")
    pairs = dataclasses.replace(task.source, scenes=scenes, described=1.0, growth=0, seed=1).draw(0, 256)
    assert pairs.opposites is not None
    rows = [row for row, opposite in enumerate(pairs.opposites) if opposite]
    with torch.no_grad():
        encode, _ = task._readers(task.module)
        image = encode(pairs.rgb[rows], pairs.alpha[rows])
        told, turned = (
            name_embeddings(task.module, tokenise(task.tokenizer, [texts[row] for row in rows]))  # type: ignore[arg-type]
            for texts in (pairs.texts, pairs.opposites)
        )
        better = (image * told).sum(-1) > (image * turned).sum(-1)
        assert task.evaluate(task.module)["described/2"] == pytest.approx(better.double().mean().item(), abs=0.01)
    assert told.norm(dim=-1).tolist() == pytest.approx([1.0] * len(rows), rel=1e-4)


def test_three_channels_are_normalised_and_saved(sprite_store, tmp_path):
    task = ClipTask(ClipTraining(run=RUN, towers=TOWERS, scenes=SCENES), sprite_store)
    statistics = task.processor.image_mean, task.processor.image_std
    mean, std = (torch.tensor(values[:3])[:, None, None] for values in statistics)
    rgb = (mean + torch.tensor([1.0, -2.0, 0.5])[:, None, None] * std).expand(2, 3, 4, 4)
    assert torch.allclose(normalise_rgb(task.processor, rgb)[1, :, 0, 0], torch.tensor([1.0, -2.0, 0.5]), atol=1e-5)
    task.export(task.module, tmp_path)
    saved = CLIPImageProcessor.from_pretrained(tmp_path)
    assert saved.image_mean == pytest.approx(mean.flatten().tolist())
    assert saved.image_std == pytest.approx(std.flatten().tolist())
