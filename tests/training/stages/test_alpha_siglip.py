"""Stage 2 from a SigLIP: it learns to look, and comes out as stock classes open it."""

import dataclasses

import pytest
import torch
from PIL import Image
from torch.nn import functional
from transformers import SiglipModel, SiglipVisionModel

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.training.data.pairs import Pairs, pad_ids
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.alpha_clip import AlphaClipTask, AlphaClipTraining
from gencontrol.training.stages.alpha_siglip import AlphaSiglipTask
from gencontrol.training.stages.registry import Places, build_alpha_clip_task, open_base

RUN = RunConfig(steps=8, batch=8, chunk=8, learning_rate=5e-3, warmup=2, evaluate_every=0, sheet_every=0)


class Halves:
    """Left half red, right half blue; the text names the marked half."""

    def draw(self, index, count):
        rgb = torch.zeros(count, 3, 64, 64)
        rgb[:, 0, :, :32] = 1
        rgb[:, 2, :, 32:] = 1
        right = torch.arange(count) % 2
        alpha = torch.zeros(count, 64, 64)
        for row, half in enumerate(right.tolist()):
            alpha[row, :, 32 * half : 32 * half + 32] = 1
        ids = pad_ids(right[:, None])
        texts = ["blue" if half else "red" for half in right.tolist()]
        none = torch.zeros(count, dtype=torch.bool)
        return Pairs(
            rgb=rgb, alpha=alpha, texts=texts, text_concepts=ids, image_concepts=ids, whole=none, alone=rgb
        )  # fmt: skip


@pytest.fixture
def base(tiny):
    return AlphaSigLIP.from_siglip(tiny.siglip(), tokenizer=tiny.tokenizer())


def test_it_learns_to_look_and_freezes_the_text_tower(base, tmp_path):
    config = AlphaClipTraining(run=dataclasses.replace(RUN, steps=60), rest_scale=0.5)
    before = {k: v.clone() for k, v in base.state_dict().items()}
    train(AlphaSiglipTask(config, base, Halves()), config.run, folder=tmp_path)
    trained = AlphaSigLIP.from_pretrained(tmp_path / "export")
    assert trained.has_alpha and not base.has_alpha
    assert all(torch.equal(base.state_dict()[k], v) for k, v in before.items())
    for key, value in before.items():
        if key.startswith(("text.", "logit_")):
            assert torch.equal(trained.state_dict()[key], value), key
    scene = Halves().draw(0, 2)
    image = trained.encode_image(scene.rgb, scene.alpha, normalize=True)
    scores = image @ trained.encode_text(["red", "blue"], normalize=True).T
    assert scores[0, 0] > scores[0, 1] and scores[1, 1] > scores[1, 0]
    whole, tower = SiglipModel.from_pretrained(tmp_path / "export"), trained.vision.state_dict()
    assert all(torch.equal(whole.vision_model.state_dict()[key], value) for key, value in tower.items())
    half = SiglipVisionModel.from_pretrained(tmp_path / "export").state_dict()
    assert all(torch.equal(half[key], value) for key, value in tower.items())


def test_the_loss_is_siglips(base):
    config = AlphaClipTraining(run=dataclasses.replace(RUN, precision="float32"))
    task = AlphaSiglipTask(config, base, Halves(), names=["red", "blue", "green"])
    batch = task.draw(0)
    losses = task.losses(task.module, batch)
    image = functional.normalize(base.vision(pixel_values=batch["pixels"]).pooler_output, dim=-1)
    text = base.encode_text([*Halves().draw(0, 8).texts, "red", "blue", "green"], normalize=True)
    logits = base.logit_scale.exp() * image @ text.T + base.logit_bias
    told = torch.tensor([0, 1] * 4 + [0, 1, 2])
    signs = torch.where(told[None] == (torch.arange(8) % 2)[:, None], 1.0, -1.0)
    each = -functional.logsigmoid(signs * logits)
    torch.testing.assert_close(losses["image_to_text"], 0.5 * each.sum(1).mean())
    torch.testing.assert_close(losses["text_to_image"], 0.5 * each[:, :8].sum(0).mean())
    assert losses.keys() == {"image_to_text", "text_to_image"}


