import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.trainable import finished_tower
from gencontrol.configuration import from_yaml
from gencontrol.errors import ConfigError
from gencontrol.focus import SumFocus, ZoomFocus, configured_focus
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.pairs import Pairs, pad_ids
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.alpha_clip import (
    AlphaClipTask,
    AlphaClipTraining,
    anchor_losses,
)
from gencontrol.training.stages.recognition import recognition_sets
from gencontrol.training.stages.registry import STAGES, preset_path

RUN = RunConfig(steps=8, batch=8, chunk=8, learning_rate=5e-3, warmup=2, evaluate_every=0, sheet_every=0)


class Halves:
    """Left half red, right half blue; the text names the marked half."""

    def draw(self, index, count):
        rgb = torch.zeros(count, 3, 64, 64)
        rgb[:, 0, :, :32] = 1
        rgb[:, 2, :, 32:] = 1
        right = torch.arange(count) % 2
        alpha = torch.zeros(count, 64, 64)
        alpha[:, :, :32] = (1 - right)[:, None, None].float()
        alpha[:, :, 32:] = right[:, None, None].float()
        ids = pad_ids(right[:, None])
        texts = ["blue" if r else "red" for r in right.tolist()]
        none = torch.zeros(count, dtype=torch.bool)
        return Pairs(
            rgb=rgb, alpha=alpha, texts=texts, text_concepts=ids, image_concepts=ids, whole=none, alone=rgb
        )  # fmt: skip


@pytest.fixture
def base(tiny):
    return AlphaCLIP.from_clip(tiny.clip(), tokenizer=tiny.tokenizer())


def test_it_learns_to_look_and_freezes_the_text_tower(base, tmp_path):
    config = AlphaClipTraining(run=dataclasses.replace(RUN, steps=60), rest_scale=0.2, smoothing=0.0)
    before = {k: v.clone() for k, v in base.state_dict().items()}
    task = AlphaClipTask(config, base, Halves())
    train(task, config.run, folder=tmp_path)
    trained = AlphaCLIP.from_pretrained(tmp_path / "export")
    assert trained.has_alpha and not base.has_alpha
    assert all(torch.equal(base.state_dict()[k], v) for k, v in before.items())
    assert base.text is not None and trained.text is not None
    for key, value in base.text.state_dict().items():
        assert torch.equal(trained.text.state_dict()[key], value)
    assert torch.equal(trained.logit_scale, base.logit_scale)  # type: ignore[arg-type]
    scene = Halves().draw(0, 2)
    scores = trained.similarity(scene.rgb, ["red", "blue"], scene.alpha)
    assert scores[0, 0] > scores[0, 1] and scores[1, 1] > scores[1, 0]


def test_a_run_goes_on_from_an_earlier_ones_export(base, tmp_path):
    config = AlphaClipTraining(run=RUN, rest_scale=0.2)
    train(AlphaClipTask(config, base, Halves()), RUN, folder=tmp_path)
    task = AlphaClipTask(dataclasses.replace(config, start=str(tmp_path / "export")), base, Halves())
    earlier = AlphaCLIP.from_pretrained(tmp_path / "export").vision.state_dict()
    for name, weight in finished_tower(task.module).state_dict().items():
        assert torch.equal(weight, earlier[name]), name


def test_two_step_sizes(base):
    groups = AlphaClipTask(AlphaClipTraining(run=RUN, rest_scale=0.01), base, Halves()).groups()
    assert [g.scale for g in groups] == [1.0, 0.01]
    assert [p.shape for p in groups[0].parameters] == [(32, 1, 16, 16)]
    assert any(p.shape == base.vision.visual_projection.weight.shape for p in groups[1].parameters)


@pytest.mark.parametrize("graded", [0.0, 0.5])
def test_an_export_says_whether_it_was_trained_on_levels(graded, base, tmp_path):
    task = AlphaClipTask(AlphaClipTraining(run=RUN, graded=graded), base, Halves())
    task.export(task.module, tmp_path / "export")
    assert AlphaCLIP.from_pretrained(tmp_path / "export").graded == (graded > 0)
    assert not base.graded


def test_an_export_says_how_to_look(base, tmp_path):
    look = {"name": "zoom", "outside": "blank", "closeness": 0.5}
    both: Any = (look, {"name": "crop"})
    task = AlphaClipTask(AlphaClipTraining(run=RUN, default_focus=both), base, Halves())
    task.export(task.module, tmp_path / "export")
    assert AlphaCLIP.from_pretrained(tmp_path / "export").default_focus == list(both)
    plain = AlphaClipTask(AlphaClipTraining(run=RUN), base, Halves())
    plain.export(plain.module, tmp_path / "plain")
    assert AlphaCLIP.from_pretrained(tmp_path / "plain").default_focus is None


def test_the_shipped_settings_name_a_look_that_there_is():
    preset = from_yaml(AlphaClipTraining, preset_path(STAGES["alpha-clip"]))
    assert configured_focus(preset.default_focus) == SumFocus(looks=(ZoomFocus(margin=0.1), ZoomFocus(margin=0.7)))


