"""What a phrase means, as values for tables and programs."""

from typing import Any

from gencontrol.focus.boxes import part_box
from gencontrol.tasks.refer import Referral


def candidates_told(found: Referral) -> dict[str, Any]:
    """The candidates with their boxes and probabilities, the likeliest first; what is meant, or None; and `none`."""
    rows = zip(found.labels, found.scene.regions, found.probabilities.tolist(), strict=True)
    candidates = [{"region": label, "box": list(part_box(region.alpha)), "probability": p} for label, region, p in rows]
    return {
        "meant": None if found.best is None else found.labels[found.best],
        "candidates": sorted(candidates, key=lambda one: -one["probability"]),
        "none": found.none,
    }
