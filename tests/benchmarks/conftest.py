"""What the benchmarks' tests share."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from benchmarks.focus.rows import Encoders, open_encoders
from benchmarks.focus.scenes import Marked, draw_marked
from benchmarks.judge.model import Judge, JudgeNet, JudgeShape, save_judge
from gencontrol.alpha_clip.alpha_slice import patch_weight
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.sprites.captions import build_tokenizer
from gencontrol.sprites.catalog import training_styles
from gencontrol.training.stages.clip import TowerConfig, build_clip, save_clip


@pytest.fixture(scope="session")
def model(tiny: ModuleType, sprite_store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in the layout of `tiny` that knows the store's words, its alpha weights not zero."""
    folder = tiny.save_folder(tmp_path_factory.mktemp("focus") / "model")
    tokenizer = build_tokenizer(sprite_store.concepts)
    towers = TowerConfig(
        patch_size=16, vision_width=32, vision_layers=2, vision_heads=2, text_width=32, text_layers=2, text_heads=2,
        embedding=tiny.EMBED_DIM,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        clip = build_clip(towers, tokenizer)
        tiny.spread(clip)
        encoder = AlphaCLIP.from_clip(clip, tokenizer=tokenizer)
        patch_weight(encoder.vision).data[:, 3:].normal_(std=0.05)
    for name in ("clip", "alpha_clip"):
        shutil.rmtree(folder / name)
    save_clip(clip, tokenizer, encoder.processor, folder / "clip")
    encoder.save_pretrained(folder / "alpha_clip")
    return folder


@pytest.fixture(scope="session")
def encoders(model: Path) -> Encoders:
    return open_encoders(model)


@pytest.fixture(scope="session")
def judge_folder(sprite_store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = JudgeNet(JudgeShape(widths=(4, 8)), len(sprite_store.concepts)).eval()
    facts = {"accuracy": {"training styles": {"top1": 0.5, "top5": 0.7, "scenes": 10}, "chance": 0.0167}}
    judge = Judge(net=net, slugs=tuple(c.slug for c in sprite_store.concepts), facts=facts)
    folder = tmp_path_factory.mktemp("judges") / "judge"
    save_judge(judge, folder)
    return folder


@pytest.fixture(scope="session")
def marked(sprite_store) -> Callable[..., Marked]:
    """Draws small test scenes of three marked sprites, or otherwise as told."""

    def draw(*, sprites: int = 3, count: int = 12, size: int = 32, seed: int = 5) -> Marked:
        return draw_marked(
            sprite_store, training_styles(), sprites=sprites, size=size, source=4 * size, count=count, seed=seed
        )

    return draw