def test_the_anchor_is_a_relative_squared_distance():
    target = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    assert anchor_losses(target, target).tolist() == [0, 0]
    torch.testing.assert_close(anchor_losses(2 * target, target), torch.ones(2))
    torch.testing.assert_close(anchor_losses(torch.tensor([[3.0, 4.0], [0.0, 1.0]]), target), torch.tensor([0.0, 2.0]))


def test_the_anchor_pulls_towards_the_plain_encoder(base, tmp_path):
    def drift(anchor):
        config = AlphaClipTraining(run=dataclasses.replace(RUN, steps=40), rest_scale=0.5, anchor=anchor)
        task = AlphaClipTask(config, base, Halves())
        train(task, config.run, folder=tmp_path / str(anchor))
        scene = Halves().draw(0, 2)
        ours = AlphaCLIP.from_pretrained(tmp_path / str(anchor) / "export").encode_image(scene.rgb, scene.alpha)
        return float(anchor_losses(ours, base.encode_image(scene.rgb)).detach().mean())

    assert drift(20.0) < 0.5 * drift(0.0)


def test_a_base_without_text_tower_is_refused(tiny):
    from transformers import CLIPVisionModelWithProjection

    clip = tiny.clip()
    vision = CLIPVisionModelWithProjection(clip.config.vision_config)
    with pytest.raises(ConfigError, match="the base needs a text tower"):
        AlphaClipTask(AlphaClipTraining(run=RUN), AlphaCLIP.from_clip(vision), Halves())


def test_all_ones_are_looked_at_on_single_sprites_alone(base, sprite_store):
    class Named(AlphaClipTask):
        def _embed(self, texts):
            return torch.eye(len(texts), 24)

    tests = recognition_sets(sprite_store, size=64, count=2)
    task = Named(AlphaClipTraining(run=RUN), base, Halves(), names=["red"] * 60, tests=tests)
    figures = task.evaluate(task.module)
    assert set(figures) == {f"top1/{t.name}" for t in tests} | {"top1/1-all-ones"}
    # An untrained alpha channel sees the same with and without a mask.
    assert figures["top1/1-all-ones"] == figures["top1/1"]
    alone = Named(AlphaClipTraining(run=RUN), base, Halves(), names=["red"] * 60, tests=tests[1:])
    assert "top1/1-all-ones" not in alone.evaluate(alone.module)


def test_defaults():
    assert AlphaClipTraining() == AlphaClipTraining(
        run=RunConfig(learning_rate=2e-4, weight_decay=0.02),
        base="",
        start="",
        rest_scale=0.01,
        unfrozen_blocks=None,
        lora_rank=0,
        whole_share=0.1,
        alpha_kinds=(0.5, 0.1, 0.1, 0.1, 0.1, 0.1),
        smoothing=0.1,
        anchor=0.0,
        graded=0.0,
        graded_weight=1.0,
        blanked=0.0,
        default_focus=(),
        scenes=SceneConfig(counts=(0.15, 0.25, 0.3, 0.3)),
    )


def test_losses_are_halves_of_cross_entropies(base):
    task = AlphaClipTask(AlphaClipTraining(run=RUN, smoothing=0.0), base, Halves())
    batch = dict(task.draw(0), texts=torch.eye(24)[:1].expand(8, -1))

    class Blind(torch.nn.Module):
        def forward(self, pixel_values):
            return SimpleNamespace(image_embeds=torch.eye(24)[:1].expand(8, -1))

    losses = task.losses(Blind(), batch)
    # Of eight pairs four are red and four blue: of the others' texts, four may be wrong.
    assert {k: v.item() for k, v in losses.items()} == pytest.approx(dict.fromkeys(losses, math.log(5) / 2), rel=1e-5)
    assert set(losses) == {"image_to_text", "text_to_image"}


def test_whole_pictures_are_anchored_where_nothing_is_shown_alone(base):
    class Unknown(Halves):
        def draw(self, index, count):
            whole = torch.arange(count) < 2
            return dataclasses.replace(super().draw(index, count), alone=None, whole=whole)

    config = AlphaClipTraining(run=dataclasses.replace(RUN, precision="float32"), anchor=1.0)
    known, unknown = (AlphaClipTask(config, base, source).draw(0) for source in (Halves(), Unknown()))
    assert known["anchored"].all() and unknown["anchored"].tolist() == [True] * 2 + [False] * 6
    assert torch.allclose(known["anchor"], base.encode_image(Halves().draw(0, 8).rgb), atol=1e-5)
    assert "anchor" not in AlphaClipTask(dataclasses.replace(config, anchor=0.0), base, Halves()).draw(0)


def test_a_sheet_without_tests_dims_what_is_not_marked(base):
    task = AlphaClipTask(AlphaClipTraining(run=RUN), base, Halves())
    sheet = task.sheet(task.module)
    assert sheet.size == (4 * 66 + 2, 2 * 66 + 2)
    # The first marks its red left half, the second its blue right one.
    places = [(20, 20), (50, 20), (86, 20), (116, 20)]
    assert [sheet.getpixel(place) for place in places] == [(255, 0, 0), (0, 0, 89), (89, 0, 0), (0, 0, 255)]
