"""The rival draws what we draw; nothing is timed here."""

import json

import numpy as np
import torch

from benchmarks.compose import Settings, draw_with_pillow, main, measure
from gencontrol.sprites.compose import SceneConfig, compose


def test_pillow_draws_the_same_scenes(sprite_store):
    config = SceneConfig(size=64, jitter=0.0, blur=0.0)
    scenes = compose(sprite_store, config, batch=12, seed=1)
    for row in range(12):
        picture, seen = draw_with_pillow(sprite_store, scenes, row)
        assert len(seen) == int(scenes.used[row].sum())
        drawn = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
        # Pillow places by whole pixels, so that edges differ.
        assert (drawn - scenes.rgb[row]).abs().mean() < 0.03
        for slot, alpha in enumerate(seen):
            assert (torch.from_numpy(np.array(alpha)) / 255 - scenes.alpha[row, slot]).abs().mean() < 0.03


def test_the_table_has_ratios(sprite_file, tmp_path, capsys):
    settings = Settings(sprites=sprite_file, batch=4, size=32, rounds=1, json=tmp_path / "rows.json")
    main(settings)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("4 scenes of 32 px") and len(lines) == 5
    assert lines[3].split()[-1] == "1.00"
    written = json.loads((tmp_path / "rows.json").read_text())
    assert [f"{seconds:.3f}" for seconds in written.values()] == [line[28:].split()[0] for line in lines[2:]]


def test_the_first_round_is_left_out():
    calls = []
    seconds = measure({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "b"] * 3 and set(seconds) == {"a", "b"}
