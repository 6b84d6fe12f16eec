"""What a phrase means, for tables and programs."""

import torch

from gencontrol.images.picture import Picture
from gencontrol.regions import Scene, from_box
from gencontrol.runs.referring.telling import candidates_told
from gencontrol.tasks.refer import Referral


def test_candidates_are_told_the_likeliest_first() -> None:
    regions = tuple(
        from_box(box, size=(10, 20), label=name) for name, box in (("a", (1, 2, 5, 6)), ("b", (7, 1, 9, 8)))
    )
    scene = Scene(picture=Picture(rgb=torch.zeros(3, 10, 20)), regions=regions)
    found = Referral(text="x", scene=scene, labels=("a", "b"), probabilities=torch.tensor([0.25, 0.5]), none=0.25)
    assert candidates_told(found) == {
        "meant": "b",
        "candidates": [
            {"region": "b", "box": [7, 1, 9, 8], "probability": 0.5},
            {"region": "a", "box": [1, 2, 5, 6], "probability": 0.25},
        ],
        "none": 0.25,
    }
    nothing = Referral(text="x", scene=scene, labels=("a", "b"), probabilities=torch.tensor([0.1, 0.1]), none=0.8)
    assert candidates_told(nothing)["meant"] is None
