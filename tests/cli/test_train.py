"""The documented commands, at a size that takes seconds: every stage starts, improves, and feeds the next."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gencontrol.cli.main import main
from gencontrol.cli.train import parse_changes
from gencontrol.configuration import from_yaml
from gencontrol.errors import ConfigError
from gencontrol.training.stages.alpha_clip import AlphaClipTraining
from gencontrol.training.stages.registry import STAGES, settings_path

QUICK = ("run.batch=32", "run.chunk=16", "run.log_every=5", "run.evaluate_every=0", "run.sheet_every=0")
TOWERS = (
    "towers.image_size=16", "towers.patch_size=4", "towers.vision_width=32", "towers.vision_layers=2",
    "towers.vision_heads=2", "towers.text_width=32", "towers.text_layers=1", "towers.embedding=16", "scenes.size=16",
    "scenes.styles=[noto, emojione]",
)  # fmt: skip
AUTOENCODER = ("channels=[8, 16]", "norm_groups=4", "latent_channels=4", "crop=16", "scenes.size=32")
DENOISER = (
    "channels=[16, 16]", "attention=[false, true]", "head_width=16", "cache.samples=64", "cache.shard=64",
    "cache.picture.size=32", "cache.condition.size=16", "cache.condition.counts=[0.5, 0.5]",
)  # fmt: skip


def train(stage, folder, sprites, *changes, steps=20):
    settings = [f"--set={c}" for c in (*QUICK, f"run.steps={steps}", "run.warmup=3", *changes)]
    return main(["train", stage, "-o", str(folder / stage), "--sprites", str(sprites), *settings])


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    skipped = {"step", "time", "rate", "learning_rate", "gradient_norm"}
    return [sum(v for k, v in line.items() if k not in skipped) for line in lines]


def test_the_four_stages_in_order(sprite_file, tmp_path, capsys):
    assert train("clip", tmp_path, sprite_file, *TOWERS) == 0
    assert "the run is in" in capsys.readouterr().out
    base = f"base={tmp_path / 'clip' / 'export'}"
    assert train("alpha-clip", tmp_path, sprite_file, base, "scenes.size=16", "scenes.styles=[noto, emojione]") == 0
    assert train("autoencoder", tmp_path, sprite_file, *AUTOENCODER) == 0
    earlier = [
        f"{stage.replace('-', '_')}={tmp_path / stage / 'export'}" for stage in ("clip", "alpha-clip", "autoencoder")
    ]
    assert train("denoiser", tmp_path, sprite_file, *DENOISER, *earlier) == 0
    for stage in ("clip", "alpha-clip", "autoencoder", "denoiser"):
        found = losses(tmp_path / stage)
        assert len(found) == 4, stage
        # What stage 2 learns in twenty steps from a CLIP of twenty is noise; its own test has it learn.
        assert found[-1] < found[0] or stage == "alpha-clip", stage
        assert (tmp_path / stage / "export").is_dir()
        assert list((tmp_path / stage / "tensorboard").iterdir())


def test_two_processes_train_the_denoiser_as_one(sprite_file, tmp_path, tiny_folder):
    """They share the cache's preparation and each step's samples, and the first of them alone reports."""
    parts = {"clip": "clip", "alpha_clip": "alpha_clip", "autoencoder": "vae"}
    earlier = [f"{name}={tiny_folder / folder}" for name, folder in parts.items()]
    changes = (*QUICK, *DENOISER, *earlier, "run.steps=2", "run.warmup=1", "run.log_every=1", "cache.samples=128")
    # Two channels to each of the sixteen groups of a norm: of one alone the norm takes out the bias before it, whose
    # gradient is then rounding and nothing else, and Adam makes steps of full size of that.
    changes = (*changes, "channels=[32, 32]")
    settings = [f"--set={c}" for c in changes]
    assert main(["train", "denoiser", "-o", str(tmp_path / "one"), "--sprites", str(sprite_file), *settings]) == 0
    # What `accelerate launch` starts for several processes; by itself it starts one on CPUs without MPI.
    launch = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    plain = ("--module", "gencontrol.cli.main")
    order = ("train", "denoiser", "-o", str(tmp_path / "two"), "--sprites", str(sprite_file), *settings)
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        (sys.executable, "-m", *launch, *plain, *order), capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    alone, together = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(together) == len(alone) == 2
    cached = [load_file(tmp_path / run / "cache" / "latents-00001.safetensors") for run in ("one", "two")]
    torch.testing.assert_close(cached[1], cached[0])
    grown = [load_file(tmp_path / run / "export/unet/diffusion_pytorch_model.safetensors") for run in ("one", "two")]
    torch.testing.assert_close(grown[1], grown[0], atol=1e-4, rtol=1e-3)


def test_alpha_clip_trains_on_a_folder_of_pairs(tmp_path, tiny_folder, capsys):
    import numpy as np
    from PIL import Image

    folder = tmp_path / "pairs"
    folder.mkdir()
    rows = []
    for index, name in enumerate(("red", "green", "blue")):
        picture = np.zeros((32, 48, 3), np.uint8)
        picture[4:20, 4:20, index] = 255
        Image.fromarray(picture).save(folder / f"{name}.png")
        rows.append({"image": f"{name}.png", "box": [4, 4, 20, 20], "caption": name})
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = (
        "run.steps=5",
        "run.sheet_every=5",
        "run.evaluate_every=5",
        "anchor=1.0",
        f"base={tiny_folder / 'clip'}",
    )
    changes = [f"--set={c}" for c in (*QUICK[:3], *settings)]
    assert main(["train", "alpha-clip", "-o", str(tmp_path / "run"), "--pairs", str(folder), *changes]) == 0
    assert (tmp_path / "run" / "export" / "config.json").is_file()
    with Image.open(tmp_path / "run" / "sheets" / "step-00000005.png") as sheet:
        assert sheet.width > 4 * 16
    rows[1]["caption"] = " ".join(["green"] * 100)
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert main(["train", "alpha-clip", "-o", str(tmp_path / "long"), "--pairs", str(folder), *changes]) != 0
    assert "green green" in capsys.readouterr().err and not (tmp_path / "long").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "No stage is named: gencontrol train STAGE trains one of clip, "),
        (["clpi"], 2, "No stage 'clpi'; did you mean 'clip'"),
        (["clip", "--set", "run.stesp=3"], 2, "unknown key 'stesp'; did you mean 'steps'"),
        (["clip", "--set", "run.steps"], 2, "expected KEY=VALUE"),
        (["clip", "--pairs", "."], 2, "--pairs: only alpha-clip and one-pass train on a folder of pairs, not clip"),
        (["alpha-clip", "--pairs", ".", "--sprites", "x"], 2, "--pairs, --sprites: alpha-clip trains on one of them"),
        (
            ["clip", "--until", "9", "--set=run.steps=8"],
            2,
            "--until 9: the run ends after 8 steps (run.steps) by itself",
        ),
        (["clip", "--until", "0"], 2, "--until: expected a step of at least 1, got 0"),
        (["clip", "--sprites", "none.npz"], 1, "gencontrol data sprites"),
        (["denoiser", "--set", "clip=''"], 2, "name the folders that the earlier stages exported"),
    ],
)
def test_mistakes_are_explained(arguments, code, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == code
    assert message in capsys.readouterr().err


def test_settings_are_a_file_or_a_shipped_presets_name(tmp_path):
    stage = STAGES["alpha-clip"]
    published = from_yaml(AlphaClipTraining, settings_path(Path("alpha_clip_published"), stage))
    # The published step sizes: 2e-4 for the alpha slice, 2e-6 for the rest.
    assert published.run.learning_rate == 2e-4
    assert published.run.learning_rate * published.rest_scale == pytest.approx(2e-6)
    assert (published.whole_share, published.run.weight_decay) == (0.1, 0.02)
    assert settings_path(None, stage).name == "alpha_clip.yaml"
    mine = tmp_path / "mine.yaml"
    assert settings_path(mine, stage) == mine


def test_changes_are_yaml():
    assert parse_changes(["a.b=1e-3", "c=[1, 2]", "d=x=y"]) == {"a.b": "1e-3", "c": [1, 2], "d": "x=y"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[", "expected the node content, but found '<stream end>', at line 1, column 2"),
        ("[" * 5000, "it is nested too deeply"),
        ("2024-13-45", "month must be in 1..12"),
        ("a: \0", "special characters are not allowed, at character 4"),
    ],
)
def test_a_change_that_is_no_yaml_is_said_in_a_line(value: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_changes([f"a={value}"])
    assert str(raised.value).endswith(f": the value is not YAML: {said}.")


def test_a_folder_in_which_another_process_trains_is_refused(sprite_file, tmp_path, capsys):
    folder = tmp_path / "clip"
    order = (
        "train",
        "clip",
        "-o",
        str(folder),
        "--sprites",
        str(sprite_file),
        *(f"--set={c}" for c in (*QUICK, *TOWERS)),
    )
    code = "import sys; from gencontrol.cli.main import main; sys.exit(main())"
    with subprocess.Popen([sys.executable, "-P", "-c", code, *order], stderr=subprocess.PIPE, text=True) as process:
        # Its first line of progress: from then on it writes there.
        assert process.stderr is not None and process.stderr.readline()
        while not (folder / "log.jsonl").exists() and process.poll() is None:
            time.sleep(0.05)
        assert train("clip", tmp_path, sprite_file, *TOWERS) == 1
        assert f"{folder} is in use: process {process.pid} has been writing there" in capsys.readouterr().err
        process.kill()
    # Who was killed holds nothing.
    assert train("clip", tmp_path, sprite_file, *TOWERS, steps=1) == 0
