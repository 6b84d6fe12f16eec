"""The segmenter's stage."""

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.configuration import from_yaml
from gencontrol.engine.licences import licence_of
from gencontrol.errors import ConfigError
from gencontrol.models.location import Location
from gencontrol.proposals.sam import SamSegmenter
from gencontrol.proposals.segmenter import BoxSegmenter
from gencontrol.proposals.segmenter_opening import open_segmenter
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.proposing.segmenter import (
    SamShape,
    SegmenterTask,
    SegmenterTraining,
    boxed,
    enlarged,
    mask_losses,
    mask_overlaps,
    shaken,
)
from gencontrol.training.stages.registry import STAGES, Places, preset_path

RUN = RunConfig(steps=4, batch=4, chunk=2, warmup=1, log_every=2, evaluate_every=4, sheet_every=4, checkpoint_every=2)
CONFIG = SegmenterTraining(run=RUN, shape=SamShape(width=16, layers=2, inner=16), boxes=2, tests=32)


def test_a_run_is_resumed_to_the_same_weights_and_its_export_segments(
    sprite_store: SpriteStore, tmp_path: Path
) -> None:
    whole = train(SegmenterTask(CONFIG, sprite_store), RUN, folder=tmp_path / "whole")
    train(SegmenterTask(CONFIG, sprite_store), RUN, folder=tmp_path / "parts", until=2)
    parts = train(SegmenterTask(CONFIG, sprite_store), RUN, folder=tmp_path / "parts")
    for first, second in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(first, second)
    assert list((tmp_path / "whole" / "sheets").glob("*.png"))
    segmenter = open_segmenter(str(tmp_path / "whole" / "export"))
    assert licence_of(Location(name=str(tmp_path / "whole" / "export"))) == "cc-by-4.0"
    assert isinstance(segmenter, SamSegmenter)
    task = SegmenterTask(CONFIG, sprite_store)
    batch = task._asked(task._tests(1, 0), torch.Generator().manual_seed(0), shake=0.0)
    picture = task._tests(1, 0).rgb[0]
    found = segmenter.segment(picture, batch["boxes"][0])
    mine = task._masks(whole, batch)[0]
    # The saved weights are halves, and pictures are bytes.
    assert float((found.masks == mine).float().mean()) > 0.97


def test_boxes_are_shaken_within_their_share_and_the_picture() -> None:
    boxes = torch.tensor([[[10.0, 20.0, 30.0, 60.0], [0.0, 0.0, 64.0, 64.0]]])
    assert_close(shaken(boxes, torch.ones(1, 2, 4), 0.1, side=64)[0, 0], torch.tensor([12.0, 24, 32, 64]))
    assert_close(shaken(boxes, torch.zeros(1, 2, 4), 0.1, side=64)[0, 1], torch.tensor([0.0, 0, 57.6, 57.6]))
    assert_close(shaken(boxes, torch.rand(1, 2, 4), 0.0, side=64), boxes)


def test_boxes_as_masks_are_those_of_the_box_segmenter() -> None:
    boxes = torch.tensor([[3.2, 4.6, 20.0, 31.4], [0.0, 0.0, 32.0, 32.0]])
    assert torch.equal(boxed(boxes[None], 32)[0], BoxSegmenter().segment(torch.rand(3, 32, 32), boxes).masks)


def test_overlaps_of_masks() -> None:
    one = torch.zeros(4, 4, dtype=torch.bool)
    other = one.clone()
    one[:2], other[1:3] = True, True
    assert_close(
        mask_overlaps(torch.stack([one, one & False]), torch.stack([other, one & False])), torch.tensor([1 / 3, 0])
    )


def test_losses_are_of_what_counts() -> None:
    masks = torch.zeros(1, 2, 8, 8)
    masks[:, :, 2:6, 2:6] = 1
    right = 40 * (2 * masks[:, :, ::1, ::1] - 1)
    logits = torch.stack([right[0, 0], -right[0, 1]])[None]
    one = torch.tensor([[True, False]])
    fine = mask_losses(logits, torch.tensor([[1.0, 0.3]]), masks, one)
    assert all(float(value) < 1e-3 for value in fine.values())
    both = mask_losses(logits, torch.tensor([[1.0, 0.3]]), masks, torch.ones(1, 2, dtype=torch.bool))
    # Half of the masks are wholly wrong: a logit of 40 each, counted twice; none of 16 + 48 pixels agrees.
    assert_close(both["pixels"], torch.tensor(2 * 40 / 2))
    assert_close(both["dice"], torch.tensor((1 - 1 / 65) / 2))
    assert_close(both["scores"], torch.tensor(0.5 * 0.09 / 2))
    none = mask_losses(logits, torch.tensor([[1.0, 0.3]]), masks, torch.zeros(1, 2, dtype=torch.bool))
    assert all(float(value) == 0 for value in none.values())


def test_figures_are_of_the_masks(sprite_store: SpriteStore) -> None:
    task = SegmenterTask(CONFIG, sprite_store)

    class Boxes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, *asked: torch.Tensor) -> Any:
            boxes = asked[1]
            return 2.0 * boxed(boxes, 64) - 1, torch.zeros(boxes.shape[:2])

    figures = task.evaluate(Boxes())
    assert figures["iou"] == pytest.approx(figures["iou_of_boxes"]) and figures["iou_shaken"] < figures["iou"] < 1
    assert enlarged(torch.ones(1, 1, 2, 2), 8).shape == (1, 1, 8, 8)


def test_every_weight_learns_but_those_of_other_prompts(sprite_store: SpriteStore) -> None:
    task = SegmenterTask(CONFIG, sprite_store)
    batch = task.draw(1)
    assert all(torch.equal(batch[name], again) for name, again in task.draw(1).items())
    total = sum(task.losses(task.module, batch).values())
    assert isinstance(total, torch.Tensor)
    total.backward()
    (group,) = task.groups()
    assert len(group.parameters) > 50
    # The positional code is of nearby places alike: at the usual scale its deviation is half of the width.
    state = task.module.state_dict()
    code = next(values for name, values in state.items() if name.endswith("image_embedding.positional_embedding"))
    assert float(code.std()) < 3
    tower = next(values for name, values in state.items() if name.endswith("layers.0.attn.qkv.weight"))
    assert 0.01 < float(tower.std()) < 0.03


def test_shapes_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"expected a size of whole patches, .* got size 60, patch 8"):
        SamShape(size=60)
    with pytest.raises(ConfigError, match=r"scenes.size: expected the shape's 64, got 32\."):
        dataclasses.replace(CONFIG, scenes=dataclasses.replace(CONFIG.scenes, size=32))
    for changes in ({"shake": 0.5}, {"shake": -0.1}, {"boxes": 0}, {"boxes": 9}):
        with pytest.raises(ConfigError, match=r"expected a shake of 0 to 0\.4 and 1 to 8 boxes, got"):
            dataclasses.replace(CONFIG, **changes)


def test_the_preset_opens_and_the_stage_is_built_from_it(sprite_file: Path, tmp_path: Path) -> None:
    stage = STAGES["segmenter"]
    config = from_yaml(stage.config, preset_path(stage))
    assert isinstance(config, SegmenterTraining) and config.shape.size == config.scenes.size == 64
    task = stage.build(config, Places(folder=tmp_path, sprites=sprite_file))
    assert isinstance(task, SegmenterTask) and task.config is config


def test_chunks_are_composed_on_the_device(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    here = SegmenterTask(CONFIG, sprite_store).draw(0)
    with elsewhere.second_device() as device:
        there = SegmenterTask(CONFIG, sprite_store, device=device).draw(0)
    elsewhere.check_same(here, there)
