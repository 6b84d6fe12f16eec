"""The rival draws what we draw; nothing is timed here."""

import dataclasses
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch

from gencontrol.sprites.compose import SceneConfig, compose


@pytest.fixture
def benchmark(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("compose")


def test_pillow_draws_the_same_scenes(benchmark, sprite_store):
    config = SceneConfig(size=64, jitter=0.0, blur=0.0)
    scenes = compose(sprite_store, config, batch=12, seed=1)
    for row in range(12):
        picture, seen = benchmark.draw_with_pillow(sprite_store, scenes, row)
        assert len(seen) == int(scenes.used[row].sum())
        drawn = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
        # Pillow places by whole pixels, so that edges differ.
        assert (drawn - scenes.rgb[row]).abs().mean() < 0.03
        for slot, alpha in enumerate(seen):
            assert (torch.from_numpy(np.array(alpha)) / 255 - scenes.alpha[row, slot]).abs().mean() < 0.03


def test_the_table_has_ratios(benchmark, sprite_file, capsys):
    settings = dataclasses.replace(benchmark.Settings(), sprites=sprite_file, batch=4, size=32, rounds=1)
    benchmark.main(settings)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("4 scenes of 32 px") and len(lines) == 5
    assert lines[3].split()[-1] == "1.00"


def test_the_first_round_is_left_out(benchmark):
    calls = []
    seconds = benchmark.measure({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "b"] * 3 and set(seconds) == {"a", "b"}
