"""Florence-2 as a grounder: what it writes is read as boxes."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.errors import CheckpointError
from gencontrol.proposals.defaults import FLORENCE_THRESHOLD
from gencontrol.proposals.florence import PLACES, TASK, FlorenceGrounder, written_boxes
from gencontrol.proposals.opening import open_grounder


def test_boxes_are_runs_of_four_places() -> None:
    first = 100
    ids = torch.tensor([7, 100, 350, 600, 1099, 100, 100, 8, 101, 102, 103, 104, 9])
    likely = torch.tensor([1.0, 0.8, 0.6, 0.4, 0.2, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.9, 1.0])
    boxes, scores = written_boxes(ids, likely, first=first, size=(200, 1000))
    expected = torch.tensor([[0.5, 50.1, 500.5, 199.9], [1.5, 0.5, 3.5, 0.9]])
    torch.testing.assert_close(boxes, expected)
    torch.testing.assert_close(scores, torch.tensor([0.5, 0.6]))
    none, unsure = written_boxes(torch.tensor([7, 8]), torch.ones(2), first=first, size=(200, 1000))
    assert none.shape == (0, 4) and unsure.shape == (0,)


def test_what_is_read_is_what_transformers_reads(
    grounder_folder: Callable[[str], Path], tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gencontrol.proposals.florence._LONGEST", 9)
    opened: Any = open_grounder(str(grounder_folder("florence")))
    assert type(opened) is FlorenceGrounder and FLORENCE_THRESHOLD == 0.0
    picture = tiny.photo(60, 100)
    found = opened.ground(picture, ["a red cup", "the dog"], most=100)
    assert set(found.phrases) <= {"a red cup", "the dog"} and found.masks is None and found.size == (60, 100)
    inputs = opened.processor(text=f"{TASK}the dog", images=picture, return_tensors="pt")
    ids = opened.model.generate(**inputs, max_new_tokens=9, num_beams=1, do_sample=False)[0, 1:]
    said = opened.processor.tokenizer.decode(ids)
    numbers = [int(word.strip("<loc_>")) for word in said.split()]
    theirs = torch.tensor(numbers[:8], dtype=torch.float32).reshape(2, 4).add(0.5) / PLACES
    boxes, scores = opened._look(picture, "the dog", (60, 100))
    torch.testing.assert_close(boxes, theirs * torch.tensor([100.0, 60, 100, 60]))
    assert ((scores > 0) & (scores <= 1)).all()


def test_a_tokenizer_without_places(further: ModuleType, tmp_path: Path) -> None:
    folder = further.save_florence(tmp_path / "few", places=10)
    with pytest.raises(CheckpointError, match="no words for places"):
        open_grounder(str(folder))
