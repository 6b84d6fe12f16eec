import dataclasses
import json

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_image_variation import (
    StableDiffusionImageVariationPipeline,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPModel

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.cli.main import main
from gencontrol.errors import CheckpointError, InputError
from gencontrol.models.fingerprint import fingerprint, weights_mark
from gencontrol.models.location import Location
from gencontrol.training.loop.checkpoints import Checkpoint, save_checkpoint
from gencontrol.training.stages.assemble import Exports, assemble, model_card, run_facts


@pytest.fixture
def exports(tiny, tmp_path):
    runs = Exports(**{n: tmp_path / n for n in ("clip", "alpha_clip", "autoencoder", "denoiser")})
    clip = tiny.clip()
    for path in (runs.clip / "export",):
        clip.save_pretrained(path)
        tiny.tokenizer().save_pretrained(path)
        tiny.image_processor().save_pretrained(path)
    AlphaCLIP.from_clip(clip, tokenizer=tiny.tokenizer()).save_pretrained(runs.alpha_clip / "export")
    tiny.vae().save_pretrained(runs.autoencoder / "export")
    tiny.unet().save_pretrained(runs.denoiser / "export" / "unet")
    tiny.scheduler().save_pretrained(runs.denoiser / "export" / "scheduler")
    for run in (runs.clip, runs.alpha_clip, runs.autoencoder, runs.denoiser):
        facts = {"config": {"seed": 3, "steps": 7, "batch": 5}, "seconds": 5400.0}
        save_checkpoint(run / "checkpoints", Checkpoint(step=7, tensors={"model": {"w": torch.zeros(1)}}, facts=facts))
        (run / "log.jsonl").write_text(json.dumps({"step": 7, "top1/1": 0.91, "rate": 2.0}) + "\n")
    return runs


def test_the_folder_opens_in_stock_classes_and_in_ours(exports, tiny, tmp_path):
    folder = tmp_path / "tiny"
    assemble(exports, folder)
    pipeline = StableDiffusionImageVariationPipeline.from_pretrained(folder, dtype=torch.float32)
    weight = pipeline.image_encoder.visual_projection.weight
    torch.testing.assert_close(weight, tiny.clip().visual_projection.weight, atol=1e-3, rtol=1e-3)
    assert CLIPModel.from_pretrained(folder / "clip").vision_model.config.num_channels == 3
    encoder = AlphaCLIP.from_pretrained(folder, subfolder="alpha_clip")
    assert encoder.vision.config.num_channels == 4 and encoder.tokenizer is not None
    assert str(tmp_path) not in "".join(path.read_text() for path in folder.rglob("*.json"))
    card = (folder / "clip" / "README.md").read_text()
    assert "seed 3: 7 steps" in card and "1.5 hours" in card and "top1/1: 0.91" in card


def test_parts_of_an_assembled_model_keep_weights_and_cards(exports, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assemble(exports, first)
    again = Exports(
        clip=first / "clip", alpha_clip=first / "alpha_clip", autoencoder=first / "vae", denoiser=first
    )  # fmt: skip
    assemble(again, second)
    for path in sorted(first.rglob("*")):
        if path.suffix in (".safetensors", ".md"):
            assert (second / path.relative_to(first)).read_bytes() == path.read_bytes(), path


def test_what_stands_twice_is_stored_once_and_opens_as_before(exports, tmp_path):
    twice, once = tmp_path / "twice", tmp_path / "once"
    assemble(exports, twice)
    assemble(exports, once, once=True)
    plain, shared = (CLIPModel.from_pretrained(folder / "clip").state_dict() for folder in (twice, once))
    assert all(torch.equal(values, shared[name]) for name, values in plain.items()) and len(plain) == len(shared)
    ours = AlphaCLIP.from_clip(once, subfolder="clip")
    assert torch.equal(ours.vision.visual_projection.weight, plain["visual_projection.weight"])
    # No weight of the tower lies in `clip/`, and every one of its own does.
    (rest,) = (once / "clip").glob("*.safetensors")
    towers = {name for name in plain if name.startswith(("vision_model", "visual_projection"))}
    assert set(load_file(rest)) == set(plain) - towers
    again = tmp_path / "again"
    assemble(
        Exports(clip=once / "clip", alpha_clip=once / "alpha_clip", autoencoder=once / "vae", denoiser=once), again
    )
    weights = (again / "clip" / "model.safetensors", twice / "clip" / "model.safetensors")
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_whole_numbers_are_found_in_any_of_several_files(exports, tmp_path):
    folder = tmp_path / "once"
    assemble(exports, folder, once=True)
    path = folder / "image_encoder" / "model.safetensors"
    save_file(load_file(path) | {"visual_projection.weight": torch.ones(24, 32, dtype=torch.int64)}, path)
    with pytest.raises(CheckpointError, match=r"no floating-point numbers.*visual_projection\.weight \(I64\)"):
        AlphaCLIP.from_clip(folder, subfolder="clip")


def test_a_tower_that_is_stored_elsewhere_marks_its_encoder(exports, tmp_path):
    folder = tmp_path / "once"
    assemble(exports, folder, once=True)
    clip = Location(name=str(folder), subfolder="clip")
    before = weights_mark(clip), fingerprint(clip)
    path = folder / "image_encoder" / "model.safetensors"
    save_file({name: values + 1 for name, values in load_file(path).items()}, path, metadata={"format": "pt"})
    assert all(was != now for was, now in zip(before, (weights_mark(clip), fingerprint(clip)), strict=True))
    (folder / "clip" / "model.safetensors.index.json").write_text("[")
    assert weights_mark(clip)


def test_the_command_assembles(exports, tmp_path, capsys):
    folder = tmp_path / "model"
    flags = [
        f"--{n.replace('_', '-')}={getattr(exports, n)}" for n in ("clip", "alpha_clip", "autoencoder", "denoiser")
    ]
    assert main(["assemble", *flags, "-o", str(folder)]) == 0
    assert (folder / "model_index.json").is_file() and str(folder) in capsys.readouterr().out


def test_the_card_credits_what_training_used():
    card = model_card(
        "clip", {"settings": {"seed": 0, "steps": 1, "batch": 1}, "changes": [], "hours": 1, "figures": {}}
    )
    assert "Twemoji" in card and "EmojiTwo" in card and "FxEmojis" not in card


def test_the_card_says_where_the_run_left_its_preset(exports):
    facts = {
        "config": {"seed": 3, "steps": 7, "batch": 5},
        "stage": {"crop": 32, "latent_channels": 4},
        "seconds": 60.0,
    }
    run = exports.autoencoder
    save_checkpoint(run / "checkpoints", Checkpoint(step=8, tensors={"model": {"w": torch.zeros(1)}}, facts=facts))
    assert "with the shipped preset, crop=32, seed 3" in model_card("autoencoder", run_facts("autoencoder", run))


def test_a_model_is_assembled_again_into_the_same_folder(exports, tmp_path):
    folder = tmp_path / "model"
    assemble(exports, folder)
    (folder / "unet" / "old").touch()
    assemble(exports, folder)
    assert not (folder / "unet" / "old").exists()
    (folder / "mine").mkdir()
    with pytest.raises(InputError, match=r"holds other things \(mine\)"):
        assemble(exports, folder)


@pytest.mark.parametrize(
    ("output", "how"),
    [
        ("clip/export", "lies in"),
        ("clip", "is"),
        (".", "holds"),
        ("denoiser/export/unet", "lies in"),
        ("clip/new", "lies in"),
    ],
)
def test_nothing_that_is_read_is_replaced(exports, tmp_path, output, how):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=rf"{output} {how} .*, which is read as `\w+`: name a folder of its own"):
        assemble(exports, tmp_path / output)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_part_of_a_model_is_not_replaced_by_the_model(exports, tmp_path):
    assemble(exports, tmp_path / "first")
    again = dataclasses.replace(exports, clip=tmp_path / "first" / "clip")
    for output in ("first", "first/clip"):
        with pytest.raises(InputError, match="which is read as `clip`"):
            assemble(again, tmp_path / output)


def test_of_a_damaged_log_the_last_whole_line_counts(exports):
    log = exports.clip / "log.jsonl"
    whole = log.read_text()
    log.write_bytes(whole.encode() + b'[1]\n{"step": 8, "top1/1": 0.5\n\xff\xfe\n')
    assert run_facts("clip", exports.clip)["figures"] == {"top1/1": 0.91}
    for content in (b"", b'{"step": 8', b"\x00\x01\n" + b"[" * 100_000):
        log.write_bytes(content)
        with pytest.raises(InputError, match=r"log\.jsonl is damaged: none of its lines is a whole record"):
            run_facts("clip", exports.clip)
    log.unlink()
    with pytest.raises(InputError, match=r"log\.jsonl cannot be read \(No such file"):
        run_facts("clip", exports.clip)


def test_an_unfinished_run_is_named(exports, tmp_path):
    import shutil

    shutil.rmtree(exports.denoiser / "export")
    with pytest.raises(InputError, match=r"denoiser: .* is neither a finished run .* nor a part of an assembled"):
        assemble(exports, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()
    with pytest.raises(InputError, match="holds no checkpoint"):
        run_facts("clip", tmp_path / "nothing")
