"""The grounder's stage."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import from_yaml
from gencontrol.engine.licences import licence_of
from gencontrol.models.location import Location
from gencontrol.proposals.detectors import OwlGrounder
from gencontrol.proposals.opening import open_grounder
from gencontrol.sprites.captions import build_tokenizer
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.proposing import opening
from gencontrol.training.stages.proposing.grounder import GrounderTask, GrounderTraining
from gencontrol.training.stages.registry import STAGES, Places, preset_path

RUN = RunConfig(steps=4, batch=4, chunk=2, warmup=1, log_every=2, evaluate_every=4, sheet_every=4, checkpoint_every=2)
CONFIG = GrounderTraining(run=RUN, blocks=1, absent=3, tests=40, scenes=SceneConfig(size=64))


@pytest.fixture(scope="module")
def encoder(tiny: Any, sprite_store: SpriteStore) -> AlphaCLIP:
    tokenizer = build_tokenizer(sprite_store.concepts)
    model = tiny.clip()
    model.text_model.embeddings.token_embedding.weight.data = torch.randn(
        len(tokenizer), model.config.text_config.hidden_size, generator=torch.Generator().manual_seed(0)
    )
    model.config.text_config.vocab_size = len(tokenizer)
    return AlphaCLIP.from_clip(model, tokenizer=tokenizer)


def test_a_run_is_resumed_to_the_same_weights_and_its_export_grounds(
    encoder: AlphaCLIP, sprite_store: SpriteStore, tmp_path: Path
) -> None:
    whole = train(GrounderTask(CONFIG, encoder, sprite_store), RUN, folder=tmp_path / "whole")
    train(GrounderTask(CONFIG, encoder, sprite_store), RUN, folder=tmp_path / "parts", until=2)
    parts = train(GrounderTask(CONFIG, encoder, sprite_store), RUN, folder=tmp_path / "parts")
    for first, second in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(first, second)
    assert list((tmp_path / "whole" / "sheets").glob("*.png"))
    grounder = open_grounder(str(tmp_path / "whole" / "export"))
    assert licence_of(Location(name=str(tmp_path / "whole" / "export"))) == "cc-by-4.0"
    assert isinstance(grounder, OwlGrounder)
    task = GrounderTask(CONFIG, encoder, sprite_store)
    scenes = task._tests(1, 0)
    found = grounder.ground(scenes.rgb[0], [task.texts[0], task.texts[3]], threshold=0.0, most=5)
    logits, _ = whole(encoder.processor(scenes.rgb, torch.ones(1, 64, 64))[:, :3], task.phrases[torch.tensor([[0, 3]])])
    # The saved weights are halves, and pictures are bytes.
    assert_close(found.scores[0], logits.sigmoid().max(), atol=0.02, rtol=0)


def test_the_text_side_stays_as_it_is_and_the_rest_learns(encoder: AlphaCLIP, sprite_store: SpriteStore) -> None:
    task = GrounderTask(CONFIG, encoder, sprite_store)
    heads, tower = task.groups()
    assert (heads.scale, tower.scale) == (1.0, 0.3)
    named = {name for name, p in task.module.named_parameters() if p.requires_grad}
    assert not any("text" in name or "objectness" in name for name in named)
    total = sum(task.losses(task.module, task.draw(0)).values())
    assert isinstance(total, torch.Tensor)
    total.backward()
    lost = [name for name, p in task.module.named_parameters() if p.requires_grad and p.grad is None]
    assert lost == []
    assert {id(p) for g in (heads, tower) for p in g.parameters} == {
        id(p) for p in task.module.parameters() if p.requires_grad
    }


def test_what_is_drawn_is_true_of_the_scene(encoder: AlphaCLIP, sprite_store: SpriteStore) -> None:
    task = GrounderTask(CONFIG, encoder, sprite_store)
    batch = task.draw(5)
    again = task.draw(5)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    count = batch["true_of"].any(-1)
    boxes = batch["boxes"][count]
    assert len(boxes) and bool((boxes[:, 2:] > 0).all()) and bool((boxes <= 1).all())
    # A thing's own slot names it, and no phrase behind the slots is true of anything.
    slots = batch["phrases"].shape[1] - CONFIG.absent
    own = torch.diagonal(batch["true_of"][:, :slots, :slots], dim1=1, dim2=2)
    assert torch.equal(own, count[:, :slots]) and not bool(batch["true_of"][..., slots:].any())


def test_figures_tell_a_perfect_grounder_from_a_blind_one(encoder: AlphaCLIP, sprite_store: SpriteStore) -> None:
    task = GrounderTask(CONFIG, encoder, sprite_store)

    class Perfect(torch.nn.Module):
        """Says at the nearest patch what is there; it is told by what the task asks of it."""

        batch: dict[str, torch.Tensor]

        def __init__(self, sign: float):
            super().__init__()
            self.weight, self.sign = torch.nn.Parameter(torch.zeros(1)), sign

        def forward(self, *seen: torch.Tensor) -> Any:
            pixels, phrases = seen
            told = Perfect.batch
            found = torch.zeros(len(pixels), 64, 4)
            logits = torch.full((len(pixels), 64, phrases.shape[1]), -1.0)
            for row, slot in told["true_of"].any(-1).nonzero().tolist():
                found[row, slot] = told["boxes"][row, slot]
                logits[row, slot, told["true_of"][row, slot]] = self.sign
            return logits, found

    original = task._asked

    def told(scenes: Any, texts: torch.Tensor) -> dict[str, torch.Tensor]:
        Perfect.batch = original(scenes, texts)
        return Perfect.batch

    task._asked = told  # pyright: ignore[reportAttributeAccessIssue]
    assert task.evaluate(Perfect(1.0)) == {"found": 1.0, "iou": pytest.approx(1.0), "above_absent": 1.0}
    blind = task.evaluate(Perfect(-2.0))
    assert blind["found"] < 0.5 and blind["above_absent"] == 0.0


def test_the_preset_opens_and_the_stage_is_built_from_it(
    encoder: AlphaCLIP, sprite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = STAGES["grounder"]
    config = from_yaml(stage.config, preset_path(stage), overrides={"blocks": 1})
    assert isinstance(config, GrounderTraining) and config.clip == "tiny"
    monkeypatch.setattr(opening.AlphaCLIP, "from_clip", lambda name: {"tiny": encoder}[name])
    task = stage.build(config, Places(folder=tmp_path, sprites=sprite_file))
    assert isinstance(task, GrounderTask) and task.config is config


def test_chunks_are_composed_on_the_device(
    elsewhere: ModuleType, encoder: AlphaCLIP, sprite_store: SpriteStore
) -> None:
    here = GrounderTask(CONFIG, encoder, sprite_store).draw(0)
    with elsewhere.second_device() as device:
        there = GrounderTask(CONFIG, encoder, sprite_store, device=device).draw(0)
    elsewhere.check_same(here, there)
