"""Pictures with several regions."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.folder_pairs import FolderPairs, read_listing
from gencontrol.training.data.several import MOST, FolderRegions, SpriteRegions

SCENES = SceneConfig(size=32, counts=(0.0, 1.0, 1.0, 1.0))


def test_all_things_of_a_scene_are_regions(sprite_store: SpriteStore) -> None:
    source = SpriteRegions(store=sprite_store, scenes=SCENES, seed=4)
    drawn, again = source.draw(3, 6), source.draw(3, 6)
    assert torch.equal(drawn.rgb, again.rgb) and torch.equal(drawn.alphas, again.alphas)
    assert drawn.used.shape == drawn.concepts.shape == drawn.alphas.shape[:2]
    assert bool((drawn.alphas.flatten(2).amax(-1) > 0).eq(drawn.used).all())
    assert {source.draw(index, 2).used.shape[1] for index in range(12)} == {2, 3, 4}


def test_some_things_are_left_out(sprite_store: SpriteStore) -> None:
    four = SceneConfig(size=32, counts=(0.0, 0.0, 0.0, 1.0), blur=0.0)
    whole = SpriteRegions(store=sprite_store, scenes=four, seed=0).draw(0, 40)
    some = SpriteRegions(store=sprite_store, scenes=four, seed=0, left_out=1.0).draw(0, 40)
    assert torch.equal(whole.rgb, some.rgb) and not bool((some.used & ~whole.used).any())
    fewer = some.used.sum(1) < whole.used.sum(1)
    assert 0.5 < float(fewer.double().mean()) < 1
    assert int((whole.used & ~some.used).sum(1).max()) == 2
    boxes = SpriteRegions(store=sprite_store, scenes=four, seed=0, alpha_kinds=(0.0, 0.0, 0.0, 1.0)).draw(0, 40)
    assert float((boxes.alphas > 0.5).double().mean()) > float((whole.alphas > 0.5).double().mean())


def test_lines_of_one_image_are_its_regions(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((20, 40, 3), 90, np.uint8)).save(tmp_path / name)
    lines = [{"image": "a.png", "caption": f"part {n}", "box": [n, 0, n + 4, 20]} for n in range(10)]
    lines.append({"image": "b.png", "caption": "left", "box": [0, 0, 20, 20]})
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    pairs = FolderPairs(folder=tmp_path, pairs=read_listing(tmp_path), size=40, seed=0, alpha_kinds=(1.0,))
    drawn = FolderRegions(pairs=pairs).draw(0, 8)
    assert drawn.rgb.shape == (8, 3, 40, 40) and drawn.alphas.shape == (8, MOST, 40, 40)
    assert set(drawn.used.sum(1).tolist()) == {1, MOST} and bool((drawn.concepts == -1).all())
    row = int(drawn.used.sum(1).argmin())
    # Padded to a square: the box is the left half of the middle rows.
    assert (
        drawn.alphas[row, 0, 20, 5] == 1 and drawn.alphas[row, 0, 20, 35] == 0 and drawn.alphas[row, 0, 2].max() < 0.02
    )
    assert not drawn.alphas[row, 1:].any()
    assert torch.equal(drawn.alphas, FolderRegions(pairs=pairs).draw(0, 8).alphas)