def test_the_anchor_is_the_plain_siglips_embedding(base):
    config = AlphaClipTraining(run=dataclasses.replace(RUN, precision="float32"), anchor=1.0)
    batch = AlphaSiglipTask(config, base, Halves()).draw(0)
    torch.testing.assert_close(batch["anchor"], base.encode_image(Halves().draw(0, 8).rgb))


def test_a_run_goes_on_from_an_earlier_ones_export(base, tmp_path):
    config = AlphaClipTraining(run=RUN, rest_scale=0.2)
    train(AlphaSiglipTask(config, base, Halves()), RUN, folder=tmp_path)
    earlier = AlphaSigLIP.from_pretrained(tmp_path / "export").vision.state_dict()
    task = AlphaSiglipTask(dataclasses.replace(config, start=str(tmp_path / "export")), base, Halves())
    task.export(task.module, tmp_path / "again")
    again = AlphaSigLIP.from_pretrained(tmp_path / "again").vision.state_dict()
    assert all(torch.equal(again[key], value) for key, value in earlier.items())


def test_captions_are_checked(base):
    task = AlphaSiglipTask(AlphaClipTraining(run=RUN), base, Halves())
    task.check_captions(["a red cup"])
    with pytest.raises(InputError, match="does not know every word of 'a teapot'"):
        task.check_captions(["a teapot"])


def test_a_base_needs_its_text_tower(tiny):
    with pytest.raises(ConfigError, match="the base needs a text tower and a tokenizer"):
        AlphaSiglipTask(AlphaClipTraining(run=RUN), AlphaSigLIP.from_siglip(tiny.siglip().vision_model), Halves())


def test_the_base_says_what_it_is(tiny, tmp_path):
    base = tiny.siglip()
    base.save_pretrained(tmp_path / "siglip")
    tiny.tokenizer().save_pretrained(tmp_path / "siglip")
    tiny.clip().save_pretrained(tmp_path / "clip")
    tiny.tokenizer().save_pretrained(tmp_path / "clip")
    made = open_base(str(tmp_path / "siglip"))
    assert isinstance(made, AlphaSigLIP) and made.tokenizer is not None and made.processor.image_mean[0] == 0.5
    pixels = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(made.encode_pixels(pixels), base.vision_model(pixel_values=pixels[:, :3]).pooler_output)
    assert isinstance(open_base(str(tmp_path / "clip")), AlphaCLIP)
    assert isinstance(open_base("tiny"), AlphaCLIP)


@pytest.mark.parametrize("kind", ["siglip", "clip"])
def test_the_stage_trains_either_on_pairs_of_ones_own(kind, tiny, tmp_path):
    getattr(tiny, kind)().save_pretrained(tmp_path / "base")
    tiny.tokenizer().save_pretrained(tmp_path / "base")
    (tmp_path / "pairs").mkdir()
    tiny.photo().save(tmp_path / "pairs" / "photo.png")
    mask = Image.new("L", (96, 96))
    mask.paste(255, (0, 0, 48, 96))
    mask.save(tmp_path / "pairs" / "mask.png")
    line = '{"image": "photo.png", "mask": "mask.png", "caption": "a red cup"}'
    (tmp_path / "pairs" / "pairs.jsonl").write_text(line + "\n")
    config = AlphaClipTraining(run=RUN, base=str(tmp_path / "base"))
    places = Places(folder=tmp_path / "run", sprites=tmp_path / "none.npz", pairs=tmp_path / "pairs")
    task = build_alpha_clip_task(config, places)
    assert type(task) is (AlphaSiglipTask if kind == "siglip" else AlphaClipTask)
    assert task.draw(0)["pixels"].shape == (8, 4, 64, 64)
