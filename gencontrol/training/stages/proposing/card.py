"""The model card of a grounder or segmenter: the data engine writes the licence that it states beside what it makes."""

from pathlib import Path

from gencontrol.sprites.catalog import credit_lines
from gencontrol.training.loop.settings import RunConfig


def write_card(folder: Path, stage: str, run: RunConfig) -> None:
    """Write the card of what a stage exports into its folder.

    Args:
        folder: Of the export.
        stage: As `gencontrol train` calls it.
        run: How it was trained.
    """
    text = f"""---
license: cc-by-4.0
---
# gencontrol: {stage}

A small {stage}. It knows the sprite world, drawings of a few hundred things with names, composed on varied backgrounds,
and no photograph.

Trained by `gencontrol train {stage}`, seed {run.seed}: {run.steps} steps of {run.batch} samples.

Drawings, changed by rasterising, turning, scaling and colouring; the licence asks to credit:
{credit_lines()}
"""
    (folder / "README.md").write_text(text, encoding="utf-8")
